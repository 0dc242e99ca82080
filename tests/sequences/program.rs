//! What programs consist of, and what happens when they run.

use std::collections::VecDeque;

use proptest::prelude::*;

/// Which state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Lazy,
    Fallible,
    Explicit,
    Constant,
    Large,
    /// Its two tokens are fields that share their bits.
    Wide,
    ResetByFork,
    Shared,
}

impl State {
    pub(crate) const ALL: [Self; 8] = [
        Self::Lazy,
        Self::Fallible,
        Self::Explicit,
        Self::Constant,
        Self::Large,
        Self::Wide,
        Self::ResetByFork,
        Self::Shared,
    ];
}

/// A field that holds a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    First,
    Second,
}

/// A thread-local that is not a state: one of so many.
pub(crate) const FOREIGN: usize = 3;

/// The jobs that things are counted in: so many.
pub(crate) const JOBS: usize = 3;

/// What is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Whole,
    Token(Slot),
    Number,
}

/// How it is accessed, and what is done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is drawn by itself")]
pub(crate) struct Access {
    pub(crate) state: State,
    pub(crate) target: Target,
    pub(crate) is_exclusive: bool,
    /// Whether a refusal is a panic.
    pub(crate) is_plain: bool,
    /// Whether it is by `borrow!` or `borrow_mut!`. What is not plain is with `try` then, of the state whose
    /// initializer can fail; other states have no such form.
    pub(crate) lends: bool,
    /// Whether the function panics at its end.
    pub(crate) panics: bool,
}

/// What a future has while it is polled and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// A token in a field: `scope_future`.
    Scope(State, Slot),
    /// A value of its own: `with_fresh_future`.
    Fresh(State),
    /// Counts of its own: `run_future`.
    Job(usize),
}

/// What a future does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// In each poll.
    pub(crate) polls: VecDeque<Vec<Operation>>,
    pub(crate) at_drop: Vec<Operation>,
}

impl Script {
    /// Resets in the first poll what the future has, so that this is lost.
    fn resetting(mut self, around: Around) -> Self {
        if let (Around::Scope(state, _) | Around::Fresh(state), Some(first)) =
            (around, self.polls.front_mut())
        {
            first.push(Operation::Reset(state, true));
        }
        self
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// `with`, `with_mut`, `with_state`, `with_state_mut` and their `try_` forms.
    With(Access, Vec<Self>),
    /// `with_or_else`, `with_mut_or_else`; of a token.
    WithOrElse(Access, Slot, Vec<Self>),
    Peek(State, Vec<Self>),
    IsInitialized(State),
    Init(State),
    InitWith(State),
    Reset(State, /* plain */ bool),
    Fresh(State, Vec<Self>, /* panics */ bool),
    Scope(State, Slot, Vec<Self>, /* panics */ bool),
    Get(State),
    SetNumber(State),
    Set(State, Slot, /* plain */ bool),
    Replace(State, Slot, /* plain */ bool),
    Take(State, Slot),
    Update(State, Vec<Self>, /* panics */ bool),
    /// `scope_guard`; the guard is kept.
    Guard(State, Slot),
    /// Makes a future, which is kept.
    Future(Around, Script),
    /// Polls one of the futures that are kept, on a thread of its own if it may be.
    Poll(usize, /* elsewhere */ bool),
    /// Drops a guard or a future that is kept.
    DropKept(usize),
    /// Uses a thread-local that is not a state.
    Foreign(usize),
    /// Adds to a shared field.
    Count,
    /// Totals it.
    Total,
    /// `Isolated::run`.
    InJob(usize, Vec<Self>),
    Panic,
    /// A panic goes no further.
    Catch(Vec<Self>),
}

/// How an initializer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitEnd {
    Succeeds,
    /// A panic, if the state has no error.
    Fails,
    Panics,
}

#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) main: Vec<Operation>,
    /// What the initializers do, one after the other. Those for which there is nothing succeed.
    pub(crate) initializers: Vec<(Vec<Operation>, InitEnd)>,
    /// What the destructors do, one after the other, and whether they panic.
    pub(crate) destructors: Vec<(Vec<Operation>, bool)>,
    /// What the initializers and the destructors of thread-locals do that are not states.
    pub(crate) foreign: Vec<[Vec<Operation>; 2]>,
    /// What runs when the thread has dropped the states that it had.
    pub(crate) late: Vec<Operation>,
}

