//! A thread's values: where they lie, how they are made, borrowed and dropped.
//!
//! | file | what |
//! |---|---|
//! | `word` | the bits that say what may be accessed |
//! | `slot` | a thread's place for one state, and its transitions |
//! | `fill` | initialization in place, field by field |
//! | `thread` | the list of a thread's states, and its end |
//! | `contract` | the trait that the attribute implements |
//! | `access` | the accessors |
//! | `lifetime` | init, reset, set aside |
//! | `field` | the handle of a field |

pub(crate) mod access;
pub(crate) mod contract;
pub(crate) mod field;
pub(crate) mod fill;
pub(crate) mod lifetime;
pub(crate) mod slot;
pub(crate) mod thread;
pub(crate) mod word;
