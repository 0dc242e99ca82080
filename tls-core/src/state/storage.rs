//! Where a value is stored: in the slot or, if it is large, on the heap.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;

use crate::state::fill::Uninit;

/// Room for a value of type `S`: empty or occupied.
///
/// # Safety
///
/// [`value`](Self::value) and [`fill`](Self::fill) refer to the same place. Moving the storage with
/// [`take`](Self::take) and [`put`](Self::put) moves the value. An image of zeros is
/// [`EMPTY`](Self::EMPTY).
pub unsafe trait Storage<S>: Sized {
    /// Whether the value is stored on the heap.
    const ON_HEAP: bool;

    /// A storage without a value.
    const EMPTY: Self;

    /// Returns where the value is, if the storage is occupied. The storage may be empty.
    ///
    /// # Safety
    ///
    /// The pointer is to a storage, to which only shared references exist.
    unsafe fn value(storage: *const Self) -> *mut S;

    /// Initializes a value in this storage, which is empty, with a function. The storage stays empty if
    /// the function fails.
    ///
    /// # Errors
    ///
    /// Returns the function's error.
    fn fill<E>(&self, make: impl FnOnce(Uninit<S>) -> Result<(), E>) -> Result<(), E>;

    /// Drops the value. The storage is empty afterwards, also if the value's destructor panics.
    ///
    /// # Safety
    ///
    /// The storage is occupied, and nothing refers to the value.
    unsafe fn clear(&self);

    /// Moves the storage out, value included.
    ///
    /// # Safety
    ///
    /// The storage is occupied, and nothing refers to the value. The storage counts as empty from here
    /// on.
    #[must_use]
    unsafe fn take(&self) -> Self;

    /// Moves a storage, value included, into this one.
    ///
    /// # Safety
    ///
    /// This storage is empty.
    unsafe fn put(&self, other: Self);
}

/// Stores the value in the slot.
#[repr(transparent)]
pub struct Inline<S>(pub(crate) UnsafeCell<MaybeUninit<S>>);

// SAFETY: the place is the storage itself, and `EMPTY` is all zero.
unsafe impl<S> Storage<S> for Inline<S> {
    const ON_HEAP: bool = false;

    // Zeroed, because an image that is not all zero is copied at the start of every thread.
    const EMPTY: Self = Self(UnsafeCell::new(MaybeUninit::zeroed()));

    #[inline(always)]
    unsafe fn value(storage: *const Self) -> *mut S {
        storage as *mut S
    }

    #[inline(always)]
    fn fill<E>(&self, make: impl FnOnce(Uninit<S>) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: the place is this storage, which is empty and has room for an `S`.
        make(unsafe { Uninit::new(self.0.get().cast()) })
    }

    #[inline(always)]
    unsafe fn clear(&self) {
        // SAFETY: the caller guarantees that the storage is occupied and that nothing refers to the value
        // (`# Safety`).
        unsafe { ptr::drop_in_place(self.0.get().cast::<S>()) };
    }

    unsafe fn take(&self) -> Self {
        // SAFETY: a `MaybeUninit` may be read whatever it holds, and the original counts as empty
        // (`# Safety`).
        Self(UnsafeCell::new(unsafe { self.0.get().read() }))
    }

    unsafe fn put(&self, other: Self) {
        // SAFETY: the caller guarantees that this storage is empty (`# Safety`), so nothing refers to its
        // content.
        unsafe { self.0.get().write(other.0.into_inner()) };
    }
}

/// Stores the value on the heap. So a thread that does not use the state pays for a pointer and not for
/// the value, because thread-local storage is taken from every thread's stack.
#[repr(transparent)]
pub struct Boxed<S> {
    /// # Invariants
    ///
    /// If the storage is occupied, this is the pointer of a box that it owns. If the storage is empty,
    /// this is null, or the pointer of a box that was forgotten in a forked child and is not used.
    value: Cell<*mut S>,
}

// SAFETY: the place is in a heap allocation, which stays where it is when the pointer moves. `EMPTY` is
// all zero.
unsafe impl<S> Storage<S> for Boxed<S> {
    const ON_HEAP: bool = true;

    const EMPTY: Self = Self {
        value: Cell::new(ptr::null_mut()),
    };

    #[inline(always)]
    unsafe fn value(storage: *const Self) -> *mut S {
        // SAFETY: the caller guarantees that the storage is there and only shared (`# Safety`).
        unsafe { (*storage).value.get() }
    }

    fn fill<E>(&self, make: impl FnOnce(Uninit<S>) -> Result<(), E>) -> Result<(), E> {
        let mut value = Box::<S>::new_uninit();
        // SAFETY: the box has room for a value.
        make(unsafe { Uninit::new(value.as_mut_ptr()) })?;
        self.value.set(Box::into_raw(value).cast());
        Ok(())
    }

    unsafe fn clear(&self) {
        let value = self.value.replace(ptr::null_mut());
        // SAFETY: the caller guarantees that the storage is occupied (`# Safety`), so by the invariant of
        // `value` this is the pointer of a box that it owned.
        drop(unsafe { Box::from_raw(value) });
    }

    unsafe fn take(&self) -> Self {
        Self {
            value: Cell::new(self.value.replace(ptr::null_mut())),
        }
    }

    unsafe fn put(&self, other: Self) {
        self.value.set(other.value.get());
    }
}

/// Selects the storage: `Select<{ on_heap::<Name>() }>`.
pub struct Select<const ON_HEAP: bool>;

/// What a [`Select`] selects.
pub trait Selected {
    /// The storage for an `S`.
    type For<S>: Storage<S>;
}

impl Selected for Select<false> {
    type For<S> = Inline<S>;
}

impl Selected for Select<true> {
    type For<S> = Boxed<S>;
}

/// Returns `true` if values of this type are stored on the heap.
///
/// A large value would take space from the stack of every thread. An alignment beyond a cache line could
/// also waste up to that much in every thread, and not every linker honors it. On Windows not every
/// loader does, either: Wine aligns thread-local storage as it aligns heap memory.
#[must_use]
pub const fn on_heap<S>() -> bool {
    let most = if cfg!(windows) {
        2 * size_of::<usize>()
    } else {
        128
    };
    size_of::<S>() > 1024 || align_of::<S>() > most
}
