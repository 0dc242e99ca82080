//! Runs programs, and writes down what happens.

mod kept;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt::{Debug, Display};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use tls_core::{AccessError, Field, Isolated, borrow, borrow_mut};

use crate::kinds::{
    Constant, Explicit, Failure, Fallible, Kind, Large, Lazy, ResetByFork, Shared, Wide,
};
use crate::model::has_no_turn;
use crate::program::{
    Access, Cause, Content, Event, FOREIGN, InitEnd, JOBS, Number, Operation, Program, Slot, State,
    Target,
};

/// What is to happen, and what did. One program runs at a time.
struct Script {
    events: Vec<Event>,
    tokens: Number,
    initializers: VecDeque<(Vec<Operation>, InitEnd)>,
    destructors: VecDeque<(Vec<Operation>, bool)>,
    foreign: VecDeque<[Vec<Operation>; 2]>,
    late: Vec<Operation>,
    jobs: Vec<Isolated>,
    /// The thread that runs is exiting.
    is_exiting: bool,
}

static SCRIPT: Mutex<Script> = Mutex::new(Script {
    events: Vec::new(),
    tokens: 0,
    initializers: VecDeque::new(),
    destructors: VecDeque::new(),
    foreign: VecDeque::new(),
    late: Vec::new(),
    jobs: Vec::new(),
    is_exiting: false,
});

fn script() -> MutexGuard<'static, Script> {
    SCRIPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(event: Event) {
    script().events.push(event);
}

/// Enough for a tree of operations, without optimization.
pub(crate) const STACK: usize = 64 << 20;

/// The panic of a program.
struct Planned;

/// Without a word on the terminal.
fn panic() -> ! {
    resume_unwind(Box::new(Planned))
}

/// Notes when it is made and dropped.
pub(crate) struct Token {
    number: Number,
    changes: u64,
    /// Its number once more, in memory that it owns.
    memory: Option<Box<Number>>,
}

impl Token {
    pub(crate) fn new() -> Self {
        let mut script = script();
        script.tokens += 1;
        let number = script.tokens;
        script.events.push(Event::Made(number));
        Self {
            number,
            changes: 0,
            memory: Some(Box::new(number)),
        }
    }

    pub(crate) const fn constant(number: Number) -> Self {
        Self {
            number,
            changes: 0,
            memory: None,
        }
    }

    fn content(&self) -> Content {
        if let Some(memory) = &self.memory {
            assert_eq!(**memory, self.number);
        }
        (self.number, self.changes)
    }
}

impl Default for Token {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.content();
        let (plan, is_exiting) = {
            let mut script = script();
            script.events.push(Event::Dropped(self.number));
            (script.destructors.pop_front(), script.is_exiting)
        };
        let Some((body, panics)) = plan else { return };
        note(Event::DestructorRuns);
        catch(&body);
        if panics && !thread::panicking() && !is_exiting {
            panic();
        }
    }
}

/// Makes the second token of a state.
pub(crate) fn try_initializer() -> Result<Token, Failure> {
    let plan = script().initializers.pop_front();
    if let Some((body, end)) = plan {
        note(Event::InitializerRuns);
        run(&body);
        match end {
            InitEnd::Succeeds => {}
            InitEnd::Fails => return Err(Failure),
            InitEnd::Panics => panic(),
        }
    }
    Ok(Token::new())
}

pub(crate) fn initializer() -> Token {
    try_initializer().unwrap_or_else(|Failure| panic())
}

