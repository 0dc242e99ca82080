//! What the expansion of `#[thread_local_state]` uses. No part of the public interface.

pub use std;

use std::ptr::NonNull;

pub use crate::diagnose::{
    CrossesThreads, DefaultField, MadeOncePerThread, SecondOne,
};
pub use crate::fill::Filled;
pub use crate::slot::{
    Constant, ConstantStorage, Info, Select, Selected, Slot, Storage, on_heap,
};
use crate::access::{self, Whole};
use crate::lifetime;
use crate::state::ThreadLocalState;

/// See [`ThreadLocalState::try_with_state`]; as a plain accessor.
#[inline]
#[track_caller]
pub fn with_state<S: ThreadLocalState, R, F: FnOnce(&S) -> R>(f: F) -> S::Output<R> {
    access::with(Whole, f)
}

/// See [`ThreadLocalState::try_with_state_mut`]; as a plain accessor.
#[inline]
#[track_caller]
pub fn with_state_mut<S: ThreadLocalState, R, F: FnOnce(&mut S) -> R>(f: F) -> S::Output<R> {
    access::with_mut(Whole, f, |result| result)
}

/// Makes the state, as a plain accessor.
#[track_caller]
pub fn init_state<S: ThreadLocalState>() -> S::Output<()> {
    lifetime::init::<S>()
}

/// Makes the state from given values.
///
/// # Safety
///
/// `init` keeps to the contract of [`ThreadLocalState::__init`].
pub unsafe fn init_state_with<S: ThreadLocalState, V>(
    values: V,
    init: unsafe fn(NonNull<S>, V) -> Result<(), S::Error>,
) -> S::Output<Result<(), V>> {
    // SAFETY: passed on.
    unsafe { lifetime::init_with::<S, V>(values, init) }
}

/// Runs a function with this thread's value set aside.
#[track_caller]
pub fn with_fresh_state<S: ThreadLocalState, R, F: FnOnce() -> R>(f: F) -> R {
    lifetime::with_fresh::<S, R, F>(f)
}
