//! The guide: what holds for all states, by subject. These modules contain nothing but text.
//!
//! | page | subject |
//! |---|---|
//! | [`destruction`] | how values are initialized, in which order they are dropped, what destructors may use |
//! | [`borrows`] | checks by field, `borrow!`, code that comes back, thread pools, async, coroutines, signals |
//! | [`shared_fields`] | what a total includes, what exited threads leave, exporting, allocators |
//! | [`runtimes`] | thread pools, async runtimes, values for a future |
//! | [`testing`] | testing code that counts, and counting for one job |
//! | [`fork`] | what a forked child finds |
//! | [`platforms`] | where this crate compiles, and what differs |
//! | [`migrating`] | from `thread_local!`, `thread_local`, `scoped-tls` and `tokio::task_local!` |
//! | [`mistakes`] | what to write where the compiler cannot say it |

#[doc = include_str!("destruction.md")]
pub mod destruction {}

#[doc = include_str!("borrows.md")]
pub mod borrows {}

#[doc = include_str!("shared_fields.md")]
pub mod shared_fields {}

#[doc = include_str!("runtimes.md")]
pub mod runtimes {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("fork.md")]
pub mod fork {}

#[doc = include_str!("platforms.md")]
pub mod platforms {}

#[doc = include_str!("migrating.md")]
pub mod migrating {}

#[doc = include_str!("mistakes.md")]
pub mod mistakes {}
