//! What must happen when a program runs.
//!
//! It follows the documentation of the public functions, and the order in which a Rust program drops
//! things. A panic is an `Err` here, which goes up to whoever catches it.

mod kept;

use std::collections::VecDeque;

use crate::kinds::{CONSTANTS, START};
use crate::program::{
    Access, Cause, Content, Event, FOREIGN, InitEnd, JOBS, Number, Operation, Program, Slot, State,
    Target,
};
use crate::real::START_AGAIN;
use kept::Kept;

/// A panic under way.
struct Unwinding(Cause);

type Run<R = ()> = Result<R, Unwinding>;

/// A value of a state.
struct Value {
    tokens: [Content; 2],
    number: u64,
    birth: u64,
}

enum Life {
    Uninitialized,
    Initializing,
    Alive(Value),
    Destroyed,
}

/// What is outstanding of a state.
struct Borrow {
    target: Target,
    is_exclusive: bool,
}

struct Place {
    life: Life,
    borrows: Vec<Borrow>,
    /// Whether it has a place among what the thread's exit drops.
    is_registered: bool,
}

/// What a thread has of a thread-local that is not a state: while it is there, what its destructor does.
enum Foreign {
    Uninitialized,
    Initializing,
    Alive(Vec<Operation>),
    Destroyed,
}

/// What the thread's exit drops.
enum Exit {
    State(State),
    Foreign(usize),
    /// What runs the late operations.
    Late,
}

struct Thread {
    places: [Place; State::ALL.len()],
    births: u64,
    foreign: [Foreign; FOREIGN],
    /// How many panics are under way.
    panics: usize,
    is_exiting: bool,
    /// How many destructors run of what is not a state, within one another.
    foreign_destructors: usize,
    /// What the thread's exit has still to drop, the last one first.
    registered: Vec<Exit>,
    kept: Vec<Kept>,
    /// Nothing is kept any more.
    is_closed: bool,
    /// The jobs that it is in, the last one that it has entered last.
    jobs: Vec<usize>,
    /// What it has counted outside of jobs, and in those where it is.
    own: [u64; 1 + JOBS],
    /// The jobs of which it is one of the threads: where it has counted before it exits, and still is.
    is_live: [bool; JOBS],
}

impl Thread {
    fn new() -> Self {
        Self {
            places: State::ALL.map(|_| Place {
                life: Life::Uninitialized,
                borrows: Vec::new(),
                is_registered: false,
            }),
            births: 0,
            foreign: [const { Foreign::Uninitialized }; FOREIGN],
            panics: 0,
            is_exiting: false,
            foreign_destructors: 0,
            registered: Vec::new(),
            kept: Vec::new(),
            is_closed: false,
            jobs: Vec::new(),
            own: [0; 1 + JOBS],
            is_live: [false; JOBS],
        }
    }
}

struct Model {
    events: Vec<Event>,
    tokens: Number,
    initializers: VecDeque<(Vec<Operation>, InitEnd)>,
    destructors: VecDeque<(Vec<Operation>, bool)>,
    foreign: VecDeque<[Vec<Operation>; 2]>,
    late: Vec<Operation>,
    /// What is counted outside of jobs, and in each.
    counts: [u64; 1 + JOBS],
    /// How many threads each job has.
    live: [usize; JOBS],
    thread: Thread,
}

/// All that must happen when a program runs on a thread.
pub(crate) fn events(program: &Program) -> Vec<Event> {
    let mut model = Model {
        events: Vec::new(),
        tokens: 0,
        initializers: program.initializers.clone().into(),
        destructors: program.destructors.clone().into(),
        foreign: program.foreign.clone().into(),
        late: program.late.clone(),
        counts: [0; 1 + JOBS],
        live: [0; JOBS],
        thread: Thread::new(),
    };
    model.thread.registered.push(Exit::Late);
    for operation in &program.main {
        model.catch(std::slice::from_ref(operation));
    }
    model.exit();
    let counts = model.counts;
    model.note(Event::Totals(counts));
    model.events
}

