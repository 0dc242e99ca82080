//! What the command line says.

use std::path::PathBuf;

/// How to measure. Every part takes this.
pub(crate) struct Options {
    /// Fewer rounds, and only what the goals need: the whole bench in under five minutes.
    pub(crate) quick: bool,
    /// The directory `bench/`.
    pub(crate) root: PathBuf,
    /// Where to build and keep intermediate files: Cargo's target directory of `bench/`.
    pub(crate) target: PathBuf,
}