/// Why something is refused, or unwinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Borrowed,
    Recursive,
    Destroyed,
    NotInitialized,
    /// An initializer's error.
    Failed,
    /// An earlier poll has lost what a future had set a field to.
    Lost,
    /// A panic of the program's.
    Planned,
}

/// The number of a token: they are numbered in the order in which they are made.
pub(crate) type Number = u64;

/// What is in a token: which it is, and how often it has been changed.
pub(crate) type Content = (Number, u64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Made(Number),
    Dropped(Number),
    /// An access began, and this is there.
    Begun(State, Target, Vec<Content>, u64),
    /// And at its end.
    Ended(Vec<Content>, u64),
    SpareUsed(Content),
    /// A function has returned.
    Returned(Result<u64, Cause>),
    /// A panic was caught.
    Caught(Cause),
    InitializerRuns,
    DestructorRuns,
    ThreadExits,
    LateBegins,
    /// A poll has returned, and not the last one.
    Pending,
    FutureDropped,
    ForeignInitializerRuns(usize),
    ForeignUsed(usize),
    ForeignDestroyed(usize),
    ForeignDropped(usize),
    /// What is counted, where the thread is; what this thread has counted there; and in a job how many threads
    /// have.
    Counted(u64, u64, usize),
    /// What has been counted outside of jobs and in each, when the thread has ended.
    Totals([u64; 1 + JOBS]),
}

impl Event {
    pub(crate) const NAMES: [&'static str; 27] = [
        "made",
        "dropped",
        "begun",
        "ended",
        "spare used",
        "returned",
        "borrowed",
        "recursive",
        "destroyed",
        "not initialized",
        "failed",
        "panic of a refusal",
        "planned panic",
        "initializer runs",
        "destructor runs",
        "thread exits",
        "late begins",
        "nothing counted",
        "counted",
        "totals",
        "pending",
        "lost",
        "future dropped",
        "foreign initializer runs",
        "foreign used",
        "foreign destroyed",
        "foreign dropped",
    ];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Made(_) => "made",
            Self::Dropped(_) => "dropped",
            Self::Begun(..) => "begun",
            Self::Ended(..) => "ended",
            Self::SpareUsed(_) => "spare used",
            Self::Returned(Ok(_)) => "returned",
            Self::Returned(Err(Cause::Borrowed)) => "borrowed",
            Self::Returned(Err(Cause::Recursive)) => "recursive",
            Self::Returned(Err(Cause::Destroyed)) => "destroyed",
            Self::Returned(Err(Cause::NotInitialized)) => "not initialized",
            Self::Returned(Err(Cause::Failed)) => "failed",
            Self::Caught(Cause::Lost) | Self::Returned(Err(Cause::Lost)) => "lost",
            Self::Caught(Cause::Planned) | Self::Returned(Err(Cause::Planned)) => "planned panic",
            Self::Caught(_) => "panic of a refusal",
            Self::InitializerRuns => "initializer runs",
            Self::DestructorRuns => "destructor runs",
            Self::ThreadExits => "thread exits",
            Self::LateBegins => "late begins",
            Self::Pending => "pending",
            Self::FutureDropped => "future dropped",
            Self::ForeignInitializerRuns(_) => "foreign initializer runs",
            Self::ForeignUsed(_) => "foreign used",
            Self::ForeignDestroyed(_) => "foreign destroyed",
            Self::ForeignDropped(_) => "foreign dropped",
            Self::Counted(0, ..) => "nothing counted",
            Self::Counted(..) => "counted",
            Self::Totals(_) => "totals",
        }
    }
}

fn states() -> impl Strategy<Value = State> + Clone {
    // Few at a time, so that they meet.
    prop_oneof![
        4 => Just(State::Lazy),
        2 => Just(State::Fallible),
        2 => Just(State::Explicit),
        1 => Just(State::Constant),
        1 => Just(State::Large),
        2 => Just(State::Wide),
        1 => Just(State::ResetByFork),
        1 => Just(State::Shared),
    ]
}

fn slots() -> impl Strategy<Value = Slot> + Clone {
    prop_oneof![Just(Slot::First), Just(Slot::Second)]
}

/// One time in a few.
fn seldom() -> impl Strategy<Value = bool> + Clone {
    prop::bool::weighted(0.15)
}

