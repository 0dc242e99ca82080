//! As in the runtime, with its own sources, except `primitive`, `list` and `exit`.

#[path = "../../../../tls-core/src/shared/chunk.rs"]
pub(crate) mod chunk;
pub(crate) mod exit;
#[path = "../../../../tls-core/src/shared/histogram.rs"]
pub(crate) mod histogram;
#[path = "../../../../tls-core/src/shared/layout.rs"]
pub(crate) mod layout;
pub(crate) mod list;
#[path = "../../../../tls-core/src/shared/local.rs"]
pub(crate) mod local;
#[path = "../../../../tls-core/src/shared/lock.rs"]
pub(crate) mod lock;
#[path = "../../../../tls-core/src/shared/part.rs"]
pub(crate) mod part;
#[path = "../../../../tls-core/src/shared/part_list.rs"]
pub(crate) mod part_list;
pub(crate) mod primitive;
#[path = "../../../../tls-core/src/shared/registry.rs"]
pub(crate) mod registry;
#[path = "../../../../tls-core/src/shared/snapshot.rs"]
pub(crate) mod snapshot;
