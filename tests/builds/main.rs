//! Programs that are built with the crate in other ways than these tests are.

#![cfg(not(miri))]

#[path = "../support/cargo.rs"]
mod cargo;
mod cfgs;
mod constructors;
mod directory;
mod ways;
