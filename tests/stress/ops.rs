//! What the threads do, at random, and what they expect of it.

use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering::SeqCst;

use tls_core::{AccessError, borrow, borrow_mut};

use crate::model::{
    Attempt, Bounds, Expected, Life, METER_TOTALS, OPERATIONS, Phase, Planned, TOTALS, Target,
    Token, Value, check, here, is_child, lock, panic_as_planned, writing,
};
use crate::states::{Given, Making, Meters, STATES, Subject, for_state};
use crate::{foreign, forks, jobs, kept};

/// How deep operations are nested.
const DEEPEST: u32 = 4;

thread_local! {
    /// A panic is expected, and is nothing to report.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn is_quiet() -> bool {
    IS_QUIET.get()
}

/// Does up to this many things. A panic among them may get out.
pub(crate) fn play_some(most: u64) {
    let count = here(|model| {
        if model.depth < DEEPEST && !is_child() {
            model.random.below(most + 1)
        } else {
            0
        }
    });
    for _ in 0..count {
        if is_child() {
            break;
        }
        if here(|model| model.chance(2)) {
            play();
        } else {
            play_caught();
        }
    }
}

/// As [`play_some`], but no panic gets out.
pub(crate) fn play_some_caught(most: u64) {
    caught(|| play_some(most));
}

/// Does something, and catches what is thrown on purpose.
pub(crate) fn play_caught() {
    caught(play);
}

pub(crate) fn caught(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f))
        && !payload.is::<Planned>()
    {
        resume_unwind(payload);
    }
}

struct Deeper;

impl Deeper {
    fn new() -> Self {
        here(|model| model.depth += 1);
        Self
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        here(|model| model.depth -= 1);
    }
}

fn play() {
    let _deeper = Deeper::new();
    OPERATIONS.fetch_add(1, SeqCst);
    let index = here(|model| model.random.below(STATES as u64));
    for_state!(index, operate());
}

/// A panic, now and then.
pub(crate) fn perhaps_panic() {
    if !is_child() && here(|model| model.chance(20)) {
        panic_as_planned();
    }
}

fn operate<S: Subject>() {
    let operation = here(|model| model.random.below(100));
    match operation {
        0..6 => whole::<S>(false),
        6..14 => whole::<S>(true),
        14..16 => kept::guard::<S>(),
        16..18 => kept::setter::<S>(),
        18 => kept::fresh::<S>(),
        19 => jobs::use_one(),
        20 => foreign::use_one(),
        21..26 => kept::use_one(),
        26..38 => number::<S>(),
        38..50 => token::<S>(),
        50..55 => number_in_scope::<S>(),
        55..60 => token_in_scope::<S>(),
        60..65 => spare::<S>(),
        65..68 => look::<S>(),
        68..71 => init::<S>(),
        71..76 => give::<S>(),
        76..81 => reset::<S>(),
        81..85 => fresh::<S>(),
        85..92 => hit::<S>(|| S::HITS.increment()),
        92..97 => {
            if let Some(meters) = S::METERS {
                meter(&meters);
            }
        }
        97..99 => totals::<S>(),
        _ => {
            if here(|model| model.chance(forks::ONE_IN)) {
                forks::fork();
            }
        }
    }
}

/// What an access that may make the value is to be answered with.
pub(crate) fn expect<S: Subject>(target: Target, exclusive: bool) -> Expected {
    here(|model| {
        let expected = model.expect::<S>(target, exclusive);
        if expected == Expected::Made && S::MAKING == Making::Constant {
            // Cannot fail, and no code of ours runs that would say that it begins.
            model.adopt(S::INDEX);
            return Expected::Granted;
        }
        expected
    })
}

pub(crate) fn is_refusal(expected: Expected) -> bool {
    !matches!(expected, Expected::Granted | Expected::Made)
}

/// Compares what a `try_` accessor has returned with what was expected. Returns `true` if it was granted.
fn judge<S: Subject, R>(
    expected: Expected,
    result: &Result<R, AccessError<S::Error>>,
    what: &str,
) -> bool {
    use Expected::{Borrowed, Destroyed, Made, NotInitialized, Recursive};

    let holds = match result {
        Ok(_) => !is_refusal(expected),
        Err(AccessError::Borrowed(_)) => expected == Borrowed,
        Err(AccessError::Recursive(_)) => expected == Recursive,
        Err(AccessError::NotInitialized(_)) => expected == NotInitialized,
        Err(AccessError::Init(_)) => expected == Made,
        Err(AccessError::Destroyed(_)) => expected == Destroyed,
        Err(_) => false,
    };
    check!(
        holds,
        "{what} of {}: expected {expected:?}, got {:?}",
        S::NAME,
        result.as_ref().map(drop)
    );
    result.is_ok()
}

