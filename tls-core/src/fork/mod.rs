//! What a forked child must not inherit.
//!
//! | file | what |
//! |---|---|
//! | `generation` | the leaf: whether and how often this process was forked; everything may ask it |
//! | `handler` | the top: the child handler, which resets what the other modules keep |
//!
//! The child of a `fork` has one thread, with a copy of the parent's memory. What other threads were
//! changing at that moment may be half done in the copy, and values such as connections are the parent's.
//! So a child handler (`pthread_atfork`) empties the registries of shared fields, forgets this thread's
//! blocks and its states with `fork = reset`, and raises a number by which operations in progress notice
//! the fork.
//!
//! Nothing below calls the handler. A handler of the user's that was registered earlier runs before this
//! one. It may find a lock that is held by a thread that is gone. Code that waits for the lock asks the
//! leaf, learns that the handler is due, and goes on alone. The handler resets what that code leaves
//! behind.

pub(crate) mod generation;
pub(crate) mod handler;
