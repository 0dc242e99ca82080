//! Boxes in the system's memory.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// A box that the program's allocator knows nothing of: it may be counting, in what is being made.
///
/// # Invariants
///
/// It owns the value, which lies in memory of the system's allocator.
pub(crate) struct Kept<T: ?Sized>(NonNull<T>);

// SAFETY: it owns the value.
unsafe impl<T: ?Sized + Send> Send for Kept<T> {}

// SAFETY: it only lends the value.
unsafe impl<T: ?Sized + Sync> Sync for Kept<T> {}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Self {
        const { assert!(size_of::<T>() != 0) }
        let layout = Layout::new::<T>();
        // SAFETY: it has a size.
        let Some(place) = NonNull::new(unsafe { System.alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        let place = place.cast::<T>();
        // SAFETY: it is memory of this layout.
        unsafe { place.write(value) };
        Self(place)
    }
}

impl<T: ?Sized> Kept<T> {
    /// Where the value lies.
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
    /// The place is that of an [`into_raw`](Self::into_raw), and has no other owner.
    pub(crate) unsafe fn from_raw(place: NonNull<T>) -> Self {
        Self(place)
    }
}

impl<T: ?Sized> Deref for Kept<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the invariant.
        unsafe { self.0.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for Kept<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the invariant.
        unsafe { self.0.as_mut() }
    }
}

impl<T: ?Sized> Drop for Kept<T> {
    fn drop(&mut self) {
        let layout = Layout::for_value(&**self);
        // SAFETY: it is the owner, and not used again.
        unsafe { self.0.drop_in_place() };
        // SAFETY: the memory is the system allocator's, of this layout.
        unsafe { System.dealloc(self.0.as_ptr().cast(), layout) };
    }
}