/// The number of the pair of bits that a field has; the whole has all.
fn meet(state: State, target: Target, other: Target) -> bool {
    match (target, other) {
        (Target::Whole, _) | (_, Target::Whole) => true,
        // They lie beyond the fields that have bits of their own.
        (Target::Token(_), Target::Token(_)) if state == State::Wide => true,
        _ => target == other,
    }
}

fn index_of(slot: Slot) -> usize {
    match slot {
        Slot::First => 0,
        Slot::Second => 1,
    }
}

impl Model {
    fn note(&mut self, event: Event) {
        self.events.push(event);
    }

    fn place(&mut self, state: State) -> &mut Place {
        &mut self.thread.places[state as usize]
    }

    fn value(&mut self, state: State) -> &mut Value {
        match &mut self.place(state).life {
            Life::Alive(value) => value,
            _ => unreachable!("it is borrowed"),
        }
    }

    fn panic<R>(&mut self, cause: Cause) -> Run<R> {
        self.thread.panics += 1;
        Err(Unwinding(cause))
    }

    fn panic_if(&mut self, panics: bool) -> Run {
        if panics {
            self.panic(Cause::Planned)
        } else {
            Ok(())
        }
    }

    fn catch(&mut self, body: &[Operation]) {
        if let Err(Unwinding(cause)) = self.run(body) {
            self.thread.panics -= 1;
            self.note(Event::Caught(cause));
        }
    }

    fn run(&mut self, body: &[Operation]) -> Run {
        body.iter()
            .try_for_each(|operation| self.operate(operation))
    }

    fn make_token(&mut self) -> Content {
        self.tokens += 1;
        self.note(Event::Made(self.tokens));
        (self.tokens, 0)
    }

    fn drop_token(&mut self, (number, _): Content) -> Run {
        self.note(Event::Dropped(number));
        let Some((body, panics)) = self.destructors.pop_front() else {
            return Ok(());
        };
        self.note(Event::DestructorRuns);
        self.catch(&body);
        self.panic_if(panics && self.thread.panics == 0 && !self.thread.is_exiting)
    }

    /// Drops both, also if the destructor of the first panics.
    fn drop_tokens(&mut self, [first, second]: [Content; 2]) -> Run {
        let result = self.drop_token(first);
        // While a panic is under way none is added.
        let second = self.drop_token(second);
        result.and(second)
    }

    /// Drops a token, whatever the result was before; a panic that is under way goes on.
    fn drop_after<R>(&mut self, result: Run<R>, token: Content) -> Run<R> {
        let dropped = self.drop_token(token);
        let result = result?;
        dropped?;
        Ok(result)
    }

    /// The thread exits. Each state is registered when its first value has been made. What was registered last
    /// is dropped first, also if that was while the thread exits.
    fn exit(&mut self) {
        self.note(Event::ThreadExits);
        self.thread.is_exiting = true;
        while let Some(next) = self.thread.registered.pop() {
            match next {
                Exit::State(state) => self.turn(state),
                Exit::Foreign(number) => self.drop_foreign(number),
                Exit::Late => {
                    self.note(Event::LateBegins);
                    self.thread.foreign_destructors += 1;
                    let late = std::mem::take(&mut self.late);
                    self.catch(&late);
                    self.close();
                    self.thread.foreign_destructors -= 1;
                }
            }
        }
        if cfg!(tls_core_keys) {
            // The C library calls destructors of keys after the standard library's.
            self.drop_all();
        }
    }

    fn drop_foreign(&mut self, number: usize) {
        let life = std::mem::replace(&mut self.thread.foreign[number], Foreign::Destroyed);
        let Foreign::Alive(at_drop) = life else {
            unreachable!("it is registered when it has been made");
        };
        self.note(Event::ForeignDropped(number));
        self.thread.foreign_destructors += 1;
        self.catch(&at_drop);
        self.thread.foreign_destructors -= 1;
    }

