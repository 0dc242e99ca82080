//! Per-thread state as a struct: [`#[thread_local_state]`](macro@thread_local_state) turns a
//! struct into a lazily initialized singleton of every thread, with typed accessors.
//!
//! TLS stands for thread-local storage here, not for transport layer security.
//!
//! ```
//! use tls_core::thread_local_state;
//!
//! /// Every thread that uses it has one of these.
//! #[thread_local_state]
//! struct Worker {
//!     #[state(init = Vec::with_capacity(4096))]
//!     scratch: Vec<u8>,
//!     jobs: u64, // no initializer: `Default`
//! }
//!
//! fn main() {
//!     // The whole state…
//!     Worker::with_state_mut(|worker| {
//!         worker.scratch.push(1);
//!         worker.jobs += 1;
//!     });
//!     // … or one field of it.
//!     Worker::JOBS.update(|jobs| jobs + 1);
//!     assert_eq!(Worker::JOBS.get(), 2);
//!
//!     // Another thread, another `Worker`.
//!     std::thread::spawn(|| assert_eq!(Worker::JOBS.get(), 0)).join().unwrap();
//! }
//! ```
//!
//! The value is initialized on a thread's first access, lives in that thread, and is dropped when the thread
//! ends. No function returns an owned value, and no value can be built by hand. So the classic mistake with
//! thread-local objects, one object per call instead of one per thread, does not compile.
//!
//! # Where to look
//!
//! - [`macro@thread_local_state`]: the attribute and its arguments.
//! - [`Field`]: the handle of a field, `Worker::JOBS`.
//! - [`State`]: the handle of the whole state, `Worker::state()`, with all functions except `with_state` and
//!   `with_state_mut`, which the struct itself has.
//! - [`shared`]: fields that all threads can total, with [`Counter`], [`Histogram`] and the others.
//! - [`AccessError`]: why an access was refused.
//! - [`ThreadLocalState`]: for code that is generic over states.
//! - [`borrow!`] and [`borrow_mut!`]: a reference until the end of the block, without a closure.
//! - [`Isolated`]: separate counts, for a test or one job.
//!
//! The [`guide`] describes what applies to all states: [destruction](guide::destruction), [borrows](guide::borrows),
//! [shared fields](guide::shared_fields), [runtimes](guide::runtimes), [testing](guide::testing),
//! [fork](guide::fork), [platforms](guide::platforms), [migrating](guide::migrating) and
//! [mistakes](guide::mistakes).

#[doc(inline)]
pub use tls_macros::thread_local_state;

pub use crate::error::{AccessError, InitError, InitWithError, Rejected, Site};
pub use crate::shared::isolated::{Isolated, IsolatedFuture};
pub use crate::shared::kinds::{Counter, Histogram};
pub use crate::state::contract::{FromValues, LazyState, State, ThreadLocalState};
pub use crate::state::field::Field;
pub use crate::state::fresh::FreshFuture;
pub use crate::state::scope::{ScopeFuture, ScopeGuard};

#[macro_use]
mod platform;

mod borrow;
mod diagnose;
mod error;
mod fork;
pub mod guide;
mod mistakes;
mod pinned;
pub mod shared;
mod state;

/// For the attribute's expansion. Named after the version, so that the expansion of another
/// version does not compile.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private_0_1_0;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("thread_local_state.md")]
mod attribute {}
