//! Values that are set aside while others take their place: for a function, or while a future is polled.

use std::fmt::{self, Debug, Formatter};
use std::mem::{self, ManuallyDrop};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use crate::error::Refusal;
use crate::fork::generation::{AtFork as _, Forks};
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
    let mut fresh = None;
    let _aside = Aside::<S>::begin(&mut fresh)?;
    Ok(f())
}

/// A value outside its slot.
struct Carried<S: ThreadLocalState> {
    value: Evicted<S>,
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
            value,
            birth,
            forks,
        }))
    }

    /// Moves the value into the slot.
    ///
    /// # Safety
    ///
    /// It was made in this slot, whose word is [`Word::UNINITIALIZED`].
    unsafe fn put(self, here: Here<S>) {
        if S::__AtFork::IS_RESET && self.forks.have_happened() {
            mem::forget(self);
            return;
        }
        // SAFETY: the word says that there is no value.
        unsafe { here.storage().put(self.value.into_storage()) };
        // It is armed since the value was made. Its turn has not come, or is now, or the state would be destroyed.
        // (Under keys it may be another table's slot, at the same address, where that goes on after the marks: then nothing
        // drops it.)
        let slot = here.erase();
        list::insert(slot, self.birth);
        slot.set_word(Word::FREE);
    }
}

/// A value that is set aside until this is dropped, and what takes its place.
struct Aside<'a, S: ThreadLocalState> {
    /// Only compared: the thread's table may have gone meanwhile, and its slots with it.
    slot: *const Slot<S::__Storage>,
    /// # Invariants
    ///
    /// What is in it was made in this slot.
    old: Option<Carried<S>>,
    fresh: &'a mut Option<Fresh<S>>,
}

/// What a future carries from poll to poll.
struct Fresh<S: ThreadLocalState> {
    slot: *const Slot<S::__Storage>,
    /// # Invariants
    ///
    /// Was made in this slot.
    value: Carried<S>,
}

impl<'a, S: ThreadLocalState> Aside<'a, S> {
    /// Sets the thread's value aside, and puts the fresh one, if there is one, in its place.
    fn begin(fresh: &'a mut Option<Fresh<S>>) -> Result<Self, Refusal> {
        let here = Here::<S>::find();
        let old = match Carried::take(here) {
            Ok(old) => old,
            // Unless the thread's exit has leaked a value that is still there: that is refused.
            Err(Refusal::Destroyed) if here.erase().word() == Word::DESTROYED => None,
            Err(refusal) => return Err(refusal),
        };
        let slot = S::__slot();
        let is_empty = here.erase().word() == Word::UNINITIALIZED;
        if is_empty
            && fresh
                .as_ref()
                .is_some_and(|fresh| ptr::eq(fresh.slot, slot))
        {
            if let Some(fresh) = fresh.take() {
                // SAFETY: it was made in this slot, by the invariant.
                unsafe { fresh.value.put(here) };
            }
        }
        Ok(Self { slot, old, fresh })
    }
}

impl<S: ThreadLocalState> Drop for Aside<'_, S> {
    /// Takes the new value out and puts the old one back. Only then the new one is dropped, if it is, by who has begun:
    /// its destructor may look at the state.
    fn drop(&mut self) {
        if S::__AtFork::IS_RESET {
            if let Some(old) = self.old.take_if(|old| old.forks.have_happened()) {
                mem::forget(old);
            }
        }
        // Another slot, borrowed, being made or destroyed: it is not ours to change, and the value set aside is
        // dropped.
        if !ptr::eq(self.slot, S::__slot()) {
            return;
        }
        let here = Here::<S>::find();
        let Ok(fresh) = Carried::take(here) else {
            return;
        };
        if let Some(old) = self.old.take() {
            // SAFETY: it was made in this slot, by the invariant, and the word is as `take` has left it.
            unsafe { old.put(here) };
        }
        if let Some(value) = fresh {
            let slot = self.slot;
            *self.fresh = Some(Fresh { slot, value });
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
    /// A poll panics if the value is borrowed or is being initialized.
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
            fresh: None,
        }
    }
}

/// A future that has a value of its own while it is polled: returned by [`State::with_fresh_future`], which has an example.
#[must_use = "a future does nothing unless it is polled"]
pub struct FreshFuture<S: ThreadLocalState, F> {
    /// # Invariants
    ///
    /// Pinned when this is. There until this is dropped.
    future: ManuallyDrop<F>,
    fresh: Option<Fresh<S>>,
}

// The value is moved in and out.
impl<S: ThreadLocalState, F: Unpin> Unpin for FreshFuture<S, F> {}

impl<S: ThreadLocalState, F: Future> Future for FreshFuture<S, F> {
    type Output = S::Output<F::Output>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the future is not moved, and nothing else is pinned.
        let this = unsafe { self.get_unchecked_mut() };
        let _aside = match Aside::begin(&mut this.fresh) {
            Ok(aside) => aside,
            Err(refusal) => refusal::panic(Here::<S>::find().erase(), refusal, Request::REMOVAL),
        };
        // SAFETY: by the invariant it is pinned, because this is.
        let future = unsafe { Pin::new_unchecked(&mut *this.future) };
        future.poll(context).map(|output| S::__output(Ok(output)))
    }
}

impl<S: ThreadLocalState, F> Drop for FreshFuture<S, F> {
    fn drop(&mut self) {
        let _aside = Aside::begin(&mut self.fresh);
        // SAFETY: the invariant, and it is not used again. It is dropped where it was pinned.
        unsafe { ManuallyDrop::drop(&mut self.future) };
    }
}

impl<S: ThreadLocalState, F> Debug for FreshFuture<S, F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FreshFuture").field(&S::state()).finish()
    }
}
