//! As in the runtime, without what runs in a child: there are no forks in a model.

#[path = "../../../../tls-core/src/fork/generation.rs"]
pub(crate) mod generation;
