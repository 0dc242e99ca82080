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

/// A value that is not whole yet.
///
/// Dropped, it drops the fields that there are, the last one first: a later one could not be made.
#[must_use]
pub struct Filling<K: AtFork> {
    place: *mut (),
    /// # Invariants
    ///
    /// May be called with `place` and the number of a field that has been written and that nothing else
    /// drops.
    drop_field: unsafe fn(*mut (), usize),
    /// How many fields have been written.
    filled: usize,
    /// How many of these are the parent's: a fork lies between.
    inherited: usize,
    forks: Forks<K>,
}

impl<K: AtFork> Filling<K> {
    /// Begins with no field.
    ///
    /// # Safety
    ///
    /// `drop_field` may be called with this place and the number of a field that
    /// [`wrote`](Self::wrote) has counted, until this is dropped or completed.
    #[inline]
    pub unsafe fn new(place: *mut (), drop_field: unsafe fn(*mut (), usize)) -> Self {
        Self {
            place,
            drop_field,
            filled: 0,
            inherited: 0,
            forks: Forks::now(),
        }
    }

    /// Counts a field.
    ///
    /// # Safety
    ///
    /// The next field has been written.
    #[inline]
    pub unsafe fn wrote(&mut self) {
        self.filled += 1;
        if self.forks.have_happened() {
            self.inherited = self.filled;
            self.forks = Forks::now();
        }
    }

    /// Leaves the fields to the value.
    #[inline]
    pub fn complete(self) {
        std::mem::forget(self);
    }
}

impl<K: AtFork> Drop for Filling<K> {
    #[inline]
    fn drop(&mut self) {
        if self.filled > self.inherited && !self.forks.have_happened() {
            // Drops the others, also if this one's destructor panics.
            let rest = Self {
                filled: self.filled - 1,
                ..*self
            };
            // SAFETY: the invariant.
            unsafe { (self.drop_field)(self.place, rest.filled) };
        }
    }
}