    /// Uses a thread-local of the standard library's, which makes it. Whoever makes itself is not asked.
    fn use_foreign(&mut self, number: usize) -> Run {
        match self.thread.foreign[number] {
            Foreign::Initializing => return Ok(()),
            Foreign::Destroyed => self.note(Event::ForeignDestroyed(number)),
            Foreign::Alive(_) => self.note(Event::ForeignUsed(number)),
            Foreign::Uninitialized => {
                if has_no_turn(self.thread.is_exiting, self.thread.foreign_destructors) {
                    return Ok(());
                }
                self.thread.foreign[number] = Foreign::Initializing;
                self.note(Event::ForeignInitializerRuns(number));
                let [init, at_drop] = self.foreign.pop_front().unwrap_or_default();
                if let Err(unwinding) = self.run(&init) {
                    self.thread.foreign[number] = Foreign::Uninitialized;
                    return Err(unwinding);
                }
                self.thread.foreign[number] = Foreign::Alive(at_drop);
                self.thread.registered.push(Exit::Foreign(number));
                self.note(Event::ForeignUsed(number));
            }
        }
        Ok(())
    }

    /// Where the thread's writes go: outside, or to a job.
    fn home(&self) -> usize {
        self.thread.jobs.last().map_or(0, |job| 1 + job)
    }

    fn enter(&mut self, job: usize) {
        self.thread.jobs.push(job);
    }

    /// Leaves what was entered last. A thread that is not in a job has counted nothing in it.
    fn leave(&mut self) {
        if let Some(job) = self.thread.jobs.pop()
            && !self.thread.jobs.contains(&job)
        {
            self.thread.own[1 + job] = 0;
            let was_live = std::mem::take(&mut self.thread.is_live[job]);
            self.live[job] -= usize::from(was_live);
        }
    }

    /// The state's turn: what is newer is dropped, and then its value, also one that has been made meanwhile. It
    /// is destroyed if there is none.
    fn turn(&mut self, state: State) {
        while let Life::Alive(_) = self.place(state).life {
            self.drop_newest();
        }
        self.place(state).life = Life::Destroyed;
    }

    /// The turn of all states, those that are made meanwhile included.
    fn drop_all(&mut self) {
        while self.drop_newest() {}
    }

    /// Returns `false` if there is none.
    fn drop_newest(&mut self) -> bool {
        let Some((newest, _)) = self.newest() else {
            return false;
        };
        let life = std::mem::replace(&mut self.place(newest).life, Life::Destroyed);
        if let Life::Alive(value) = life
            && self.drop_tokens(value.tokens).is_err()
        {
            unreachable!("no destructor panics while the thread exits");
        }
        true
    }

    fn newest(&self) -> Option<(State, u64)> {
        let alive = State::ALL.into_iter().filter_map(|state| {
            match &self.thread.places[state as usize].life {
                Life::Alive(value) => Some((state, value.birth)),
                _ => None,
            }
        });
        alive.max_by_key(|(_, birth)| *birth)
    }

    /// Why an access to this state as a whole is refused, or nothing if it may be.
    fn refusal(&self, state: State, target: Target, is_exclusive: bool) -> Option<Cause> {
        let place = &self.thread.places[state as usize];
        match place.life {
            Life::Initializing => Some(Cause::Recursive),
            Life::Destroyed => Some(Cause::Destroyed),
            Life::Uninitialized => None,
            Life::Alive(_) => place
                .borrows
                .iter()
                .any(|borrow| {
                    meet(state, target, borrow.target) && (is_exclusive || borrow.is_exclusive)
                })
                .then_some(Cause::Borrowed),
        }
    }

    /// Makes the value, if there is none; from a token, if one is given.
    fn make(&mut self, state: State, given: Option<Content>) -> Run<Result<(), Cause>> {
        if state == State::Explicit && given.is_none() {
            return Ok(Err(Cause::NotInitialized));
        }
        self.place(state).life = Life::Initializing;
        let result = self.make_tokens(state, given);
        let tokens = match result {
            Ok(Ok(tokens)) => tokens,
            Ok(Err(cause)) => {
                self.place(state).life = Life::Uninitialized;
                return Ok(Err(cause));
            }
            Err(unwinding) => {
                self.place(state).life = Life::Uninitialized;
                return Err(unwinding);
            }
        };
        let place = self.place(state);
        if !cfg!(tls_core_keys) && !std::mem::replace(&mut place.is_registered, true) {
            self.thread.registered.push(Exit::State(state));
        }
        self.thread.births += 1;
        let birth = self.thread.births;
        self.place(state).life = Life::Alive(Value {
            tokens,
            number: START,
            birth,
        });
        Ok(Ok(()))
    }

