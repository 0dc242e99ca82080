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

/// A value outside its slot. Dropped, it drops the value, unless the process has been forked off since.
struct Carried<S: ThreadLocalState> {
    /// # Invariants
    ///
    /// There until this is dropped.
    value: ManuallyDrop<Evicted<S>>,
    /// Its place in its thread's list.
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
    /// It was made in this slot, whose word is [`Word::UNINITIALIZED`].
    unsafe fn put(mut self, here: Here<S>) {
        if self.forks.have_happened() {
            return;
        }
        let birth = self.birth;
        // SAFETY: the invariant, and this is forgotten.
        let value = unsafe { ManuallyDrop::take(&mut self.value) };
        mem::forget(self);
        // SAFETY: the word says that there is no value.
        unsafe { here.storage().put(value.into_storage()) };
        // It is armed since the value was made. Its turn has not come, or is now, or the state would be destroyed.
        // (Under keys it may be another table's slot, at the same address, where that goes on after the marks: then nothing
        // drops it.)
        let slot = here.erase();
        list::insert(slot, birth);
        slot.set_word(Word::FREE);
    }
}

impl<S: ThreadLocalState> Drop for Carried<S> {
    fn drop(&mut self) {
        if !self.forks.have_happened() {
            // SAFETY: the invariant.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

/// A value that was made in this slot.
struct Made<S: ThreadLocalState> {
    /// Only compared: the thread's table may have gone meanwhile, and its slots with it.
    slot: *const Slot<S::__Storage>,
    /// # Invariants
    ///
    /// Was made in this slot.
    value: Carried<S>,
}

impl<S: ThreadLocalState> Made<S> {
    /// Moves the value out of the slot, if there is one.
    fn take(here: Here<S>) -> Result<Option<Self>, Refusal> {
        let slot = S::__slot();
        Ok(Carried::take(here)?.map(|value| Self { slot, value }))
    }

    /// Moves the value in `made` back, if it was made in this slot and nothing is in its place.
    fn put(made: &mut Option<Self>, here: Here<S>) {
        let is_empty = here.erase().word() == Word::UNINITIALIZED;
        if let Some(made) = made.take_if(|made| is_empty && ptr::eq(made.slot, S::__slot())) {
            // SAFETY: it was made in this slot, by the invariant, which is empty.
            unsafe { made.value.put(here) };
        }
    }
}

/// The values of an [`Aside`], which outlive it.
struct Values<S: ThreadLocalState> {
    /// The thread's own. Between polls it is there only if the other could not be taken out.
    old: Option<Made<S>>,
    /// What takes its place.
    fresh: Option<Made<S>>,
    /// The other is in the slot still.
    is_fresh_there: bool,
}

impl<S: ThreadLocalState> Values<S> {
    const NONE: Self = Self {
        old: None,
        fresh: None,
        is_fresh_there: false,
    };
}

/// That the thread's value is set aside, until this is dropped.
struct Aside<'a, S: ThreadLocalState> {
    slot: *const Slot<S::__Storage>,
    values: &'a mut Values<S>,
}

impl<'a, S: ThreadLocalState> Aside<'a, S> {
    /// Sets the thread's value aside, and puts the fresh one, if there is one, in its place.
    fn begin(values: &'a mut Values<S>) -> Result<Self, Refusal> {
        let here = Here::<S>::find();
        if !mem::take(&mut values.is_fresh_there) {
            values.old = match Made::take(here) {
                Ok(old) => old,
                // A value that the thread's exit has leaked, and that is still borrowed, is refused.
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
    /// Takes the new value out and puts the old one back. Only then the new one is dropped, if it is, by who has begun:
    /// its destructor may look at the state.
    fn drop(&mut self) {
        let Values {
            old,
            fresh,
            is_fresh_there,
        } = self.values;
        // Another slot: it is not ours to change.
        if !ptr::eq(self.slot, S::__slot()) {
            return;
        }
        let here = Here::<S>::find();
        match Made::take(here) {
            Ok(made) => {
                *fresh = made;
                Made::put(old, here);
            }
            // There may be another poll.
            Err(Refusal::Borrowed) => *is_fresh_there = true,
            Err(_) => {}
        }
    }
}

impl<S: ThreadLocalState> State<S> {
    /// Sets this thread's value aside while a future is polled, and puts it back between polls.
    ///
    /// The future begins without a value, and finds in every poll what it has left in the one before. It is dropped so,
    /// too, and after it what it has left. It yields what a plain accessor returns.
    ///
    /// This is about the value. Shared fields are left alone: see [`Isolated`](crate::Isolated). The future carries the
    /// value, so it is not `Send`.
    ///
    /// # Panics
    ///
    /// A poll panics if the thread's value is borrowed or is being initialized.
    ///
    /// A future that holds a borrow of its own value across an `.await` leaves that value in place until a poll ends
    /// without one.
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

/// A future that has a value of its own while it is polled: returned by [`State::with_fresh_future`], which has an example.
#[must_use = "a future does nothing unless it is polled"]
pub struct FreshFuture<S: ThreadLocalState, F> {
    /// # Invariants
    ///
    /// Pinned when this is. There until this is dropped, which drops it, whatever happens.
    future: ManuallyDrop<F>,
    values: Values<S>,
}

// The value is moved in and out.
impl<S: ThreadLocalState, F: Unpin> Unpin for FreshFuture<S, F> {}

impl<S: ThreadLocalState, F: Future> Future for FreshFuture<S, F> {
    type Output = S::Output<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future is not moved, and nothing else is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let _aside = match Aside::begin(&mut this.values) {
            Ok(aside) => aside,
            // Where the poll comes from is no use to anybody.
            Err(refusal) => panic!("{}", refused::<S>(refusal)),
        };
        // SAFETY: by the invariant it is pinned, because this is.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        future.poll(context).map(|output| S::__output(Ok(output)))
    }
}

impl<S: ThreadLocalState, F> Drop for FreshFuture<S, F> {
    fn drop(&mut self) {
        // SAFETY: the invariant, and it is not used again.
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
