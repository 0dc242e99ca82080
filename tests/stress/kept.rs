//! Guards and futures: made by one operation, kept, and dropped or polled by others, also on other threads.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use tls_core::{FreshFuture, IsolatedFuture, ScopeFuture, ScopeGuard};

use crate::jobs;
use crate::model::{
    Attempt, Expected, Life, Phase, Target, Token, Value, check, here, is_child, lock,
};
use crate::ops::{
    Passed, change, expect, is_refusal, perhaps_panic, plainly, play_some, random_number,
};
use crate::states::Subject;

/// What is kept.
pub(crate) trait Kept {
    /// Returns `true` if it is over.
    fn poll(&mut self) -> bool;

    fn end(self: Box<Self>);
}

enum Entry {
    Here {
        /// It holds a token, and so is gone before its thread exits.
        has_token: bool,
        kept: Box<dyn Kept>,
    },
    Anywhere(Box<dyn Kept + Send>),
}

impl Entry {
    fn end(self) {
        match self {
            Self::Here { kept, .. } => kept.end(),
            Self::Anywhere(kept) => kept.end(),
        }
    }
}

thread_local! {
    /// Without drop glue: there in every destructor.
    static KEPT: ManuallyDrop<RefCell<Vec<Entry>>> =
        const { ManuallyDrop::new(RefCell::new(Vec::new())) };

    /// Nothing is kept any more.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// Futures that any thread may go on with.
static ANYWHERE: Mutex<Vec<Box<dyn Kept + Send>>> = Mutex::new(Vec::new());

fn keep(entry: Entry) {
    match entry {
        Entry::Anywhere(kept) if !is_child() && here(|model| model.chance(2)) => {
            lock(&ANYWHERE).push(kept);
        }
        entry if IS_CLOSED.get() => entry.end(),
        entry => KEPT.with(|kept| kept.borrow_mut().push(entry)),
    }
}

fn remove(choose: impl FnOnce(&[Entry]) -> Option<usize>) -> Option<Entry> {
    KEPT.with(|kept| {
        let mut kept = kept.borrow_mut();
        let index = choose(&kept)?;
        Some(kept.remove(index))
    })
}

/// Polls or drops something.
pub(crate) fn use_one() {
    let (draw, is_anywhere, drops) =
        here(|model| (model.random.next(), model.chance(3), model.chance(4)));
    let at = |count: usize| usize::try_from(draw).ok()?.checked_rem(count);
    let taken = if is_anywhere {
        let mut anywhere = lock(&ANYWHERE);
        at(anywhere.len()).map(|index| Entry::Anywhere(anywhere.remove(index)))
    } else {
        remove(|kept| at(kept.len()))
    };
    let Some(mut entry) = taken else { return };
    if drops {
        return entry.end();
    }
    let result = catch_unwind(AssertUnwindSafe(|| match &mut entry {
        Entry::Here { kept, .. } => kept.poll(),
        Entry::Anywhere(kept) => kept.poll(),
    }));
    match result {
        Ok(true) => entry.end(),
        Ok(false) => keep(entry),
        Err(payload) => {
            keep(entry);
            resume_unwind(payload);
        }
    }
}

/// Drops what is kept: all, or what holds tokens.
pub(crate) fn end_all(but_tokens_alone: bool) {
    let is_meant = |entry: &Entry| {
        !but_tokens_alone
            || matches!(
                entry,
                Entry::Here {
                    has_token: true,
                    ..
                }
            )
    };
    while let Some(entry) = remove(|kept| kept.iter().position(is_meant)) {
        crate::ops::caught(|| entry.end());
    }
    KEPT.with(|kept| {
        if kept.borrow().is_empty() {
            kept.take();
        }
    });
}

/// Drops what any thread may go on with, when all others have been joined.
pub(crate) fn end_anywhere() {
    loop {
        let Some(kept) = lock(&ANYWHERE).pop() else {
            return;
        };
        crate::ops::caught(|| kept.end());
        end_all(true);
    }
}

/// Drops all that this thread keeps, and keeps nothing any more.
pub(crate) fn close() {
    IS_CLOSED.set(true);
    end_all(false);
}

/// What is in a field for some time.
#[derive(Clone, Copy)]
struct Bound {
    target: Target,
    of: Value,
}

/// What is in a field: its number, or that of its token.
fn content(target: Target, value: &mut Value) -> &mut u64 {
    match target {
        Target::Number => &mut value.number,
        Target::Token => &mut value.token,
        Target::Whole => unreachable!("a field is bound"),
    }
}

impl Bound {
    /// The field has been set.
    fn begin<S: Subject>(target: Target, new: u64) -> Self {
        let of = here(|model| model.adopt(S::INDEX));
        change::<S>(|value| *content(target, value) = new);
        Self { target, of }
    }

    /// It is to be restored. Returns what is left of the field's, if it was.
    fn end<S: Subject>(self) -> Option<u64> {
        here(|model| {
            let is_free = model.expect::<S>(self.target, true) == Expected::Granted;
            let Life::Alive(value) = &mut model.slots[S::INDEX].life else {
                return None;
            };
            let mut of = self.of;
            let saved = *content(self.target, &mut of);
            (is_free && value.birth == of.birth)
                .then(|| std::mem::replace(content(self.target, value), saved))
        })
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
        if !is_child() {
            self.bound.end::<S>();
        }
        drop(self.guard);
    }
}

pub(crate) fn guard<S: Subject>() {
    let is_token = here(|model| model.chance(2) && model.phase == Phase::Working);
    if let (true, Some(field)) = (is_token, S::TOKEN) {
        let expected = expect::<S>(Target::Token, true);
        let _attempt = Attempt::new(S::INDEX);
        let new = Token::spare(S::INDEX);
        let id = new.id;
        let _passed = Passed::new(id);
        let guard = plainly::<S, _>(expected, "scope_guard", || field.scope_guard(new));
        if let Some(guard) = guard {
            let bound = Bound::begin::<S>(Target::Token, id);
            keep(Entry::Here {
                has_token: true,
                kept: Box::new(Guard { guard, bound }),
            });
        }
    } else if let Some(field) = S::NUMBER {
        let expected = expect::<S>(Target::Number, true);
        let _attempt = Attempt::new(S::INDEX);
        let new = random_number();
        let guard = plainly::<S, _>(expected, "scope_guard", || field.scope_guard(new));
        if let Some(guard) = guard {
            let bound = Bound::begin::<S>(Target::Number, new);
            keep(Entry::Here {
                has_token: false,
                kept: Box::new(Guard { guard, bound }),
            });
        }
    }
}

/// What a future does in each poll.
fn inside() {
    play_some(3);
    perhaps_panic();
}

/// How often a future is polled.
fn polls() -> u64 {
    here(|model| 1 + model.random.below(4))
}

fn poll_once<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

fn count_down(polls: &mut u64) -> Poll<()> {
    *polls = polls.saturating_sub(1);
    if *polls == 0 {
        Poll::Ready(())
    } else {
        Poll::Pending
    }
}

/// What a future that sets a number knows, outside and inside.
struct Setting {
    polls: u64,
    /// What the field is set to, if it was not lost.
    carried: Option<u64>,
    expected: Expected,
}

struct Setter<S: Subject> {
    future: Pin<Box<ScopeFuture<S, u64, SettingSteps<S>>>>,
    shared: Arc<Mutex<Setting>>,
}

struct SettingSteps<S: Subject>(Arc<Mutex<Setting>>, PhantomData<fn() -> S>);

impl<S: Subject> SettingSteps<S> {
    fn inside(&self) {
        /// Also if it panics.
        struct End<'a, S: Subject>(&'a SettingSteps<S>, Bound);

        impl<S: Subject> Drop for End<'_, S> {
            fn drop(&mut self) {
                let left = self.1.end::<S>();
                lock(&self.0.0).carried = left;
            }
        }

        let carried = lock(&self.0).carried.expect("its value is there");
        let found = S::NUMBER.and_then(|field| field.try_with(|number| *number).ok());
        check!(
            found.is_none_or(|found| found == carried),
            "{} is {found:?} in a future, not {carried}",
            S::NAME
        );
        let _end = End(self, Bound::begin::<S>(Target::Number, carried));
        inside();
    }
}