/// Calls a plain accessor: it is granted, or panics if that is expected.
pub(crate) fn plainly<S: Subject, R>(
    expected: Expected,
    what: &str,
    call: impl FnOnce() -> S::Output<R>,
) -> Option<R> {
    match expected {
        Expected::Made => S::plain(call()),
        Expected::Granted => {
            let result = S::plain(call());
            check!(result.is_some(), "{what} of {} has failed", S::NAME);
            result
        }
        _ => {
            refused(what, S::NAME, expected, call);
            None
        }
    }
}

/// What the panic says that an initializer's error is, where there is no other way to tell.
pub(crate) const NOT_INITIALIZED: &str = "could not be initialized";

/// Borrows without a closure: it is granted, or panics if that is expected, also for an initializer's error.
fn lend<S: Subject>(expected: Expected, call: impl FnOnce()) {
    match expected {
        Expected::Granted => call(),
        Expected::Made => {
            let Err(payload) = catch_unwind(AssertUnwindSafe(call)) else {
                return;
            };
            let text = payload.downcast_ref::<String>();
            if !text.is_some_and(|text| text.contains(NOT_INITIALIZED)) {
                resume_unwind(payload);
            }
        }
        _ => refused("a borrow", S::NAME, expected, call),
    }
}

/// Calls what must panic.
pub(crate) fn refused<R>(what: &str, name: &str, expected: Expected, call: impl FnOnce() -> R) {
    let outer = IS_QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    IS_QUIET.set(outer);
    let is_right = match result {
        Ok(_) => false,
        Err(payload) => !payload.is::<Planned>(),
    };
    check!(
        is_right,
        "{what} of {name}: expected {expected:?}, and it did not panic so"
    );
}

/// An access is under way.
struct Lent {
    index: usize,
    target: Target,
}

/// Notes that an access is under way. Returns what is to be found in the value.
fn lent<S: Subject>(expected: Expected, target: Target, exclusive: bool) -> (Lent, Value) {
    check!(
        !is_refusal(expected),
        "{target:?} of {} is granted, and expected was {expected:?}",
        S::NAME
    );
    let value = here(|model| {
        let value = model.adopt(S::INDEX);
        model.slots[S::INDEX].borrows.push((target, exclusive));
        value
    });
    let index = S::INDEX;
    (Lent { index, target }, value)
}

impl Drop for Lent {
    fn drop(&mut self) {
        let popped = here(|model| model.slots[self.index].borrows.pop());
        assert_eq!(popped.map(|(target, _)| target), Some(self.target));
    }
}

/// The present value's entry in the model.
pub(crate) fn change<S: Subject>(change: impl FnOnce(&mut Value)) {
    here(|model| match &mut model.slots[S::INDEX].life {
        Life::Alive(value) => change(value),
        life => panic!("{} is {life:?}", S::NAME),
    });
}

fn compare<S: Subject>(state: &S, value: Value) {
    check!(state.is_intact(), "{} is not intact", S::NAME);
    if let Some(number) = state.number() {
        check!(
            number == value.number,
            "{}: {number} instead of {value:?}",
            S::NAME
        );
    }
    if let Some(token) = state.token() {
        compare_tokens::<S>(token, value);
    }
}

fn compare_tokens<S: Subject>(token: &Token, value: Value) {
    check!(
        token.is_intact() && token.id == value.token,
        "{}: token {} instead of {value:?}",
        S::NAME,
        token.id
    );
}

pub(crate) fn random_number() -> u64 {
    here(|model| model.random.below(1 << 40))
}

/// Whether the `try_` form is used, and not the plain one.
fn is_try() -> bool {
    here(|model| model.chance(2))
}

