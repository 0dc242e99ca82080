//! The word of a slot, in every sequence of operations up to a length.

#![cfg(test)]
