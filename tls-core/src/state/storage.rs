//! Where a value lies: in the slot itself or, if it is large, on the heap.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;
use std::ptr;

use crate::state::fill::Place;

/// Room for a value of type `S`: empty, or occupied.
///
/// # Safety
///
/// [`value`](Self::value) and [`fill`](Self::fill) name the same place. Moving the storage with
/// [`take`](Self::take) and [`put`](Self::put) moves the value. An image of zeros is [`EMPTY`](Self::EMPTY).
pub unsafe trait Storage<S>: Sized {
    /// Whether the value is kept on the heap.
    const ON_HEAP: bool;

    /// Storage without a value.
    const EMPTY: Self;

    /// Returns where the value lies, if the storage is occupied. It need not be.
    ///
    /// # Safety
    ///
    /// There is a storage, and nothing else than shared references to it.
    unsafe fn value(storage: *const Self) -> *mut S;

    /// Has a value made in this storage, which is empty. It stays empty if that fails.
    ///
    /// # Errors
    ///
    /// Returns the error of the initializer.
    fn fill<E>(&self, make: impl FnOnce(Place<S>) -> Result<(), E>) -> Result<(), E>;

    /// Drops the value. The storage is empty afterwards, also if that panics.
    ///
    /// # Safety
    ///
    /// The storage is occupied, and nothing refers to the value.
    unsafe fn clear(&self);

    /// Moves the storage out, value included.
    ///
    /// # Safety
    ///
    /// The storage is occupied, and nothing refers to the value. It counts as empty from here on.
    #[must_use]
    unsafe fn take(&self) -> Self;

    /// Moves a storage, value included, in.
    ///
    /// # Safety
    ///
    /// This storage is empty.
    unsafe fn put(&self, other: Self);
}

/// Keeps the value in the slot.
#[repr(transparent)]
pub struct Inline<S>(pub(crate) UnsafeCell<MaybeUninit<S>>);

// SAFETY: the place is the storage itself.
unsafe impl<S> Storage<S> for Inline<S> {
    const ON_HEAP: bool = false;

    // Zeroed: an image that is not all zero has to be copied at the start of every thread.
    const EMPTY: Self = Self(UnsafeCell::new(MaybeUninit::zeroed()));

    #[inline(always)]
    unsafe fn value(storage: *const Self) -> *mut S {
        storage as *mut S
    }

    #[inline(always)]
    fn fill<E>(&self, make: impl FnOnce(Place<S>) -> Result<(), E>) -> Result<(), E> {
        // SAFETY: the place is this storage, which is empty.
        make(unsafe { Place::new(self.0.get().cast()) })
    }

    #[inline(always)]
    unsafe fn clear(&self) {
        // SAFETY: the caller gives up an occupied storage's value, to which nothing refers.
        unsafe { ptr::drop_in_place(self.0.get().cast::<S>()) };
    }

    unsafe fn take(&self) -> Self {
        // SAFETY: a `MaybeUninit` is valid to read whatever it holds, and the original counts as empty.
        Self(UnsafeCell::new(unsafe { self.0.get().read() }))
    }

    unsafe fn put(&self, other: Self) {
        // SAFETY: nothing refers to the value of an empty storage.
        unsafe { self.0.get().write(other.0.into_inner()) };
    }
}

/// Keeps the value on the heap, so that threads that do not use the state pay for a pointer
/// and not for the value: thread-local storage is taken from every thread's stack.
#[repr(transparent)]
pub struct Boxed<S> {
    /// # Invariants
    ///
    /// If the storage is occupied, the pointer of a box that this owns. If it is empty, null, or the pointer
    /// of a box that was forgotten in a forked child and is not used.
    value: Cell<*mut S>,
}

// SAFETY: the place is a heap allocation's, which moving the pointer does not affect.
unsafe impl<S> Storage<S> for Boxed<S> {
    const ON_HEAP: bool = true;

    const EMPTY: Self = Self {
        value: Cell::new(ptr::null_mut()),
    };

    #[inline(always)]
    unsafe fn value(storage: *const Self) -> *mut S {
        // SAFETY: the storage is there, and only shared references to storages exist.
        unsafe { (*storage).value.get() }
    }

    fn fill<E>(&self, make: impl FnOnce(Place<S>) -> Result<(), E>) -> Result<(), E> {
        let mut value = Box::<S>::new_uninit();
        // SAFETY: the box has room for a value.
        make(unsafe { Place::new(value.as_mut_ptr()) })?;
        self.value.set(Box::into_raw(value).cast());
        Ok(())
    }

    unsafe fn clear(&self) {
        let value = self.value.replace(ptr::null_mut());
        // SAFETY: the invariant: the storage is occupied.
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

/// Returns `true` if values of this type are kept on the heap.
///
/// Large ones would weigh on the stack of every thread; alignments beyond a cache line
/// would also waste up to that much in every thread, and not every linker honours them. On Windows
/// not every loader does: Wine's aligns thread-local storage as its heap does, and no more.
#[must_use]
pub const fn on_heap<S>() -> bool {
    let most = if cfg!(windows) {
        2 * size_of::<usize>()
    } else {
        128
    };
    size_of::<S>() > 1024 || align_of::<S>() > most
}
