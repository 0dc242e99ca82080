//! Cargo, as its user would call it.

use std::env;
use std::path::Path;
use std::process::Command;

/// Returns a command of cargo's that runs in the test's own package and builds in this directory.
///
/// It leaves out what the tests themselves are built with: sanitizers, other targets, other profiles.
pub(crate) fn cargo(arguments: &[&str], target: &Path) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .args(["--offline", "--target-dir"])
        .arg(target);
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let is_ours = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_INCREMENTAL"];
        if text.contains("RUSTFLAGS") || is_ours.iter().any(|start| text.starts_with(start)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Runs a command, which must succeed. Returns what it has written to standard output.
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
