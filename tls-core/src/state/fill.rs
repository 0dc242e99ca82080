//! Initializes a value in its place, field by field.
//!
//! The value is never built on the stack, where one of a mebibyte would not fit.

use crate::fork::generation::{AtFork, Forks};

/// Where a value is to be made.
///
/// # Invariants
///
/// The pointer is valid for writes of an `S`.
pub struct Place<S>(*mut S);

impl<S> Place<S> {
    /// # Safety
    ///
    /// The pointer is valid for writes of an `S`, until the place has been passed to an initializer
    /// that has returned.
    #[inline(always)]
    pub(crate) unsafe fn new(place: *mut S) -> Self {
        Self(place)
    }

    /// The pointer.
    #[inline(always)]
    #[must_use]
    pub fn into_ptr(self) -> *mut S {
        self.0
    }
}

/// A field that has been written, of a value that is not whole yet.
///
/// Dropped, it drops the field: a later one could not be made. Unless the process was forked since, in the
/// state of a kind that a child does not inherit.
#[must_use]
pub struct Written<K: AtFork, T> {
    /// # Invariants
    ///
    /// A field that nothing else drops.
    place: *mut T,
    forks: Forks<K>,
}

impl<K: AtFork, T> Written<K, T> {
    /// Takes charge of a field.
    ///
    /// # Safety
    ///
    /// It has been written, and nothing else drops it before [`keep`](Self::keep).
    #[inline]
    pub unsafe fn new(place: *mut T) -> Self {
        Self {
            place,
            forks: Forks::now(),
        }
    }

    /// Leaves the field to the value.
    #[inline]
    pub fn keep(self) {
        std::mem::forget(self);
    }
}

impl<K: AtFork, T> Drop for Written<K, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.forks.have_happened() {
            // SAFETY: the invariant.
            unsafe { self.place.drop_in_place() };
        }
    }
}
