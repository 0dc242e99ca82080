//! Shared fields: written by each thread for itself, totaled by all.
//!
//! | file | what |
//! |---|---|
//! | `primitive` | what a model checker replaces |
//! | `lock` | a lock that a forked child can overwrite |
//! | `list` | a list of statics that a forked child can make whole |
//! | `histogram` | buckets and snapshots |
//! | `registry` | the process's side: blocks of cells, and what exited threads have left |
//! | `local` | a thread's side: where it finds its cells |
//! | `part` | values of any type that are collected |
//! | `kinds` | `Counter` and the other types |
//! | `handles` | the handle of a shared field, and listings |

pub(crate) mod handles;
pub(crate) mod histogram;
pub(crate) mod kinds;
pub(crate) mod list;
pub(crate) mod local;
pub(crate) mod lock;
pub(crate) mod part;
pub(crate) mod primitive;
pub(crate) mod registry;
