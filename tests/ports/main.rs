//! Hot uses of `thread_local!` in well-known crates, written anew with
//! `#[thread_local_state]`: does the interface carry them?
//!
//! Each module models what such a crate keeps per thread, not the rest of the crate.

mod context;
mod epoch;
mod formatter;
mod late_log;
mod late_random;
mod random;
mod support;
