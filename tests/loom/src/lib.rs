//! The protocol of the registry of shared fields, under loom, which tries every interleaving of the
//! threads and every value that their loads may see.
//!
//! The sources are the runtime's own (`lock`, `registry`, `histogram`); the modules beside them
//! take the place of those that touch the operating system.

#![cfg(test)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "a part of a crate, out of its context"
)]

mod primitive;

#[path = "../../../tls-core/src/histogram.rs"]
mod histogram;
#[path = "../../../tls-core/src/lock.rs"]
mod lock;
#[path = "../../../tls-core/src/registry.rs"]
mod registry;

mod models;
mod naive;

/// What the sources call of the fork module: there are no forks in a model.
mod fork {
    use crate::registry::Registry;

    pub(crate) struct Link;

    impl Link {
        pub(crate) const fn new() -> Self {
            Self
        }
    }

    pub(crate) fn link(_: &'static Registry) {}

    pub(crate) fn catch_up() {}

    pub(crate) fn generation() -> u64 {
        0
    }
}
