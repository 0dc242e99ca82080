//! What should be: a plain model of one thread's states, and the bytes that are left of its program.
//!
//! The model is changed before the library is called, where user code may run within the call, so
//! that destructors and initializers find it as the library should be.

use crate::cells::{self, Jobs};
use crate::operations::operations;
use std::cell::Cell;
use std::fmt::Display;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many states there are.
pub const STATES: usize = 12;

/// How many thread-locals there are that are not states, except the one that is dropped last.
pub const FOREIGN: usize = 3;

/// Calls stand in one another up to here.
const DEPTH: usize = 8;

/// Says what is wrong and ends the process. A panic could be taken for one of the program's.
#[track_caller]
pub fn fail(what: impl Display) -> ! {
    let at = std::panic::Location::caller();
    eprintln!("{at}: {what}");
    eprintln!("{}", std::backtrace::Backtrace::force_capture());
    std::process::abort()
}

macro_rules! check {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            $crate::model::fail(format_args!($($text)+));
        }
    };
}
pub(crate) use check;

/// What does not change about a state.
#[derive(Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that do not depend on each other"
)]
pub struct Facts {
    pub index: usize,
    pub name: &'static str,
    pub needs_drop: bool,
    pub is_explicit: bool,
    pub is_constant: bool,
    /// It has a value from the start.
    pub is_ready: bool,
    pub takes_values: bool,
    /// Which fields share their borrow flags.
    pub groups: [usize; 3],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    #[default]
    Uninitialized,
    Initializing,
    Alive,
    Destroyed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    Borrowed,
    Recursive,
    Destroyed,
    NotInitialized,
}

/// What an access should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plan {
    Enter,
    /// Make the value first.
    Make,
    Refuse(Refusal),
}

/// The fields that every state has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    T,
    N,
    U,
}

/// Which part of a state is accessed.
pub type Part = Option<Which>;

/// What a value holds: numbers of tracked values, and a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    pub t: u32,
    pub n: u64,
    pub u: u32,
}

impl Held {
    pub fn tracked(&mut self, which: Which) -> &mut u32 {
        match which {
            Which::U => &mut self.u,
            _ => &mut self.t,
        }
    }

    /// Puts a number in the place of another: of a tracked value, or the number itself.
    pub fn exchange(&mut self, which: Which, new: u64) -> u64 {
        if which == Which::N {
            return std::mem::replace(&mut self.n, new);
        }
        let new = u32::try_from(new).unwrap_or_else(|_| fail("it is no value's"));
        std::mem::replace(self.tracked(which), new).into()
    }
}

#[derive(Clone, Copy, Default)]
pub struct State {
    pub status: Status,
    pub held: Held,
    /// While it is being made: whether all fields have been.
    pub is_complete: bool,
    pub birth: u64,
    /// It has a place among what the thread's exit drops.
    is_registered: bool,
    readers: [u32; 3],
    is_written: [bool; 3],
}

impl State {
    fn groups(facts: &Facts, part: Part) -> impl Iterator<Item = usize> {
        let one = part.map(|which| facts.groups[which as usize]);
        (0..3).filter(move |&group| one.is_none_or(|one| one == group))
    }

    pub fn may(&self, facts: &Facts, part: Part, is_exclusive: bool) -> bool {
        Self::groups(facts, part)
            .all(|group| !self.is_written[group] && (!is_exclusive || self.readers[group] == 0))
    }

    pub fn borrow(&mut self, facts: &Facts, part: Part, is_exclusive: bool, begins: bool) {
        for group in Self::groups(facts, part) {
            match (is_exclusive, begins) {
                (true, _) => self.is_written[group] = begins,
                (false, true) => self.readers[group] += 1,
                (false, false) => self.readers[group] -= 1,
            }
        }
    }
}

/// A tracked value.
#[derive(Clone, Copy, Default)]
struct Value {
    is_alive: bool,
    /// Its destructor runs a part of the program. Not while it is an argument: then the library says
    /// only that it is dropped, not when.
    is_loud: bool,
}

/// This thread's part of shared fields.
#[derive(Default)]
pub struct Own {
    pub is_registered: bool,
    pub counter: u64,
    pub up_down: i64,
    pub gauge: i64,
    pub peak: u64,
    pub array: [u64; 3],
    pub records: u64,
}