fn arounds() -> impl Strategy<Value = Around> + Clone {
    prop_oneof![
        2 => (states(), slots()).prop_map(|(state, slot)| Around::Scope(state, slot)),
        2 => states().prop_map(Around::Fresh),
        1 => (0..JOBS).prop_map(Around::Job),
    ]
}

fn accesses() -> impl Strategy<Value = Access> + Clone {
    let targets = prop_oneof![
        Just(Target::Whole),
        slots().prop_map(Target::Token),
        Just(Target::Number),
    ];
    let how = (any::<bool>(), any::<bool>(), any::<bool>());
    (states(), targets, how, seldom()).prop_map(
        |(state, target, (is_exclusive, is_plain, lends), panics)| Access {
            state,
            target,
            is_exclusive,
            is_plain,
            lends,
            panics,
        },
    )
}

fn operations() -> impl Strategy<Value = Operation> + Clone {
    let leaf = prop_oneof![
        1 => states().prop_map(Operation::IsInitialized),
        2 => states().prop_map(Operation::Init),
        2 => states().prop_map(Operation::InitWith),
        3 => (states(), any::<bool>()).prop_map(|(state, plain)| Operation::Reset(state, plain)),
        2 => states().prop_map(Operation::Get),
        1 => states().prop_map(Operation::SetNumber),
        2 => (states(), slots(), any::<bool>())
            .prop_map(|(state, slot, plain)| Operation::Set(state, slot, plain)),
        1 => (states(), slots(), any::<bool>())
            .prop_map(|(state, slot, plain)| Operation::Replace(state, slot, plain)),
        1 => (states(), slots()).prop_map(|(state, slot)| Operation::Take(state, slot)),
        3 => (states(), slots()).prop_map(|(state, slot)| Operation::Guard(state, slot)),
        10 => (0..8_usize, seldom()).prop_map(|(index, elsewhere)| Operation::Poll(index, elsewhere)),
        3 => (0..8_usize).prop_map(Operation::DropKept),
        2 => (0..FOREIGN).prop_map(Operation::Foreign),
        2 => Just(Operation::Count),
        2 => Just(Operation::Total),
        1 => Just(Operation::Panic),
    ];
    leaf.prop_recursive(4, 24, 3, |operation| {
        let body = prop::collection::vec(operation, 0..4);
        let script = (prop::collection::vec(body.clone(), 0..5), body.clone());
        let script = script.prop_map(|(polls, at_drop)| Script {
            polls: polls.into(),
            at_drop,
        });
        prop_oneof![
            6 => (accesses(), body.clone())
                .prop_map(|(access, body)| Operation::With(access, body)),
            2 => (accesses(), slots(), body.clone())
                .prop_map(|(access, slot, body)| Operation::WithOrElse(access, slot, body)),
            1 => (states(), body.clone())
                .prop_map(|(state, body)| Operation::Peek(state, body)),
            2 => (states(), body.clone(), seldom())
                .prop_map(|(state, body, panics)| Operation::Fresh(state, body, panics)),
            2 => (states(), slots(), body.clone(), seldom())
                .prop_map(|(state, slot, body, panics)| Operation::Scope(state, slot, body, panics)),
            1 => (states(), body.clone(), seldom())
                .prop_map(|(state, body, panics)| Operation::Update(state, body, panics)),
            8 => (arounds(), script, seldom()).prop_map(|(around, script, resets)| {
                Operation::Future(around, if resets { script.resetting(around) } else { script })
            }),
            2 => (0..JOBS, body.clone()).prop_map(|(job, body)| Operation::InJob(job, body)),
            2 => body.prop_map(Operation::Catch),
        ]
    })
}

fn bodies(most: usize) -> impl Strategy<Value = Vec<Operation>> + Clone {
    prop::collection::vec(operations(), 0..most)
}

pub(crate) fn programs() -> impl Strategy<Value = Program> {
    let ends = prop_oneof![
        4 => Just(InitEnd::Succeeds),
        1 => Just(InitEnd::Fails),
        1 => Just(InitEnd::Panics),
    ];
    (
        bodies(16),
        prop::collection::vec((bodies(3), ends), 0..5),
        prop::collection::vec((bodies(3), seldom()), 0..8),
        prop::collection::vec((bodies(3), bodies(3)).prop_map(<[_; 2]>::from), 0..3),
        bodies(4),
    )
        .prop_map(|(main, initializers, destructors, foreign, late)| Program {
            main,
            initializers,
            destructors,
            foreign,
            late,
        })
}
