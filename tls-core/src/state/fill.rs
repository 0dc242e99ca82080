//! Initialization of a value in place, field by field.
//!
//! The value is never built on the stack, which has no room for a value of a mebibyte.
//!
//! Values that are passed stay where the caller has put them until they are moved to their place: without
//! optimization, each move from function to function leaves a copy on the stack.

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr;

use crate::fork::generation::{AtFork, Forks, Keep};

/// The place in which a value is to be initialized.
///
/// # Invariants
///
/// The pointer is valid for writes of an `S`.
pub struct Uninit<S>(*mut S);

impl<S> Uninit<S> {
    /// # Safety
    ///
    /// The pointer is valid for writes of an `S`, until the place has been passed to an initializer
    /// that has returned.
    #[inline(always)]
    pub(crate) unsafe fn new(place: *mut S) -> Self {
        Self(place)
    }

    /// Returns the pointer.
    #[inline(always)]
    #[must_use]
    pub fn into_ptr(self) -> *mut S {
        self.0
    }
}

/// A field that has been written, of a value that is not complete yet.
///
/// Dropping this drops the field, because a later field could not be initialized. It does not drop the
/// field if the process has been forked since and the state is declared with `fork = reset`.
#[must_use]
pub struct Written<K: AtFork, T> {
    /// # Invariants
    ///
    /// Points to a field that nothing else drops.
    place: *mut T,
    forks: Forks<K>,
}

impl<K: AtFork, T> Written<K, T> {
    /// Takes responsibility for dropping a field.
    ///
    /// # Safety
    ///
    /// The field has been written, and nothing else drops it before [`keep`](Self::keep).
    #[inline]
    pub unsafe fn new(place: *mut T) -> Self {
        Self {
            place,
            forks: Forks::now(),
        }
    }

    /// Leaves the field to the value that it is part of.
    #[inline]
    pub fn keep(self) {
        mem::forget(self);
    }
}

impl<T> Written<Keep, T> {
    /// Moves the field to another place.
    ///
    /// # Safety
    ///
    /// The other place is valid for writes, and is not this field's.
    #[inline]
    pub unsafe fn move_to(self, place: *mut T) {
        let this = ManuallyDrop::new(self);
        // SAFETY: by the invariant of `Written::place` there is a field, which nothing else drops. The
        // caller guarantees that the other place is valid for writes and not this one (`# Safety`).
        unsafe { ptr::copy_nonoverlapping(this.place, place, 1) };
    }
}

impl<K: AtFork, T> Drop for Written<K, T> {
    #[inline]
    fn drop(&mut self) {
        if !self.forks.have_happened() {
            // SAFETY: by the invariant of `Written::place` there is a field, which nothing else drops.
            unsafe { self.place.drop_in_place() };
        }
    }
}

/// Values that are passed by value, until they are taken. Afterwards this has nothing to drop.
///
/// Constructing this from a variable is one move. (A `ManuallyDrop` is three moves without optimization.)
// `repr(u8)`, so that the tag lies apart from the values. An `Option` does not promise that.
#[repr(u8)]
pub enum Passed<V> {
    /// The values have been taken.
    Taken = TAKEN,
    /// The values have not been taken.
    There(V),
}

/// The tag of [`Passed::Taken`].
const TAKEN: u8 = 0;

impl<V> Passed<V> {
    /// Takes the values, which stay where they are.
    #[inline]
    pub fn take(&mut self) -> Option<Given<'_, V>> {
        let this = &raw mut *self;
        // SAFETY: the pointer comes from a reference, which is not used meanwhile.
        let Self::There(values) = (unsafe { &mut *this }) else {
            return None;
        };
        let values = &raw mut *values;
        // SAFETY: an enum of this representation begins with its tag, a `u8`. The variant with this tag
        // has no fields, so the enum is valid whatever follows the tag.
        unsafe { this.cast::<u8>().write(TAKEN) };
        Some(Given {
            values,
            marker: PhantomData,
        })
    }

    /// Returns `true` if the values have not been taken.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }

    /// Exchanges the values for others, unless they have been taken.
    #[inline(always)]
    pub(crate) fn exchange(&mut self, other: &mut V) {
        if let Self::There(values) = self {
            mem::swap(values, other);
        }
    }

    /// Takes the values without ever dropping them.
    pub(crate) fn forget(&mut self) {
        if let Some(values) = self.take() {
            let _ = values.into_ptr();
        }
    }
}

/// Values that have been taken, and have not been moved yet. Dropping this drops them.
#[must_use]
pub struct Given<'a, V> {
    /// # Invariants
    ///
    /// For the lifetime, points to values that nothing else uses or drops.
    values: *mut V,
    marker: PhantomData<&'a mut V>,
}

impl<V> Given<'_, V> {
    /// Returns the pointer. The caller drops or moves the values, within the lifetime.
    #[inline]
    #[must_use]
    pub fn into_ptr(self) -> *mut V {
        ManuallyDrop::new(self).values
    }

    /// Moves the values out.
    pub(crate) fn into_inner(self) -> V {
        // SAFETY: by the invariant of `Given::values`. `into_ptr` has left dropping the values to this
        // function.
        unsafe { self.into_ptr().read() }
    }
}

impl<'a, V, E> Given<'a, Result<V, E>> {
    /// Returns the values of a result.
    ///
    /// # Errors
    ///
    /// Returns the result's error.
    #[inline]
    pub fn into_result(self) -> Result<Given<'a, V>, E> {
        // SAFETY: by the invariant of `Given::values`. `into_ptr` has left dropping the result to this
        // function.
        match unsafe { &mut *self.into_ptr() } {
            Ok(values) => Ok(Given {
                values,
                marker: PhantomData,
            }),
            // SAFETY: by the invariant of `Given::values`. The error is moved, and the result is not
            // dropped.
            Err(error) => Err(unsafe { ptr::read(error) }),
        }
    }
}

impl<V> Drop for Given<'_, V> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: by the invariant of `Given::values`.
        unsafe { self.values.drop_in_place() };
    }
}

/// Moves what an initializer has returned to its place.
///
/// # Errors
///
/// Returns the initializer's error.
///
/// # Safety
///
/// The place is valid for writes.
#[inline]
pub unsafe fn put<T, E>(place: *mut T, made: Result<T, E>) -> Result<(), E> {
    match made {
        Ok(value) => {
            // SAFETY: the caller guarantees that the place is valid for writes (`# Safety`).
            unsafe { place.write(value) };
            Ok(())
        }
        Err(error) => Err(error),
    }
}
