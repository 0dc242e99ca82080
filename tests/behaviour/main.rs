//! What the library promises at run time, one module for each subject.

mod access;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod coroutines;
mod depth;
mod errors;
mod exit;
mod foreign;
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod foreign_coroutines;
mod foreign_mixes;
#[cfg(unix)]
mod foreign_threads;
mod fresh;
mod generic;
mod groups;
mod init;
mod kinds;
mod locations;
mod order;
mod panics;
mod refusals;
mod reset;
mod scope;
mod sizes;
mod spare;
mod support;
mod values;
