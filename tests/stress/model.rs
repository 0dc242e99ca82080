//! What is expected: of each thread's values, and of the totals of all threads.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use crate::jobs::Entered;
use crate::states::{Ending, Failed, METERS, STATES, Subject as _, Zero, for_state};
use crate::{forks, ops};

/// What every constant's number is.
pub(crate) const CONSTANT: u64 = 12;

/// What a panic that is planned is thrown with.
pub(crate) struct Planned;

/// Panics without a word.
pub(crate) fn panic_as_planned() -> ! {
    PANICS.fetch_add(1, SeqCst);
    resume_unwind(Box::new(Planned))
}

/// No more operations are begun.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);
pub(crate) static OPERATIONS: AtomicU64 = AtomicU64::new(0);
pub(crate) static PANICS: AtomicU64 = AtomicU64::new(0);
/// Panics that left a destructor at thread exit: the library says a line about each.
pub(crate) static PANICS_AT_EXIT: AtomicU64 = AtomicU64::new(0);
pub(crate) static FORKS: AtomicU64 = AtomicU64::new(0);
static FAILURES: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes that something is wrong. Where a panic would be contained, nothing else would tell.
pub(crate) fn note_failure(text: String) {
    STOP.store(true, SeqCst);
    lock(&FAILURES).push(text);
}

pub(crate) fn failures() -> Vec<String> {
    lock(&FAILURES).clone()
}

/// Notes a failure and panics, if something does not hold.
macro_rules! check {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            panic!($($text)*);
        }
    };
}

pub(crate) use check;

/// A sequence of numbers that looks random and is the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Neighboring seeds are not to begin alike. Never zero.
        let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What is borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Whole,
    Number,
    Token,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) number: u64,
    /// The token's; zero if it has none, or a constant one.
    pub(crate) token: u64,
    /// Unique in the thread, and rising in the order in which initializations have completed.
    pub(crate) birth: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    None,
    Initializing,
    Alive(Value),
    Destroyed,
}

/// What a thread knows of its value of one state.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) life: Life,
    pub(crate) borrows: Vec<(Target, bool)>,
    /// Number and token of the value that is being made.
    pub(crate) making: (u64, u64),
    /// What the thread has counted.
    pub(crate) hits: u64,
    pub(crate) level: i64,
    /// It may hold cells; it does, and has not begun to end.
    may_be_live: bool,
    is_live: bool,
    /// It has a place among what the thread's exit drops.
    is_registered: bool,
}

impl Slot {
    fn new() -> Self {
        Self {
            life: Life::None,
            borrows: Vec::new(),
            making: (CONSTANT, 0),
            hits: 0,
            level: 0,
            may_be_live: false,
            is_live: false,
            is_registered: false,
        }
    }
}

/// Where in its life a thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Working,
    /// What it has is being dropped.
    Exiting,
}

/// How many thread-locals there are that are not states, except the one that every thread uses.
pub(crate) const FOREIGN: usize = 3;

/// What a thread has of a thread-local that is not a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignLife {
    None,
    Initializing,
    Alive,
    Destroyed,
}

/// What the thread's exit drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    State(usize),
    /// What is not a state: one that every thread uses, and others.
    Foreign,
    OtherForeign(usize),
}

/// What the thread's exit drops where it can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// The value of this state.
    Value(usize),
    /// The thread-local that is not a state.
    Foreign,
    OtherForeign(usize),
    /// It has dropped all.
    End,
}

/// What a thread knows of itself.
pub(crate) struct Inner {
    pub(crate) random: Random,
    pub(crate) phase: Phase,
    pub(crate) slots: [Slot; STATES],
    pub(crate) depth: u32,
    /// How many operations destructors may still begin while the thread exits.
    hooks: u32,
    /// What the exit has still to drop, the last one first.
    registered: Vec<Exit>,
    pub(crate) foreign: [ForeignLife; FOREIGN],
    /// How many destructors run of what is not a state, within one another.
    pub(crate) foreign_destructors: u32,
    pub(crate) jobs: Entered,
    /// The state whose turn it is.
    turn: Option<usize>,
    births: u64,
    made: u64,
    dropped: u64,
    /// Tokens that operations under way have passed to an accessor: like any other argument, it drops
    /// them where it has no use for them.
    pub(crate) passed: Vec<u64>,
    thread: ThreadId,
}

impl Inner {
    pub(crate) fn chance(&mut self, one_in: u64) -> bool {
        self.random.below(one_in) == 0
    }

