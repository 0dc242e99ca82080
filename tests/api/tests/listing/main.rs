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

#[path = "../../../support/cargo.rs"]
mod cargo;
mod whole;

use cargo::{cargo, run};

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
    let mut cargo = cargo(&["doc", "--no-deps", "--lib", "--locked"], &target);
    for package in ["tls-core", "tls-macros", "listed"] {
        cargo.args(["--package", package]);
    }
    cargo.env("RUSTC_BOOTSTRAP", "1").env(
        "RUSTDOCFLAGS",
        "-Zunstable-options --output-format=json --cap-lints=allow",
    );
    run(&mut cargo);
    target.join("doc")
});

/// Makes the list of a package.
fn list(package: &str) -> String {
    list_description(&DESCRIPTIONS.join(format!("{}.json", package.replace('-', "_"))))
}

/// Makes the list of what rustdoc has described.
fn list_description(description: &Path) -> String {
    let text = fs::read_to_string(description).unwrap();
    let mut json = serde_json::from_str(&text).unwrap();
    whole::describe(&mut json);
    let marked = description.with_extension("marked.json");
    fs::write(&marked, json.to_string()).unwrap();
    let api = public_api::Builder::from_rustdoc_json(marked)
        .omit_blanket_impls(true)
        .build()
        .expect("the lists are made with the Rust of rust-toolchain.toml: the form differs");
    api.items()
        .map(|item| whole::print(&item.to_string()) + "\n")
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

/// Makes the list of a crate of one file.
fn list_source(name: &str, source: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sources");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name).with_extension("rs");
    fs::write(&path, source).unwrap();
    let output = Command::new(env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into()))
        .args([
            "--edition=2024",
            "-Zunstable-options",
            "--output-format=json",
        ])
        .arg("--out-dir")
        .arg(&folder)
        .arg(&path)
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    list_description(&folder.join(name).with_extension("json"))
}

/// A trait whose associated type takes arguments, and a function that returns it.
fn source(result: &str) -> String {
    format!(
        "pub struct Pair<A, B = A>(pub A, pub B);
        pub trait List {{ type Item; }}
        pub trait State {{ type Output<'a, T, const N: usize> where Self: 'a; }}
        pub fn get<S: State>() -> {result} {{ loop {{}} }}"
    )
}

#[test]
fn every_type_is_printed_whole() {
    for result in [
        "<S as whole::State>::Output<'static, u8, 3>",
        "<S as whole::State>::Output<'static, <S as whole::State>::Output<'static, u8, 1>, 3>",
        "core::option::Option<<S as whole::State>::Output<'static, fn(u8) -> &'static [u8], 3>>",
        "whole::Pair<u8, <S as whole::State>::Output<'static, (), 0>>",
        "impl whole::List<Item = <S as whole::State>::Output<'static, (), 0>>",
    ] {
        let list = list_source("whole", &source(&result.replace("whole::", "crate::")));
        let line = format!("pub fn whole::get<S: whole::State>() -> {result}");
        assert!(list.lines().any(|found| found == line), "{line}\n{list}");
    }
}

#[test]
fn a_changed_generic_argument_of_a_return_type_changes_the_list() {
    let number = list_source("number", &source("S::Output<'static, u64, 0>"));
    let string = list_source("number", &source("S::Output<'static, String, 0>"));
    assert_eq!(
        differences(&number, &string),
        "+ pub fn number::get<S: number::State>() -> <S as number::State>::Output<'static, \
         alloc::string::String, 0>\n\
         - pub fn number::get<S: number::State>() -> <S as number::State>::Output<'static, u64, 0>\n"
    );
}

#[test]
fn a_changed_default_of_a_parameter_changes_the_list() {
    let list = |parameters| {
        let source = format!("pub struct Values<{parameters}>([T; N]);");
        list_source("defaults", &source)
    };
    let before = list("T: Copy = u8, const N: usize = 3");
    let line = "pub struct defaults::Values<T: core::marker::Copy = u8, const N: usize = 3>(_)";
    assert!(before.lines().any(|found| found == line), "{before}");
    assert_ne!(before, list("T: Copy = u16, const N: usize = 3"));
    assert_ne!(before, list("T: Copy = u8, const N: usize = 4"));
}