impl<S: Subject> Future for SettingSteps<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        check!(
            !is_refusal(lock(&self.0).expected),
            "a future of {} is polled",
            S::NAME
        );
        self.inside();
        count_down(&mut lock(&self.0).polls)
    }
}

impl<S: Subject> Drop for SettingSteps<S> {
    fn drop(&mut self) {
        let (expected, carried) = {
            let shared = lock(&self.0);
            (shared.expected, shared.carried)
        };
        let is_made = expected == Expected::Made
            && here(|model| model.slots[S::INDEX].life == Life::Initializing)
            && S::state().is_initialized();
        let is_set = carried.is_some() && (expected == Expected::Granted || is_made);
        if is_child() || std::thread::panicking() {
            return;
        }
        if is_set {
            self.inside();
        }
    }
}

impl<S: Subject> Kept for Setter<S> {
    fn poll(&mut self) -> bool {
        if lock(&self.shared).carried.is_none() {
            crate::ops::refused("a poll", S::NAME, Expected::Destroyed, || {
                poll_once(&mut self.future)
            });
            return true;
        }
        let expected = expect::<S>(Target::Number, true);
        let _attempt = Attempt::new(S::INDEX);
        lock(&self.shared).expected = expected;
        if is_refusal(expected) {
            crate::ops::refused("a poll", S::NAME, expected, || poll_once(&mut self.future));
            return false;
        }
        match poll_once(&mut self.future) {
            Poll::Ready(output) => {
                check!(
                    S::plain(output).is_some() || expected == Expected::Made,
                    "a future of {} has failed",
                    S::NAME
                );
                true
            }
            Poll::Pending => false,
        }
    }

