//! The input: which files there are, and the words in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What the paths stand for, and what could not be read on the way.
type Found = (Vec<PathBuf>, Vec<(PathBuf, io::Error)>);

/// Finds the files to index; without paths those of this repository.
pub(crate) fn find(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        // What is no directory is taken as it is, or reported when it is read.
        if path.is_dir() {
            walk(path, &mut found);
        } else {
            found.0.push(path.clone());
        }
    }
    if paths.is_empty() {
        walk(Path::new(env!("CARGO_MANIFEST_DIR")), &mut found);
        found.0.retain(|file| {
            let extension = file.extension().unwrap_or_default();
            ["md", "rs", "toml"]
                .iter()
                .any(|wanted| extension == *wanted)
        });
    }
    found
}

fn walk(directory: &Path, found: &mut Found) {
    // Cargo marks its `target` like this, as other tools do their caches.
    if directory.join("CACHEDIR.TAG").exists() {
        return;
    }
    let entries = match fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return found.1.push((directory.to_owned(), error)),
    };
    for entry in entries {
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        match path.metadata() {
            // A link to a directory may lead back to where we are.
            Ok(metadata) if metadata.is_dir() && !path.is_symlink() => walk(&path, found),
            // Neither pipes nor devices, which could be read for ever.
            Ok(metadata) if metadata.is_file() => found.0.push(path),
            Ok(_) => {}
            Err(error) => found.1.push((path, error)),
        }
    }
}

/// The words of a text, in lower case: its runs of letters.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
}