    fn is_initializing(&self) -> bool {
        self.slots
            .iter()
            .any(|slot| slot.life == Life::Initializing)
    }
}

/// A thread's, which the one that has joined it looks at, too.
pub(crate) struct Model(Mutex<Inner>);

thread_local! {
    static MODEL: Cell<Option<&'static Model>> = const { Cell::new(None) };
    /// In a forked child tokens are made and dropped without a word, and initializers just work.
    static IS_CHILD: Cell<bool> = const { Cell::new(false) };
}

/// Whether this is a forked child.
pub(crate) fn is_child() -> bool {
    IS_CHILD.get()
}

pub(crate) fn be_a_child() {
    IS_CHILD.set(true);
}

/// Calls a function with what this thread knows of itself.
pub(crate) fn here<R>(f: impl FnOnce(&mut Inner) -> R) -> R {
    let model = MODEL.get().expect("every thread here has a model");
    f(&mut lock(&model.0))
}

impl Model {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Inner {
            random: Random::new(0),
            phase: Phase::Working,
            slots: std::array::from_fn(|_| Slot::new()),
            depth: 0,
            hooks: 0,
            registered: Vec::new(),
            foreign: [ForeignLife::None; FOREIGN],
            foreign_destructors: 0,
            jobs: Entered::default(),
            turn: None,
            births: 0,
            made: 0,
            dropped: 0,
            passed: Vec::new(),
            thread: thread::current().id(),
        }))
    }

    /// Makes it that of the present thread, which has just started.
    pub(crate) fn enter(&'static self, seed: u64) {
        *lock(&self.0) = Inner {
            random: Random::new(seed),
            thread: thread::current().id(),
            hooks: 40,
            ..Self::new().0.into_inner().unwrap()
        };
        MODEL.set(Some(self));
        for index in 0..STATES {
            if for_state!(index, is_ready()) {
                here(|model| model.adopt(index));
            }
        }
    }

    /// The thread has been joined: all must be gone.
    pub(crate) fn check_after_the_end(&self) {
        let mut model = lock(&self.0);
        model.exit_until(Seen::End);
        check!(
            model.made == model.dropped,
            "{} tokens were made and {} dropped",
            model.made,
            model.dropped
        );
        for (index, slot) in model.slots.iter().enumerate() {
            let ending = for_state!(index, ending());
            let is_alive = matches!(slot.life, Life::Alive(_));
            check!(
                slot.borrows.is_empty() && (ending == Ending::None || !is_alive),
                "a thread has ended with {} {slot:?}",
                for_state!(index, name())
            );
            if slot.may_be_live {
                TOTALS[index].ended.fetch_add(1, SeqCst);
            }
        }
    }
}

pub(crate) fn name<S: crate::states::Subject>() -> &'static str {
    S::NAME
}

fn is_reset_by_fork<S: crate::states::Subject>() -> bool {
    S::IS_RESET_BY_FORK
}

fn is_ready<S: crate::states::Subject>() -> bool {
    S::IS_READY
}

pub(crate) fn ending<S: crate::states::Subject>() -> Ending {
    S::ENDING
}

/// The thread's function is about to return.
pub(crate) fn begin_to_end() {
    here(|model| {
        model.phase = Phase::Exiting;
        for (slot, totals) in model.slots.iter_mut().zip(&TOTALS) {
            if slot.is_live {
                totals.ending.fetch_add(1, SeqCst);
            }
        }
    });
}

/// The thread-local that is not a state has been made.
pub(crate) fn register_foreign() {
    here(|model| model.registered.push(Exit::Foreign));
}

/// It is being dropped. Returns `true` if it was registered before all states.
pub(crate) fn foreign_is_dropped() -> bool {
    here(|model| {
        model.exit_until(Seen::Foreign);
        model.registered.is_empty()
    })
}

/// Another one has been made.
pub(crate) fn register_other_foreign(number: usize) {
    here(|model| {
        model.foreign[number] = ForeignLife::Alive;
        model.registered.push(Exit::OtherForeign(number));
    });
}

/// It is being dropped.
pub(crate) fn other_foreign_is_dropped(number: usize) {
    here(|model| {
        model.exit_until(Seen::OtherForeign(number));
        model.foreign[number] = ForeignLife::Destroyed;
    });
}

/// What an access is expected to be answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Granted,
    /// Unless the initializer fails.
    Made,
    Borrowed,
    Recursive,
    NotInitialized,
    Destroyed,
}

