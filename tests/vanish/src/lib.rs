//! A copy of the runtime in which lines can be broken, one in each process. The tests beside it do
//! the same to the runtime and to the copy, and must find every line.

#![allow(
    macro_expanded_macro_exports_accessed_by_absolute_paths,
    missing_docs,
    unexpected_cfgs,
    unsafe_op_in_unsafe_fn,
    unused_parens,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    reason = "what is right with the original is checked there"
)]

include!(concat!(env!("OUT_DIR"), "/lib.rs"));

/// What is broken.
pub mod broken {
    use std::sync::OnceLock;

    static BROKEN: OnceLock<&str> = OnceLock::new();

    /// Breaks a line for good.
    pub fn set(name: &'static str) {
        BROKEN.set(name).expect("one line in each process");
    }

    /// Whether this line is broken.
    pub fn is(name: &str) -> bool {
        BROKEN.get().is_some_and(|broken| *broken == name)
    }

    /// Takes so many instructions that some of them are tried.
    pub fn linger() {
        for count in 0..300 {
            std::hint::black_box(count);
        }
    }
}
