//! Another thread vanishes in a fork, at whatever instruction it is.
//!
//! A thread runs an operation of the runtime one instruction at a time, which the processor's trap flag
//! makes it do. At each instruction (by default at a sample of them) this one forks, and the child
//! checks that nothing of the parent is left, that nothing hangs, that everything works, and that
//! nothing of the parent's is freed or dropped. The processes, the handlers and the runtime are the real
//! ones; and once more with a copy of the runtime in which one line is broken, which must be found.
//!
//! Only instructions of this program count. The C library locks its own locks before it forks, so a
//! thread cannot vanish with them.
//!
//! `TLS_STATE_TEST_POINTS` is how many instructions are tried of each operation: of the first so many each
//! one, and ever fewer of those that follow; or `all`. With it what takes long is tried, too:
//! operations of very many instructions, and a handler of the user's with each.

#![cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"))]

#[path = "../../../fork/support.rs"]
#[allow(dead_code, unreachable_pub, reason = "this binary needs only a part")]
mod support;

mod step;
mod tagged;

/// The runtime.
mod real {
    use tls_core as runtime;

    #[path = "../story.rs"]
    mod story;

    mod tests;
}

/// The copy.
mod broken {
    use ::mutated as runtime;

    #[path = "../story.rs"]
    #[allow(dead_code, clippy::duplicate_mod, reason = "a part of it, once more")]
    mod story;

    mod tests;
}
