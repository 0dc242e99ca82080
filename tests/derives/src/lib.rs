//! Other crates' derives below the attribute; there is nothing here but tests.
