//! What a coroutine does: one thing that suspends it, at most three times.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tls_core::{AccessError, Field, Isolated, borrow, borrow_mut};

use crate::items::{
    Held, Item, count_refusal, error, hold, note_stuck, suspending_an_item, watch, watch_order,
};
use crate::kinds::{Initializer, Kind, initializing, suspending_a_value};
use crate::stage::{allowed, pause};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    With,
    WithMut,
    WithSecond,
    WithMutSecond,
    WithState,
    WithStateMut,
    Lend,
    LendMut,
    LendMutSecond,
    LendState,
    LendStateMut,
    /// A field within the same field.
    LendNested,
    Peek,
    /// A field within the same field.
    Nested,
    /// A field within another one, and after that.
    Two,
    /// The whole within a field.
    WholeWithinField,
    WithOrElse,
    WithMutOrElse,
    Update,
    Scope,
    ScopeWithinScope,
    Guard,
    /// Of both fields.
    TwoGuards,
    /// Polled twice, and suspended in each poll.
    ScopeFuture,
    Fresh,
    FreshWithin,
    /// Suspended in a poll.
    FreshFuture,
    /// A part in a job.
    Job,
    /// A job that it enters once more, in another one.
    JobWithinJob,
    /// A thread-local that is not a state, whose destructor uses the state.
    Foreign,
    /// An initializer suspends it.
    Init,
    /// And then fails.
    InitThatFails,
    /// An initializer suspends it, and then the access that wanted the value.
    InitByAccess,
    /// A destructor suspends it: of a value.
    Reset,
    /// Of an item that has been in a field.
    Set,
    ResetAtOnce,
    Part,
}

impl Act {
    pub(crate) const ALL: &'static [Self] = &[
        Self::With,
        Self::WithMut,
        Self::WithSecond,
        Self::WithMutSecond,
        Self::WithState,
        Self::WithStateMut,
        Self::Lend,
        Self::LendMut,
        Self::LendMutSecond,
        Self::LendState,
        Self::LendStateMut,
        Self::LendNested,
        Self::Peek,
        Self::Nested,
        Self::Two,
        Self::WholeWithinField,
        Self::WithOrElse,
        Self::WithMutOrElse,
        Self::Update,
        Self::Scope,
        Self::ScopeWithinScope,
        Self::Guard,
        Self::TwoGuards,
        Self::ScopeFuture,
        Self::Fresh,
        Self::FreshWithin,
        Self::FreshFuture,
        Self::Job,
        Self::JobWithinJob,
        Self::Foreign,
        Self::Init,
        Self::InitThatFails,
        Self::InitByAccess,
        Self::Reset,
        Self::Set,
        Self::ResetAtOnce,
        Self::Part,
    ];

    /// Does it.
    #[expect(clippy::too_many_lines, reason = "it is a list of cases")]
    pub(crate) fn run<K: Kind>(self) {
        match self {
            Self::With => {
                granted(K::FIRST.try_with(look));
            }
            Self::WithMut => {
                granted(K::FIRST.try_with_mut(change));
            }
            Self::WithSecond => {
                granted(K::SECOND.try_with(look));
            }
            Self::WithMutSecond => {
                granted(K::SECOND.try_with_mut(change));
            }
            Self::WithState => {
                granted(K::state().try_with(look_at_all));
            }
            Self::WithStateMut => {
                granted(K::state().try_with_mut(change_all));
            }
            Self::Peek => {
                K::state().peek(look_at_all).ok().flatten();
            }
            Self::Nested => {
                granted(K::FIRST.try_with(|item| {
                    looking(item, || {
                        pause();
                        granted(K::FIRST.try_with(look));
                        pause();
                    });
                }));
            }
            Self::Two => {
                granted(K::FIRST.try_with_mut(|item| {
                    change(item);
                    granted(K::SECOND.try_with_mut(change));
                    item.change();
                }));
                granted(K::SECOND.try_with(look));
            }
            Self::WholeWithinField => {
                granted(K::SECOND.try_with(|item| {
                    looking(item, || {
                        granted(K::state().try_with(look_at_all));
                        pause();
                    });
                }));
            }
            Self::WithOrElse => with_or_else::<K>(),
            Self::WithMutOrElse => with_mut_or_else::<K>(),
            Self::Update => {
                allowed(|| {
                    K::NUMBER.update(|number| {
                        let _watch = watch_order();
                        pause();
                        number + 1
                    })
                });
            }
            Self::Scope => scope::<K>(K::FIRST, pause),
            Self::ScopeWithinScope => scope::<K>(K::FIRST, || {
                pause();
                scope::<K>(K::SECOND, || {
                    granted(K::FIRST.try_with_mut(change));
                });
                pause();
            }),
            Self::Fresh => fresh::<K>(|| {
                pause();
                K::make();
                pause();
            }),
            Self::FreshWithin => fresh::<K>(|| {
                K::make();
                granted(K::FIRST.try_with_mut(change));
                fresh::<K>(|| {
                    granted(K::state().try_with(look_at_all));
                });
            }),
            Self::Guard => guard::<K>(K::FIRST, || {
                pause();
                granted(K::FIRST.try_with_mut(change));
            }),
            Self::TwoGuards => two_guards::<K>(),
            Self::ScopeFuture => scope_future::<K>(),
            Self::FreshFuture => fresh_future::<K>(),
            Self::Job => Isolated::new().run(part::<K>),
            Self::JobWithinJob => {
                let (outer, inner) = (Isolated::new(), Isolated::new());
                outer.run(|| {
                    pause();
                    inner.run(|| outer.run(part::<K>));
                    pause();
                });
            }
            Self::Foreign => use_foreign(probe::<K>),
            Self::Init => initializing(Initializer::Suspends, K::make),
            Self::InitThatFails => initializing(Initializer::SuspendsAndFails, K::make),
            Self::InitByAccess => {
                initializing(Initializer::Suspends, || {
                    granted(K::FIRST.try_with_mut(change))
                });
            }
            Self::Reset => reset::<K>(),
            Self::Set => set::<K>(),
            Self::ResetAtOnce => {
                granted(K::state().try_reset());
                pause();
                granted(K::state().try_reset());
            }
            Self::Part => part::<K>(),
            _ => {
                allowed(|| self.lend::<K>());
            }
        }
    }
}