impl Inner {
    pub(crate) fn expect<S: crate::states::Subject>(
        &self,
        target: Target,
        exclusive: bool,
    ) -> Expected {
        use crate::states::Making;

        let slot = &self.slots[S::INDEX];
        let overlap = |other: Target| {
            other == target || other == Target::Whole || target == Target::Whole || S::IS_ONE_GROUP
        };
        match slot.life {
            Life::None if S::MAKING == Making::Explicit => Expected::NotInitialized,
            Life::None => Expected::Made,
            Life::Initializing => Expected::Recursive,
            Life::Destroyed => Expected::Destroyed,
            Life::Alive(_) => {
                let is_refused = slot
                    .borrows
                    .iter()
                    .any(|&(other, is_exclusive)| overlap(other) && (is_exclusive || exclusive));
                if is_refused {
                    Expected::Borrowed
                } else {
                    Expected::Granted
                }
            }
        }
    }

    /// The value is there now: if it was not before, it has just been made.
    pub(crate) fn adopt(&mut self, index: usize) -> Value {
        if let Life::Alive(value) = self.slots[index].life {
            return value;
        }
        self.births += 1;
        let slot = &mut self.slots[index];
        let (number, token) = std::mem::replace(&mut slot.making, (CONSTANT, 0));
        let value = Value {
            number,
            token,
            birth: self.births,
        };
        slot.life = Life::Alive(value);
        if for_state!(index, ending()) != Ending::None
            && !std::mem::replace(&mut slot.is_registered, true)
        {
            self.registered.push(Exit::State(index));
        }
        value
    }

    /// The thread exits, and has come to this. What must have been dropped before that is marked: each state,
    /// when its turn comes, after all that are newer.
    fn exit_until(&mut self, seen: Seen) {
        if cfg!(tls_core_keys) {
            // All states go together, after what is not a state.
            self.registered
                .retain(|exit| !matches!(exit, Exit::State(_)));
            match self.registered.pop() {
                Some(exit) => see(exit, seen),
                None => _ = self.drop_until(seen, Self::has_values),
            }
            return;
        }
        loop {
            if let Some(turn) = self.turn {
                let is_alive = |model: &Self| matches!(model.slots[turn].life, Life::Alive(_));
                if is_alive(self) && self.drop_until(seen, is_alive) {
                    return;
                }
                self.slots[turn].life = Life::Destroyed;
            }
            self.turn = match self.registered.pop() {
                Some(Exit::State(turn)) => Some(turn),
                Some(exit) => {
                    self.turn = None;
                    see(exit, seen);
                    return;
                }
                None if seen == Seen::End => return,
                None => panic!("{seen:?}, when all is dropped"),
            };
        }
    }

    /// The newest are dropped while something holds, until what is seen is one of them. Returns whether it was.
    fn drop_until(&mut self, seen: Seen, holds: impl Fn(&Self) -> bool) -> bool {
        while holds(self) {
            let newest = self.newest();
            self.slots[newest].life = Life::Destroyed;
            if seen == Seen::Value(newest) {
                return true;
            }
            check!(
                for_state!(newest, ending()) == Ending::Unseen,
                "{seen:?} before {}, which is newer",
                for_state!(newest, name())
            );
        }
        false
    }

    /// Whether there are values that are dropped.
    fn has_values(&self) -> bool {
        (0..STATES).any(|index| {
            matches!(self.slots[index].life, Life::Alive(_))
                && for_state!(index, ending()) != Ending::None
        })
    }

    /// The newest of the values that are dropped, of which there is one.
    fn newest(&self) -> usize {
        let birth = |index: &usize| match self.slots[*index].life {
            Life::Alive(value) if for_state!(*index, ending()) != Ending::None => Some(value.birth),
            _ => None,
        };
        let newest = (0..STATES).max_by_key(birth);
        newest.expect("there are states")
    }
}

fn see(exit: Exit, seen: Seen) {
    let is_right = match exit {
        Exit::State(_) => false,
        Exit::Foreign => seen == Seen::Foreign,
        Exit::OtherForeign(number) => seen == Seen::OtherForeign(number),
    };
    check!(is_right, "{seen:?} before {exit:?}, which is not a state");
}

/// Around whatever may make a value: if that fails, there is none.
pub(crate) struct Attempt {
    index: usize,
    is_outermost: bool,
}

impl Attempt {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            is_outermost: here(|model| model.slots[index].life != Life::Initializing),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.is_outermost {
            here(|model| {
                let slot = &mut model.slots[self.index];
                if slot.life == Life::Initializing {
                    slot.life = Life::None;
                    slot.making = (CONSTANT, 0);
                }
            });
        }
    }
}

