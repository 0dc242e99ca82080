//! What is called when a thread ends, by whose it is.

/// In the order in which they are called.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    States,
    SharedFields,
}
