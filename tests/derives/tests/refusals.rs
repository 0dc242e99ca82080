//! What is said of derives that would make a second value, or cannot work beside the hidden field.
//!
//! `TRYBUILD=overwrite cargo test -p derives --test refusals` writes the texts anew. Read them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn each_refused_derive_is_named_with_why_and_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

/// The names, without their extension, of the cases' files with an extension.
fn names(extension: &str) -> BTreeSet<String> {
    fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("ui"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn each_refusal_is_one_message_for_each_derive() {
    let cases = names("rs");
    assert_eq!(cases, names("stderr"));
    for case in cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui").join(&case);
        let text = fs::read_to_string(path.with_extension("stderr")).unwrap();
        for message in text.split("\n\n") {
            assert!(message.starts_with("error: "), "{case}: {message}");
            assert!(message.contains("; "), "{case}: {message}");
        }
    }
}