/// An initializer runs.
fn enter_initializer(index: usize) {
    here(|model| {
        let life = model.slots[index].life;
        check!(
            matches!(life, Life::None | Life::Initializing),
            "an initializer of {} runs while there is {life:?}",
            for_state!(index, name())
        );
        model.slots[index].life = Life::Initializing;
    });
}

/// What may happen in an initializer: a panic, or anything else that does not make this state.
fn play_in_initializer() {
    let (panics, plays) = here(|model| (model.chance(25), model.chance(8) && model.depth > 0));
    if plays {
        ops::play_some(2);
    }
    if panics && !is_child() {
        panic_as_planned();
    }
}

/// The initializer of a number.
pub(crate) fn start(index: usize) -> u64 {
    if is_child() {
        return CONSTANT;
    }
    enter_initializer(index);
    play_in_initializer();
    here(|model| {
        let number = model.random.below(1 << 40);
        model.slots[index].making.0 = number;
        number
    })
}

/// As [`start`]; may fail.
pub(crate) fn start_or_fail(index: usize) -> Result<u64, Failed> {
    if !is_child() {
        enter_initializer(index);
        if here(|model| model.chance(8)) {
            return Err(Failed);
        }
    }
    Ok(start(index))
}

static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

/// Made and dropped exactly once, on its thread, and in the right order.
pub(crate) struct Token {
    /// Zero for constants and in children: those nobody has counted.
    pub(crate) id: u64,
    index: usize,
    /// Three times the number.
    memory: Option<Box<[u64; 3]>>,
}

impl Token {
    /// The token of a value that is being made.
    pub(crate) fn new(index: usize) -> Self {
        if is_child() {
            return Self::constant(index);
        }
        enter_initializer(index);
        play_in_initializer();
        let token = Self::spare(index);
        here(|model| model.slots[index].making.1 = token.id);
        token
    }

    /// One to be put into a value.
    pub(crate) fn spare(index: usize) -> Self {
        if is_child() {
            return Self::constant(index);
        }
        let id = NEXT_TOKEN.fetch_add(1, SeqCst);
        here(|model| model.made += 1);
        Self {
            id,
            index,
            memory: Some(Box::new([id; 3])),
        }
    }

    pub(crate) const fn constant(index: usize) -> Self {
        Self {
            id: 0,
            index,
            memory: None,
        }
    }

    pub(crate) fn is_intact(&self) -> bool {
        match &self.memory {
            Some(memory) => self.id != 0 && **memory == [self.id; 3],
            None => self.id == 0,
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if is_child() {
            let is_passed = here(|model| model.passed.contains(&self.id));
            let is_reset = for_state!(self.index, is_reset_by_fork());
            if self.id != 0 && is_reset && !is_passed {
                forks::end(Err((self.index, "what is the parent's is dropped")));
            }
            return;
        }
        check!(self.is_intact(), "a token that is dropped is not intact");
        here(|model| model.dropped += u64::from(self.id != 0));
        is_dropped(self.index, self.id);
    }
}

/// A token of no size.
pub(crate) struct ZeroToken(());

impl ZeroToken {
    pub(crate) fn new() -> Self {
        if !is_child() {
            enter_initializer(Zero::INDEX);
            play_in_initializer();
            here(|model| model.made += 1);
        }
        Self(())
    }
}

impl Drop for ZeroToken {
    fn drop(&mut self) {
        if !is_child() {
            here(|model| model.dropped += 1);
            is_dropped(Zero::INDEX, 0);
        }
    }
}

/// A token has been dropped: perhaps because its thread exits, in which case it must be the newest.
/// Its destructor does something, or panics.
fn is_dropped(index: usize, id: u64) {
    enum Then {
        Nothing,
        Play,
        Panic { at_exit: bool },
    }

    let then = here(|model| {
        // Under keys the standard library does not know the thread any more when the states go.
        let is_known = !cfg!(tls_core_keys) || model.phase == Phase::Working;
        check!(
            !is_known || model.thread == thread::current().id(),
            "a token is dropped on another thread"
        );
        let life = model.slots[index].life;
        let mut at_exit = false;
        if let (Phase::Exiting, Life::Alive(value)) = (model.phase, life)
            && value.token == id
        {
            at_exit = model.depth == 0;
            model.exit_until(Seen::Value(index));
        }
        if model.is_initializing() || thread::panicking() {
            Then::Nothing
        } else if model.chance(if at_exit { 100 } else { 60 }) {
            Then::Panic { at_exit }
        } else if model.hooks > 0 && model.chance(3) {
            if model.phase == Phase::Exiting {
                model.hooks -= 1;
            }
            Then::Play
        } else {
            Then::Nothing
        }
    });
    match then {
        Then::Nothing => {}
        Then::Play => ops::play_some_caught(2),
        Then::Panic { at_exit } => {
            PANICS_AT_EXIT.fetch_add(u64::from(at_exit), SeqCst);
            panic_as_planned();
        }
    }
}

/// Bounds of what must be in the totals of a state. Whoever counts adds to `started` before it does
/// and to `published` after.
pub(crate) struct Bounds {
    started: AtomicU64,
    published: AtomicU64,
}

impl Bounds {
    pub(crate) const fn new() -> Self {
        Self {
            started: AtomicU64::new(0),
            published: AtomicU64::new(0),
        }
    }