impl Act {
    /// What is done without closures.
    fn lend<K: Kind>(self) {
        match self {
            Self::Lend => look(borrow!(K::FIRST)),
            Self::LendMut => change(borrow_mut!(K::FIRST)),
            Self::LendMutSecond => change(borrow_mut!(K::SECOND)),
            Self::LendState => look_at_all(borrow!(K::state())),
            Self::LendStateMut => change_all(borrow_mut!(K::state())),
            Self::LendNested => {
                let item = borrow!(K::SECOND);
                looking(item, || {
                    pause();
                    look(borrow!(K::SECOND));
                    pause();
                });
            }
            _ => unreachable!("by a closure"),
        }
    }
}

/// Tries what does not suspend: from outside of all coroutines.
pub(crate) fn probe<K: Kind>() {
    if !K::state().is_initialized() {
        return;
    }
    granted(K::FIRST.try_with(look));
    granted(K::FIRST.try_with_mut(change));
    granted(K::SECOND.try_with_mut(change));
    granted(K::state().try_with(look_at_all));
    granted(K::state().try_with_mut(change_all));
    K::state().peek(look_at_all).ok().flatten();
}

/// Counts what is refused.
fn granted<R, E>(result: Result<R, AccessError<E>>) -> bool {
    result.map_err(|_| count_refusal()).is_ok()
}

fn expect_same(is_same: bool) {
    if !is_same {
        error("something has changed behind a reference");
    }
}

/// Calls a function while a reference exists, which must not change anything behind it.
fn looking(item: &Item, f: impl FnOnce()) {
    let _watch = watch(&raw const *item, false, true);
    let before = item.content();
    f();
    expect_same(item.content() == before);
}

fn look(item: &Item) {
    looking(item, pause);
}

/// Suspends while an exclusive reference exists.
fn change(item: &mut Item) {
    let _watch = watch(&raw const *item, true, true);
    let before = item.change();
    pause();
    expect_same(item.content() == before);
    item.change();
}

fn look_at_all<K: Kind>(state: &K) {
    let _watch = watch(&raw const *state, false, true);
    let before = state.items().map(Item::content);
    pause();
    expect_same(state.items().map(Item::content) == before);
}

