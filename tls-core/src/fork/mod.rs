//! What a forked child must not inherit.
//!
//! | file | what |
//! |---|---|
//! | `generation` | the leaf: whether and how often this process was forked; everything may ask it |
//! | `handler` | the top: the child handler, which resets what the other modules keep |
//!
//! The child of a `fork` has one thread, with a copy of all that the parent had. What other threads
//! were changing at that moment may be half done there, and values such as connections are the parent's.
//! So a child handler (`pthread_atfork`) empties the registries of shared fields, forgets this thread's
//! blocks and its states with `fork = reset`, and raises a number by which things in progress notice.
//!
//! Nothing below calls the handler. A handler of the user's that was registered earlier runs before it,
//! and may find a lock that a thread holds which is gone: whoever waits asks the leaf, which knows that
//! the handler is due, and goes on alone. What it leaves behind then, the handler resets.

pub(crate) mod generation;
pub(crate) mod handler;