    /// Counts, in the given way.
    pub(crate) fn count(&self, count: u64, add: impl FnOnce()) {
        self.started.fetch_add(count, SeqCst);
        // What sees the cell sees the above, after a fence of its own.
        fence(SeqCst);
        add();
        self.published.fetch_add(count, SeqCst);
    }

    /// At least this is in a total that begins now.
    pub(crate) fn least(&self) -> u64 {
        self.published.load(SeqCst)
    }

    /// At most this is in a total that has ended now.
    pub(crate) fn most(&self) -> u64 {
        fence(SeqCst);
        self.started.load(SeqCst)
    }

    /// What is in a total when nobody counts.
    pub(crate) fn exact(&self) -> u64 {
        assert_eq!(self.least(), self.most());
        self.least()
    }
}

/// What is known of a state's shared fields, in all threads together.
pub(crate) struct Totals {
    pub(crate) hits: Bounds,
    /// The greatest total that has been seen.
    pub(crate) seen: AtomicU64,
    pub(crate) taken: AtomicU64,
    /// Threads that may hold cells.
    pub(crate) began: AtomicU64,
    /// Of these, threads that do.
    pub(crate) live: AtomicU64,
    /// Of these, threads that are about to end.
    pub(crate) ending: AtomicU64,
    /// Threads that have been joined.
    pub(crate) ended: AtomicU64,
}

pub(crate) static TOTALS: [Totals; STATES] = [const {
    Totals {
        hits: Bounds::new(),
        seen: AtomicU64::new(0),
        taken: AtomicU64::new(0),
        began: AtomicU64::new(0),
        live: AtomicU64::new(0),
        ending: AtomicU64::new(0),
        ended: AtomicU64::new(0),
    }
}; STATES];

/// Around a write to a shared field, which registers the thread.
pub(crate) fn writing(index: usize, write: impl FnOnce()) {
    here(|model| {
        let slot = &mut model.slots[index];
        if !std::mem::replace(&mut slot.may_be_live, true) {
            TOTALS[index].began.fetch_add(1, SeqCst);
            fence(SeqCst);
        }
    });
    write();
    here(|model| {
        let is_working = model.phase == Phase::Working;
        let slot = &mut model.slots[index];
        if is_working && !std::mem::replace(&mut slot.is_live, true) {
            TOTALS[index].live.fetch_add(1, SeqCst);
        }
    });
}

/// What is known of a state's other shared fields.
pub(crate) struct MeterTotals {
    pub(crate) up: Bounds,
    pub(crate) down: Bounds,
    pub(crate) peak_started: AtomicU64,
    pub(crate) peak_published: AtomicU64,
    pub(crate) values: Bounds,
    pub(crate) sum: AtomicU64,
    pub(crate) values_taken: AtomicU64,
    pub(crate) by_kind: [Bounds; 3],
    pub(crate) by_kind_taken: [AtomicU64; 3],
    /// The numbers that have been put into parts are those below this.
    pub(crate) pushed: AtomicU64,
    /// And these have been collected.
    pub(crate) collected: Mutex<Vec<u64>>,
}

pub(crate) static METER_TOTALS: [MeterTotals; METERS] = [const {
    MeterTotals {
        up: Bounds::new(),
        down: Bounds::new(),
        peak_started: AtomicU64::new(0),
        peak_published: AtomicU64::new(0),
        values: Bounds::new(),
        sum: AtomicU64::new(0),
        values_taken: AtomicU64::new(0),
        by_kind: [const { Bounds::new() }; 3],
        by_kind_taken: [const { AtomicU64::new(0) }; 3],
        pushed: AtomicU64::new(0),
        collected: Mutex::new(Vec::new()),
    }
}; METERS];
