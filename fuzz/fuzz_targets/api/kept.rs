//! Guards and futures: made by one operation, kept, and dropped or polled by others.
//!
//! What is inside a future changes the model where the program runs, as the closures of other operations do.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tls_core::{FreshFuture, IsolatedFuture, ScopeFuture, ScopeGuard};

use crate::cells::{self, Job};
use crate::model::{
    Held, Model, Plan, Refusal, Status, Which, check, deeper, fail, lock, model, next, number,
};
use crate::operations::{
    self, End, Panicked, catch, field, freedom, is_dead, plan, settle, settle_value, throw,
};
use crate::states::{Subject, Value as _};

/// What is kept.
trait Kept {
    /// Returns `true` if it is over.
    fn poll(&mut self) -> bool;

    fn end(self: Box<Self>);
}

enum Entry {
    Here(Box<dyn Kept>),
    Anywhere(Box<dyn Kept + Send>),
}

impl Entry {
    fn end(self) {
        match self {
            Self::Here(kept) => kept.end(),
            Self::Anywhere(kept) => kept.end(),
        }
    }
}

thread_local! {
    /// Without drop glue: there in every destructor.
    static KEPT: ManuallyDrop<RefCell<Vec<Entry>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// Keeps something, or drops it if it is too late for that.
fn keep(entry: Entry) {
    if IS_CLOSED.get() {
        entry.end();
    } else {
        KEPT.with(|kept| kept.borrow_mut().push(entry));
    }
}

fn remove(index: usize) -> Option<Entry> {
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        let index = index.checked_rem(kept.len())?;
        Some(kept.remove(index))
    })
}

/// Drops all that is kept.
pub fn end_all() {
    while let Some(entry) = remove(0) {
        entry.end();
    }
}

/// And keeps nothing any more.
pub fn close() {
    IS_CLOSED.set(true);
    end_all();
    KEPT.with(|kept| kept.take());
}

/// Polls or drops something.
pub fn one(byte: u8) {
    let Some(entry) = remove(next().into()) else {
        return;
    };
    let drops = byte % 8 >= 5;
    let entry = match entry {
        Entry::Anywhere(kept) if next() % 8 == 7 && !model(|model| model.is_exiting) => {
            elsewhere(kept, drops).map(Entry::Anywhere)
        }
        Entry::Anywhere(kept) => step(kept, drops).map(Entry::Anywhere),
        Entry::Here(kept) => step(kept, drops).map(Entry::Here),
    };
    if let Some(entry) = entry {
        KEPT.with(|kept| kept.borrow_mut().push(entry));
    }
}

/// Returns it, if it is not over.
fn step<K: Kept + ?Sized>(mut kept: Box<K>, drops: bool) -> Option<Box<K>> {
    if drops || kept.poll() {
        kept.end();
        return None;
    }
    Some(kept)
}

