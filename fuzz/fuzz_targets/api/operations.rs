//! The operations of a program: each is done to a state and to the model, and both are compared.
//!
//! Functions that panics pass through are not inlined. To find its landing pad, an unwinder reads the
//! table of a function from the start, and that of all in one would take most of the time.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use tls_core::{AccessError, Field, borrow, borrow_mut};

use crate::model::{
    Facts, Held, Part, Plan, Refusal, Status, Which, check, deeper, model, next, number,
};
use crate::states::{Failure, Subject, Value, with_subject};
use crate::{cells, foreign, kept};

/// A panic of the program's own.
struct Thrown;

thread_local! {
    static OPERATIONS: Cell<usize> = const { Cell::new(0) };
}

/// How many operations of this thread are under way: each catches panics.
pub fn operations() -> usize {
    OPERATIONS.get()
}

/// Panics without a message, and without calling the hook.
#[inline(never)]
pub fn throw() -> ! {
    resume_unwind(Box::new(Thrown))
}

pub enum Panicked {
    Thrown,
    /// Of the library.
    Refused(String),
}

#[inline(never)]
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Panicked> {
    OPERATIONS.set(OPERATIONS.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(f));
    OPERATIONS.set(OPERATIONS.get() - 1);
    result.map_err(|payload| match payload.downcast::<Thrown>() {
        Ok(_) => Panicked::Thrown,
        Err(payload) => {
            let text = payload.downcast::<String>().map_or_else(
                |payload| payload.downcast::<&str>().map(|text| (*text).to_owned()),
                |text| Ok(*text),
            );
            Panicked::Refused(text.unwrap_or_default())
        }
    })
}

/// Runs operations, up to a byte that says that they end.
#[inline(never)]
pub fn run() {
    loop {
        match next() {
            0..16 => break,
            byte @ 192..200 => kept::one(byte),
            byte @ 200..212 => cells::job(byte),
            byte @ 212..216 => foreign::one(byte),
            byte @ 216.. => cells::one(byte),
            byte => with_subject!(byte % 12, one()),
        }
    }
}

/// Resets all states.
pub fn reset_all() {
    for index in 0..12 {
        with_subject!(index, reset_and_check());
    }
}

fn reset_and_check<S: Subject>() {
    check!(
        S::state().try_reset().is_ok(),
        "{} cannot be reset",
        S::FACTS.name
    );
}

/// What the error of a `try_` form says.
pub type Refused = (Option<Refusal>, Option<Failure>);

/// How an access ended.
pub enum End<R> {
    Plain(Result<Result<R, Failure>, Panicked>),
    Tried(Result<Result<R, Refused>, Panicked>),
}

/// Tells a refusal of a `try_` form, with what it says of the place.
fn refusal<S: Subject>(part: Part, error: AccessError<S::Error>) -> Refused {
    check!(
        error.state_name() == S::FACTS.name,
        "{} instead of {}",
        error.state_name(),
        S::FACTS.name
    );
    let refusal = match &error {
        AccessError::Borrowed(_) => Some(Refusal::Borrowed),
        AccessError::Recursive(_) => Some(Refusal::Recursive),
        AccessError::Destroyed(_) => Some(Refusal::Destroyed),
        AccessError::NotInitialized(_) => Some(Refusal::NotInitialized),
        _ => None,
    };
    check!(
        refusal.is_none() || error.field_name().is_some() == part.is_some(),
        "{} of {part:?}",
        error.field_name().unwrap_or("nothing")
    );
    (refusal, S::failure(error))
}

/// Compares how an access ended with what was planned. Returns what it returned.
pub fn settle<S: Subject, R>(plan: Plan, end: End<R>) -> Option<R> {
    settle_as::<S, R>(Entry::Inside, plan, end)
}

/// As [`settle`], of what runs nothing of the program's inside.
pub fn settle_value<S: Subject, R>(plan: Plan, end: End<R>) -> Option<R> {
    settle_as::<S, R>(Entry::Outside, plan, end)
}