thread_local! {
    /// Whether panics of refusals are kept off the terminal.
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };

    /// Registered before the states, it is dropped after those that are made until then. Under keys it comes before
    /// them all.
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };

    /// Not states, either, and initialized where they are first used.
    static FIRST: Foreign = Foreign::new(0);
    static SECOND: Foreign = Foreign::new(1);
    static THIRD: Foreign = Foreign::new(2);

    /// Which of them are being made.
    static IS_MADE: [Cell<bool>; FOREIGN] = const { [const { Cell::new(false) }; FOREIGN] };
    static IS_THERE: [Cell<bool>; FOREIGN] = const { [const { Cell::new(false) }; FOREIGN] };

    /// How many destructors run of what is not a state, within one another.
    static FOREIGN_DESTRUCTORS: Cell<usize> = const { Cell::new(0) };
}

/// Runs a part of the program when it is made and when it is dropped.
struct Foreign {
    number: usize,
    at_drop: Vec<Operation>,
}

impl Foreign {
    fn new(number: usize) -> Self {
        /// Also if it is not made.
        struct Made(usize);

        impl Drop for Made {
            fn drop(&mut self) {
                IS_MADE.with(|is_made| is_made[self.0].set(false));
            }
        }

        IS_MADE.with(|is_made| is_made[number].set(true));
        let _made = Made(number);
        note(Event::ForeignInitializerRuns(number));
        let [init, at_drop] = script().foreign.pop_front().unwrap_or_default();
        run(&init);
        IS_THERE.with(|is_there| is_there[number].set(true));
        Self { number, at_drop }
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        note(Event::ForeignDropped(self.number));
        in_foreign_destructor(|| catch(&self.at_drop));
    }
}

fn in_foreign_destructor(f: impl FnOnce()) {
    FOREIGN_DESTRUCTORS.set(FOREIGN_DESTRUCTORS.get() + 1);
    f();
    FOREIGN_DESTRUCTORS.set(FOREIGN_DESTRUCTORS.get() - 1);
}

fn use_foreign(number: usize) {
    if IS_MADE.with(|is_made| is_made[number].get()) {
        return;
    }
    let is_there = IS_THERE.with(|is_there| is_there[number].get());
    let is_exiting = script().is_exiting;
    if !is_there && has_no_turn(is_exiting, FOREIGN_DESTRUCTORS.get()) {
        return;
    }
    let key = [&FIRST, &SECOND, &THIRD][number];
    note(match key.try_with(|foreign| foreign.number) {
        Ok(number) => Event::ForeignUsed(number),
        Err(_) => Event::ForeignDestroyed(number),
    });
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        note(Event::LateBegins);
        let body = std::mem::take(&mut script().late);
        in_foreign_destructor(|| {
            catch(&body);
            kept::close();
        });
    }
}

fn quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() || !is_expected(info.payload()) {
                ordinary(info);
            }
        }));
    });
}

/// All that happens when a program runs on a thread.
pub(crate) fn events(program: &Program) -> Vec<Event> {
    quiet();
    *script() = Script {
        events: Vec::new(),
        tokens: 0,
        initializers: program.initializers.clone().into(),
        destructors: program.destructors.clone().into(),
        foreign: program.foreign.clone().into(),
        late: program.late.clone(),
        jobs: std::iter::repeat_with(Isolated::new).take(JOBS).collect(),
        is_exiting: false,
    };
    let before = Shared::COUNT.total();
    COUNTED_BEFORE.store(before, Relaxed);
    let main = program.main.clone();
    let run = move || {
        IS_QUIET.set(true);
        LATE.with(|late| *late.borrow_mut() = Some(Late));
        for operation in main {
            catch(&[operation]);
        }
        note(Event::ThreadExits);
        script().is_exiting = true;
    };
    // Without optimization the frames of nested operations are large.
    let thread = thread::Builder::new().stack_size(STACK).spawn(run);
    let thread = thread.expect("a thread");
    thread.join().expect("what panics has been caught");
    let mut counts = [Shared::COUNT.total() - before; 1 + JOBS];
    let jobs = std::mem::take(&mut script().jobs);
    for (count, job) in counts[1..].iter_mut().zip(&jobs) {
        *count = job.run(|| Shared::COUNT.total());
    }
    note(Event::Totals(counts));
    std::mem::take(&mut script().events)
}