/// What a thread's exit drops.
#[derive(Clone, Copy)]
enum Exit {
    State(usize),
    /// Gives back the thread's cells.
    Cells,
    /// Somebody else's.
    Foreign(usize),
    /// And the first of them.
    Late,
}

/// Where the program notices how far the exit is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// The value of this state is being dropped.
    Value(usize),
    Foreign(usize),
    Late,
    /// The thread has ended.
    End,
}

/// A thread, as it should be.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are facts that do not depend on each other"
)]
pub struct Model {
    bytes: Vec<u8>,
    at: usize,
    depth: usize,
    /// By number. Number 0 is the one of constants, of which there may be several.
    values: Vec<Value>,
    pub constants: u32,
    pub states: [State; STATES],
    facts: [Option<Facts>; STATES],
    births: u64,
    /// It ends after its program.
    pub ends: bool,
    /// The thread is to end, and may drop what it has.
    pub is_exiting: bool,
    pub foreign: [Status; FOREIGN],
    /// How many destructors run of what is not a state, within one another.
    pub foreign_destructors: usize,
    /// What the exit has still to drop, the last one first.
    registered: Vec<Exit>,
    /// The state whose turn it is.
    turn: Option<usize>,
    /// It gives back its cells when no value is left to be dropped; it has done so.
    is_retiring: bool,
    is_retired: bool,
    /// The exit gives back its cells, also those in jobs.
    has_guard: bool,
    pub own: Own,
    pub jobs: Jobs,
    numbers: u64,
}

thread_local! {
    /// Without drop glue: there in every destructor.
    static MODEL: Cell<Option<&'static Mutex<Model>>> = const { Cell::new(None) };
}

/// Models of threads that have ended. They live as long as the process.
static SPARE: Mutex<Vec<&'static Mutex<Model>>> = Mutex::new(Vec::new());

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives this thread a model, if it has none.
pub fn begin_thread(facts: &[Facts; STATES]) -> &'static Mutex<Model> {
    if let Some(model) = MODEL.get() {
        return model;
    }
    let spare = lock(&SPARE).pop();
    let model = spare.unwrap_or_else(|| Box::leak(Box::default()));
    let bytes = std::mem::take(&mut lock(model).bytes);
    *lock(model) = Model {
        bytes,
        facts: facts.map(Some),
        ..Model::default()
    };
    for facts in facts.iter().filter(|facts| facts.is_ready) {
        lock(model).states[facts.index].status = Status::Alive;
    }
    MODEL.set(Some(model));
    model
}

/// Takes the model of a thread that has ended.
pub fn end_thread(model: &'static Mutex<Model>) {
    lock(model).assert_no_values();
    lock(&SPARE).push(model);
}

/// Looks at this thread's model. No user code may run within.
#[track_caller]
pub fn model<R>(f: impl FnOnce(&mut Model) -> R) -> R {
    match MODEL.get() {
        Some(model) => f(&mut lock(model)),
        None => fail("a thread without a model"),
    }
}

/// The next byte of the program; zero when it is over.
pub fn next() -> u8 {
    model(Model::next)
}

/// A number that has not been used.
pub fn number() -> u64 {
    model(|model| {
        model.numbers += 1;
        model.numbers
    })
}

/// Runs a function one level deeper, unless that would be too deep.
pub fn deeper(f: impl FnOnce()) {
    let may = model(|model| {
        let may = model.depth < DEPTH && model.at < model.bytes.len();
        model.depth += usize::from(may);
        may
    });
    if may {
        f();
        model(|model| model.depth -= 1);
    }
}

impl Model {
    pub fn load(&mut self, bytes: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        self.at = 0;
        self.depth = 0;
    }

