//! Boxes in the system allocator's memory.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A box of which the program's allocator knows nothing. That allocator may be counting with what is
/// being constructed.
///
/// # Invariants
///
/// Owns the value, which is in memory of the system's allocator.
pub(crate) struct Kept<T: ?Sized>(NonNull<T>);

// SAFETY: by its invariant it owns the value, which is `Send`.
unsafe impl<T: ?Sized + Send> Send for Kept<T> {}

// SAFETY: a shared reference gives out only shared references to the value, which is `Sync`.
unsafe impl<T: ?Sized + Sync> Sync for Kept<T> {}

/// Memory of the system's allocator, with this layout. Dropping this frees the memory.
struct Memory(NonNull<u8>, Layout);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it is memory of the system's allocator with this layout, and is not used again.
        unsafe { System.dealloc(self.0.as_ptr(), self.1) };
    }
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Self {
        let place = Self::zeros();
        // SAFETY: the memory is for a `T`.
        unsafe { place.write(value) };
        Self(place)
    }

    /// Returns memory for a value, all zero.
    pub(crate) fn zeros() -> NonNull<T> {
        const { assert!(size_of::<T>() != 0) }
        let layout = Layout::new::<T>();
        // SAFETY: the assertion above excludes a size of zero.
        match NonNull::new(unsafe { System.alloc_zeroed(layout) }) {
            Some(place) => place.cast(),
            None => handle_alloc_error(layout),
        }
    }
}

impl<T: ?Sized> Kept<T> {
    /// Returns where the value is.
    pub(crate) fn place(&self) -> NonNull<T> {
        self.0
    }

    pub(crate) fn into_raw(self) -> NonNull<T> {
        let place = self.0;
        std::mem::forget(self);
        place
    }

    /// # Safety
    ///
    /// The place comes from [`into_raw`](Self::into_raw), or from [`zeros`](Kept::zeros) and has been
    /// filled with a value. It has no other owner.
    pub(crate) unsafe fn from_raw(place: NonNull<T>) -> Self {
        Self(place)
    }
}

impl<T: ?Sized> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by its invariant it owns a value at this place.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by its invariant it owns a value at this place.
        unsafe { self.0.as_mut() }
    }
}

impl<T: ?Sized> Drop for Kept<T> {
    fn drop(&mut self) {
        // First, so that the memory is freed also if the value's destructor panics.
        let _memory = Memory(self.0.cast(), Layout::for_value(&**self));
        // SAFETY: by its invariant it owns the value, which is not used again.
        unsafe { self.0.drop_in_place() };
    }
}