/// Where the model learns that there is a value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Inside,
    Outside,
}

fn settle_as<S: Subject, R>(entry: Entry, plan: Plan, end: End<R>) -> Option<R> {
    let facts = &S::FACTS;
    let is_done = matches!(&end, End::Plain(Ok(Ok(_))) | End::Tried(Ok(Ok(_))));
    model(|model| {
        let state = &mut model.states[facts.index];
        if is_done && entry == Entry::Outside && plan == Plan::Make {
            model.enter(facts, plan);
        } else if plan == Plan::Make && state.status == Status::Initializing {
            check!(!is_done, "{} was not entered", facts.name);
            state.status = Status::Uninitialized;
            state.is_complete = false;
            let Held { t, u, .. } = state.held;
            check!(
                !model.is_alive(t) && !model.is_alive(u),
                "{} was not made, and something is left",
                facts.name
            );
        }
    });
    let name = facts.name;
    match end {
        End::Plain(Ok(Ok(result))) | End::Tried(Ok(Ok(result))) => {
            check!(!matches!(plan, Plan::Refuse(_)), "{name}: not {plan:?}");
            Some(result)
        }
        End::Plain(Ok(Err(_))) | End::Tried(Ok(Err((None, Some(_))))) => {
            check!(plan == Plan::Make, "{name} failed, and it was {plan:?}");
            None
        }
        End::Tried(Ok(Err((refusal, _)))) => {
            let is_right = refusal.is_some_and(|refusal| plan == Plan::Refuse(refusal));
            check!(is_right, "{name}: {refusal:?}, and not {plan:?}");
            None
        }
        End::Plain(Err(Panicked::Thrown)) | End::Tried(Err(Panicked::Thrown)) => {
            check!(
                !matches!(plan, Plan::Refuse(_)),
                "{name} panicked, {plan:?}"
            );
            None
        }
        End::Plain(Err(Panicked::Refused(text))) => {
            let is_refused = matches!(plan, Plan::Refuse(_)) && text.contains(name);
            check!(is_refused, "{name}: {text}, and not {plan:?}");
            None
        }
        End::Tried(Err(Panicked::Refused(text))) => {
            crate::model::fail(format_args!("{name}: a `try_` function panicked: {text}"))
        }
    }
}

/// What an access should do that makes the value if there is none.
pub fn plan<S: Subject>(part: Part, is_exclusive: bool) -> Plan {
    let facts = &S::FACTS;
    model(|model| {
        let plan = model.plan(facts, part, is_exclusive);
        if facts.is_constant && plan == Plan::Make {
            // Nothing of the program's runs, and nothing can fail.
            model.enter(facts, plan);
            return Plan::Enter;
        }
        plan
    })
}

/// Stands where a program has access.
#[inline(never)]
fn inside<S: Subject>(
    plan: Plan,
    part: Part,
    is_exclusive: bool,
    mut look: impl FnMut(Held),
    change: impl FnOnce(),
) {
    let facts = &S::FACTS;
    look(model(|model| {
        model.enter(facts, plan);
        let state = &mut model.states[facts.index];
        check!(
            state.may(facts, part, is_exclusive),
            "{} was borrowed",
            facts.name
        );
        state.borrow(facts, part, is_exclusive, true);
        state.held
    }));
    deeper(run);
    look(model(|model| model.states[facts.index].held));
    change();
    look(model(|model| model.states[facts.index].held));
    model(|model| model.states[facts.index].borrow(facts, part, is_exclusive, false));
    if next() % 8 == 7 {
        throw();
    }
}

fn whole<S: Subject>(plan: Plan) -> impl FnOnce(&S) {
    move |state| {
        let look = |held| {
            let is = state.held();
            check!(is == held, "{} is {is:?}, not {held:?}", S::FACTS.name);
        };
        inside::<S>(plan, None, false, look, || ());
    }
}

