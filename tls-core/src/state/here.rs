//! This thread's slot of a state whose type is known.
#![expect(
    clippy::ptr_as_ptr,
    reason = "`cast` is one more function to compile for each type, and to call without optimization"
)]

use std::marker::PhantomData;

use crate::state::contract::ThreadLocalState;
use crate::state::slot::{Header, Slot, SlotRef};
use crate::state::storage::Storage as _;
use crate::state::target::{Portion, Target, Whole};

/// This thread's slot of the state `S`.
///
/// # Invariants
///
/// Refers to it, with permission for all of it, and not for longer than it is there: until the thread runs no more code
/// or, under keys, until its table ends, unless the value is borrowed then or being made. It stays on its thread,
/// because slots are not `Sync`, and is kept in no static, and not while code of the user's runs that may end the
/// table, unless the value is borrowed. (The lifetime is that of the thread, which has no name.)
pub(crate) struct Here<S: ThreadLocalState>(&'static Slot<S::__Storage>);

impl<S: ThreadLocalState> Clone for Here<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ThreadLocalState> Copy for Here<S> {}

impl<S: ThreadLocalState> Here<S> {
    #[cfg_attr(debug_assertions, inline)]
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn find() -> Self {
        // SAFETY: the trait promises that the slot is there, for as long as the invariant says, and only shared references
        // to slots exist.
        Self(unsafe { &*S::__slot() })
    }

    #[inline(always)]
    pub(crate) fn header(self) -> &'static Header {
        &self.0.header
    }

    #[inline(always)]
    pub(crate) fn storage(self) -> &'static S::__Storage {
        &self.0.storage
    }

    /// The slot without its type.
    #[inline(always)]
    pub(crate) fn erase(self) -> SlotRef {
        // SAFETY: the invariant, and `__INFO` describes the state.
        unsafe { SlotRef::new(self.0, S::__INFO) }
    }

    /// Where a view lies in the value, if there is one.
    #[inline(always)]
    pub(crate) fn view<V, T: Target>(self, lens: Lens<S, V, T>) -> *mut V {
        // SAFETY: the invariant: the slot is there, and is shared. It begins with the storage.
        let value = unsafe { S::__Storage::value(&raw const *self.0 as *const S::__Storage) };
        if T::IS_WHOLE {
            return value as *mut V;
        }
        // Not by way of a reference to the value, to whose other fields exclusive references may exist. And
        // wrapping, because there may be no value.
        (value as *mut u8).wrapping_add(lens.target.portion().offset()) as *mut V
    }
}

by_form! {
    native {
        /// The slot, for the end of a borrow: found again, which costs nothing.
        pub(crate) struct Again<S: ThreadLocalState>(PhantomData<Here<S>>);

        impl<S: ThreadLocalState> Again<S> {
            #[inline(always)]
            pub(crate) fn new(_: Here<S>) -> Self {
                Self(PhantomData)
            }

            #[expect(clippy::unused_self, reason = "under keys it is looked at")]
            #[inline(always)]
            pub(crate) fn here(self) -> Here<S> {
                Here::find()
            }
        }
    }
    keys {
        /// The slot, for the end of a borrow. It is there as long as that lasts; if the thread's table has gone
        /// meanwhile, another would be found.
        pub(crate) struct Again<S: ThreadLocalState>(Here<S>);

        impl<S: ThreadLocalState> Again<S> {
            #[inline(always)]
            pub(crate) fn new(here: Here<S>) -> Self {
                Self(here)
            }

            #[inline(always)]
            pub(crate) fn here(self) -> Here<S> {
                self.0
            }
        }
    }
}

impl<S: ThreadLocalState> Clone for Again<S> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S: ThreadLocalState> Copy for Again<S> {}

/// A view of a state: the whole, or one field.
pub struct Lens<S, V, T> {
    /// # Invariants
    ///
    /// A `V` lies at the portion's offset in an `S`, and is of the fields in the portion's set.
    target: T,
    // Invariant in `V`, or a handle of a `&'static str` could pass for one of a `&'a str`,
    // and `set` would store a reference that ends. Neither `Send` nor `Sync` depends on `S`.
    #[expect(clippy::type_complexity, reason = "a name would not say more")]
    marker: PhantomData<(fn() -> S, fn(V) -> V)>,
}

impl<S, V, T: Copy> Clone for Lens<S, V, T> {
    #[inline(always)]
    fn clone(&self) -> Self {
        *self
    }
}

impl<S, V, T: Copy> Copy for Lens<S, V, T> {}

#[expect(clippy::mismatching_type_param_order, reason = "the whole is the view")]
impl<S> Lens<S, S, Whole> {
    /// The whole value.
    pub(crate) const WHOLE: Self = Self {
        target: Whole,
        marker: PhantomData,
    };
}

impl<S, V> Lens<S, V, Portion> {
    /// A field.
    ///
    /// # Safety
    ///
    /// A field of type `V` lies `offset` bytes into an `S`, and is the field number `index`, of
    /// which there is no second handle of another number.
    pub(crate) const unsafe fn field(offset: usize, index: usize) -> Self {
        Self {
            target: Portion::field(offset, index),
            marker: PhantomData,
        }
    }
}

impl<S, V, T: Target> Lens<S, V, T> {
    #[inline(always)]
    pub(crate) fn target(self) -> T {
        self.target
    }

    #[inline(always)]
    pub(crate) fn portion(self) -> Portion {
        self.target.portion()
    }
}
