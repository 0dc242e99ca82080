//! Values that are set aside while others take their place: for a function, or while a future is polled.

use std::fmt::{self, Debug, Formatter};
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use crate::error::{AccessError, Refusal};
use crate::fork::generation::Forks;
use crate::pinned::DroppedInPlace;
use crate::state::contract::{State, ThreadLocalState};
use crate::state::evict::{Evicted, evict};
use crate::state::exit;
use crate::state::here::Here;
use crate::state::list;
use crate::state::refusal::{self, Request};
use crate::state::slot::Slot;
use crate::state::storage::Storage as _;
use crate::state::word::Word;

/// Calls a function while this thread's value is set aside.
pub(crate) fn with_fresh<S: ThreadLocalState, R>(f: impl FnOnce() -> R) -> Result<R, Refusal> {
    let mut values = Values::NONE;
    let _aside = Aside::<S>::begin(&mut values)?;
    Ok(f())
}

/// A value outside its slot. Dropping this drops the value, unless the process has been forked since.
struct Carried<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// Initialized until this struct is dropped.
    value: ManuallyDrop<Evicted<S>>,
    /// The value's place in its thread's list.
    birth: u64,
    forks: Forks<S::__AtFork>,
}

impl<S: ThreadLocalState> Carried<S> {
    /// Moves the value out of the slot, if there is one.
    fn take(here: Here<S>) -> Result<Option<Self>, Refusal> {
        let birth = here.header().node.birth.get();
        let forks = Forks::now();
        let value = evict(here)?;
        Ok(value.map(|value| Self {
            value: ManuallyDrop::new(value),
            birth,
            forks,
        }))
    }

    /// Moves the value into the slot.
    ///
    /// # Safety
    ///
    /// The value was initialized in this slot, whose word is [`Word::UNINITIALIZED`].
    unsafe fn put(mut self, here: Here<S>) {
        if self.forks.have_happened() {
            return;
        }
        let birth = self.birth;
        // SAFETY: by the invariant of `value` it is initialized, and `self` is forgotten next.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        mem::forget(self);
        // SAFETY: the caller guarantees that the word is `UNINITIALIZED` (`# Safety`), so by `Header` 1
        // the storage is empty.
        unsafe { here.storage().put(value.into_storage()) };
        // The trigger has been armed since the value was initialized. The state's turn has not come or is
        // now: otherwise `Made::put` would not be here. (Under keys the slot may be another table's, at
        // the same address, if the table ended after the marks. Nothing drops the value then.)
        let slot = here.erase();
        list::insert(slot, birth);
        slot.set_word(Word::FREE);
    }
}

