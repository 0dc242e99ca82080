//! Native thread-locals: their memory goes away with the thread, and not before.

/// Keeps the code that is written for native thread-locals.
macro_rules! by_form {
    (native { $($native:item)* } keys { $($keys:item)* }) => { $($native)* };
}

pub use std::thread::LocalKey;
pub(crate) use std::thread_local;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod late;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod late {
    use crate::platform::of::Of;

    /// Does nothing: elsewhere the standard library's destructors are called in rounds, too, and late
    /// ones in the next round.
    pub(crate) fn at_end(_: Of, _: fn()) {}

    pub(crate) fn not_at_end(_: Of) {}
}

pub(crate) use late::{at_end, not_at_end};

mod macros;