fn whole_mut<S: Subject>(plan: Plan) -> impl FnOnce(&mut S) {
    move |state| {
        let state = Cell::new(Some(state));
        let with = |f: &dyn Fn(&mut S)| {
            if let Some(it) = state.take() {
                f(it);
                state.set(Some(it));
            }
        };
        let look = |held| {
            with(&|it| {
                let is = it.held();
                check!(is == held, "{} is {is:?}, not {held:?}", S::FACTS.name);
            });
        };
        let change = || match next() % 4 {
            1 => {
                let n = number();
                with(&|it| *it.n() = n);
                model(|model| model.states[S::FACTS.index].held.n = n);
            }
            2 => with(&|it| replace_inside::<S>(it.t(), Which::T)),
            _ => {}
        };
        inside::<S>(plan, None, true, look, change);
    }
}

/// Replaces a value that is borrowed exclusively, and drops the old one there.
fn replace_inside<S: Subject>(place: &mut S::Value, which: Which) {
    let new = S::Value::new(true);
    model(|model| *model.states[S::FACTS.index].held.tracked(which) = new.id());
    let old = std::mem::replace(place, new);
    // It may panic: then the borrow is released by that.
    if catch(|| drop(old)).is_err() {
        model(|_| ());
    }
}

fn tracked<S: Subject>(plan: Plan, which: Which) -> impl FnOnce(&S::Value) {
    move |value| {
        let look = |mut held: Held| {
            let (is, id) = (value.id(), *held.tracked(which));
            check!(is == id, "{which:?} of {} is {is}, not {id}", S::FACTS.name);
        };
        inside::<S>(plan, Some(which), false, look, || ());
    }
}

fn tracked_mut<S: Subject>(plan: Plan, which: Which) -> impl FnOnce(&mut S::Value) {
    move |value| {
        let value = std::cell::RefCell::new(value);
        let look = |mut held: Held| {
            let (is, id) = (value.borrow().id(), *held.tracked(which));
            check!(is == id, "{which:?} of {} is {is}, not {id}", S::FACTS.name);
        };
        let change = || {
            if next() % 4 == 1 {
                replace_inside::<S>(&mut value.borrow_mut(), which);
            }
        };
        inside::<S>(plan, Some(which), true, look, change);
    }
}

fn look_n<S: Subject>(is: u64) -> impl Fn(Held) {
    move |held| {
        let n = held.n;
        check!(is == n, "N of {} is {is}, not {n}", S::FACTS.name);
    }
}

/// The handle of a tracked field.
pub fn field<S: Subject>() -> (Which, Field<S, S::Value>) {
    if next() % 2 == 0 {
        (Which::T, S::T)
    } else {
        (Which::U, S::U)
    }
}

pub fn is_dead(id: u32, name: &str) {
    check!(
        model(|model| id == 0 || !model.is_alive(id)),
        "{id} of {name} was not dropped"
    );
}

