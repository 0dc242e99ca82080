//! What works below the attribute. These derives see the struct that there is, without the hidden field,
//! which comes last and has no size.

// `with_state` is passed functions of traits, and those of derives are not all of one style.
#![allow(clippy::pedantic)]

use std::cmp::Ordering;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use const_field_offset::FieldOffsets;
use tls_core::{Counter, thread_local_state};
use zerocopy::{Immutable, IntoBytes, KnownLayout, Unaligned};

#[thread_local_state]
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Plain {
    #[state(init = 7)]
    jobs: u64,
    #[state(init = "seven".to_owned())]
    name: String,
}

#[test]
fn derives_of_std_see_the_declared_fields_and_no_other() {
    Plain::with_state(|plain| {
        assert_eq!(format!("{plain:?}"), r#"Plain { jobs: 7, name: "seven" }"#);
        assert_eq!(plain, plain);
        assert_eq!(plain.cmp(plain), Ordering::Equal);
        assert_eq!(plain.partial_cmp(plain), Some(Ordering::Equal));
        let hash = |hash: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            hash(&mut hasher);
            hasher.finish()
        };
        let of_fields = hash(&|hasher| (7_u64, "seven").hash(hasher));
        assert_eq!(hash(&|hasher| plain.hash(hasher)), of_fields);
    });
}

#[thread_local_state]
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Serialized {
    #[state(init = 7)]
    jobs_done: u64,
    #[serde(skip)]
    _scratch: Vec<u8>,
}

#[thread_local_state]
#[derive(serde::Serialize)]
struct SerializedBesideShared {
    #[state(shared)]
    done: Counter,
    #[serde(rename = "count")]
    jobs: u64,
}