fn change_all<K: Kind>(state: &mut K) {
    let _watch = watch(&raw const *state, true, true);
    let before = state.items_mut().map(Item::change);
    pause();
    expect_same(state.items().map(Item::content) == before);
    let _ = state.items_mut().map(Item::change);
}

fn with_or_else<K: Kind>() {
    let spare = Cell::new(0);
    let output = K::FIRST.with_or_else(
        || {
            let item = Item::new();
            spare.set(item.serial());
            item
        },
        |item| {
            let is_spare = item.serial() == spare.get();
            let _held = is_spare.then(|| hold(vec![item.serial()]));
            let _watch = watch(&raw const *item, false, !is_spare);
            let before = item.content();
            pause();
            expect_same(item.content() == before);
        },
    );
    if K::plain(output).is_none() {
        count_refusal();
    }
}

fn with_mut_or_else<K: Kind>() {
    let spare = Cell::new(0);
    let output = K::FIRST.with_mut_or_else(
        || {
            let item = Item::new();
            spare.set(item.serial());
            item
        },
        |item| {
            let is_spare = item.serial() == spare.get();
            let _held = is_spare.then(|| hold(vec![item.serial()]));
            let _watch = watch(&raw const *item, true, !is_spare);
            let before = item.change();
            pause();
            expect_same(item.content() == before);
            item.change();
        },
    );
    if K::plain(output).is_none() {
        count_refusal();
    }
}

fn scope<K: Kind>(field: Field<K, Item>, f: impl FnOnce()) {
    let saved = field.try_with(Item::serial).unwrap_or_default();
    let bound = Item::new();
    allowed(|| {
        field.scope(bound, || {
            let _held = hold_saved::<K>(saved);
            f();
        })
    });
}