/// Whether it is a refusal, or what the library hears when it asks for a thread that is known no more.
fn is_expected(payload: &dyn Any) -> bool {
    let is_gone = |text: &&str| text.starts_with("use of std::thread::current() is not possible");
    refusal(payload).is_some() || payload.downcast_ref::<&str>().is_some_and(is_gone)
}

/// What has been counted outside of jobs before the program.
static COUNTED_BEFORE: AtomicU64 = AtomicU64::new(0);

/// What is counted here, and by this thread.
fn total(is_in_job: bool) {
    let before = if is_in_job {
        0
    } else {
        COUNTED_BEFORE.load(Relaxed)
    };
    let (own, live) = if script().is_exiting {
        (0, 0)
    } else if is_in_job {
        (Shared::COUNT.get(), Shared::state().live_threads())
    } else {
        (Shared::COUNT.get(), 0)
    };
    note(Event::Counted(Shared::COUNT.total() - before, own, live));
}

fn refusal(payload: &dyn Any) -> Option<Cause> {
    let text = payload.downcast_ref::<String>()?;
    let has = |part| text.contains(part);
    if has("is already borrowed") {
        Some(Cause::Borrowed)
    } else if has("is being initialized") {
        Some(Cause::Recursive)
    } else if has("cannot be accessed any more") {
        Some(Cause::Destroyed)
    } else if has("has not been initialized") {
        Some(Cause::NotInitialized)
    } else if has("could not be initialized: planned") {
        Some(Cause::Failed)
    } else if has("to is gone") {
        Some(Cause::Lost)
    } else {
        None
    }
}

/// Runs operations, and notes what panics.
fn catch(body: &[Operation]) {
    catch_all(|| run(body));
}

fn catch_all(f: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return;
    };
    let cause = if payload.is::<Planned>() {
        Cause::Planned
    } else if let Some(cause) = refusal(&*payload) {
        cause
    } else {
        resume_unwind(payload)
    };
    note(Event::Caught(cause));
}

fn run(body: &[Operation]) {
    for operation in body {
        operation.run();
    }
}

impl Operation {
    fn run(&self) {
        let state = match *self {
            Self::With(Access { state, .. }, _)
            | Self::WithOrElse(Access { state, .. }, ..)
            | Self::Peek(state, _)
            | Self::IsInitialized(state)
            | Self::Init(state)
            | Self::InitWith(state)
            | Self::Reset(state, _)
            | Self::Fresh(state, ..)
            | Self::Scope(state, ..)
            | Self::Get(state)
            | Self::SetNumber(state)
            | Self::Set(state, ..)
            | Self::Replace(state, ..)
            | Self::Guard(state, _)
            | Self::Take(state, _)
            | Self::Update(state, ..) => state,
            Self::Future(around, ref script) => return kept::make_future(around, script.clone()),
            Self::Poll(index, elsewhere) => return kept::poll(index, elsewhere),
            Self::DropKept(index) => return kept::drop_one(index),
            Self::Foreign(number) => return use_foreign(number),
            Self::Count => return Shared::COUNT.increment(),
            Self::Total => return total(JOBS_ENTERED.get() > 0),
            Self::InJob(job, ref body) => {
                let job = script().jobs[job].clone();
                return job.run(|| in_job(|| run(body)));
            }
            Self::Panic => panic(),
            Self::Catch(ref body) => return catch(body),
        };
        let returned = match state {
            State::Lazy => self.run_on::<Lazy>(),
            State::Fallible => self.run_on::<Fallible>(),
            State::Explicit => self.run_on::<Explicit>(),
            State::Constant => self.run_on::<Constant>(),
            State::Large => self.run_on::<Large>(),
            State::Wide => self.run_on::<Wide>(),
            State::ResetByFork => self.run_on::<ResetByFork>(),
            State::Shared => self.run_on::<Shared>(),
        };
        note(Event::Returned(returned));
    }

