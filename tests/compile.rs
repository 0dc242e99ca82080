//! What must not compile, with what the compiler says then; and what must compile.
//!
//! `TRYBUILD=overwrite cargo test --test compile` writes the texts anew. Read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names, without their extension, of the files with an extension in a directory.
fn names(directory: &str, extension: &str) -> BTreeSet<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_mistake_is_answered_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*.rs");
}

#[test]
fn what_must_compile_compiles_and_runs() {
    trybuild::TestCases::new().pass("tests/ui/pass/*.rs");
}

#[test]
fn every_mistake_has_its_text_and_every_text_its_mistake() {
    let mistakes = names("tests/ui/fail", "rs");
    assert_eq!(mistakes, names("tests/ui/fail", "stderr"));
    assert!(mistakes.len() >= 50, "only {} mistakes", mistakes.len());
}