/// The whole state.
fn whole<S: Subject>(exclusive: bool) {
    let expected = expect::<S>(Target::Whole, exclusive);
    let _attempt = Attempt::new(S::INDEX);
    let read = |state: &S| {
        let (_lent, value) = lent::<S>(expected, Target::Whole, false);
        compare(state, value);
        play_some(3);
        if here(|model| model.chance(3)) {
            hit::<S>(|| S::HITS.increment());
        }
        // Nothing can have changed.
        compare(state, value);
        perhaps_panic();
    };
    let write = |state: &mut S| {
        let (_lent, value) = lent::<S>(expected, Target::Whole, true);
        compare(state, value);
        if let Some(number) = state.number_mut() {
            *number = random_number();
            change::<S>(|value| value.number = *number);
        }
        play_some(3);
        compare(state, here(|model| model.adopt(S::INDEX)));
        perhaps_panic();
    };
    if here(|model| model.chance(3)) {
        lend::<S>(expected, || {
            if exclusive {
                let state = borrow_mut!(S::state());
                write(state);
            } else {
                let state = borrow!(S::state());
                read(state);
            }
        });
        return;
    }
    match (is_try(), exclusive) {
        (true, false) => {
            judge::<S, _>(expected, &S::state().try_with(read), "try_with");
        }
        (true, true) => {
            judge::<S, _>(expected, &S::state().try_with_mut(write), "try_with_mut");
        }
        (false, false) => {
            plainly::<S, _>(expected, "with_state", || S::plain_with_state(read));
        }
        (false, true) => {
            plainly::<S, _>(expected, "with_state_mut", || {
                S::plain_with_state_mut(write)
            });
        }
    }
}

/// The handle of a number.
fn number<S: Subject>() {
    let Some(field) = S::NUMBER else { return };
    let way = here(|model| model.random.below(12));
    let exclusive = !matches!(way, 0..3 | 8);
    let expected = expect::<S>(Target::Number, exclusive);
    let _attempt = Attempt::new(S::INDEX);
    let new = random_number();
    let read = |number: &u64| {
        let (_lent, value) = lent::<S>(expected, Target::Number, false);
        play_some(2);
        check!(*number == value.number, "{} reads {number}", S::NAME);
        perhaps_panic();
    };
    let write = |number: &mut u64| {
        let (_lent, value) = lent::<S>(expected, Target::Number, true);
        check!(*number == value.number, "{} reads {number}", S::NAME);
        *number = new;
        change::<S>(|value| value.number = new);
        play_some(2);
        check!(*number == new, "{} reads {number}", S::NAME);
        perhaps_panic();
    };
    match way {
        0 => {
            judge::<S, _>(expected, &field.try_with(read), "try_with");
        }
        1 => {
            plainly::<S, _>(expected, "with", || field.with(read));
        }
        2 => {
            if let Some(found) = plainly::<S, _>(expected, "get", || field.get()) {
                let value = here(|model| model.adopt(S::INDEX));
                check!(found == value.number, "{} gets {found}", S::NAME);
            }
        }
        3 => {
            judge::<S, _>(expected, &field.try_with_mut(write), "try_with_mut");
        }
        4 => {
            plainly::<S, _>(expected, "with_mut", || field.with_mut(write));
        }
        5 => {
            if plainly::<S, _>(expected, "set", || field.set(new)).is_some() {
                here(|model| model.adopt(S::INDEX));
                change::<S>(|value| value.number = new);
            }
        }
        6 => {
            if let Some(old) = plainly::<S, _>(expected, "replace", || field.replace(new)) {
                let value = here(|model| model.adopt(S::INDEX));
                check!(old == value.number, "{} replaces {old}", S::NAME);
                change::<S>(|value| value.number = new);
            }
        }
        8 => lend::<S>(expected, || {
            let number = borrow!(field);
            read(number);
        }),
        9 => lend::<S>(expected, || {
            let number = borrow_mut!(field);
            write(number);
        }),
        10 => match field.try_set(new) {
            Ok(()) => {
                judge::<S, ()>(expected, &Ok(()), "try_set");
                here(|model| model.adopt(S::INDEX));
                change::<S>(|value| value.number = new);
            }
            Err(rejected) => {
                check!(rejected.value == new, "{} hands back another", S::NAME);
                judge::<S, ()>(expected, &Err(rejected.error), "try_set");
            }
        },
        _ => {
            let update = |number: u64| {
                let (_lent, value) = lent::<S>(expected, Target::Number, true);
                check!(number == value.number, "{} updates {number}", S::NAME);
                play_some(1);
                perhaps_panic();
                change::<S>(|value| value.number = new);
                new
            };
            plainly::<S, _>(expected, "update", || field.update(update));
        }
    }
}

