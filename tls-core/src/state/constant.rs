//! States whose value the compiler can compute.

use std::cell::UnsafeCell;
use std::mem::{self, MaybeUninit};

use crate::fork::generation::AtFork as _;
use crate::state::contract::ThreadLocalState;
use crate::state::slot::Slot;
use crate::state::storage::{Boxed, Inline, Storage};
use crate::state::word::Word;

/// A state whose value the compiler can compute.
pub trait Constant: ThreadLocalState<__Storage: ConstantStorage<Self>> {
    /// The value.
    const VALUE: ConstantValue<Self>;
}

/// A value that only the runtime gets at: nobody else may have one. In a slot it is as good as the value
/// itself, and written there as it is: to unwrap it first would pass it over the stack.
#[repr(transparent)]
pub struct ConstantValue<S>(mem::ManuallyDrop<S>);

impl<S> ConstantValue<S> {
    /// Wraps a value.
    pub const fn new(value: S) -> Self {
        Self(mem::ManuallyDrop::new(value))
    }
}

/// Storage whose initial image may hold the value already.
pub trait ConstantStorage<S: Constant>: Storage<S> {
    /// Whether it does. Not if the value has to be dropped or freed: its thread has to be
    /// told of it, and that takes a first access.
    const READY: bool;

    /// The image.
    const INITIAL: Self;
}

impl<S: Constant> ConstantStorage<S> for Inline<S> {
    const READY: bool = !mem::needs_drop::<S>() && !S::__AtFork::IS_RESET;

    const INITIAL: Self = if Self::READY {
        Self(UnsafeCell::new(MaybeUninit::new(
            mem::ManuallyDrop::into_inner(S::VALUE.0),
        )))
    } else {
        Self::EMPTY
    };
}

impl<S: Constant> ConstantStorage<S> for Boxed<S> {
    const READY: bool = false;

    const INITIAL: Self = Self::EMPTY;
}

impl<T> Slot<T> {
    /// A slot without a value. All its bytes that matter are zero.
    ///
    /// # Safety
    ///
    /// It becomes the initial value of a thread-local, the slot of a state of this storage.
    #[must_use]
    pub const unsafe fn new<S: ThreadLocalState<__Storage = T>>() -> Self
    where
        T: Storage<S>,
    {
        Self::with(T::EMPTY, Word::UNINITIALIZED)
    }

    /// The slot of a thread that has no states any more.
    #[must_use]
    pub const fn destroyed<S: ThreadLocalState<__Storage = T>>() -> Self
    where
        T: Storage<S>,
    {
        Self::with(T::EMPTY, Word::DESTROYED)
    }

    /// A slot that holds a value from the start, if it can.
    ///
    /// # Safety
    ///
    /// It becomes the initial value of a thread-local, the slot of the state `S`.
    #[must_use]
    pub const unsafe fn constant<S: Constant + ThreadLocalState<__Storage = T>>() -> Self
    where
        T: ConstantStorage<S>,
    {
        // It needs no drop if it is ready, so it is in no list: `Header` 4.
        let word = if T::READY {
            Word::FREE
        } else {
            Word::UNINITIALIZED
        };
        Self::with(T::INITIAL, word)
    }
}