/// As [`step`], on a thread that ends then, and goes on with the program until then.
fn elsewhere(kept: Box<dyn Kept + Send>, drops: bool) -> Option<Box<dyn Kept + Send>> {
    let rest = model(Model::rest);
    let (rest, kept) = crate::life(rest, move || step(kept, drops));
    model(|model| model.go_on_with(&rest));
    kept
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Result<Poll<F::Output>, Panicked> {
    catch(|| {
        future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
    })
}

/// Drops something, which may run a part of the program that panics.
fn end<T>(it: T) {
    if let Err(Panicked::Refused(text)) = catch(|| drop(it)) {
        fail(text);
    }
}

/// Runs a part of the program in a future. Returns `true` if it panics then.
fn inside() -> bool {
    deeper(operations::run);
    next() % 8 == 7 && !std::thread::panicking()
}

/// How many more polls a future takes.
fn polls() -> u8 {
    1 + next() % 3
}

/// What is in a field for some time, and what the library should do at the end of that.
#[derive(Clone, Copy)]
struct Bound {
    which: Which,
    saved: u64,
    birth: u64,
}

impl Bound {
    /// The field has been set.
    fn begin<S: Subject>(which: Which, new: u64) -> Self {
        set_loud(which, new);
        model(|model| {
            let state = &mut model.states[S::FACTS.index];
            Self {
                which,
                saved: state.held.exchange(which, new),
                birth: state.birth,
            }
        })
    }

    /// It is to be restored. Returns what is left, and whether it was restored.
    fn end<S: Subject>(self) -> (u64, bool) {
        let facts = &S::FACTS;
        model(|model| {
            let state = &mut model.states[facts.index];
            let is_same = state.status == Status::Alive && state.birth == self.birth;
            if is_same && state.may(facts, Some(self.which), true) {
                (state.held.exchange(self.which, self.saved), true)
            } else {
                (self.saved, false)
            }
        })
    }
}

fn set_loud(which: Which, id: u64) {
    if which != Which::N {
        model(|model| model.set_loud(u32::try_from(id).unwrap_or_default(), true));
    }
}

fn is_gone<S: Subject>(which: Which, id: Option<u64>) {
    if let Some(id) = id.filter(|_| which != Which::N) {
        is_dead(u32::try_from(id).unwrap_or_default(), S::FACTS.name);
    }
}

struct Guard<S: Subject, T> {
    guard: ScopeGuard<S, T>,
    bound: Bound,
}

impl<S: Subject, T> Kept for Guard<S, T> {
    fn poll(&mut self) -> bool {
        false
    }

    fn end(self: Box<Self>) {
        let (left, _) = self.bound.end::<S>();
        end(self.guard);
        is_gone::<S>(self.bound.which, Some(left));
    }
}

#[inline(never)]
pub fn make_guard<S: Subject>() {
    if next() % 4 == 0 {
        let n = number();
        let plan = plan::<S>(Some(Which::N), true);
        let end = catch(|| S::flat(S::N.scope_guard(n)));
        if let Some(guard) = settle_value::<S, _>(plan, End::Plain(end)) {
            let bound = Bound::begin::<S>(Which::N, n);
            keep(Entry::Here(Box::new(Guard { guard, bound })));
        }
        return;
    }
    let (which, field) = field::<S>();
    let plan = plan::<S>(Some(which), true);
    let new = S::Value::new(false);
    let id = new.id();
    let end = catch(|| S::flat(field.scope_guard(new)));
    match settle_value::<S, _>(plan, End::Plain(end)) {
        Some(guard) => {
            let bound = Bound::begin::<S>(which, id.into());
            keep(Entry::Here(Box::new(Guard { guard, bound })));
        }
        None => is_dead(id, S::FACTS.name),
    }
}

/// What a future that sets a field knows, outside and inside.
struct Setting {
    which: Which,
    polls: u8,
    /// What the field is set to, if it was not lost.
    carried: Option<u64>,
    /// What is to come of setting it.
    plan: Option<Plan>,
    /// What could not be restored.
    gone: Option<u64>,
}

type Shared<T> = Arc<Mutex<T>>;

struct Setter<S: Subject, T> {
    future: Pin<Box<ScopeFuture<S, T, SettingSteps<S>>>>,
    shared: Shared<Setting>,
}

struct SettingSteps<S: Subject>(Shared<Setting>, PhantomData<fn() -> S>);

impl<S: Subject> SettingSteps<S> {
    fn shared(&self) -> MutexGuard<'_, Setting> {
        lock(&self.0)
    }

    fn unbind(&self, bound: Bound) {
        let (left, is_restored) = bound.end::<S>();
        let mut shared = self.shared();
        (shared.carried, shared.gone) = if is_restored {
            (Some(left), None)
        } else {
            (None, Some(left))
        };
    }

    /// Whether the field has been set in which the future is dropped. An initializer may have failed.
    fn is_set(plan: Option<Plan>) -> bool {
        match plan {
            Some(Plan::Enter) => true,
            Some(Plan::Make) => model(|model| {
                let state = &mut model.states[S::FACTS.index];
                if state.is_complete {
                    return true;
                }
                state.status = Status::Uninitialized;
                let Held { t, u, .. } = state.held;
                check!(
                    !model.is_alive(t) && !model.is_alive(u),
                    "{} was not made, and something is left",
                    S::FACTS.name
                );
                false
            }),
            Some(Plan::Refuse(_)) | None => false,
        }
    }
}

impl<S: Subject> Future for SettingSteps<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let (which, plan, carried) = {
            let shared = self.shared();
            (shared.which, shared.plan, shared.carried)
        };
        let (Some(plan), Some(carried)) = (plan, carried) else {
            fail("a future is polled whose value is lost");
        };
        model(|model| model.enter(&S::FACTS, plan));
        let bound = Bound::begin::<S>(which, carried);
        let throws = inside();
        self.unbind(bound);
        if throws {
            throw();
        }
        count_down(&mut self.shared().polls)
    }
}