/// See `Inner::passed`.
pub(crate) struct Passed;

impl Passed {
    pub(crate) fn new(token: u64) -> Self {
        here(|model| model.passed.push(token));
        Self
    }
}

impl Drop for Passed {
    fn drop(&mut self) {
        here(|model| model.passed.pop());
    }
}

/// The handle of a token: what is replaced is dropped.
fn token<S: Subject>() {
    let Some(field) = S::TOKEN else { return };
    let way = here(|model| model.random.below(5));
    let expected = expect::<S>(Target::Token, way > 0);
    let _attempt = Attempt::new(S::INDEX);
    match way {
        0 => {
            let read = |token: &Token| {
                let (_lent, value) = lent::<S>(expected, Target::Token, false);
                play_some(2);
                compare_tokens::<S>(token, value);
                perhaps_panic();
            };
            judge::<S, _>(expected, &field.try_with(read), "try_with");
        }
        1 | 2 => {
            let write = |token: &mut Token| {
                let (_lent, value) = lent::<S>(expected, Target::Token, true);
                compare_tokens::<S>(token, value);
                play_some(1);
                if is_child() {
                    return;
                }
                let new = Token::spare(S::INDEX);
                change::<S>(|value| value.token = new.id);
                let old = mem::replace(token, new);
                perhaps_panic();
                // While the token is borrowed.
                drop(old);
                play_some(1);
            };
            if way == 1 {
                judge::<S, _>(expected, &field.try_with_mut(write), "try_with_mut");
            } else {
                plainly::<S, _>(expected, "with_mut", || field.with_mut(write));
            }
        }
        way => {
            let new = Token::spare(S::INDEX);
            let id = new.id;
            let _passed = Passed::new(id);
            let before = here(|model| model.slots[S::INDEX].life);
            if expected == Expected::Granted {
                // The old one's destructor finds the new one.
                change::<S>(|value| value.token = id);
            }
            if way == 3 {
                if plainly::<S, _>(expected, "set", || field.set(new)).is_none() {
                    return;
                }
                if expected == Expected::Made {
                    here(|model| model.adopt(S::INDEX));
                    change::<S>(|value| value.token = id);
                }
            } else if let Some(old) = plainly::<S, _>(expected, "replace", || field.replace(new)) {
                let mut value = here(|model| model.adopt(S::INDEX));
                if let Life::Alive(before) = before {
                    value = before;
                }
                change::<S>(|value| value.token = id);
                compare_tokens::<S>(&old, value);
                if is_child() {
                    // The initializer has forked, after it had made this.
                    mem::forget(old);
                }
            }
        }
    }
}

/// Restores, in the model, what a `scope` restores.
struct Restore {
    index: usize,
    of: Value,
    target: Target,
}

impl Drop for Restore {
    fn drop(&mut self) {
        here(|model| {
            if let Life::Alive(value) = &mut model.slots[self.index].life
                && value.birth == self.of.birth
            {
                match self.target {
                    Target::Number => value.number = self.of.number,
                    Target::Token => value.token = self.of.token,
                    Target::Whole => unreachable!("a field is bound"),
                }
            }
        });
    }
}

fn in_scope<S: Subject>(expected: Expected, target: Target, set: impl FnOnce(&mut Value)) {
    check!(!is_refusal(expected), "the scope of {} is granted", S::NAME);
    let of = here(|model| model.adopt(S::INDEX));
    let index = S::INDEX;
    let _restore = Restore { index, of, target };
    change::<S>(set);
    play_some(3);
    perhaps_panic();
}

fn number_in_scope<S: Subject>() {
    let Some(field) = S::NUMBER else { return };
    let expected = expect::<S>(Target::Number, true);
    let _attempt = Attempt::new(S::INDEX);
    let new = random_number();
    plainly::<S, _>(expected, "scope", || {
        field.scope(new, || {
            in_scope::<S>(expected, Target::Number, |value| value.number = new);
        })
    });
}

fn token_in_scope<S: Subject>() {
    let Some(field) = S::TOKEN else { return };
    // A constant token that is dropped could not be told from the one of a value that ends.
    if here(|model| model.phase) != Phase::Working {
        return;
    }
    let expected = expect::<S>(Target::Token, true);
    let _attempt = Attempt::new(S::INDEX);
    let new = Token::spare(S::INDEX);
    let id = new.id;
    let _passed = Passed::new(id);
    plainly::<S, _>(expected, "scope", || {
        field.scope(new, || {
            in_scope::<S>(expected, Target::Token, |value| value.token = id);
        })
    });
}

