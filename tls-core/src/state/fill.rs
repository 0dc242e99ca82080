//! Initializes a value in its place, field by field.
//!
//! The value is never built on the stack, where one of a mebibyte would not fit.

//!
//! Values that are passed lie where the caller has put them until then: without optimization each move from
//! function to function would leave a copy on the stack.

use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::ptr;

use crate::fork::generation::{AtFork, Forks, Keep};

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
        mem::forget(self);
    }
}

impl<T> Written<Keep, T> {
    /// Moves the field to another place.
    ///
    /// # Safety
    ///
    /// The place is valid for writes, and is not this field's.
    #[inline]
    pub unsafe fn move_to(self, place: *mut T) {
        let this = ManuallyDrop::new(self);
        // SAFETY: the invariant: there is a field, which nothing else drops. The caller vouches for the place.
        unsafe { ptr::copy_nonoverlapping(this.place, place, 1) };
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

/// What has been passed by value, until it is taken: then this has nothing to drop.
///
/// Made of a variable this is one move. (A `ManuallyDrop` is three without optimization.)
// The tag lies apart from the values, which an `Option` does not promise.
#[repr(u8)]
pub enum Passed<V> {
    /// Nothing is left.
    Taken = TAKEN,
    /// It is there.
    There(V),
}

/// The tag of [`Passed::Taken`].
const TAKEN: u8 = 0;

impl<V> Passed<V> {
    /// Takes the values, which stay where they are.
    #[inline]
    pub fn take(&mut self) -> Option<Given<'_, V>> {
        let this = &raw mut *self;
        // SAFETY: it is made of a reference, which is not used meanwhile.
        let Self::There(values) = (unsafe { &mut *this }) else {
            return None;
        };
        let values = &raw mut *values;
        // SAFETY: an enum of this representation begins with its tag, a `u8`. With this one it has no fields, so
        // it is valid whatever follows.
        unsafe { this.cast::<u8>().write(TAKEN) };
        Some(Given {
            values,
            marker: PhantomData,
        })
    }

    /// Returns `true` if nothing has been taken.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self, Self::There(_))
    }

    /// Exchanges what is there for another.
    #[inline(always)]
    pub(crate) fn exchange(&mut self, other: &mut V) {
        if let Self::There(values) = self {
            mem::swap(values, other);
        }
    }

    /// Never drops what is there.
    pub(crate) fn forget(&mut self) {
        if let Some(values) = self.take() {
            let _ = values.into_ptr();
        }
    }
}

/// Values that have been taken, and not been moved yet. Dropped, it drops them.
#[must_use]
pub struct Given<'a, V> {
    /// # Invariants
    ///
    /// For the lifetime there is a value, which nothing else uses or drops.
    values: *mut V,
    marker: PhantomData<&'a mut V>,
}

impl<V> Given<'_, V> {
    /// The pointer. Who calls this drops or moves what is there, within the lifetime.
    #[inline]
    #[must_use]
    pub fn into_ptr(self) -> *mut V {
        ManuallyDrop::new(self).values
    }

    /// Moves the values out.
    pub(crate) fn into_inner(self) -> V {
        // SAFETY: the invariant, and this is not dropped any more.
        unsafe { self.into_ptr().read() }
    }
}

impl<'a, V, E> Given<'a, Result<V, E>> {
    /// Those of a result.
    ///
    /// # Errors
    ///
    /// The result's error.
    #[inline]
    pub fn into_result(self) -> Result<Given<'a, V>, E> {
        // SAFETY: the invariant, and this is not dropped any more.
        match unsafe { &mut *self.into_ptr() } {
            Ok(values) => Ok(Given {
                values,
                marker: PhantomData,
            }),
            // SAFETY: the invariant, and who calls this moves the error.
            Err(error) => Err(unsafe { ptr::read(error) }),
        }
    }
}

impl<V> Drop for Given<'_, V> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the invariant.
        unsafe { self.values.drop_in_place() };
    }
}

/// Moves what an initializer has made to its place.
///
/// # Errors
///
/// Returns the initializer's.
///
/// # Safety
///
/// The place is valid for writes.
#[inline]
pub unsafe fn put<T, E>(place: *mut T, made: Result<T, E>) -> Result<(), E> {
    match made {
        Ok(value) => {
            // SAFETY: the caller vouches for the place.
            unsafe { place.write(value) };
            Ok(())
        }
        Err(error) => Err(error),
    }
}