    fn make_tokens(
        &mut self,
        state: State,
        given: Option<Content>,
    ) -> Run<Result<[Content; 2], Cause>> {
        if state == State::Constant {
            return Ok(Ok(CONSTANTS.map(|number| (number, 0))));
        }
        let first = match given {
            Some(given) => given,
            None => self.make_token(),
        };
        let end = match self.initializers.pop_front() {
            None => InitEnd::Succeeds,
            Some((body, end)) => {
                self.note(Event::InitializerRuns);
                if let Err(unwinding) = self.run(&body) {
                    return self.drop_after(Err(unwinding), first);
                }
                end
            }
        };
        match end {
            InitEnd::Succeeds => Ok(Ok([first, self.make_token()])),
            InitEnd::Fails if state == State::Fallible => {
                self.drop_after(Ok(Err(Cause::Failed)), first)
            }
            InitEnd::Fails | InitEnd::Panics => {
                let unwinding = self.panic(Cause::Planned);
                self.drop_after(unwinding, first)
            }
        }
    }

    /// Borrows, and makes the value if need be.
    fn borrow(
        &mut self,
        state: State,
        target: Target,
        is_exclusive: bool,
    ) -> Run<Result<(), Cause>> {
        if let Some(cause) = self.refusal(state, target, is_exclusive) {
            return Ok(Err(cause));
        }
        if let Life::Uninitialized = self.place(state).life
            && let Err(cause) = self.make(state, None)?
        {
            return Ok(Err(cause));
        }
        self.place(state).borrows.push(Borrow {
            target,
            is_exclusive,
        });
        Ok(Ok(()))
    }

    fn give_back(&mut self, state: State) {
        self.place(state).borrows.pop();
    }

    /// How an access is answered that is refused or has failed.
    fn answer(&mut self, access: Access, cause: Cause) -> Run<Result<u64, Cause>> {
        let has_try = access.state == State::Fallible;
        match (
            access.is_plain,
            access.lends && (access.is_plain || has_try),
        ) {
            // An initializer's error, too.
            (true, true) => self.panic(cause),
            (false, true) | (true, false) => self.plainly(cause),
            (false, false) => Ok(Err(cause)),
        }
    }

    /// What a plain function does with a failure: only an initializer's error is returned.
    fn plainly(&mut self, cause: Cause) -> Run<Result<u64, Cause>> {
        if cause == Cause::Failed {
            Ok(Err(cause))
        } else {
            self.panic(cause)
        }
    }

    fn content(&mut self, state: State, target: Target) -> (Vec<Content>, u64) {
        let value = self.value(state);
        match target {
            Target::Whole => (value.tokens.to_vec(), value.number),
            Target::Token(slot) => (vec![value.tokens[index_of(slot)]], 0),
            Target::Number => (Vec::new(), value.number),
        }
    }

    fn change(&mut self, state: State, target: Target) {
        let value = self.value(state);
        match target {
            Target::Whole => {
                value.tokens[0].1 += 1;
                value.tokens[1].1 += 1;
                value.number += 1;
            }
            Target::Token(slot) => value.tokens[index_of(slot)].1 += 1,
            Target::Number => value.number += 1,
        }
    }

    /// What runs inside of a borrow, and its end.
    fn inside(&mut self, access: Access, body: &[Operation]) -> Run {
        let Access { state, target, .. } = access;
        if access.is_exclusive {
            self.change(state, target);
        }
        let (tokens, number) = self.content(state, target);
        self.note(Event::Begun(state, target, tokens, number));
        let mut result = self.run(body);
        if result.is_ok() {
            let (tokens, number) = self.content(state, target);
            self.note(Event::Ended(tokens, number));
            result = self.panic_if(access.panics);
        }
        self.give_back(state);
        result
    }

