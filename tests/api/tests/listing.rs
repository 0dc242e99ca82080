//! The public interface is what the lists beside this test say.
//!
//! A change of a list is a change that users see: say so in `CHANGELOG.md`, and ask of what is
//! gone or different whether it breaks somebody's code. (Not if a type has only moved between private
//! modules: `states.txt` calls the runtime's types by where they are defined.) Left out are blanket
//! implementations, which are the same for every type, and what is hidden in the documentation.
//!
//! rustdoc knows its machine-readable form on nightly only, unless it is told to be one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

/// What has the value `overwrite` when the lists are to be written anew.
const BLESS: &str = "TLS_STATE_API";

/// What no user can name: unstable auto traits, and the part of the runtime's inside that a constant
/// state implements.
const UNNAMEABLE: [&str; 3] = [
    "core::marker::Freeze",
    "core::marker::UnsafeUnpin",
    "tls_core::state::slot::",
];

/// Describes the packages in rustdoc's machine-readable form, all at once, and says in which directory.
static DESCRIPTIONS: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("api");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["doc", "--no-deps", "--lib", "--locked", "--offline"]);
    for package in ["tls-core", "tls-macros", "listed"] {
        cargo.args(["--package", package]);
    }
    cargo.arg("--target-dir").arg(&target);
    // What the tests themselves are built with: sanitizers, other targets, other profiles.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.contains("RUSTFLAGS")
            || text.starts_with("CARGO_BUILD_")
            || text.starts_with("CARGO_PROFILE_")
        {
            cargo.env_remove(&name);
        }
    }
    cargo.env("RUSTC_BOOTSTRAP", "1").env(
        "RUSTDOCFLAGS",
        "-Zunstable-options --output-format=json --cap-lints=allow",
    );
    let output = cargo.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    target.join("doc")
});

/// Makes the list of a package.
fn list(package: &str) -> String {
    let description = DESCRIPTIONS.join(format!("{}.json", package.replace('-', "_")));
    let api = public_api::Builder::from_rustdoc_json(description)
        .omit_blanket_impls(true)
        .build()
        .expect("the lists are made with the Rust of rust-toolchain.toml: the form differs");
    api.items()
        .map(|item| item.to_string() + "\n")
        .filter(|line| !UNNAMEABLE.iter().any(|name| line.contains(name)))
        .collect()
}

/// What the second text lacks of the first and has beyond it, as the lines of a patch.
fn differences(recorded: &str, found: &str) -> String {
    // Equal lines occur: an implementation is listed with its type and with its trait.
    let mut counts = BTreeMap::<&str, isize>::new();
    for line in recorded.lines() {
        *counts.entry(line).or_default() -= 1;
    }
    for line in found.lines() {
        *counts.entry(line).or_default() += 1;
    }
    let mut patch = String::new();
    for (line, count) in counts {
        if count != 0 {
            let sign = if count < 0 { "- " } else { "+ " };
            patch.extend([sign, line, "\n"]);
        }
    }
    patch
}

#[track_caller]
fn assert_listed(package: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let found = list(package);
    if env::var(BLESS).is_ok_and(|value| value == "overwrite") {
        fs::write(&path, found).unwrap();
        return;
    }
    let recorded = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        recorded == found,
        "the public interface of `{package}` is not what tests/api/{file} says:\n\n{}\n\
         If that is meant, write the list anew with\n\
         \n    {BLESS}=overwrite cargo test --package listed\n\n\
         and read the change: what is gone or different may break the code of users.\n",
        differences(&recorded, &found)
    );
}

#[test]
fn the_runtime_offers_what_is_listed() {
    assert_listed("tls-core", "tls-core.txt");
}

#[test]
fn the_macro_crate_offers_what_is_listed() {
    assert_listed("tls-macros", "tls-macros.txt");
}

#[test]
fn the_attribute_adds_to_the_interface_of_its_user_what_is_listed() {
    assert_listed("listed", "states.txt");
}

#[test]
fn differences_are_shown_as_in_a_patch() {
    assert_eq!(differences("a\nb\nb\n", "b\nc\n"), "- a\n- b\n+ c\n");
    assert_eq!(differences("a\n", "a\n"), "");
}
