//! What a forked child finds.
//!
//! Every test runs in a process of its own, because a process forks as a whole and because
//! handlers, once registered, stay; and within a time limit, because what goes wrong at a fork
//! tends to hang.

#![cfg(all(unix, not(miri)))]

#[path = "../support/meter.rs"]
#[macro_use]
mod meter;

mod allocator;
mod coroutines;
mod ends;
mod fresh;
mod generations;
mod handlers;
mod initializers;
mod isolated;
mod keep;
mod kinds;
mod order;
mod programs;
mod scope;
mod shared;
mod shared_parts;
mod storms;
mod support;
mod values;