/// An access that falls back to a spare.
fn spare<S: Subject>() {
    const SPARE: u64 = u64::MAX;

    let Some(field) = S::NUMBER else { return };
    let exclusive = is_try();
    let expected = expect::<S>(Target::Number, exclusive);
    let _attempt = Attempt::new(S::INDEX);
    let use_it = |number: u64| {
        if number == SPARE {
            check!(
                is_refusal(expected),
                "{} has a spare, and expected was {expected:?}",
                S::NAME
            );
            play_some(1);
            perhaps_panic();
            return;
        }
        let (_lent, value) = lent::<S>(expected, Target::Number, exclusive);
        check!(number == value.number, "{} reads {number}", S::NAME);
        play_some(1);
        perhaps_panic();
    };
    let result = if exclusive {
        S::plain(field.with_mut_or_else(|| SPARE, |number| use_it(*number)))
    } else {
        S::plain(field.with_or_else(|| SPARE, |number| use_it(*number)))
    };
    check!(
        result.is_some() || expected == Expected::Made,
        "{} has failed, and expected was {expected:?}",
        S::NAME
    );
}

/// What makes nothing.
fn look<S: Subject>() {
    let (expected, life) = here(|model| {
        let life = model.slots[S::INDEX].life;
        (model.expect::<S>(Target::Whole, false), life)
    });
    let is_alive = matches!(life, Life::Alive(_));
    check!(
        S::state().is_initialized() == is_alive,
        "{} is {life:?}",
        S::NAME
    );
    let seen = S::state().peek(|state| {
        let (_lent, value) = lent::<S>(expected, Target::Whole, false);
        compare(state, value);
        play_some(2);
        perhaps_panic();
    });
    let holds = match seen {
        Ok(Some(())) => is_alive && expected == Expected::Granted,
        Ok(None) => life == Life::None,
        Err(AccessError::Borrowed(_)) => expected == Expected::Borrowed,
        Err(AccessError::Recursive(_)) => expected == Expected::Recursive,
        Err(AccessError::Destroyed(_)) => expected == Expected::Destroyed,
        Err(_) => false,
    };
    check!(
        holds,
        "{} is peeked at: {seen:?}, expected was {expected:?}",
        S::NAME
    );
}

fn init<S: Subject>() {
    let life = here(|model| model.slots[S::INDEX].life);
    let mut expected = expect::<S>(Target::Whole, false);
    if matches!(life, Life::Alive(_)) && expected == Expected::Borrowed {
        // It is there, and that is all that is asked.
        expected = Expected::Granted;
    }
    let _attempt = Attempt::new(S::INDEX);
    if judge::<S, _>(expected, &S::try_init(), "try_init") {
        here(|model| model.adopt(S::INDEX));
    }
}

fn give<S: Subject>() {
    let life = here(|model| model.slots[S::INDEX].life);
    let is_none = life == Life::None;
    let _attempt = Attempt::new(S::INDEX);
    let number = random_number();
    if is_none {
        here(|model| model.slots[S::INDEX].making.0 = number);
    }
    let mut passed = None;
    let given = S::give(number, || {
        let token = Token::spare(S::INDEX);
        passed = Some(Passed::new(token.id));
        if is_none {
            here(|model| model.slots[S::INDEX].making.1 = token.id);
        }
        token
    });
    match given {
        None => here(|model| {
            if is_none {
                model.slots[S::INDEX].making = (crate::model::CONSTANT, 0);
            }
        }),
        Some(Given::Made) => {
            check!(is_none, "{} is made, and was {life:?}", S::NAME);
            here(|model| model.adopt(S::INDEX));
        }
        Some(Given::Failed) => check!(is_none, "{} is made, and was {life:?}", S::NAME),
        Some(Given::Refused) => check!(!is_none, "{} refuses values", S::NAME),
    }
}

