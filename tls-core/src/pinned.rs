//! Futures that are dropped where they were pinned.

use std::mem::ManuallyDrop;

/// Drops a future in place when it is dropped: also while unwinding, because what is pinned must not be freed before.
pub(crate) struct DroppedInPlace<'a, F>(&'a mut ManuallyDrop<F>);

impl<'a, F> DroppedInPlace<'a, F> {
    /// # Safety
    ///
    /// The future is there, and is not used again.
    pub(crate) unsafe fn new(future: &'a mut ManuallyDrop<F>) -> Self {
        Self(future)
    }
}

impl<F> Drop for DroppedInPlace<'_, F> {
    fn drop(&mut self) {
        // SAFETY: the promise to `new`.
        unsafe { ManuallyDrop::drop(self.0) };
    }
}
