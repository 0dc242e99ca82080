//! The parts of this crate that act when a thread ends.

/// Whose function is called. The functions are called in this order.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    States,
    SharedFields,
}