#[inline(never)]
fn one<S: Subject>() {
    let facts = &S::FACTS;
    let name = facts.name;
    let at = facts.index;
    match next() % 40 {
        0 => {
            let plan = plan::<S>(None, false);
            let end = catch(|| S::plain_with_state(whole::<S>(plan)));
            settle::<S, _>(plan, End::Plain(end));
        }
        1 => {
            let plan = plan::<S>(None, true);
            let end = catch(|| S::plain_with_state_mut(whole_mut::<S>(plan)));
            settle::<S, _>(plan, End::Plain(end));
        }
        2 => {
            let plan = plan::<S>(None, false);
            let end = catch(|| {
                S::state()
                    .try_with(whole::<S>(plan))
                    .map_err(|error| refusal::<S>(None, error))
            });
            settle::<S, _>(plan, End::Tried(end));
        }
        3 => {
            let plan = plan::<S>(None, true);
            let end = catch(|| {
                S::state()
                    .try_with_mut(whole_mut::<S>(plan))
                    .map_err(|error| refusal::<S>(None, error))
            });
            settle::<S, _>(plan, End::Tried(end));
        }
        4 => {
            let (which, field) = field::<S>();
            let plan = plan::<S>(Some(which), false);
            let end = catch(|| S::flat(field.with(tracked::<S>(plan, which))));
            settle::<S, _>(plan, End::Plain(end));
        }
        5 => {
            let (which, field) = field::<S>();
            let plan = plan::<S>(Some(which), true);
            let end = catch(|| S::flat(field.with_mut(tracked_mut::<S>(plan, which))));
            settle::<S, _>(plan, End::Plain(end));
        }
        6 => {
            let (which, field) = field::<S>();
            let plan = plan::<S>(Some(which), false);
            let end = catch(|| {
                field
                    .try_with(tracked::<S>(plan, which))
                    .map_err(|error| refusal::<S>(Some(which), error))
            });
            settle::<S, _>(plan, End::Tried(end));
        }
        7 => {
            let (which, field) = field::<S>();
            let plan = plan::<S>(Some(which), true);
            let end = catch(|| {
                field
                    .try_with_mut(tracked_mut::<S>(plan, which))
                    .map_err(|error| refusal::<S>(Some(which), error))
            });
            settle::<S, _>(plan, End::Tried(end));
        }
        8 | 9 => {
            let plan = plan::<S>(Some(Which::N), false);
            let end = catch(|| S::flat(S::N.get()));
            if let Some(is) = settle_value::<S, _>(plan, End::Plain(end)) {
                look_n::<S>(is)(model(|model| model.states[at].held));
            }
        }
        10 => {
            let plan = plan::<S>(Some(Which::N), true);
            let n = number();
            let end = catch(|| S::flat(S::N.set(n)));
            if settle_value::<S, _>(plan, End::Plain(end)).is_some() {
                model(|model| model.states[at].held.n = n);
            }
        }
        11 => {
            let plan = plan::<S>(Some(Which::N), true);
            let n = number();
            let end = catch(|| {
                S::flat(S::N.update(|is| {
                    inside::<S>(plan, Some(Which::N), true, look_n::<S>(is), || ());
                    n
                }))
            });
            if settle::<S, _>(plan, End::Plain(end)).is_some() {
                model(|model| model.states[at].held.n = n);
            }
        }
        12 | 13 => set::<S>(),
        14 | 15 => replace::<S>(),
        16 | 17 => scope::<S>(),
        18 | 19 => or_else::<S>(),
        20 => {
            let plan = model(|model| model.plan(facts, None, false));
            let is_there = model(|model| model.states[at].status != Status::Uninitialized);
            let end = catch(|| S::state().peek(whole::<S>(plan)));
            let is_right = match end {
                Ok(Ok(Some(()))) | Err(Panicked::Thrown) => plan == Plan::Enter,
                Ok(Ok(None)) => !is_there,
                Ok(Err(AccessError::Borrowed(_))) => plan == Plan::Refuse(Refusal::Borrowed),
                Ok(Err(AccessError::Recursive(_))) => plan == Plan::Refuse(Refusal::Recursive),
                Ok(Err(AccessError::Destroyed(_))) => plan == Plan::Refuse(Refusal::Destroyed),
                Ok(Err(_)) => false,
                Err(Panicked::Refused(text)) => crate::model::fail(text),
            };
            check!(is_right, "{name} was looked at, {plan:?}");
        }
        21 => {
            let (is, should) = (
                S::state().is_initialized(),
                model(|model| model.states[at].status == Status::Alive),
            );
            check!(is == should, "{name}: initialized is {is}");
        }
        22 | 23 => init::<S>(),
        24 | 25 if facts.takes_values => init_with::<S>(),
        24..28 => reset::<S>(),
        28..31 => fresh::<S>(),
        31..35 => lend::<S>(),
        35 => kept::make_guard::<S>(),
        36 | 37 => kept::make_setter::<S>(),
        _ => kept::make_fresh::<S>(),
    }
}

