//! The protocol of shared fields, under loom, which tries every interleaving of the threads, up to a
//! number of preemptions, and every value that their loads may see.
//!
//! The sources are the runtime's own (all but `primitive`, `kinds`, `field` and `listing`); the modules
//! beside them take the place of those that touch the operating system. The build script makes a
//! second set of them, `mutated`, in which lines can be broken one at a time: what a model does not
//! find there it does not prove here.
//!
//! `LOOM_MAX_PREEMPTIONS` raises how many preemptions are tried: three, one
//! in large models. In models of three threads it is always one. `--nocapture` shows the number of
//! interleavings of every model.

#![cfg(test)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "a part of a crate, out of its context"
)]

mod shared;

mod fork;

mod models;

mod broken;
mod naive;

/// All of the above once more, with lines that [`broken`] can break.
#[allow(
    unused_parens,
    clippy::all,
    clippy::pedantic,
    reason = "what is right with the originals is checked there"
)]
mod mutated {
    include!(concat!(env!("OUT_DIR"), "/mutated.rs"));
}
