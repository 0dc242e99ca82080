//! In the place of the runtime's.

pub(crate) mod thread;