/// Borrows without a closure, to the end of a block.
#[inline(never)]
fn lend<S: Subject>() {
    let how = next();
    let is_exclusive = how % 2 == 0;
    let part = match how / 2 % 3 {
        0 => None,
        1 => Some(Which::T),
        _ => Some(Which::U),
    };
    let field = if part == Some(Which::U) { S::U } else { S::T };
    let which = part.unwrap_or(Which::T);
    let plan = plan::<S>(part, is_exclusive);
    let end = if how / 6 % 2 == 0 {
        // What cannot fail has no form with `try`.
        catch(|| match (part, is_exclusive) {
            (None, false) => S::lend_state(whole::<S>(plan)),
            (None, true) => S::lend_state_mut(whole_mut::<S>(plan)),
            (Some(_), false) => S::lend(field, tracked::<S>(plan, which)),
            (Some(_), true) => S::lend_mut(field, tracked_mut::<S>(plan, which)),
        })
    } else {
        let end = catch(|| {
            match (part, is_exclusive) {
                (None, false) => {
                    let state = borrow!(S::state());
                    whole::<S>(plan)(state);
                }
                (None, true) => {
                    let state = borrow_mut!(S::state());
                    whole_mut::<S>(plan)(state);
                }
                (Some(_), false) => {
                    let value = borrow!(field);
                    tracked::<S>(plan, which)(value);
                }
                (Some(_), true) => {
                    let value = borrow_mut!(field);
                    tracked_mut::<S>(plan, which)(value);
                }
            }
            Ok(())
        });
        match end {
            // An initializer's error, which is a panic here.
            Err(Panicked::Refused(text))
                if plan == Plan::Make
                    && text.contains(S::FACTS.name)
                    && text.contains("could not be initialized") =>
            {
                Ok(Err(Failure(0)))
            }
            end => end,
        }
    };
    settle::<S, _>(plan, End::Plain(end));
}

#[inline(never)]
fn set<S: Subject>() {
    let (which, field) = field::<S>();
    let plan = plan::<S>(Some(which), true);
    let new = S::Value::new(false);
    let id = new.id();
    let at = S::FACTS.index;
    let mut old = 0;
    if plan == Plan::Enter {
        // The old value's destructor finds the new one.
        model(|model| {
            old = std::mem::replace(model.states[at].held.tracked(which), id);
            model.set_loud(id, true);
        });
    }
    let end = if next() % 2 == 0 {
        End::Plain(catch(|| S::flat(field.set(new))))
    } else {
        End::Tried(catch(|| {
            field.try_set(new).map_err(|rejected| {
                check!(rejected.value.id() == id, "{} is not handed back", id);
                refusal::<S>(Some(which), rejected.error)
            })
        }))
    };
    // A destructor of the old value's may panic when all is done.
    if settle_value::<S, _>(plan, end).is_some() && plan == Plan::Make {
        model(|model| {
            old = std::mem::replace(model.states[at].held.tracked(which), id);
            model.set_loud(id, true);
        });
    }
    is_dead(old, S::FACTS.name);
    if matches!(plan, Plan::Refuse(_)) {
        is_dead(id, S::FACTS.name);
    }
}

#[inline(never)]
fn replace<S: Subject>() {
    let (which, field) = field::<S>();
    let plan = plan::<S>(Some(which), true);
    let at = S::FACTS.index;
    let way = next() % 3;
    let is_take = way == 0;
    let id = Cell::new(0);
    let new = || {
        let new = S::Value::new(false);
        id.set(new.id());
        new
    };
    let end = match way {
        0 => End::Plain(catch(|| S::flat(field.take()))),
        1 => End::Plain(catch(|| S::flat(field.replace(new())))),
        _ => End::Tried(catch(|| {
            field.try_replace(new()).map_err(|rejected| {
                let (is, id) = (rejected.value.id(), id.get());
                check!(is == id, "{is} is handed back, not {id}");
                refusal::<S>(Some(which), rejected.error)
            })
        })),
    };
    let Some(old) = settle_value::<S, _>(plan, end) else {
        return;
    };
    let new = if is_take {
        // Nobody has told what `default` made; look.
        let mut seen = 0;
        let looked = catch(|| field.try_with(|value| seen = value.id()).is_ok());
        check!(
            matches!(looked, Ok(true)),
            "what was taken from is not free"
        );
        seen
    } else {
        id.get()
    };
    let should = model(|model| {
        model.set_loud(new, true);
        std::mem::replace(model.states[at].held.tracked(which), new)
    });
    let is = old.id();
    check!(is == should, "{} had {is}, not {should}", S::FACTS.name);
    let _ = catch(|| drop(old));
}