fn count_down(polls: &mut u8) -> Poll<()> {
    *polls = polls.saturating_sub(1);
    if *polls == 0 {
        Poll::Ready(())
    } else {
        Poll::Pending
    }
}

impl<S: Subject> Drop for SettingSteps<S> {
    fn drop(&mut self) {
        let (which, plan, carried) = {
            let mut shared = self.shared();
            (shared.which, shared.plan.take(), shared.carried)
        };
        let bound = carried.filter(|_| Self::is_set(plan)).map(|carried| {
            model(|model| model.enter(&S::FACTS, plan.unwrap_or(Plan::Enter)));
            Bound::begin::<S>(which, carried)
        });
        let throws = inside();
        if let Some(bound) = bound {
            self.unbind(bound);
        }
        if throws {
            throw();
        }
    }
}

impl<S: Subject, T> Kept for Setter<S, T> {
    fn poll(&mut self) -> bool {
        let name = S::FACTS.name;
        let (which, carried) = {
            let shared = lock(&self.shared);
            (shared.which, shared.carried)
        };
        if carried.is_none() {
            let Err(Panicked::Refused(text)) = poll(&mut self.future) else {
                fail(format_args!("{name}: a future whose value is lost goes on"));
            };
            check!(text.contains("is gone"), "{name}: {text}");
            return false;
        }
        let plan = plan::<S>(Some(which), true);
        lock(&self.shared).plan = Some(plan);
        let polled = poll(&mut self.future);
        let gone = {
            let mut shared = lock(&self.shared);
            shared.plan = None;
            shared.gone.take()
        };
        let is_over = matches!(polled, Ok(Poll::Ready(_)));
        let end = polled.map(|polled| match polled {
            Poll::Ready(output) => S::flat(output),
            Poll::Pending => Ok(()),
        });
        settle::<S, _>(plan, End::Plain(end));
        is_gone::<S>(which, gone);
        is_over
    }

    fn end(self: Box<Self>) {
        let Self { future, shared } = *self;
        let which = lock(&shared).which;
        if lock(&shared).carried.is_some() {
            let plan = plan::<S>(Some(which), true);
            lock(&shared).plan = Some(plan);
        }
        end(future);
        let Setting { carried, gone, .. } = *lock(&shared);
        is_gone::<S>(which, carried);
        is_gone::<S>(which, gone);
    }
}

/// A future that sets a field. One that sets a number goes to other threads.
#[inline(never)]
pub fn make_setter<S: Subject>() {
    fn setting<S: Subject>(which: Which, carried: u64) -> (Shared<Setting>, SettingSteps<S>) {
        let shared = Arc::new(Mutex::new(Setting {
            which,
            polls: polls(),
            carried: Some(carried),
            plan: None,
            gone: None,
        }));
        (Arc::clone(&shared), SettingSteps(shared, PhantomData))
    }

    if next() % 2 == 0 {
        let n = number();
        let (shared, steps) = setting::<S>(Which::N, n);
        let future = Box::pin(S::N.scope_future(n, steps));
        keep(Entry::Anywhere(Box::new(Setter { future, shared })));
    } else {
        let (which, field) = field::<S>();
        let new = S::Value::new(false);
        let (shared, steps) = setting::<S>(which, new.id().into());
        let future = Box::pin(field.scope_future(new, steps));
        keep(Entry::Here(Box::new(Setter { future, shared })));
    }
}

/// What a future that has a value of its own knows, outside and inside.
struct Having {
    polls: u8,
    /// The value, with its birth.
    fresh: Option<(Held, u64)>,
    /// What is to come of setting the thread's value aside.
    should: Result<bool, Refusal>,
}

struct Fresh<S: Subject> {
    future: Pin<Box<FreshFuture<S, FreshSteps<S>>>>,
    shared: Shared<Having>,
}

struct FreshSteps<S: Subject>(Shared<Having>, PhantomData<fn() -> S>);

