//! Docs and attributes stay where they were.

#![deny(warnings, missing_docs)]
//! The crate.

use tls_core::thread_local_state;

/// A state.
#[thread_local_state]
#[derive(Debug)]
#[repr(C)]
#[must_use]
pub struct InOrder {
    /// The first.
    pub first: u8,
    /// The second.
    pub second: u32,
}

/// Aligned.
#[repr(align(64))]
#[thread_local_state]
pub struct Aligned {
    /// A byte.
    pub byte: u8,
}

/// A single field.
#[thread_local_state]
#[repr(transparent)]
pub struct Transparent {
    /// A number.
    pub number: u64,
}

/// With an old field.
#[thread_local_state]
pub struct Old {
    /// Not to be used any more.
    #[deprecated = "use `new`"]
    pub old: u64,
    /// To be used.
    #[allow(clippy::all)]
    #[doc(alias = "next")]
    pub new: u64,
}

/// Itself old.
#[thread_local_state]
#[deprecated]
pub struct Retired {
    /// A number.
    pub number: u64,
}

fn main() {
    assert_eq!(std::mem::offset_of!(InOrder, second), 4);
    assert_eq!(std::mem::size_of::<InOrder>(), 8);
    assert_eq!(std::mem::align_of::<Aligned>(), 64);
    assert_eq!(std::mem::size_of::<Transparent>(), 8);
    assert_eq!(
        InOrder::with_state(|state| format!("{state:?}")),
        "InOrder { first: 0, second: 0 }"
    );
    Aligned::BYTE.set(1);
    Transparent::NUMBER.set(1);
    #[expect(deprecated, reason = "that is what is tested")]
    Old::OLD.set(1);
    Old::NEW.set(1);
    #[expect(deprecated, reason = "that is what is tested")]
    Retired::NUMBER.set(1);
}