#[inline(never)]
fn scope<S: Subject>() {
    let facts = &S::FACTS;
    let at = facts.index;
    let (which, field) = field::<S>();
    let plan = plan::<S>(Some(which), true);
    let new = S::Value::new(false);
    let id = new.id();
    let gone = Cell::new(0);
    let end = catch(|| {
        S::flat(field.scope(new, || {
            let (saved, birth) = model(|model| {
                model.enter(facts, plan);
                model.set_loud(id, true);
                let saved = std::mem::replace(model.states[at].held.tracked(which), id);
                (saved, model.states[at].birth)
            });
            deeper(run);
            let throws = next() % 8 == 7;
            gone.set(model(|model| {
                let state = &mut model.states[at];
                let is_same = state.status == Status::Alive && state.birth == birth;
                if is_same && state.may(facts, Some(which), true) {
                    std::mem::replace(state.held.tracked(which), saved)
                } else {
                    saved
                }
            }));
            if throws {
                throw();
            }
        }))
    });
    settle::<S, _>(plan, End::Plain(end));
    is_dead(gone.get(), facts.name);
}

/// Access with a spare, which is used if there is none.
#[inline(never)]
fn or_else<S: Subject>() {
    let (which, field) = field::<S>();
    let is_exclusive = next() % 2 == 0;
    let plan = plan::<S>(Some(which), is_exclusive);
    let spare = Cell::new(None);
    let make = || {
        let value = S::Value::new(true);
        spare.set(Some(value.id()));
        value
    };
    let with_spare = |id: u32| {
        check!(spare.get() == Some(id), "{id} is not the spare");
        deeper(run);
        if next() % 8 == 7 {
            throw();
        }
    };
    let is_refused = matches!(plan, Plan::Refuse(_));
    let end = catch(|| {
        S::flat(if is_exclusive {
            field.with_mut_or_else(make, |value| {
                if is_refused {
                    with_spare(value.id());
                } else {
                    tracked_mut::<S>(plan, which)(value);
                }
            })
        } else {
            field.with_or_else(make, |value| {
                if is_refused {
                    with_spare(value.id());
                } else {
                    tracked::<S>(plan, which)(value);
                }
            })
        })
    });
    match spare.get() {
        None => drop(settle::<S, _>(plan, End::Plain(end))),
        Some(id) => {
            check!(is_refused, "{} has used a spare, {plan:?}", S::FACTS.name);
            check!(
                matches!(end, Ok(Ok(())) | Err(Panicked::Thrown)),
                "{} did not use the spare",
                S::FACTS.name
            );
            is_dead(id, S::FACTS.name);
        }
    }
}

#[inline(never)]
fn init<S: Subject>() {
    let facts = &S::FACTS;
    let status = model(|model| model.states[facts.index].status);
    // Not refused if it is borrowed: there is a value.
    let plan = match status {
        Status::Alive => Plan::Enter,
        _ => plan::<S>(None, false),
    };
    if next() % 2 == 0 && !facts.is_explicit {
        let end = catch(S::plain_init);
        settle_value::<S, _>(plan, End::Plain(end));
    } else {
        let end = catch(|| S::try_init().map_err(|error| refusal::<S>(None, error)));
        settle_value::<S, _>(plan, End::Tried(end));
    }
}