thread_local! {
    static IS_LEAKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the value is one that the exit has leaked, because it was borrowed in its turn.
fn is_leaked() -> bool {
    IS_LEAKED.get()
}

/// Before those that come late: what is there now has been leaked. Under keys its turn is yet to come.
pub(crate) fn begin_late<K: Kind>() {
    IS_LEAKED.set(cfg!(not(tls_core_keys)) && K::state().is_initialized());
}

/// After those that come late.
pub(crate) fn end_late<K: Kind>() {
    if cfg!(tls_core_keys) {
        note_stuck(is_stuck::<K>());
    }
}

/// Whether there is a value that cannot be accessed.
pub(crate) fn is_stuck<K: Kind>() -> bool {
    K::state().is_initialized() && K::state().try_with_mut(|_| ()).is_err()
}

/// Holds what a field is to get back, if it has any. A value that is reset by a fork and that the exit has leaked is
/// marked as if it were a parent's, so what comes out of it now is forgotten.
fn hold_saved<K: Kind>(saved: u64) -> Option<Held> {
    let held = hold(vec![saved]);
    if K::IS_RESET_BY_FORK && is_leaked() {
        std::mem::forget(held);
        return None;
    }
    Some(held)
}

/// Sets a field until a guard is dropped, also if the coroutine unwinds.
fn guard<K: Kind>(field: Field<K, Item>, f: impl FnOnce()) {
    let saved = field.try_with(Item::serial).unwrap_or_default();
    let bound = Item::new();
    allowed(|| {
        let guard = K::plain(field.scope_guard(bound));
        let held = guard.is_some().then(|| hold_saved::<K>(saved));
        if held.is_some() {
            f();
        }
        drop((held, guard));
    });
}

fn two_guards<K: Kind>() {
    guard::<K>(K::FIRST, || {
        let saved = K::SECOND.try_with(Item::serial).unwrap_or_default();
        let bound = Item::new();
        allowed(|| {
            let guard = K::plain(K::SECOND.scope_guard(bound));
            let _held = guard.is_some().then(|| hold_saved::<K>(saved));
            pause();
            granted(K::state().try_with_mut(change_all));
        });
    });
}

/// Suspends its coroutine in each poll.
struct Steps<F> {
    polls: usize,
    step: F,
}

impl<F: FnMut() + Unpin> Future for Steps<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        (self.step)();
        self.polls -= 1;
        if self.polls == 0 {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

/// Polls a future to its end.
fn poll<F: Future>(mut future: Pin<&mut F>, before: impl Fn()) {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        before();
        match allowed(|| future.as_mut().poll(&mut context)) {
            Some(Poll::Pending) => {}
            Some(Poll::Ready(_)) | None => return,
        }
    }
}

/// The item that is in the first field.
fn first<K: Kind>() -> u64 {
    K::FIRST.try_with(Item::serial).unwrap_or_default()
}

/// Has what a future knows when it is dropped: what the field is to get back then.
struct Setter<K: Kind, F> {
    saved: Rc<Cell<u64>>,
    future: Pin<Box<F>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind, F> Drop for Setter<K, F> {
    fn drop(&mut self) {
        self.saved.set(first::<K>());
    }
}

/// In a future that sets the first field: dropped while the field is set.
struct Set<K: Kind> {
    saved: Rc<Cell<u64>>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Drop for Set<K> {
    fn drop(&mut self) {
        let saved = self.saved.get();
        if is_leaked() && saved != 0 && first::<K>() != saved {
            drop(hold_saved::<K>(saved));
        }
    }
}

fn scope_future<K: Kind>() {
    let saved = Rc::new(Cell::new(0));
    let set = Set::<K> {
        saved: Rc::clone(&saved),
        kind: PhantomData,
    };
    let steps = Steps {
        polls: 2,
        step: move || {
            let _held = hold_saved::<K>(set.saved.get());
            pause();
            granted(K::FIRST.try_with_mut(change));
        },
    };
    let mut setter = Setter::<K, _> {
        saved: Rc::clone(&saved),
        future: Box::pin(K::FIRST.scope_future(Item::new(), steps)),
        kind: PhantomData,
    };
    poll(setter.future.as_mut(), || saved.set(first::<K>()));
}

fn fresh_future<K: Kind>() {
    let aside = Rc::new(RefCell::new(Vec::new()));
    let steps = Steps {
        polls: 1,
        step: {
            let aside = Rc::clone(&aside);
            move || {
                let _held = hold(aside.take());
                pause();
                K::make();
                pause();
            }
        },
    };
    let mut future = Box::pin(K::state().with_fresh_future(steps));
    poll(future.as_mut(), || {
        let items = K::state().peek(|state| state.items().map(Item::serial));
        aside.replace(items.ok().flatten().map(Vec::from).unwrap_or_default());
    });
}

/// A thread-local that is not a state.
struct Foreign(fn());

impl Drop for Foreign {
    fn drop(&mut self) {
        (self.0)();
    }
}

thread_local! {
    static FOREIGN: Cell<Option<Foreign>> = const { Cell::new(None) };
}

/// Has its destructor do something.
fn use_foreign(at_drop: fn()) {
    // The old one does it now.
    let old = FOREIGN.try_with(|foreign| foreign.replace(Some(Foreign(at_drop))));
    drop(old);
    pause();
}

fn fresh<K: Kind>(f: impl FnOnce()) {
    let aside = K::state()
        .peek(|state| state.items().map(Item::serial))
        .ok()
        .flatten();
    allowed(|| {
        K::state().with_fresh(|| {
            let _held = hold(aside.map(Vec::from).unwrap_or_default());
            f();
        });
    });
}

fn reset<K: Kind>() {
    let remaining = K::state()
        .peek(|state| {
            let [_, second, third] = state.items().map(Item::serial);
            [second, third]
        })
        .ok()
        .flatten();
    if let Some(remaining) = remaining {
        suspending_a_value(remaining, || granted(K::state().try_reset()));
    }
}

fn set<K: Kind>() {
    let old = K::SECOND.try_with(Item::serial).unwrap_or_default();
    let is_leaked = is_leaked();
    let is_set = suspending_an_item(|| allowed(|| K::SECOND.set(Item::new())));
    if is_leaked && is_set.is_some_and(|output| K::plain(output).is_some()) {
        drop(hold_saved::<K>(old));
    }
}

fn part<K: Kind>() {
    K::with_part(|numbers| {
        let _watch = watch(&raw const *numbers, true, false);
        numbers.push(1);
        let before = numbers.clone();
        pause();
        expect_same(*numbers == before);
        numbers.push(2);
    });
}
