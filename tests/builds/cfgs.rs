//! `RUSTFLAGS="--cfg …"` reaches every crate of a build, so its names are for all of them.

use std::fs;

use crate::cargo::{cargo, run};
use crate::directory::directory;

/// The name that other projects' model checker has, names that this one has had, and any other.
#[test]
fn cfgs_of_other_crates_change_nothing_here() {
    let flags = "--cfg loom --cfg few_kinds --cfg mutants --cfg miri_like";
    let target = directory().join("cfgs");
    run(cargo(&["check", "--locked", "-p", "strict"], &target).env("RUSTFLAGS", flags));
}

/// The compiler reports what is not in the list, and no warning passes `.ci/run`.
#[test]
fn every_cfg_of_ours_has_our_name() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let checked = manifest
        .lines()
        .find(|line| line.starts_with("unexpected_cfgs"))
        .unwrap();
    let names: Vec<&str> = checked.split("cfg(").skip(1).collect();
    assert!(!names.is_empty(), "{checked}");
    for name in names {
        // Or the compiler's, with values that an older one does not know.
        let is_ours = name.starts_with("tls_core_") || name.starts_with("target_os, ");
        assert!(is_ours, "{name}");
    }
}