impl<S: ThreadLocalState> Drop for Carried<S> {
    fn drop(&mut self) {
        if !self.forks.have_happened() {
            // SAFETY: by the invariant of `value` it is initialized, and it is not used again.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// A value and the slot in which it was initialized.
struct Made<S: ThreadLocalState> {
    /// Only compared: the thread's table may have ended since, and its slots with it.
    slot: *const Slot<S::__Storage>,
    /// # Invariants
    ///
    /// Was initialized in the slot that `slot` points to.
    value: Carried<S>,
}

impl<S: ThreadLocalState> Made<S> {
    /// Moves the value out of the slot, if there is one.
    fn take(here: Here<S>) -> Result<Option<Self>, Refusal> {
        let slot = S::__slot();
        Ok(Carried::take(here)?.map(|value| Self { slot, value }))
    }

    /// Moves the value in `made` back, if it was initialized in this slot and the slot is empty.
    ///
    /// If the state's turn is over, sets [`Word::DESTROYED`] instead: another value was being initialized in the
    /// turn, and that has failed since.
    fn put(made: &mut Option<Self>, here: Here<S>) {
        let slot = here.erase();
        let is_empty = slot.word() == Word::UNINITIALIZED;
        if is_empty && made.is_some() && exit::is_over(slot) {
            slot.set_word(Word::DESTROYED);
            return;
        }
        if let Some(made) = made.take_if(|made| is_empty && ptr::eq(made.slot, S::__slot())) {
            // SAFETY: by the invariant of `Made::value` the value was initialized in `made.slot`, which
            // is this slot; the word is `UNINITIALIZED`.
            unsafe { made.value.put(here) };
        }
    }
}

/// The values of an [`Aside`], which outlive it.
struct Values<S: ThreadLocalState> {
    /// The thread's own value. Between polls it is here only if `fresh` could not be taken out of the
    /// slot.
    old: Option<Made<S>>,
    /// The value that takes its place.
    fresh: Option<Made<S>>,
    /// Whether the fresh value is still in the slot.
    is_fresh_there: bool,
}

impl<S: ThreadLocalState> Values<S> {
    const NONE: Self = Self {
        old: None,
        fresh: None,
        is_fresh_there: false,
    };
}

/// Sets the thread's value aside until it is dropped.
struct Aside<'a, S: ThreadLocalState> {
    slot: *const Slot<S::__Storage>,
    values: &'a mut Values<S>,
}

impl<'a, S: ThreadLocalState> Aside<'a, S> {
    /// Sets the thread's value aside, and puts the fresh value, if there is one, in its place.
    fn begin(values: &'a mut Values<S>) -> Result<Self, Refusal> {
        let here = Here::<S>::find();
        if !mem::take(&mut values.is_fresh_there) {
            values.old = match Made::take(here) {
                Ok(old) => old,
                // A value that the thread's exit has leaked and that is still borrowed is refused, below.
                Err(Refusal::Destroyed) if here.erase().word() == Word::DESTROYED => None,
                Err(refusal) => return Err(refusal),
            };
            Made::put(&mut values.fresh, here);
        }
        let slot = S::__slot();
        Ok(Self { slot, values })
    }
}

impl<S: ThreadLocalState> Drop for Aside<'_, S> {
    /// Takes the fresh value out and puts the old value back.
    ///
    /// The owner of `values` drops the fresh value only afterwards, because its destructor may access the
    /// state.
    fn drop(&mut self) {
        let Values {
            old,
            fresh,
            is_fresh_there,
        } = self.values;
        // This is another slot, which must not be changed.
        if !ptr::eq(self.slot, S::__slot()) {
            return;
        }
        let here = Here::<S>::find();
        match Made::take(here) {
            Ok(made) => {
                *fresh = made;
                Made::put(old, here);
            }
            // The next poll tries again.
            Err(Refusal::Borrowed) => *is_fresh_there = true,
            Err(_) => {}
        }
    }
}

impl<S: ThreadLocalState> State<S> {
    /// Sets this thread's value aside while a future is polled, and puts it back between polls.
    ///
    /// The future's first poll finds no value. Every later poll finds the value as the previous poll has
    /// left it, and so does the destructor of the future; the value is dropped after the future. The
    /// future returns what a plain accessor returns.
    ///
    /// This concerns the value only. Writes to shared fields count as usual; to separate them, use
    /// [`Isolated`](crate::Isolated). The returned future holds the value, so it is not `Send`.
    ///
    /// # Panics
    ///
    /// A poll panics if the thread's value is borrowed or is being initialized.
    ///
    /// If the future holds a borrow of its own value across an `.await`, that value stays in place after
    /// the poll, until a poll ends without such a borrow.
    ///
    /// # Examples
    ///
    /// ```
    /// use tls_core::thread_local_state;
    ///
    /// #[thread_local_state]
    /// struct Log {
    ///     lines: Vec<String>,
    /// }
    ///
    /// async fn work() -> usize {
    ///     Log::LINES.with_mut(|lines| lines.push("inside".into()));
    ///     std::future::ready(()).await;
    ///     Log::LINES.with(Vec::len)
    /// }
    ///
    /// # fn block_on<F: Future>(future: F) -> F::Output {
    /// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    /// #     match std::pin::pin!(future).poll(&mut context) {
    /// #         std::task::Poll::Ready(output) => output,
    /// #         std::task::Poll::Pending => unreachable!(),
    /// #     }
    /// # }
    /// fn main() {
    ///     assert_eq!(block_on(Log::state().with_fresh_future(work())), 1);
    ///     assert!(!Log::state().is_initialized());
    /// }
    /// ```
    pub fn with_fresh_future<F>(self, future: F) -> FreshFuture<S, F>
    where
        F: Future,
    {
        FreshFuture {
            future: ManuallyDrop::new(future),
            values: Values::NONE,
        }
    }
}

#[cold]
fn refused<S: ThreadLocalState>(refusal: Refusal) -> AccessError {
    refusal::refused(Here::<S>::find().erase(), refusal, Request::REMOVAL)
}

/// A future that has a value of its own while it is polled: returned by [`State::with_fresh_future`],
/// which has an example.
#[must_use = "a future does nothing unless it is polled"]
pub struct FreshFuture<S: ThreadLocalState, F> {
    /// # Invariants
    ///
    /// Pinned if this struct is. Initialized until this struct is dropped, which drops it in any case.
    future: ManuallyDrop<F>,
    values: Values<S>,
}

// `future` is the only pinned field; `values` are moved in and out.
impl<S: ThreadLocalState, F: Unpin> Unpin for FreshFuture<S, F> {}

impl<S: ThreadLocalState, F: Future> Future for FreshFuture<S, F> {
    type Output = S::Output<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is not moved, and no other field is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let _aside = match Aside::begin(&mut this.values) {
            Ok(aside) => aside,
            // Without the caller's location, which would be that of an executor.
            Err(refusal) => panic!("{}", refused::<S>(refusal)),
        };
        // SAFETY: by the invariant of `future`, it is pinned because this struct is.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        future.poll(context).map(|output| S::__output(Ok(output)))
    }
}

impl<S: ThreadLocalState, F> Drop for FreshFuture<S, F> {
    fn drop(&mut self) {
        // SAFETY: by the invariant of `future` it is initialized, and it is not used again.
        let future = unsafe { DroppedInPlace::new(&mut self.future) };
        let _aside = Aside::begin(&mut self.values);
        drop(future);
    }
}

impl<S: ThreadLocalState, F> Debug for FreshFuture<S, F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FreshFuture").field(&S::state()).finish()
    }
}
