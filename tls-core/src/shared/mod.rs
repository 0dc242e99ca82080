//! Shared fields: each thread writes its own share, and any thread can total them.
//!
//! A `#[state(shared)]` field is declared among the other fields, but is not part of the struct. The
//! attribute replaces it by a handle, a [`SharedField`], and its count outlives the value. The type of
//! the field determines what is counted:
//!
//! | type | what | total | writes |
//! |---|---|---|---|
//! | [`Counter`] | jobs, bytes, requests | sum | `add`, `increment` |
//! | [`UpDown`] | requests in flight | sum | `add`, `increment`, `decrement` |
//! | [`Gauge`] | what a thread has now | sum over live threads | `set`, `add` |
//! | [`Peak`] | the greatest value | maximum | `record` |
//! | [`Histogram`] | latencies, sizes | [`HistogramSnapshot`] | `record` |
//! | [`Part`] | a value of any type | none; parts are collected | `with_mut` |
//!
//! An array of one of the first five types, such as `[Counter; 4]`, is a field of several values. A state
//! has at most 1,024 shared values.

// | file | what |
// |---|---|
// | `primitive` | what a model checker replaces |
// | `lock` | a lock that a forked child can overwrite |
// | `list` | a list of statics that a forked child can make whole |
// | `histogram`, `snapshot` | buckets, and what is shown of them |
// | `kept` | boxes that no allocator of the user's knows of |
// | `layout` | which cells and words are whose |
// | `part_list` | lists of parts |
// | `chunk` | blocks of cells, and the threads that have them |
// | `registry` | the process's side: chunks, and what exited threads have left |
// | `exit` | the end of a thread |
// | `raw` | a thread's side: where it finds its cells |
// | `job` | registries of a job's own, and the jobs that a thread is in |
// | `local` | how a thread gets its cells, and gives them back |
// | `part` | values of any type that are collected |
// | `kinds` | `Counter` and the other types |
// | `rows` | the table of threads |
// | `field` | the handle of a shared field |
// | `listing` | all fields of the process |
// | `isolated` | the handle of a job |
//
// Each file uses only those above it.

pub(crate) mod chunk;
pub(crate) mod exit;
pub(crate) mod field;
pub(crate) mod histogram;
pub(crate) mod isolated;
pub(crate) mod job;
pub(crate) mod kept;
pub(crate) mod kinds;
pub(crate) mod layout;
pub(crate) mod list;
pub(crate) mod listing;
pub(crate) mod local;
pub(crate) mod lock;
pub(crate) mod part;
pub(crate) mod part_list;
pub(crate) mod primitive;
pub(crate) mod raw;
pub(crate) mod registry;
pub(crate) mod rows;
pub(crate) mod snapshot;

pub use crate::shared::field::{HasSharedFields, SharedField};
pub use crate::shared::kinds::{
    Counter, Gauge, Histogram, Part, Peak, Shareable, Takeable, Totaled, UpDown,
};
pub use crate::shared::listing::{SharedFieldInfo, Total, shared_fields};
pub use crate::shared::rows::{PerThread, ThreadValue};
pub use crate::shared::snapshot::HistogramSnapshot;
