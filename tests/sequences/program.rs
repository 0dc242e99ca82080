//! What programs consist of, and what happens when they run.

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
    /// Whether a plain access is by `borrow!` or `borrow_mut!`, if it cannot fail.
    pub(crate) lends: bool,
    /// Whether the function panics at its end.
    pub(crate) panics: bool,
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
    Set(State, Slot),
    Replace(State, Slot),
    Take(State, Slot),
    Update(State, Vec<Self>, /* panics */ bool),
    /// Adds to a shared field.
    Count,
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
    /// What has been counted, when the thread has ended.
    Total(u64),
}

impl Event {
    pub(crate) const NAMES: [&'static str; 19] = [
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
        "total",
        "counted",
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
            Self::Caught(Cause::Planned) | Self::Returned(Err(Cause::Planned)) => "planned panic",
            Self::Caught(_) => "panic of a refusal",
            Self::InitializerRuns => "initializer runs",
            Self::DestructorRuns => "destructor runs",
            Self::ThreadExits => "thread exits",
            Self::LateBegins => "late begins",
            Self::Total(0) => "total",
            Self::Total(_) => "counted",
        }
    }
}

fn states() -> impl Strategy<Value = State> + Clone {
    // Few at a time, so that they meet.
    prop_oneof![
        2 => Just(State::Lazy),
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
        2 => (states(), slots()).prop_map(|(state, slot)| Operation::Set(state, slot)),
        1 => (states(), slots()).prop_map(|(state, slot)| Operation::Replace(state, slot)),
        1 => (states(), slots()).prop_map(|(state, slot)| Operation::Take(state, slot)),
        1 => Just(Operation::Count),
        1 => Just(Operation::Panic),
    ];
    leaf.prop_recursive(4, 24, 3, |operation| {
        let body = prop::collection::vec(operation, 0..4);
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
        bodies(12),
        prop::collection::vec((bodies(3), ends), 0..5),
        prop::collection::vec((bodies(3), seldom()), 0..8),
        bodies(4),
    )
        .prop_map(|(main, initializers, destructors, late)| Program {
            main,
            initializers,
            destructors,
            late,
        })
}