#[thread_local_state]
#[derive(serde::Serialize)]
struct SerializedTuple(#[state(init = 1)] u8, #[state(init = 2)] u8);

#[thread_local_state]
#[derive(serde::Serialize)]
#[serde(transparent)]
struct SerializedTransparent {
    #[state(init = 3)]
    jobs: u8,
}

#[test]
fn a_state_is_serialized_as_its_declared_fields() {
    let json = Serialized::with_state(serde_json::to_string).unwrap();
    assert_eq!(json, r#"{"jobsDone":7}"#);
    SerializedBesideShared::DONE.increment();
    let json = SerializedBesideShared::with_state(serde_json::to_string).unwrap();
    assert_eq!(json, r#"{"count":0}"#);
    let json = SerializedTuple::with_state(serde_json::to_string).unwrap();
    assert_eq!(json, "[1,2]");
    let json = SerializedTransparent::with_state(serde_json::to_string).unwrap();
    assert_eq!(json, "3");
}

#[thread_local_state]
#[derive(borsh::BorshSerialize)]
struct Borsh {
    #[state(shared)]
    done: Counter,
    #[state(init = 0x0102)]
    jobs: u16,
    #[borsh(skip)]
    _scratch: Vec<u8>,
    #[state(init = true)]
    is_working: bool,
}

#[test]
fn borsh_writes_the_declared_fields() {
    Borsh::DONE.increment();
    let bytes = Borsh::with_state(borsh::to_vec).unwrap();
    assert_eq!(bytes, [2, 1, 1]);
}

#[thread_local_state]
#[derive(derive_more::Debug, derive_more::Display, derive_more::LowerHex)]
#[debug("jobs {jobs}")]
#[display("{jobs} jobs")]
struct Formatted {
    #[state(init = 17)]
    jobs: u64,
}

#[thread_local_state]
#[derive(
    derive_more::Deref,
    derive_more::DerefMut,
    derive_more::AsRef,
    derive_more::AsMut,
    derive_more::Index,
    derive_more::IndexMut,
    derive_more::IntoIterator,
    derive_more::Into,
)]
#[into(ref, ref_mut)]
struct Wrapped {
    #[state(init = vec![1, 2])]
    #[into_iterator(ref, ref_mut)]
    values: Vec<u8>,
}

#[thread_local_state]
#[derive(Debug, derive_more::Display, derive_more::Error)]
#[display("failed")]
struct Failed {
    #[state(init = std::fmt::Error)]
    source: std::fmt::Error,
}

#[thread_local_state]
#[derive(PartialEq, derive_more::Eq)]
struct Equal {
    jobs: u64,
}

#[test]
fn derive_more_formats_a_state_and_lends_its_fields() {
    Formatted::with_state(|state| {
        assert_eq!(format!("{state:?} {state} {state:x}"), "jobs 17 17 jobs 11");
    });
    Wrapped::with_state_mut(|state| {
        state.push(3);
        state[0] += 1;
        AsMut::<Vec<u8>>::as_mut(state)[1] += 1;
        for value in &mut *state {
            *value *= 2;
        }
        <&mut Vec<u8>>::from(&mut *state).push(0);
    });
    Wrapped::with_state(|state| {
        assert_eq!(**state, [4, 6, 6, 0]);
        assert_eq!(AsRef::<Vec<u8>>::as_ref(state), <&Vec<u8>>::from(state));
        assert_eq!(state.into_iter().copied().max(), Some(state[1]));
    });
    Failed::with_state(|state| {
        let source = std::error::Error::source(state).unwrap();
        assert!(source.is::<std::fmt::Error>());
    });
    assert!(Equal::with_state(|state| state == state));
}

#[thread_local_state]
#[derive(FieldOffsets)]
#[repr(C)]
struct Offsets {
    #[state(init = 1)]
    small: u8,
    #[state(init = 2)]
    large: u64,
    #[state(init = 3)]
    last: u16,
}

/// Without `repr(C)` there may be shared fields.
#[thread_local_state]
#[derive(FieldOffsets)]
struct OffsetsBesideShared {
    #[state(shared)]
    done: Counter,
    #[state(init = 5)]
    number: usize,
    #[state(init = 6)]
    other: u8,
}

#[test]
fn offsets_are_those_of_the_fields() {
    assert_eq!(Offsets::FIELD_OFFSETS.small().get_byte_offset(), 0);
    assert_eq!(
        Offsets::FIELD_OFFSETS.large().get_byte_offset(),
        align_of::<u64>()
    );
    assert_eq!(
        Offsets::FIELD_OFFSETS.last().get_byte_offset(),
        align_of::<u64>() + size_of::<u64>()
    );
    Offsets::with_state_mut(|state| {
        *Offsets::FIELD_OFFSETS.large().apply_mut(state) = 20;
        *Offsets::FIELD_OFFSETS.last().apply_mut(state) += 27;
    });
    Offsets::with_state(|state| {
        assert_eq!((state.small, state.large, state.last), (1, 20, 30));
        assert!(std::ptr::eq(
            Offsets::FIELD_OFFSETS.large().apply(state),
            &state.large
        ));
    });
}

#[test]
fn offsets_beside_shared_fields_are_those_of_the_fields_that_are_there() {
    OffsetsBesideShared::DONE.add(41);
    OffsetsBesideShared::with_state_mut(|state| {
        *OffsetsBesideShared::FIELD_OFFSETS.number().apply_mut(state) += 1
    });
    OffsetsBesideShared::with_state(|state| {
        assert!(std::ptr::eq(
            OffsetsBesideShared::FIELD_OFFSETS.number().apply(state),
            &state.number
        ));
        assert!(std::ptr::eq(
            OffsetsBesideShared::FIELD_OFFSETS.other().apply(state),
            &state.other
        ));
        assert_eq!((state.number, state.other), (6, 6));
    });
    assert_eq!(OffsetsBesideShared::DONE.total(), 41);
}

#[thread_local_state]
#[derive(IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Bytes {
    #[state(init = 1)]
    first: u8,
    #[state(init = [2, 3])]
    others: [u8; 2],
}

#[thread_local_state]
#[derive(IntoBytes, Immutable, zerocopy::ByteEq, zerocopy::ByteHash)]
#[repr(transparent)]
struct TransparentBytes(#[state(init = 0x0102_u16.to_be())] u16);

#[test]
fn the_bytes_of_a_state_are_those_of_its_fields() {
    Bytes::with_state(|state| assert_eq!(state.as_bytes(), [1, 2, 3]));
    TransparentBytes::with_state(|state| {
        assert_eq!(state.as_bytes(), [1, 2]);
        assert!(state == state);
    });
    // The hidden field has neither size nor alignment.
    assert_eq!((size_of::<Bytes>(), align_of::<Bytes>()), (3, 1));
    assert_eq!(size_of::<TransparentBytes>(), size_of::<u16>());
}
