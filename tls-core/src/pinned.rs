//! Futures that are dropped where they were pinned.

use std::mem::ManuallyDrop;

/// Drops a future in place when it is dropped, also while unwinding: what is pinned must be dropped
/// before it is freed.
pub(crate) struct DroppedInPlace<'a, F>(&'a mut ManuallyDrop<F>);

impl<'a, F> DroppedInPlace<'a, F> {
    /// # Safety
    ///
    /// The future is initialized, and is not used again.
    pub(crate) unsafe fn new(future: &'a mut ManuallyDrop<F>) -> Self {
        Self(future)
    }
}

impl<F> Drop for DroppedInPlace<'_, F> {
    fn drop(&mut self) {
        // SAFETY: the caller of `new` guarantees that the future is initialized and not used again
        // (`# Safety`).
        unsafe { ManuallyDrop::drop(self.0) };
    }
}
