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

/// A value that only the runtime can unwrap, so that no other code has one. In a slot it is equivalent to
/// the value itself, and is written there as it is: unwrapping it first would pass it over the stack.
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
    /// Whether the initial image holds the value. It does not if the value must be dropped, freed or
    /// reset by a fork: its thread must then know of the value, and that takes a first access.
    const READY: bool;

    /// The initial image of the storage.
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
    /// Returns a slot without a value. All its bytes that matter are zero.
    ///
    /// # Safety
    ///
    /// The slot becomes the initial value of a thread-local: the slot of a state that has this storage.
    #[must_use]
    pub const unsafe fn new<S: ThreadLocalState<__Storage = T>>() -> Self
    where
        T: Storage<S>,
    {
        Self::with(T::EMPTY, Word::UNINITIALIZED)
    }

    /// Returns the slot of a thread that has no states any more.
    #[must_use]
    pub const fn destroyed<S: ThreadLocalState<__Storage = T>>() -> Self
    where
        T: Storage<S>,
    {
        Self::with(T::EMPTY, Word::DESTROYED)
    }

    /// Returns a slot that holds a value from the start, if that is possible.
    ///
    /// # Safety
    ///
    /// The slot becomes the initial value of a thread-local: the slot of the state `S`.
    #[must_use]
    pub const unsafe fn constant<S: Constant + ThreadLocalState<__Storage = T>>() -> Self
    where
        T: ConstantStorage<S>,
    {
        // A value that is ready needs neither drop nor reset, so its slot is in no list: `Header` 4.
        let word = if T::READY {
            Word::FREE
        } else {
            Word::UNINITIALIZED
        };
        Self::with(T::INITIAL, word)
    }
}