#[inline(never)]
fn init_with<S: Subject>() {
    let facts = &S::FACTS;
    let t = S::Value::new(false);
    let (id, n) = (t.id(), number());
    let is_taken = model(|model| {
        let state = &mut model.states[facts.index];
        let is_taken = state.status == Status::Uninitialized;
        if is_taken {
            state.status = Status::Initializing;
            state.is_complete = false;
            state.held = Held { t: id, n, u: 0 };
        }
        is_taken
    });
    let end = catch(|| S::init_with(t, n));
    if !is_taken {
        let Ok(Ok(Err((t, same)))) = end else {
            crate::model::fail(format_args!("{} has taken values", facts.name));
        };
        check!(t.id() == id && n == same, "{} returned others", facts.name);
        return;
    }
    let end =
        end.map(|end| end.map(|end| check!(end.is_ok(), "{} has not taken values", facts.name)));
    settle_value::<S, _>(Plan::Make, End::Plain(end));
}

/// What a reset, or setting aside, should say.
pub fn freedom(facts: &Facts) -> Result<bool, Refusal> {
    model(|model| {
        let state = &model.states[facts.index];
        match state.status {
            Status::Alive if state.may(facts, None, true) => Ok(true),
            Status::Alive => Err(Refusal::Borrowed),
            Status::Uninitialized => Ok(false),
            Status::Initializing => Err(Refusal::Recursive),
            Status::Destroyed => Err(Refusal::Destroyed),
        }
    })
}

#[inline(never)]
fn reset<S: Subject>() {
    let facts = &S::FACTS;
    let should = freedom(facts);
    let held = model(|model| {
        let state = &mut model.states[facts.index];
        if should == Ok(true) {
            state.status = Status::Uninitialized;
        }
        state.held
    });
    if next() % 2 == 0 {
        match (catch(|| S::state().reset()), should) {
            (Ok(is), Ok(should)) => check!(is == should, "{} was reset: {is}", facts.name),
            (Err(Panicked::Thrown), Ok(true)) => {}
            (Err(Panicked::Refused(text)), Err(_)) if text.contains(facts.name) => {}
            _ => crate::model::fail(format_args!("{}: reset, {should:?}", facts.name)),
        }
    } else {
        let is = catch(|| {
            S::state().try_reset().map_err(|error| match error {
                AccessError::Borrowed(_) => Some(Refusal::Borrowed),
                AccessError::Recursive(_) => Some(Refusal::Recursive),
                AccessError::Destroyed(_) => Some(Refusal::Destroyed),
                _ => None,
            })
        });
        match is {
            Ok(is) => check!(
                is == should.map_err(Some),
                "{} was reset: {is:?}, not {should:?}",
                facts.name
            ),
            Err(Panicked::Thrown) if should == Ok(true) => {}
            Err(_) => crate::model::fail(format_args!("{}: reset, {should:?}", facts.name)),
        }
    }
    if should == Ok(true) {
        is_dead(held.t, facts.name);
        is_dead(held.u, facts.name);
    }
}

#[inline(never)]
fn fresh<S: Subject>() {
    let facts = &S::FACTS;
    let at = facts.index;
    let should = freedom(facts);
    let gone = Cell::new(Held::default());
    let end = catch(|| {
        S::state().with_fresh(|| {
            let aside = model(|model| {
                let state = &mut model.states[at];
                let aside = (should == Ok(true)).then_some((state.held, state.birth));
                if aside.is_some() {
                    state.status = Status::Uninitialized;
                }
                aside
            });
            deeper(run);
            let throws = next() % 8 == 7;
            model(|model| {
                let state = &mut model.states[at];
                if state.status == Status::Alive {
                    gone.set(state.held);
                    state.status = Status::Uninitialized;
                }
                if let Some((held, birth)) = aside {
                    state.status = Status::Alive;
                    state.held = held;
                    state.birth = birth;
                }
            });
            if throws {
                throw();
            }
        });
    });
    match (end, should) {
        (Ok(()) | Err(Panicked::Thrown), Ok(_) | Err(Refusal::Destroyed)) => {}
        (Err(Panicked::Refused(text)), Err(_)) if text.contains(facts.name) => {}
        _ => crate::model::fail(format_args!("{}: set aside, {should:?}", facts.name)),
    }
    is_dead(gone.get().t, facts.name);
    is_dead(gone.get().u, facts.name);
}
