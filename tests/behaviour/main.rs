//! What the library promises at run time, one module for each subject.

mod access;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod coroutines;
mod depth;
mod errors;
mod exit;
// Under keys states have no place among other crates' thread-locals.
#[cfg(not(tls_core_keys))]
mod foreign;
#[cfg(all(
    target_os = "linux",
    target_env = "gnu",
    target_arch = "x86_64",
    not(tls_core_keys)
))]
mod foreign_coroutines;
#[cfg(not(tls_core_keys))]
mod foreign_mixes;
#[cfg(all(unix, not(tls_core_keys)))]
mod foreign_threads;
mod fresh;
mod fresh_future;
mod generic;
mod groups;
mod init;
#[cfg(all(unix, tls_core_keys))]
mod keys;
#[cfg(all(windows, tls_core_keys))]
mod keys_windows;
mod kinds;
mod lend;
mod locations;
mod order;
mod panics;
mod passed;
mod refusals;
mod rejected;
mod reset;
#[cfg(unix)]
mod rounds;
mod scope;
mod scope_guards;
mod sizes;
mod spare;
mod stack;
mod support;
#[cfg(not(tls_core_keys))]
mod turns;
mod values;