fn reset<S: Subject>() {
    let (expected, life) = here(|model| {
        let slot = &model.slots[S::INDEX];
        let expected = match model.expect::<S>(Target::Whole, true) {
            // Nothing is made.
            Expected::Made | Expected::NotInitialized => Expected::Granted,
            expected => expected,
        };
        (expected, slot.life)
    });
    let is_alive = matches!(life, Life::Alive(_));
    if expected == Expected::Granted {
        // Its destructor finds none.
        here(|model| model.slots[S::INDEX].life = Life::None);
    }
    if is_try() {
        let right = match S::state().try_reset() {
            Ok(existed) => !is_refusal(expected) && existed == is_alive,
            Err(AccessError::Borrowed(_)) => expected == Expected::Borrowed,
            Err(AccessError::Recursive(_)) => expected == Expected::Recursive,
            Err(AccessError::Destroyed(_)) => expected == Expected::Destroyed,
            Err(_) => false,
        };
        check!(right, "reset of {}: expected {expected:?}", S::NAME);
    } else if is_refusal(expected) {
        refused("reset", S::NAME, expected, || S::state().reset());
    } else {
        check!(S::state().reset() == is_alive, "reset of {}", S::NAME);
    }
}

/// Puts back, in the model, what was set aside.
struct PutBack {
    index: usize,
    life: Life,
}

impl Drop for PutBack {
    fn drop(&mut self) {
        here(|model| {
            let slot = &mut model.slots[self.index];
            assert!(slot.borrows.is_empty());
            slot.life = self.life;
        });
    }
}

fn fresh<S: Subject>() {
    // What it leaves could not be told from what the thread's end drops.
    if here(|model| model.phase) != Phase::Working {
        return;
    }
    let (life, is_borrowed) = here(|model| {
        let slot = &model.slots[S::INDEX];
        (slot.life, !slot.borrows.is_empty())
    });
    if is_borrowed || life == Life::Initializing {
        refused("with_fresh", S::NAME, Expected::Borrowed, || {
            S::state().with_fresh(|| ());
        });
        return;
    }
    S::state().with_fresh(|| {
        let index = S::INDEX;
        let _put_back = PutBack { index, life };
        here(|model| model.slots[index].life = Life::None);
        check!(!S::state().is_initialized(), "{} is not fresh", S::NAME);
        if is_try() {
            whole::<S>(true);
        }
        play_some(3);
        perhaps_panic();
    });
}

/// Counts, in the given way.
pub(crate) fn hit<S: Subject>(increment: impl Fn()) {
    if is_child() {
        return;
    }
    let (count, job) = here(|model| (1 + model.random.below(3), model.jobs.home()));
    if let Some(job) = job {
        return jobs::hit::<S>(job, count, increment);
    }
    writing(S::INDEX, || {
        TOTALS[S::INDEX]
            .hits
            .count(count, || (0..count).for_each(|_| increment()));
    });
    let (phase, hits) = here(|model| {
        model.slots[S::INDEX].hits += count;
        (model.phase, model.slots[S::INDEX].hits)
    });
    if phase == Phase::Working {
        check!(S::HITS.get() == hits, "this thread's part of {}", S::NAME);
    }
}

/// The other types of shared fields.
fn meter<S: Subject>(meters: &Meters<S>) {
    if here(|model| model.jobs.home().is_some()) {
        return hit::<S>(|| S::HITS.increment());
    }
    let totals = &METER_TOTALS[meters.index];
    let (way, value) = here(|model| (model.random.below(7), model.random.below(1 << 20)));
    let step = value % 5;
    match way {
        0 => writing(S::INDEX, || {
            totals
                .up
                .count(step, || meters.flow.add(step.cast_signed()));
        }),
        1 => writing(S::INDEX, || {
            totals
                .down
                .count(step, || meters.flow.add(-step.cast_signed()));
        }),
        2 => {
            let level = value.cast_signed();
            writing(S::INDEX, || meters.level.set(level));
            let phase = here(|model| {
                model.slots[S::INDEX].level = level;
                model.phase
            });
            if phase == Phase::Working {
                check!(meters.level.get() == level, "the level of {}", S::NAME);
            }
        }
        3 => writing(S::INDEX, || {
            totals.peak_started.fetch_max(value, SeqCst);
            std::sync::atomic::fence(SeqCst);
            meters.peak.record(value);
            totals.peak_published.fetch_max(value, SeqCst);
        }),
        4 => writing(S::INDEX, || {
            totals.values.count(1, || meters.values.record(value));
            totals.sum.fetch_add(value, SeqCst);
        }),
        5 => {
            let kind = usize::try_from(value % 3).unwrap();
            writing(S::INDEX, || {
                totals.by_kind[kind].count(step, || meters.by_kind.at(kind).add(step));
            });
        }
        _ => writing(S::INDEX, || {
            meters.part.with_mut(|part| {
                let number = totals.pushed.fetch_add(1, SeqCst);
                part.push(number);
                play_some(1);
                check!(part.last() == Some(&number), "a part of {}", S::NAME);
                perhaps_panic();
            });
        }),
    }
}

