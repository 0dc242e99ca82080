//! Where programs and libraries are built.

use std::path::{Path, PathBuf};

/// A directory that the tests of this binary have for themselves.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds")
}

/// Cargo's target directory: one, so that what all depend on is built once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn target() -> PathBuf {
    directory().join("target")
}