    fn operate(&mut self, operation: &Operation) -> Run {
        let returned = match *operation {
            Operation::Count => {
                let home = self.home();
                self.counts[home] += 1;
                self.thread.own[home] += 1;
                if let Some(&job) = self.thread.jobs.last()
                    && !self.thread.is_exiting
                    && !std::mem::replace(&mut self.thread.is_live[job], true)
                {
                    self.live[job] += 1;
                }
                return Ok(());
            }
            Operation::Total => {
                let home = self.home();
                // What a thread that exits has given back depends on when it began to count.
                let (own, live) = match self.thread.jobs.last() {
                    _ if self.thread.is_exiting => (0, 0),
                    Some(&job) => (self.thread.own[home], self.live[job]),
                    None => (self.thread.own[home], 0),
                };
                self.note(Event::Counted(self.counts[home], own, live));
                return Ok(());
            }
            Operation::InJob(job, ref body) => {
                self.enter(job);
                let result = self.run(body);
                self.leave();
                return result;
            }
            Operation::Foreign(number) => return self.use_foreign(number),
            Operation::Future(around, ref script) => return self.future(around, script),
            Operation::Poll(index, elsewhere) => return self.poll(index, elsewhere),
            Operation::DropKept(index) => return self.drop_kept(index),
            Operation::Guard(state, slot) => self.guard(state, slot)?,
            Operation::Panic => return self.panic(Cause::Planned),
            Operation::Catch(ref body) => {
                self.catch(body);
                return Ok(());
            }
            Operation::With(access, ref body) => self.with(access, body)?,
            Operation::WithOrElse(access, slot, ref body) => {
                self.with_or_else(access, slot, body)?
            }
            Operation::Peek(state, ref body) => self.peek(state, body)?,
            Operation::IsInitialized(state) => {
                Ok(matches!(self.place(state).life, Life::Alive(_)).into())
            }
            Operation::InitWith(State::Explicit) => self.init_with()?,
            Operation::Init(state) | Operation::InitWith(state) => self.init(state)?,
            Operation::Reset(state, is_plain) => self.reset(state, is_plain)?,
            Operation::Fresh(state, ref body, panics) => self.fresh(state, body, panics)?,
            Operation::Scope(state, slot, ref body, panics) => {
                self.scope(state, slot, body, panics)?
            }
            Operation::Get(state) => match self.borrow(state, Target::Number, false)? {
                Ok(()) => {
                    self.give_back(state);
                    Ok(self.value(state).number)
                }
                Err(cause) => self.plainly(cause)?,
            },
            Operation::SetNumber(state) => match self.borrow(state, Target::Number, true)? {
                Ok(()) => {
                    self.give_back(state);
                    self.value(state).number = START_AGAIN;
                    Ok(0)
                }
                Err(cause) => self.plainly(cause)?,
            },
            Operation::Set(state, slot, true) => self.set(state, slot)?,
            Operation::Set(state, slot, false) | Operation::Replace(state, slot, false) => {
                let is_set = matches!(operation, Operation::Set(..));
                self.try_replace(state, slot, is_set)?
            }
            Operation::Replace(state, slot, true) | Operation::Take(state, slot) => {
                self.replace_and_drop(state, slot)?
            }
            Operation::Update(state, ref body, panics) => self.update(state, body, panics)?,
        };
        self.note(Event::Returned(returned));
        Ok(())
    }

    fn with(&mut self, access: Access, body: &[Operation]) -> Run<Result<u64, Cause>> {
        match self.borrow(access.state, access.target, access.is_exclusive)? {
            Ok(()) => {
                self.inside(access, body)?;
                Ok(Ok(0))
            }
            Err(cause) => self.answer(access, cause),
        }
    }