/// What the observers do all the time, from the midst of it.
fn totals<S: Subject>() {
    if let Some(job) = here(|model| model.jobs.home()) {
        jobs::check_total::<S>(job);
        jobs::take::<S>(job);
        return;
    }
    check_totals::<S>();
    if here(|model| model.chance(8)) {
        take::<S>();
    }
}

/// Checks what can be said of totals while others count.
pub(crate) fn check_totals<S: Subject>() {
    let totals = &TOTALS[S::INDEX];
    let (least, seen) = (totals.hits.least(), totals.seen.load(SeqCst));
    let total = S::HITS.total();
    let most = totals.hits.most();
    check!(
        (least.max(seen)..=most).contains(&total),
        "{}: {total} is not between {least} and {most}, or below {seen}",
        S::NAME
    );
    totals.seen.fetch_max(total, SeqCst);

    let (live, ended) = (totals.live.load(SeqCst), totals.ended.load(SeqCst));
    let found = S::state().live_threads() as u64;
    std::sync::atomic::fence(SeqCst);
    let (ending, began) = (totals.ending.load(SeqCst), totals.began.load(SeqCst));
    check!(
        live <= found + ending && found + ended <= began,
        "{}: {found} threads, {live} - {ending} at least, {began} - {ended} at most",
        S::NAME
    );

    let Some(meters) = S::METERS else { return };
    let totals = &METER_TOTALS[meters.index];
    let (up, down) = (totals.up.least(), totals.down.least());
    let flow = meters.flow.total();
    let (most_up, most_down) = (totals.up.most(), totals.down.most());
    let least = up.cast_signed() - most_down.cast_signed();
    let most = most_up.cast_signed() - down.cast_signed();
    check!(
        (least..=most).contains(&flow),
        "{}: {flow} is not between {least} and {most}",
        S::NAME
    );

    let least = totals.peak_published.load(SeqCst);
    let peak = meters.peak.total();
    std::sync::atomic::fence(SeqCst);
    let most = totals.peak_started.load(SeqCst);
    check!(
        (least..=most).contains(&peak),
        "{}: {peak} is not between {least} and {most}",
        S::NAME
    );

    let least = totals.values.least();
    let values = meters.values.total();
    let most = totals.values.most();
    check!(
        (least..=most).contains(&values.count()),
        "{}: {} is not between {least} and {most}",
        S::NAME,
        values.count()
    );

    let least = totals.by_kind.each_ref().map(Bounds::least);
    let by_kind = meters.by_kind.total();
    let most = totals.by_kind.each_ref().map(Bounds::most);
    for kind in 0..3 {
        check!(
            (least[kind]..=most[kind]).contains(&by_kind[kind]),
            "{}: {by_kind:?} is not between {least:?} and {most:?}",
            S::NAME
        );
    }
}

/// Takes totals and parts.
pub(crate) fn take<S: Subject>() {
    let taken = S::HITS.take_total();
    TOTALS[S::INDEX].taken.fetch_add(taken, SeqCst);
    if let Some(meters) = S::METERS {
        let totals = &METER_TOTALS[meters.index];
        let values = meters.values.take_total();
        totals.values_taken.fetch_add(values.count(), SeqCst);
        for (kind, taken) in meters.by_kind.take_total().into_iter().enumerate() {
            totals.by_kind_taken[kind].fetch_add(taken, SeqCst);
        }
        let parts = meters.part.take_parts();
        lock(&totals.collected).extend(parts.into_iter().flatten());
    }
}

/// In the destructor of a thread-local that is not a state, when the states that the thread had are gone: the
/// others can still be made, and what is counted is not lost.
pub(crate) fn use_after<S: Subject>() {
    caught(|| whole::<S>(true));
    caught(jobs::use_one);
    hit::<S>(|| S::HITS.increment());
    if let Some(meters) = S::METERS {
        for _ in 0..4 {
            caught(|| meter(&meters));
        }
    }
}
