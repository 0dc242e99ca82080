//! What must not compile, with what the compiler says then; and what must compile.
//!
//! `tests/ui` has a directory for each subject, with `fail` and `pass` in it. A file in `fail` is about one kind of
//! mistake, with a module or a function for each. The compiler stops between its stages: what it finds in the
//! expansion of macros, in types, in borrows and in constants stands in different files.
//!
//! `TRYBUILD=overwrite cargo test --test compile` writes the texts anew. Read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
}

/// The names, without their extension, of the files with an extension in a directory, if that is there.
fn names(directory: &Path, extension: &str) -> BTreeSet<String> {
    if !directory.exists() {
        return BTreeSet::new();
    }
    entries(directory)
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_mistake_is_answered_with_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/ui/*/fail/*.rs");
}

#[test]
fn what_must_compile_compiles_and_runs() {
    trybuild::TestCases::new().pass("tests/ui/*/pass/*.rs");
}

#[test]
fn every_mistake_has_its_text_and_every_text_its_mistake() {
    let mut answers = 0;
    for subject in entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui")) {
        assert!(subject.is_dir(), "{} has no subject", subject.display());
        for directory in entries(&subject) {
            assert!(
                directory.ends_with("fail") || directory.ends_with("pass"),
                "no case is found in {}",
                directory.display()
            );
        }
        let (fail, pass) = (subject.join("fail"), subject.join("pass"));
        let mistakes = names(&fail, "rs");
        assert_eq!(mistakes, names(&fail, "stderr"), "{}", subject.display());
        assert!(
            !mistakes.is_empty() || !names(&pass, "rs").is_empty(),
            "nothing in {}",
            subject.display()
        );
        for mistake in mistakes {
            let text = fs::read_to_string(fail.join(mistake).with_extension("stderr")).unwrap();
            let errors = text.lines().filter(|line| line.starts_with("error"));
            answers += errors.count();
        }
    }
    assert!(answers >= 300, "only {answers} answers");
}
