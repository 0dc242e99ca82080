//! As in the runtime, with its own sources, but for `primitive`, `list` and `kinds`.

#[path = "../../../../tls-core/src/shared/histogram.rs"]
pub(crate) mod histogram;
pub(crate) mod kinds;
pub(crate) mod list;
#[path = "../../../../tls-core/src/shared/local.rs"]
pub(crate) mod local;
#[path = "../../../../tls-core/src/shared/lock.rs"]
pub(crate) mod lock;
#[path = "../../../../tls-core/src/shared/part.rs"]
pub(crate) mod part;
pub(crate) mod primitive;
#[path = "../../../../tls-core/src/shared/registry.rs"]
pub(crate) mod registry;
