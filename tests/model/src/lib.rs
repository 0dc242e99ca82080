//! The word of a slot and what is beside it, in every sequence of operations.
//!
//! Both are the runtime's own source. `machine` makes a slot of them that holds no value, and `known` has
//! what the slot itself does not know: which borrows are outstanding, in what order they have begun, and
//! whose value it is. `explore` tries every operation in every state that can be reached, however long the
//! sequence, as long as no more than so many borrows are outstanding at a time. `check` compares the two in
//! each of these states. `promises` says what has to hold. `naive` has protocols that are wrong, and are
//! found to be: a model that cannot fail proves nothing.
//!
//! `TLS_STATE_MODEL_MORE` is how many more may be outstanding than by default. Each one more takes four to eight
//! times as long.

#![cfg(test)]

mod state;

mod check;
mod explore;
mod known;
mod machine;
mod naive;
mod print;
mod promises;
mod protocol;
