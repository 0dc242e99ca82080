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
/// Refers to this thread's slot of `S`, with permission for all of it, and not for longer than the slot
/// exists. That is until the thread runs no more code or, under keys, until its table ends, unless the
/// value is borrowed or being initialized then. It stays on its thread, because slots are not `Sync`. It
/// is kept in no static. While user code runs that may end the table, it is kept only if the value is
/// borrowed. (The lifetime is that of the thread, which has no name.)
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
        // SAFETY: by the safety condition of `ThreadLocalState` the slot exists for as long as the
        // invariant says, and only shared references to slots exist.
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

    /// Returns the slot without its type.
    #[inline(always)]
    pub(crate) fn erase(self) -> SlotRef {
        // SAFETY: by the invariant of `Here` this is the thread's slot, with permission for all of it.
        // `__INFO` describes its state.
        unsafe { SlotRef::new(self.0, S::__INFO) }
    }

    /// Returns where a view is in the value, if there is a value.
    #[inline(always)]
    pub(crate) fn view<V, T: Target>(self, lens: Lens<S, V, T>) -> *mut V {
        // SAFETY: by the invariant of `Here` the slot exists and is only shared. It begins with the
        // storage.
        let value = unsafe { S::__Storage::value(&raw const *self.0 as *const S::__Storage) };
        if T::IS_WHOLE {
            return value as *mut V;
        }
        // Not through a reference to the value, because exclusive references to its other fields may
        // exist. And wrapping, because there may be no value.
        (value as *mut u8).wrapping_add(lens.target.portion().offset()) as *mut V
    }
}

by_form! {
    native {
        /// The slot, for the end of a borrow. It is found again, which costs nothing.
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
        /// The slot, for the end of a borrow. The slot exists as long as the borrow. To find it again
        /// would be wrong: if the thread's table has ended meanwhile, another slot would be found.
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
    /// A `V` lies at the portion's offset in an `S`, and consists of fields in the portion's set.
    target: T,
    // Invariant in `V`: otherwise a handle of a `&'static str` could pass for one of a `&'a str`, and
    // `set` would store a reference that ends. Neither `Send` nor `Sync` depends on `S`.
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
    /// Returns the view of a field.
    ///
    /// # Safety
    ///
    /// A field of type `V` lies `offset` bytes into an `S`, and is field number `index`. No other handle
    /// of this field has another number.
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
