//! What holds for all states, by subject. These modules contain nothing but text.
//!
//! | page | what |
//! |---|---|
//! | [`destruction`] | how values are initialized, in which order they are dropped, and what destructors may use |
//! | [`shared_fields`] | what a total includes, and what becomes of the counts of a thread that exits |
//! | [`runtimes`] | pools, async runtimes, exporters |
//! | [`testing`] | testing code that counts, and counting for one job |
//! | [`mistakes`] | what to write where the compiler cannot say it |
//! | [`fork`] | what a forked child finds |
//! | [`platforms`] | where this crate compiles, and what differs; futures, coroutines, libraries, signals |

#[doc = include_str!("destruction.md")]
pub mod destruction {}

#[doc = include_str!("shared_fields.md")]
pub mod shared_fields {}

#[doc = include_str!("runtimes.md")]
pub mod runtimes {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("mistakes.md")]
pub mod mistakes {}

#[doc = include_str!("fork.md")]
pub mod fork {}

#[doc = include_str!("platforms.md")]
pub mod platforms {}
