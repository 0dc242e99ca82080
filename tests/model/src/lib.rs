//! The word of a slot, in every sequence of operations up to a length.
//!
//! The word is the runtime's own source. `machine` makes a slot of it that holds no value, and beside it
//! keeps what the slot itself does not know: which borrows are outstanding, in what order, and whose
//! value it is. `explore` tries every operation in every state that can be reached, and `machine`
//! compares the two in each of them. `promises` says what has to hold; `naive` has protocols that
//! are wrong, and are found to be: a model that cannot fail proves nothing.
//!
//! `TLS_STATE_MODEL_DEPTH` is the length of the sequences, for the setting with the most operations; the
//! others have a few steps more. Each step takes about five times as long as all before it.

#![cfg(test)]

#[path = "../../../tls-core/src/state/word.rs"]
mod word;

mod explore;
mod machine;
mod naive;
mod promises;
mod protocol;
