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

/// Memory of the system's allocator, of this layout, which is freed with this.
struct Memory(NonNull<u8>, Layout);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: it is that.
        unsafe { System.dealloc(self.0.as_ptr(), self.1) };
    }
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T) -> Self {
        let place = Self::zeros();
        // SAFETY: it is memory for a `T`.
        unsafe { place.write(value) };
        Self(place)
    }

    /// Memory for a value, all zero.
    pub(crate) fn zeros() -> NonNull<T> {
        const { assert!(size_of::<T>() != 0) }
        let layout = Layout::new::<T>();
        // SAFETY: it has a size.
        match NonNull::new(unsafe { System.alloc_zeroed(layout) }) {
            Some(place) => place.cast(),
            None => handle_alloc_error(layout),
        }
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
    /// The place is that of an [`into_raw`](Self::into_raw), or of [`zeros`](Kept::zeros) where a value has been written, and has
    /// no other owner.
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
        // Also if the value's destructor panics.
        let _memory = Memory(self.0.cast(), Layout::for_value(&**self));
        // SAFETY: it is the owner, and not used again.
        unsafe { self.0.drop_in_place() };
    }
}
