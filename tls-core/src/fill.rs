//! Initializes a value in its place, field by field.
//!
//! The value is never built on the stack, where one of a mebibyte would not fit.

use std::mem;
use std::ptr::NonNull;

use crate::access::Target;
use crate::field::Field;

/// A field that has been written, of a value that is not whole yet.
///
/// Dropped, it drops the field: a later one could not be made.
#[must_use]
pub struct Filled<T> {
    /// # Invariants
    ///
    /// Points to a `T` that nothing else drops and nothing refers to but through this.
    place: NonNull<T>,
}

impl<S, T> Field<S, T> {
    /// Makes the field and writes it.
    ///
    /// # Safety
    ///
    /// The place is valid for writes of an `S`, and until the result is dropped or kept
    /// nothing but the result accesses this field.
    #[doc(hidden)]
    #[inline]
    pub unsafe fn __fill<F>(self, place: NonNull<S>, make: F) -> Filled<T>
    where
        F: FnOnce() -> T,
    {
        // SAFETY: the place is that of an `S`, if not yet of a value.
        let place = unsafe { <Self as Target<S>>::project(self, place) };
        // SAFETY: a field of a place that is valid for writes.
        unsafe { place.write(make()) };
        Filled { place }
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
    pub unsafe fn __try_fill<E, F>(self, place: NonNull<S>, make: F) -> Result<Filled<T>, E>
    where
        F: FnOnce() -> Result<T, E>,
    {
        // SAFETY: the place is that of an `S`, if not yet of a value.
        let place = unsafe { <Self as Target<S>>::project(self, place) };
        // Not by way of `?`: without optimization that is one more copy on the stack.
        match make() {
            Ok(value) => {
                // SAFETY: a field of a place that is valid for writes.
                unsafe { place.write(value) };
                Ok(Filled { place })
            }
            Err(error) => Err(error),
        }
    }
}

impl<T> Filled<T> {
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

impl<T> Drop for Filled<T> {
    fn drop(&mut self) {
        // SAFETY: the invariant of `place`; it is not used after this.
        unsafe { self.place.drop_in_place() };
    }
}
