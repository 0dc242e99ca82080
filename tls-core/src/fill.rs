//! Initializes a value in its place, field by field.
//!
//! The value is never built on the stack, where one of a mebibyte would not fit.

use std::mem;
use std::ptr::NonNull;

use crate::access::Target;
use crate::field::Field;
use crate::slot::Forks;
use crate::state::ThreadLocalState;

/// A field that has been written, of a value that is not whole yet.
///
/// Dropped, it drops the field: a later one could not be made.
#[must_use]
pub struct Filled<S: ThreadLocalState, T> {
    /// # Invariants
    ///
    /// Points to a `T` that nothing else drops and nothing refers to but through this.
    place: NonNull<T>,
    forks: Forks<S>,
}

impl<S: ThreadLocalState, T> Field<S, T> {
    /// Makes the field and writes it.
    ///
    /// # Safety
    ///
    /// The place is valid for writes of an `S`, and until the result is dropped or kept
    /// nothing but the result accesses this field.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn __fill<F>(self, place: NonNull<S>, make: F) -> Filled<S, T>
    where
        F: FnOnce() -> T,
    {
        // SAFETY: the place is that of an `S`, if not yet of a value.
        let place = unsafe { <Self as Target<S>>::project(self, place) };
        let forks = Forks::now();
        // SAFETY: a field of a place that is valid for writes.
        unsafe { place.write(make()) };
        Filled { place, forks }
    }

    /// Makes the field and writes it, unless that fails.
    ///
    /// # Errors
    ///
    /// What `make` returns.
    ///
    /// # Safety
    ///
    /// As [`__fill`](Self::__fill).
    #[doc(hidden)]
    #[inline]
    pub unsafe fn __try_fill<E, F>(self, place: NonNull<S>, make: F) -> Result<Filled<S, T>, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        // SAFETY: the place is that of an `S`, if not yet of a value.
        let place = unsafe { <Self as Target<S>>::project(self, place) };
        let forks = Forks::now();
        // Not by way of `?`: without optimization that is one more copy on the stack.
        match make() {
            Ok(value) => {
                // SAFETY: a field of a place that is valid for writes.
                unsafe { place.write(value) };
                Ok(Filled { place, forks })
            }
            Err(error) => Err(error),
        }
    }
}

impl<S: ThreadLocalState, T> Filled<S, T> {
    /// Returns the field, for the initializers of later ones.
    #[inline]
    #[must_use]
    pub fn get(&self) -> &T {
        // SAFETY: the invariant of `place`.
        unsafe { self.place.as_ref() }
    }

    /// Leaves the field to the value that it is part of.
    #[inline]
    pub fn keep(self) {
        mem::forget(self);
    }
}

impl<S: ThreadLocalState, T> Drop for Filled<S, T> {
    fn drop(&mut self) {
        if self.forks.have_happened() {
            // The parent's.
            return;
        }
        // SAFETY: the invariant of `place`; it is not used after this.
        unsafe { self.place.drop_in_place() };
    }
}