impl<S: Subject> FreshSteps<S> {
    /// Runs a part of the program while the thread's value is aside. Returns `true` if it panics then.
    fn inside(&self) -> bool {
        let at = S::FACTS.index;
        let (should, fresh) = {
            let mut shared = lock(&self.0);
            let should = shared.should;
            if should.is_err_and(|refusal| refusal != Refusal::Destroyed) {
                // It is dropped where nothing can be set aside.
                drop(shared);
                return inside();
            }
            (should, shared.fresh.take())
        };
        let (aside, fresh) = model(|model| {
            let state = &mut model.states[at];
            let aside = (should == Ok(true)).then_some((state.held, state.birth));
            if aside.is_some() {
                state.status = Status::Uninitialized;
            }
            if state.status == Status::Uninitialized {
                put(state, fresh);
                return (aside, None);
            }
            (aside, fresh)
        });
        let throws = inside();
        let left = model(|model| {
            let state = &mut model.states[at];
            let left = (state.status == Status::Alive).then_some((state.held, state.birth));
            if left.is_some() {
                state.status = Status::Uninitialized;
            }
            put(state, aside);
            left
        });
        lock(&self.0).fresh = left.or(fresh);
        throws
    }
}

fn put(state: &mut crate::model::State, value: Option<(Held, u64)>) {
    if let Some((held, birth)) = value {
        state.status = Status::Alive;
        state.held = held;
        state.birth = birth;
    }
}

impl<S: Subject> Future for FreshSteps<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.inside() {
            throw();
        }
        count_down(&mut lock(&self.0).polls)
    }
}

impl<S: Subject> Drop for FreshSteps<S> {
    fn drop(&mut self) {
        if self.inside() {
            throw();
        }
    }
}

impl<S: Subject> Kept for Fresh<S> {
    fn poll(&mut self) -> bool {
        let name = S::FACTS.name;
        let should = freedom(&S::FACTS);
        lock(&self.shared).should = should;
        match (poll(&mut self.future), should) {
            (Ok(polled), Ok(_) | Err(Refusal::Destroyed)) => match polled {
                Poll::Ready(output) => {
                    check!(S::flat(output).is_ok(), "{name} failed, and was set aside");
                    true
                }
                Poll::Pending => false,
            },
            (Err(Panicked::Thrown), Ok(_) | Err(Refusal::Destroyed)) => false,
            (Err(Panicked::Refused(text)), Err(_)) if text.contains(name) => false,
            _ => fail(format_args!("{name}: set aside for a future, {should:?}")),
        }
    }

    fn end(self: Box<Self>) {
        let Self { future, shared } = *self;
        let should = freedom(&S::FACTS);
        lock(&shared).should = should;
        end(future);
        let fresh = lock(&shared).fresh;
        if let Some((held, _)) = fresh {
            is_dead(held.t, S::FACTS.name);
            is_dead(held.u, S::FACTS.name);
        }
    }
}

/// A future that has a value of its own.
#[inline(never)]
pub fn make_fresh<S: Subject>() {
    let shared = Arc::new(Mutex::new(Having {
        polls: polls(),
        fresh: None,
        should: Ok(false),
    }));
    let steps = FreshSteps::<S>(Arc::clone(&shared), PhantomData);
    let future = Box::pin(S::state().with_fresh_future(steps));
    keep(Entry::Here(Box::new(Fresh { future, shared })));
}

struct Counting(Pin<Box<IsolatedFuture<CountingSteps>>>);

struct CountingSteps {
    job: Arc<Job>,
    polls: u8,
}

impl Future for CountingSteps {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if cells::within(&self.job, inside) {
            throw();
        }
        count_down(&mut self.polls)
    }
}

impl Drop for CountingSteps {
    fn drop(&mut self) {
        if cells::within(&self.job, inside) {
            throw();
        }
    }
}

impl Kept for Counting {
    fn poll(&mut self) -> bool {
        match poll(&mut self.0) {
            Ok(polled) => polled.is_ready(),
            Err(Panicked::Thrown) => false,
            Err(Panicked::Refused(text)) => fail(text),
        }
    }

    fn end(self: Box<Self>) {
        end(self.0);
    }
}

/// A future that counts in a job.
#[inline(never)]
pub fn make_counting(job: Arc<Job>) {
    let future = job.isolated.clone();
    let polls = polls();
    let future = future.run_future(CountingSteps { job, polls });
    keep(Entry::Anywhere(Box::new(Counting(Box::pin(future)))));
}
