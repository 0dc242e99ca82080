//! The runtime's own sources, where they look for each other.

#[allow(
    dead_code,
    reason = "the runtime tells the compiler something that is tested here"
)]
#[path = "../../../../tls-core/src/state/loans.rs"]
pub(crate) mod loans;
#[path = "../../../../tls-core/src/state/word.rs"]
pub(crate) mod word;