    fn run_on<K: Kind>(&self) -> Result<u64, Cause> {
        match *self {
            Self::With(access, ref body) => with::<K>(access, body),
            Self::WithOrElse(access, slot, ref body) => with_or_else::<K>(access, slot, body),
            Self::Peek(_, ref body) => {
                let peeked = K::state().peek(|state| look_at_all(state, body, false));
                peeked
                    .map(|seen| seen.is_some().into())
                    .map_err(|error| cause_of::<K, _>(&error, Target::Whole))
            }
            Self::IsInitialized(_) => Ok(K::state().is_initialized().into()),
            Self::Init(_) => init::<K>(),
            Self::InitWith(_) => K::init_with().map_or_else(init::<K>, |made| Ok(made.into())),
            Self::Reset(_, true) => Ok(K::state().reset().into()),
            Self::Reset(_, false) => K::state()
                .try_reset()
                .map(u64::from)
                .map_err(|error| cause_of::<K, _>(&error, Target::Whole)),
            Self::Fresh(_, ref body, panics) => {
                K::state().with_fresh(|| {
                    run(body);
                    panic_if(panics);
                });
                Ok(0)
            }
            Self::Scope(_, slot, ref body, panics) => {
                let output = field_of::<K>(slot).scope(Token::new(), || {
                    run(body);
                    panic_if(panics);
                });
                K::plain(output).map(|()| 0)
            }
            Self::Get(_) => K::plain(K::NUMBER.get()),
            Self::SetNumber(_) => K::plain(K::NUMBER.set(START_AGAIN)).map(|()| 0),
            Self::Set(_, slot, true) => K::plain(field_of::<K>(slot).set(Token::new())).map(|()| 0),
            Self::Set(_, slot, false) => field_of::<K>(slot)
                .try_set(Token::new())
                .map(|()| 0)
                .map_err(|rejected| {
                    drop(rejected.value);
                    cause_of::<K, _>(&rejected.error, Target::Token(slot))
                }),
            Self::Replace(_, slot, false) => {
                let replaced = field_of::<K>(slot).try_replace(Token::new());
                replaced.map(|old| old.number).map_err(|rejected| {
                    drop(rejected.value);
                    cause_of::<K, _>(&rejected.error, Target::Token(slot))
                })
            }
            Self::Guard(_, slot) => {
                let guard = K::plain(field_of::<K>(slot).scope_guard(Token::new()))?;
                kept::keep(kept::Kept::Guard(Box::new(guard)));
                Ok(0)
            }
            Self::Replace(_, slot, true) => {
                let old = K::plain(field_of::<K>(slot).replace(Token::new()))?;
                Ok(old.number)
            }
            Self::Take(_, slot) => Ok(K::plain(field_of::<K>(slot).take())?.number),
            Self::Update(_, ref body, panics) => {
                let output = K::NUMBER.update(|number| {
                    run(body);
                    panic_if(panics);
                    number + 1
                });
                K::plain(output).map(|()| 0)
            }
            _ => unreachable!("of no state"),
        }
    }
}

thread_local! {
    /// How many entries into jobs there are.
    static JOBS_ENTERED: Cell<usize> = const { Cell::new(0) };
}

/// Around what runs in a job.
fn in_job<R>(f: impl FnOnce() -> R) -> R {
    struct Entered;

    impl Drop for Entered {
        fn drop(&mut self) {
            JOBS_ENTERED.set(JOBS_ENTERED.get() - 1);
        }
    }

    JOBS_ENTERED.set(JOBS_ENTERED.get() + 1);
    let _entered = Entered;
    f()
}

/// What `set` sets numbers to.
pub(crate) const START_AGAIN: u64 = 100;

fn panic_if(panics: bool) {
    if panics {
        panic();
    }
}

