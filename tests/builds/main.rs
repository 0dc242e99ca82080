//! Programs that are built with the crate in other ways than these tests are.

#![cfg(not(miri))]

mod cargo;
mod cfgs;
mod constructors;
mod ways;