    fn next(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    /// Goes on with what another thread has left of the program.
    pub fn go_on_with(&mut self, bytes: &[u8]) {
        let depth = self.depth;
        self.load(bytes);
        self.depth = depth;
    }

    /// What is left of the program.
    pub fn rest(&mut self) -> Vec<u8> {
        let at = self.at.min(self.bytes.len());
        let rest = self.bytes[at..].to_vec();
        self.at = self.bytes.len();
        rest
    }

    pub fn new_value(&mut self, is_loud: bool) -> u32 {
        if self.values.is_empty() {
            self.values.push(Value::default());
        }
        self.values.push(Value {
            is_alive: true,
            is_loud,
        });
        u32::try_from(self.values.len() - 1).unwrap_or_else(|_| fail("too many values"))
    }

    /// From here on its destructor runs a part of the program.
    pub fn set_loud(&mut self, id: u32, is_loud: bool) {
        if let Some(value) = self.values.get_mut(id as usize) {
            value.is_loud = is_loud;
        }
    }

    pub fn is_alive(&self, id: u32) -> bool {
        self.values
            .get(id as usize)
            .is_some_and(|value| value.is_alive)
    }

    /// A value's destructor has begun. Returns `true` if it runs a part of the program.
    pub fn drop_value(&mut self, id: u32) -> bool {
        if id == 0 {
            check!(self.constants > 0, "a constant was dropped twice");
            self.constants -= 1;
            self.end_state(0);
            return false;
        }
        let Some(value) = self.values.get_mut(id as usize) else {
            fail(format_args!("{id} is no value"));
        };
        check!(value.is_alive, "{id} was dropped twice");
        value.is_alive = false;
        let is_loud = value.is_loud;
        self.end_state(id);
        is_loud
    }

    /// If a value is dropped that a living state holds, the thread exits, and it is that state's turn.
    fn end_state(&mut self, id: u32) {
        let needs_drop = |index: usize| self.facts[index].is_some_and(|facts| facts.needs_drop);
        let holds = |index: &usize| {
            let state = &self.states[*index];
            let is_constant = self.facts[*index].is_some_and(|facts| facts.is_constant);
            state.status == Status::Alive
                && needs_drop(*index)
                && (state.held.t == id || state.held.u == id)
                && (id != 0 || is_constant)
        };
        let Some(index) = (0..STATES).find(holds) else {
            return;
        };
        if id == 0 && (!self.is_exiting || operations() > 0) {
            // A constant is not told from another one.
            return;
        }
        check!(
            self.is_exiting && operations() == 0,
            "{id} was dropped, and state {index} has it"
        );
        check!(
            self.states[index].held.t == id,
            "the fields of state {index} are dropped in another order"
        );
        self.exit_until(Seen::Value(index));
    }

    /// The thread exits, and has come to this. What must have happened before that is marked: a state is
    /// dropped when its turn comes, after all that are newer.
    pub fn exit_until(&mut self, seen: Seen) {
        if cfg!(tls_core_keys) {
            self.exit_by_table_until(seen);
            return;
        }
        loop {
            if let Some(turn) = self.turn.take() {
                if self.states[turn].status == Status::Alive {
                    self.turn = Some(turn);
                    let newest = self.newest();
                    check!(
                        Some(seen) == newest.map(Seen::Value),
                        "{seen:?}, and {newest:?} is newer"
                    );
                    if let Some(index) = newest {
                        self.states[index].status = Status::Destroyed;
                    }
                    return;
                }
                self.states[turn].status = Status::Destroyed;
                self.retire();
            }
            match self.registered.pop() {
                Some(Exit::State(index)) => self.turn = Some(index),
                Some(Exit::Cells) => {
                    self.is_retiring = true;
                    self.retire();
                }
                Some(Exit::Late) => {
                    check!(
                        seen == Seen::Late,
                        "{seen:?}, before what is somebody else's"
                    );
                    return;
                }
                Some(Exit::Foreign(index)) => {
                    self.see_foreign(index, seen);
                    return;
                }
                None => {
                    check!(seen == Seen::End, "{seen:?}, when all is dropped");
                    return;
                }
            }
        }
    }

    fn see_foreign(&mut self, index: usize, seen: Seen) {
        check!(
            seen == Seen::Foreign(index),
            "{seen:?}, before {index}, which is somebody else's"
        );
        self.foreign[index] = Status::Destroyed;
    }

    /// As [`exit_until`](Self::exit_until), where all states go together, after what is not a state.
    fn exit_by_table_until(&mut self, seen: Seen) {
        self.registered
            .retain(|exit| matches!(exit, Exit::Foreign(_) | Exit::Late));
        match self.registered.pop() {
            Some(Exit::Foreign(index)) => self.see_foreign(index, seen),
            Some(_) => check!(
                seen == Seen::Late,
                "{seen:?}, before what is somebody else's"
            ),
            None => {
                let newest = self.newest();
                check!(
                    seen == newest.map_or(Seen::End, Seen::Value),
                    "{seen:?}, and {newest:?} is newer"
                );
                if let Some(index) = newest {
                    self.states[index].status = Status::Destroyed;
                } else {
                    self.is_retiring = self.has_guard;
                    self.retire();
                }
            }
        }
    }

    /// Whether what is not a state would be made where nothing drops it any more: under keys the states go when
    /// the standard library's thread-locals are gone.
    pub fn has_no_turn(&self) -> bool {
        cfg!(tls_core_keys) && self.is_exiting && self.foreign_destructors == 0
    }

    /// Gives back the cells, if their turn has come and no value is left whose destructor may use them.
    fn retire(&mut self) {
        if self.is_retiring && self.newest().is_none() {
            self.is_retiring = false;
            self.is_retired = true;
            cells::subtract(&std::mem::take(&mut self.own));
        }
    }

    /// The newest of the values that are dropped.
    fn newest(&self) -> Option<usize> {
        let alive = |index: &usize| {
            self.states[*index].status == Status::Alive
                && self.facts[*index].is_some_and(|facts| facts.needs_drop)
        };
        (0..STATES)
            .filter(alive)
            .max_by_key(|&index| self.states[index].birth)
    }

    pub fn register_late(&mut self) {
        self.registered.push(Exit::Late);
    }

    pub fn register_foreign(&mut self, index: usize) {
        self.foreign[index] = Status::Alive;
        self.registered.push(Exit::Foreign(index));
    }

    /// Whether a first write gives it cells. Not when the turn of those has come, also if it waits for the last
    /// value: then what it writes goes to what exited threads have left. And not when the standard library does not
    /// know the thread any more.
    pub fn may_register(&self) -> bool {
        !self.is_retiring && !self.is_retired && !self.has_no_turn()
    }

    /// The thread writes, or enters a job, perhaps for the first time.
    pub fn register_cells(&mut self) {
        if !self.is_retired && !std::mem::replace(&mut self.has_guard, true) {
            self.registered.push(Exit::Cells);
        }
    }

    pub fn assert_no_values(&self) {
        let alive = self.values.iter().position(|value| value.is_alive);
        check!(alive.is_none(), "{alive:?} was not dropped");
        check!(
            self.constants == 0,
            "{} constants were not dropped",
            self.constants
        );
    }

    /// Forgets the numbers of values, all of which have been dropped.
    pub fn forget_values(&mut self) {
        self.assert_no_values();
        self.values.clear();
    }

    /// What an access should do.
    pub fn plan(&self, facts: &Facts, part: Part, is_exclusive: bool) -> Plan {
        let state = &self.states[facts.index];
        match state.status {
            Status::Alive if state.may(facts, part, is_exclusive) => Plan::Enter,
            Status::Alive => Plan::Refuse(Refusal::Borrowed),
            Status::Initializing => Plan::Refuse(Refusal::Recursive),
            Status::Destroyed => Plan::Refuse(Refusal::Destroyed),
            Status::Uninitialized if facts.is_explicit => Plan::Refuse(Refusal::NotInitialized),
            Status::Uninitialized => Plan::Make,
        }
    }

    /// The value has been made, or there was one.
    pub fn enter(&mut self, facts: &Facts, plan: Plan) {
        let birth = self.births + 1;
        let state = &mut self.states[facts.index];
        match plan {
            Plan::Make => {
                if facts.is_constant {
                    check!(
                        state.status == Status::Uninitialized,
                        "{} is {:?}",
                        facts.name,
                        state.status
                    );
                    state.held = Held::default();
                    self.constants += if facts.needs_drop { 2 } else { 0 };
                } else {
                    check!(
                        state.status == Status::Initializing && state.is_complete,
                        "{} is {:?}, and was not made",
                        facts.name,
                        state.status
                    );
                }
                state.status = Status::Alive;
                state.birth = birth;
                state.is_complete = false;
                let held = state.held;
                let is_first =
                    facts.needs_drop && !std::mem::replace(&mut state.is_registered, true);
                self.births = birth;
                if is_first {
                    self.registered.push(Exit::State(facts.index));
                }
                self.set_loud(held.t, true);
                self.set_loud(held.u, true);
            }
            Plan::Enter => {}
            Plan::Refuse(refusal) => fail(format_args!(
                "an access to {} was not refused as {refusal:?}",
                facts.name
            )),
        }
        let status = self.states[facts.index].status;
        check!(status == Status::Alive, "{} is {status:?}", facts.name);
    }
}