fn field_of<K: Kind>(slot: Slot) -> Field<K, Token> {
    match slot {
        Slot::First => K::FIRST,
        Slot::Second => K::SECOND,
    }
}

/// Why an access has failed, if the error says so for the right state and field.
fn cause_of<K: Kind, E: Debug + Display>(error: &AccessError<E>, target: Target) -> Cause {
    assert_eq!(error.state_name(), format!("{:?}", K::STATE));
    let field = match target {
        Target::Whole => None,
        Target::Token(Slot::First) => Some("first"),
        Target::Token(Slot::Second) => Some("second"),
        Target::Number => Some("number"),
    };
    match error {
        AccessError::Init(_) => return Cause::Failed,
        _ => assert_eq!(error.field_name(), field),
    }
    match error {
        AccessError::Borrowed(_) => Cause::Borrowed,
        AccessError::Recursive(_) => Cause::Recursive,
        AccessError::Destroyed(_) => Cause::Destroyed,
        AccessError::NotInitialized(_) => Cause::NotInitialized,
        _ => unreachable!("a new kind of error"),
    }
}

fn init<K: Kind>() -> Result<u64, Cause> {
    match K::try_init() {
        Ok(()) => Ok(0),
        Err(error) => Err(cause_of::<K, _>(&error, Target::Whole)),
    }
}

fn look_at_all<K: Kind>(state: &K, body: &[Operation], panics: bool) {
    let content = || (state.tokens().map(Token::content).to_vec(), state.number());
    let (tokens, number) = content();
    note(Event::Begun(K::STATE, Target::Whole, tokens, number));
    run(body);
    let (tokens, number) = content();
    note(Event::Ended(tokens, number));
    panic_if(panics);
}

fn change_all<K: Kind>(state: &mut K, body: &[Operation], panics: bool) {
    for token in state.tokens_mut() {
        token.changes += 1;
    }
    *state.number_mut() += 1;
    look_at_all(state, body, panics);
}

fn look(access: Access, token: &Token, body: &[Operation]) {
    note(Event::Begun(
        access.state,
        access.target,
        vec![token.content()],
        0,
    ));
    run(body);
    note(Event::Ended(vec![token.content()], 0));
    panic_if(access.panics);
}

fn change(access: Access, token: &mut Token, body: &[Operation]) {
    token.changes += 1;
    look(access, token, body);
}

fn look_at_number(access: Access, number: u64, again: impl Fn() -> u64, body: &[Operation]) {
    note(Event::Begun(
        access.state,
        access.target,
        Vec::new(),
        number,
    ));
    run(body);
    note(Event::Ended(Vec::new(), again()));
    panic_if(access.panics);
}

fn with<K: Kind>(access: Access, body: &[Operation]) -> Result<u64, Cause> {
    let Access {
        target,
        is_exclusive,
        is_plain,
        panics,
        ..
    } = access;
    if access.lends && is_plain {
        lend::<K>(access, body);
        return Ok(0);
    }
    if access.lends && K::STATE == State::Fallible {
        return match try_lend(access, body) {
            Ok(()) => Ok(0),
            Err(Failure) => Err(Cause::Failed),
        };
    }
    let read = |number: &u64| look_at_number(access, *number, || *number, body);
    let write = |number: &mut u64| {
        *number += 1;
        look_at_number(access, *number, || *number, body);
    };
    let tried = match (target, is_exclusive, is_plain) {
        (Target::Whole, false, false) => K::state().try_with(|all| look_at_all(all, body, panics)),
        (Target::Whole, true, false) => {
            K::state().try_with_mut(|all| change_all(all, body, panics))
        }
        (Target::Whole, false, true) => {
            return K::plain(K::with_state(|all| look_at_all(all, body, panics))).map(|()| 0);
        }
        (Target::Whole, true, true) => {
            return K::plain(K::with_state_mut(|all| change_all(all, body, panics))).map(|()| 0);
        }
        (Target::Token(slot), false, false) => {
            field_of::<K>(slot).try_with(|token| look(access, token, body))
        }
        (Target::Token(slot), true, false) => {
            field_of::<K>(slot).try_with_mut(|token| change(access, token, body))
        }
        (Target::Token(slot), false, true) => {
            let output = field_of::<K>(slot).with(|token| look(access, token, body));
            return K::plain(output).map(|()| 0);
        }
        (Target::Token(slot), true, true) => {
            let output = field_of::<K>(slot).with_mut(|token| change(access, token, body));
            return K::plain(output).map(|()| 0);
        }
        (Target::Number, false, false) => K::NUMBER.try_with(read),
        (Target::Number, true, false) => K::NUMBER.try_with_mut(write),
        (Target::Number, false, true) => return K::plain(K::NUMBER.with(read)).map(|()| 0),
        (Target::Number, true, true) => return K::plain(K::NUMBER.with_mut(write)).map(|()| 0),
    };
    match tried {
        Ok(()) => Ok(0),
        Err(error) => Err(cause_of::<K, _>(&error, target)),
    }
}

