//! On which targets the runtime relies on native thread-locals, asked of the compiler for each of them.
//!
//! The condition is compiled by itself, without a standard library, which no machine has for all of
//! them. `TLS_STATE_TEST_TARGETS=all` takes every target that the compiler knows, instead of a few.

#![cfg(not(miri))]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

/// A crate of nothing but the condition.
const ALONE: &str = "\
#![feature(no_core, rustc_attrs)]
#![allow(internal_features, unused_macros)]
#![no_core]
#[rustc_builtin_macro]
macro_rules! compile_error { () => {}; }
";

/// Stands for the form that takes keys.
const KEYS: &str = "compile_error!(\"this target takes keys\");";

/// At least one of each kind.
const FEW: [&str; 14] = [
    "x86_64-unknown-linux-gnu",
    "i686-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
    "x86_64-pc-windows-gnullvm",
    "wasm32-wasip1",
    "wasm32-unknown-unknown",
    "x86_64-pc-windows-gnu",
    "i686-win7-windows-msvc",
    "aarch64-linux-android",
    "aarch64-unknown-linux-ohos",
    "x86_64-unknown-linux-gnux32",
    "aarch64-unknown-nto-qnx710",
    "x86_64-unknown-haiku",
];

/// The compiler that compiles this, which is asked for what it has not yet promised, too.
fn rustc(arguments: &[&str]) -> Output {
    let beside_cargo = || Path::new(env!("CARGO")).with_file_name("rustc");
    let rustc = env::var_os("RUSTC").map_or_else(beside_cargo, PathBuf::from);
    Command::new(&rustc)
        .env("RUSTC_BOOTSTRAP", "1")
        // Some targets end it with an internal error; no files about that.
        .env("RUSTC_ICE", "0")
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", rustc.display()))
}

fn lines(output: &Output) -> Vec<&str> {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout)
        .unwrap()
        .lines()
        .collect()
}

/// Returns `true` if the standard library's thread-locals cannot be relied on there.
fn has_to_take_keys(cfg: &[&str]) -> bool {
    let is = |key: &str, value: &str| cfg.contains(&format!("{key}=\"{value}\"").as_str());
    // Thread-locals are plain statics.
    let has_no_threads = is("target_family", "wasm")
        || ["trusty", "uefi", "vexos", "zkvm"]
            .iter()
            .any(|os| is("target_os", os));
    // Native by name, but emulated: the C library frees them in a key's destructor.
    let is_emulated = is("target_os", "cygwin");
    // Names that the oldest supported compiler does not know.
    let is_unknown = is("target_os", "managarm") || is("target_os", "qurt");
    // Native in Rust 1.85 only.
    let is_no_more = is("target_vendor", "win7") && is("target_arch", "x86");
    // Nobody has tried.
    let is_untried = is("target_os", "horizon");
    let is_native = cfg.contains(&"target_thread_local")
        && !(is_emulated || is_unknown || is_no_more || is_untried);
    !(has_no_threads || is_native)
}

#[test]
fn targets_without_native_thread_locals_take_keys_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    // The package is the root or one below it.
    let platform = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|directory| directory.join("tls-core/src/platform/mod.rs"))
        .find(|file| file.exists())
        .unwrap();
    let copy = |name: &str| directory.path().join("platform").join(name);
    fs::create_dir_all(copy("keys")).unwrap();
    fs::create_dir_all(copy("native")).unwrap();
    fs::copy(platform, copy("mod.rs")).unwrap();
    for unneeded in ["fail.rs", "key.rs", "of.rs", "native/mod.rs"] {
        fs::write(copy(unneeded), "").unwrap();
    }
    fs::write(copy("keys/mod.rs"), KEYS).unwrap();
    let source = directory.path().join("alone.rs");
    fs::write(&source, format!("{ALONE}mod platform;")).unwrap();
    let metadata = directory.path().join("alone.rmeta");

    let known = rustc(&["--print", "target-list"]);
    let mut targets = lines(&known);
    if env::var("TLS_STATE_TEST_TARGETS").is_ok_and(|targets| targets == "all") {
        assert!(targets.len() > 100);
    } else {
        targets.retain(|target| FEW.contains(target));
        assert!(targets.len() > FEW.len() / 2);
    }

    let mut wrong = Vec::new();
    for target in targets {
        let cfg = rustc(&["--print", "cfg", "--target", target]);
        // Some need to be told which processor.
        if !cfg.status.success() {
            continue;
        }
        let cfg = lines(&cfg);
        // No standard library.
        if cfg.contains(&"target_os=\"none\"") {
            continue;
        }
        let compiled = rustc(&[
            "--crate-type=lib",
            "--emit=metadata",
            "-o",
            metadata.to_str().unwrap(),
            "--target",
            target,
            source.to_str().unwrap(),
        ]);
        let said = String::from_utf8_lossy(&compiled.stderr);
        let takes_keys = said.contains("this target takes keys");
        assert_eq!(compiled.status.success(), !takes_keys, "{target}: {said}");
        if takes_keys != has_to_take_keys(&cfg) {
            wrong.push((target, takes_keys));
        }
    }
    assert!(wrong.is_empty(), "with whether they take keys: {wrong:?}");
}
