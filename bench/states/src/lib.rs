//! The states that are measured: the same ones for every candidate, in a library of their own, so
//! that what is measured crosses a crate as it does for users.
#![cfg_attr(feature = "nightly", feature(thread_local))]

#[cfg(feature = "access")]
pub mod access;
#[cfg(feature = "births")]
pub mod births;
#[cfg(feature = "counts")]
pub mod counts;
#[cfg(all(feature = "access", tls_core_keys))]
mod keyed;