/// As [`with`], without closures.
fn lend<K: Kind>(access: Access, body: &[Operation]) {
    let panics = access.panics;
    match (access.target, access.is_exclusive) {
        (Target::Whole, false) => look_at_all(borrow!(K::state()), body, panics),
        (Target::Whole, true) => change_all(borrow_mut!(K::state()), body, panics),
        (Target::Token(slot), false) => {
            let token = borrow!(field_of::<K>(slot));
            look(access, token, body);
        }
        (Target::Token(slot), true) => {
            let token = borrow_mut!(field_of::<K>(slot));
            change(access, token, body);
        }
        (Target::Number, false) => {
            let number = borrow!(K::NUMBER);
            look_at_number(access, *number, || *number, body);
        }
        (Target::Number, true) => {
            let number = borrow_mut!(K::NUMBER);
            *number += 1;
            look_at_number(access, *number, || *number, body);
        }
    }
}

/// As [`lend`], where an initializer's error leaves the function.
fn try_lend(access: Access, body: &[Operation]) -> Result<(), Failure> {
    let panics = access.panics;
    match (access.target, access.is_exclusive) {
        (Target::Whole, false) => look_at_all(borrow!(try Fallible::state()), body, panics),
        (Target::Whole, true) => change_all(borrow_mut!(try Fallible::state()), body, panics),
        (Target::Token(slot), false) => {
            let token = borrow!(try field_of::<Fallible>(slot));
            look(access, token, body);
        }
        (Target::Token(slot), true) => {
            let token = borrow_mut!(try field_of::<Fallible>(slot));
            change(access, token, body);
        }
        (Target::Number, false) => {
            let number = borrow!(try Fallible::NUMBER);
            look_at_number(access, *number, || *number, body);
        }
        (Target::Number, true) => {
            let number = borrow_mut!(try Fallible::NUMBER);
            *number += 1;
            look_at_number(access, *number, || *number, body);
        }
    }
    Ok(())
}

fn with_or_else<K: Kind>(access: Access, slot: Slot, body: &[Operation]) -> Result<u64, Cause> {
    let access = Access {
        target: Target::Token(slot),
        ..access
    };
    let spare = Cell::new(0);
    let make = || {
        let token = Token::new();
        spare.set(token.number);
        token
    };
    let note_spare = |token: &Token| {
        if token.number == spare.get() {
            note(Event::SpareUsed(token.content()));
        }
    };
    let output = if access.is_exclusive {
        field_of::<K>(slot).with_mut_or_else(make, |token| {
            note_spare(token);
            change(access, token, body);
        })
    } else {
        field_of::<K>(slot).with_or_else(make, |token| {
            note_spare(token);
            look(access, token, body);
        })
    };
    K::plain(output).map(|()| 0)
}
