//! What a target must have; the others are refused.
//!
//! `tests/targets.rs` compiles this file alone for every target that the compiler knows.

#[cfg(not(target_has_atomic = "64"))]
compile_error!("tls-core needs 64-bit atomics for shared fields, which this target does not have");

#[cfg(any(
    target_os = "android",
    target_os = "openbsd",
    target_os = "illumos",
    target_os = "solaris",
    all(windows, target_env = "gnu", not(target_abi = "llvm")),
))]
compile_error!(
    "tls-core needs native thread-locals, which this target does not have: there the standard \
     library frees them in an unspecified order while the thread exits"
);
