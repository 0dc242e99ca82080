//! The end of a process of Windows: the system ends all other threads first, wherever they are, and then runs
//! the destructors of the one that is left. What a thread has locked that was ended is locked for good.
//!
//! Each scenario is this same program again. `TLS_STATE_TEST_LIBRARY` is the path of the package
//! `test-cdylib`'s library, whose states are its own.

#[cfg(windows)]
mod ends;

fn main() {
    #[cfg(windows)]
    ends::main();
}