    fn with_or_else(
        &mut self,
        access: Access,
        slot: Slot,
        body: &[Operation],
    ) -> Run<Result<u64, Cause>> {
        let access = Access {
            target: Target::Token(slot),
            ..access
        };
        match self.borrow(access.state, access.target, access.is_exclusive)? {
            Ok(()) => {
                self.inside(access, body)?;
                return Ok(Ok(0));
            }
            Err(Cause::Failed) => return Ok(Err(Cause::Failed)),
            Err(_) => {}
        }
        let mut spare = self.make_token();
        self.note(Event::SpareUsed(spare));
        spare.1 += u64::from(access.is_exclusive);
        self.note(Event::Begun(access.state, access.target, vec![spare], 0));
        let mut result = self.run(body);
        if result.is_ok() {
            self.note(Event::Ended(vec![spare], 0));
            result = self.panic_if(access.panics);
        }
        self.drop_after(result, spare)?;
        Ok(Ok(0))
    }

    fn peek(&mut self, state: State, body: &[Operation]) -> Run<Result<u64, Cause>> {
        if let Some(cause) = self.refusal(state, Target::Whole, false) {
            return Ok(Err(cause));
        }
        if let Life::Uninitialized = self.place(state).life {
            return Ok(Ok(0));
        }
        let access = Access {
            state,
            target: Target::Whole,
            is_exclusive: false,
            is_plain: false,
            lends: false,
            panics: false,
        };
        self.place(state).borrows.push(Borrow {
            target: Target::Whole,
            is_exclusive: false,
        });
        self.inside(access, body)?;
        Ok(Ok(1))
    }

    fn init(&mut self, state: State) -> Run<Result<u64, Cause>> {
        let made = match self.place(state).life {
            Life::Alive(_) => Ok(()),
            Life::Initializing => Err(Cause::Recursive),
            Life::Destroyed => Err(Cause::Destroyed),
            Life::Uninitialized => self.make(state, None)?,
        };
        Ok(made.map(|()| 0))
    }

    fn init_with(&mut self) -> Run<Result<u64, Cause>> {
        let given = self.make_token();
        let is_there = !matches!(self.place(State::Explicit).life, Life::Uninitialized);
        if is_there {
            // They are handed back.
            self.drop_token(given)?;
            return Ok(Ok(0));
        }
        match self.make(State::Explicit, Some(given))? {
            Ok(()) => Ok(Ok(1)),
            Err(_) => unreachable!("nothing else is refused"),
        }
    }

    /// Moves the value out, if there is one and it is not borrowed.
    fn evict(&mut self, state: State) -> Result<Option<Value>, Cause> {
        if let Some(cause) = self.refusal(state, Target::Whole, true) {
            return Err(cause);
        }
        let life = std::mem::replace(&mut self.place(state).life, Life::Uninitialized);
        match life {
            Life::Alive(value) => Ok(Some(value)),
            _ => Ok(None),
        }
    }

    fn reset(&mut self, state: State, is_plain: bool) -> Run<Result<u64, Cause>> {
        match self.evict(state) {
            Ok(None) => Ok(Ok(0)),
            Ok(Some(value)) => {
                self.drop_tokens(value.tokens)?;
                Ok(Ok(1))
            }
            Err(cause) if is_plain => self.panic(cause),
            Err(cause) => Ok(Err(cause)),
        }
    }

    fn fresh(&mut self, state: State, body: &[Operation], panics: bool) -> Run<Result<u64, Cause>> {
        let aside = match self.evict(state) {
            Ok(aside) => aside,
            Err(Cause::Destroyed) => None,
            Err(cause) => return self.panic(cause),
        };
        let mut result = self.run(body);
        if result.is_ok() {
            result = self.panic_if(panics);
        }
        // The new one is taken out, the old one put back, and only then the new one dropped.
        match self.evict(state) {
            Ok(fresh) => {
                if let Some(aside) = aside {
                    self.place(state).life = Life::Alive(aside);
                }
                if let Some(fresh) = fresh {
                    let dropped = self.drop_tokens(fresh.tokens);
                    result = result.and(dropped);
                }
            }
            Err(_) => {
                if let Some(aside) = aside {
                    let dropped = self.drop_tokens(aside.tokens);
                    result = result.and(dropped);
                }
            }
        }
        result?;
        Ok(Ok(0))
    }

