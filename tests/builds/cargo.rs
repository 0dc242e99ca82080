//! Cargo, as its user would call it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where programs and libraries are built, in [`directory`]: one place, so that what they depend on is built
/// once.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) const TARGET: &str = "target";

/// Where what is built lies.
pub(crate) fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("builds")
}

/// A command of cargo's for this workspace, with a target directory of its own, and without what the
/// tests themselves are built with: sanitizers, other targets, other profiles.
pub(crate) fn cargo(arguments: &[&str], target: &str) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .args(["--offline", "--target-dir"])
        .arg(directory().join(target));
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_INCREMENTAL"];
        if text.contains("RUSTFLAGS") || is_ours.iter().any(|start| text.starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs it, and fails if it does. Returns what it has written to standard output.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