    fn end(self: Box<Self>) {
        if !is_child() && lock(&self.shared).carried.is_some() {
            let expected = expect::<S>(Target::Number, true);
            lock(&self.shared).expected = expected;
        }
        let _attempt = Attempt::new(S::INDEX);
        drop(self.future);
    }
}

/// A future that sets a number.
pub(crate) fn setter<S: Subject>() {
    let Some(field) = S::NUMBER else { return };
    let carried = random_number();
    let shared = Arc::new(Mutex::new(Setting {
        polls: polls(),
        carried: Some(carried),
        expected: Expected::Granted,
    }));
    let steps = SettingSteps::<S>(Arc::clone(&shared), PhantomData);
    let future = Box::pin(field.scope_future(carried, steps));
    keep(Entry::Anywhere(Box::new(Setter { future, shared })));
}

/// What a future that has a value of its own knows, outside and inside.
struct Having {
    polls: u64,
    fresh: Life,
}

struct Fresh<S: Subject> {
    future: Pin<Box<FreshFuture<S, FreshSteps<S>>>>,
}

struct FreshSteps<S: Subject>(Having, PhantomData<fn() -> S>);

impl<S: Subject> FreshSteps<S> {
    fn inside(&mut self) {
        /// Takes the value out and puts the thread's back, also if it panics.
        struct PutBack<'a, S: Subject>(&'a mut FreshSteps<S>, Life);

        impl<S: Subject> Drop for PutBack<'_, S> {
            fn drop(&mut self) {
                here(|model| {
                    let slot = &mut model.slots[S::INDEX];
                    assert!(slot.borrows.is_empty());
                    self.0.0.fresh = std::mem::replace(&mut slot.life, self.1);
                });
            }
        }

        let fresh = std::mem::replace(&mut self.0.fresh, Life::None);
        let aside = here(|model| std::mem::replace(&mut model.slots[S::INDEX].life, fresh));
        let _put_back = PutBack(self, aside);
        let is_there = matches!(fresh, Life::Alive(_));
        check!(
            S::state().is_initialized() == is_there,
            "{} is {fresh:?} in a future",
            S::NAME
        );
        inside();
    }
}

impl<S: Subject> Future for FreshSteps<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.inside();
        count_down(&mut self.0.polls)
    }
}

impl<S: Subject> Drop for FreshSteps<S> {
    fn drop(&mut self) {
        let is_free = here(|model| {
            let slot = &model.slots[S::INDEX];
            slot.borrows.is_empty() && slot.life != Life::Initializing
        });
        if is_free && !is_child() {
            self.inside();
        }
    }
}

impl<S: Subject> Kept for Fresh<S> {
    fn poll(&mut self) -> bool {
        let is_refused = here(|model| {
            let slot = &model.slots[S::INDEX];
            !slot.borrows.is_empty() || slot.life == Life::Initializing
        });
        if is_refused {
            crate::ops::refused("a poll", S::NAME, Expected::Borrowed, || {
                poll_once(&mut self.future)
            });
            return false;
        }
        poll_once(&mut self.future).is_ready()
    }

    fn end(self: Box<Self>) {
        drop(self.future);
    }
}

/// A future that has a value of its own, which is gone before the thread exits.
pub(crate) fn fresh<S: Subject>() {
    if here(|model| model.phase) != Phase::Working {
        return;
    }
    let having = Having {
        polls: polls(),
        fresh: Life::None,
    };
    let steps = FreshSteps::<S>(having, PhantomData);
    let future = Box::pin(S::state().with_fresh_future(steps));
    keep(Entry::Here {
        has_token: true,
        kept: Box::new(Fresh { future }),
    });
}

struct Counting(Pin<Box<IsolatedFuture<CountingSteps>>>);

struct CountingSteps {
    job: usize,
    polls: u64,
}

impl Future for CountingSteps {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        jobs::within(self.job, inside);
        count_down(&mut self.polls)
    }
}

impl Drop for CountingSteps {
    fn drop(&mut self) {
        if !is_child() {
            jobs::within(self.job, inside);
        }
    }
}

impl Kept for Counting {
    fn poll(&mut self) -> bool {
        poll_once(&mut self.0).is_ready()
    }

    fn end(self: Box<Self>) {
        drop(self.0);
    }
}

/// A future that counts in a job.
pub(crate) fn counting(job: usize) {
    let polls = polls();
    let future = jobs::job(job).run_future(CountingSteps { job, polls });
    keep(Entry::Anywhere(Box::new(Counting(Box::pin(future)))));
}