    /// Puts a token into a field, and returns what was there. If that cannot be, drops it.
    fn replace(&mut self, state: State, slot: Slot, token: Content) -> Run<Result<Content, Cause>> {
        match self.borrow(state, Target::Token(slot), true) {
            Ok(Ok(())) => {
                self.give_back(state);
                let tokens = &mut self.value(state).tokens;
                Ok(Ok(std::mem::replace(&mut tokens[index_of(slot)], token)))
            }
            Ok(Err(cause)) => {
                let failed = self.plainly(cause).map(|_| Err(cause));
                self.drop_after(failed, token)
            }
            Err(unwinding) => self.drop_after(Err(unwinding), token),
        }
    }

    fn set(&mut self, state: State, slot: Slot) -> Run<Result<u64, Cause>> {
        let token = self.make_token();
        match self.replace(state, slot, token)? {
            Ok(old) => {
                self.drop_token(old)?;
                Ok(Ok(0))
            }
            Err(cause) => Ok(Err(cause)),
        }
    }

    /// What is handed back is dropped at once.
    fn try_replace(&mut self, state: State, slot: Slot, is_set: bool) -> Run<Result<u64, Cause>> {
        let token = self.make_token();
        let borrowed = match self.borrow(state, Target::Token(slot), true) {
            Ok(borrowed) => borrowed,
            Err(unwinding) => return self.drop_after(Err(unwinding), token),
        };
        if let Err(cause) = borrowed {
            self.drop_token(token)?;
            return Ok(Err(cause));
        }
        self.give_back(state);
        let tokens = &mut self.value(state).tokens;
        let old = std::mem::replace(&mut tokens[index_of(slot)], token);
        self.drop_token(old)?;
        Ok(Ok(if is_set { 0 } else { old.0 }))
    }

    fn replace_and_drop(&mut self, state: State, slot: Slot) -> Run<Result<u64, Cause>> {
        let token = self.make_token();
        match self.replace(state, slot, token)? {
            Ok(old) => {
                self.drop_token(old)?;
                Ok(Ok(old.0))
            }
            Err(cause) => Ok(Err(cause)),
        }
    }

    fn update(
        &mut self,
        state: State,
        body: &[Operation],
        panics: bool,
    ) -> Run<Result<u64, Cause>> {
        if let Err(cause) = self.borrow(state, Target::Number, true)? {
            return self.plainly(cause);
        }
        let mut result = self.run(body);
        if result.is_ok() {
            result = self.panic_if(panics);
        }
        self.give_back(state);
        result?;
        self.value(state).number += 1;
        Ok(Ok(0))
    }

    fn scope(
        &mut self,
        state: State,
        slot: Slot,
        body: &[Operation],
        panics: bool,
    ) -> Run<Result<u64, Cause>> {
        let token = self.make_token();
        let saved = match self.replace(state, slot, token)? {
            Ok(saved) => saved,
            Err(cause) => return Ok(Err(cause)),
        };
        let birth = self.value(state).birth;
        let mut result = self.run(body);
        if result.is_ok() {
            result = self.panic_if(panics);
        }
        let (_, dropped) = self.restore(state, slot, birth, saved);
        self.drop_after(result, dropped)?;
        Ok(Ok(0))
    }

    /// Puts back what was in a field, if the state has still the same value, and the field is free. Returns
    /// whether it did, and what is left.
    fn restore(&mut self, state: State, slot: Slot, birth: u64, saved: Content) -> (bool, Content) {
        let is_free = self.refusal(state, Target::Token(slot), true).is_none();
        match &mut self.place(state).life {
            // The same value: what has been left there is what is left.
            Life::Alive(value) if value.birth == birth && is_free => {
                let tokens = &mut value.tokens;
                (true, std::mem::replace(&mut tokens[index_of(slot)], saved))
            }
            _ => (false, saved),
        }
    }
}

/// Whether what is not a state would be made where nothing drops it any more: under keys the states go when the
/// standard library's thread-locals are gone.
pub(crate) fn has_no_turn(is_exiting: bool, foreign_destructors: usize) -> bool {
    cfg!(tls_core_keys) && is_exiting && foreign_destructors == 0
}
