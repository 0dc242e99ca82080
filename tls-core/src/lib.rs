//! Per-thread state as a struct: `#[thread_local_state]` turns a struct into a lazily
//! initialized singleton of every thread, with typed accessors.
//!
//! TLS stands for thread-local storage here, not for transport layer security.

#[cfg(any(
    target_os = "android",
    target_os = "openbsd",
    target_os = "illumos",
    target_os = "solaris",
    all(windows, target_env = "gnu", not(target_abi = "llvm")),
))]
compile_error!(
    "tls-core needs native thread-locals, which this target does not have: there the standard \
     library frees them in an unspecified order while the thread exits"
);

pub use tls_macros::thread_local_state;

pub use crate::error::{AccessError, InitError, Site};
pub use crate::field::Field;
pub use crate::state::ThreadLocalState;

mod access;
mod diagnose;
mod error;
mod field;
mod fill;
mod lifetime;
mod slot;
mod state;
mod thread;
mod word;

/// For the attribute's expansion. Named after the version, so that the expansion of another
/// version does not compile.
#[doc(hidden)]
#[path = "private.rs"]
pub mod __private_0_1_0;
