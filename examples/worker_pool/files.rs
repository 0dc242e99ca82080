//! The input: which files there are, what is in them, and the words of that.
//!
//! Trees may be of any size and hold anything, and a program that walks them must neither grow with
//! them nor wait for ever. So nothing here is collected, and what is no ordinary file, or too large, is
//! skipped.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, OpenOptions, ReadDir};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::vec;

/// The most bytes of a file.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// The most letters of a word.
pub(crate) const MOST_LETTERS: usize = 64;

/// The most directories that are within each other. Each of them is open meanwhile.
const MOST_DIRECTORIES: usize = 64;

/// What is told of both programs by `--help`.
macro_rules! about_paths {
    () => {
        "\
PATH is a file or a directory. The program reads all files in a directory, except hidden ones,
caches (directories with a CACHEDIR.TAG, such as cargo's `target`) and directories behind links.
Without a PATH, it reads the documentation and the sources of the repository that it comes from.

It skips, and names on standard error: pipes, sockets and devices; files of more than 4 MiB;
files that are not UTF-8; directories within more than 64 others; what it has no right to read.
If nothing is left, it ends with 1. It cuts words after 64 letters."
    };
}
pub(crate) use about_paths;

/// What is not read, and why.
pub(crate) struct Skipped {
    path: PathBuf,
    reason: Reason,
}

enum Reason {
    Cache,
    Deep,
    Large,
    Special,
    Unreadable(io::Error),
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Display for Skipped {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "skipped {}: ", self.path.display())?;
        match &self.reason {
            Reason::Cache => write!(f, "a cache, as its CACHEDIR.TAG says"),
            Reason::Deep => write!(f, "more than {MOST_DIRECTORIES} directories deep"),
            Reason::Large => write!(f, "more than {} MiB", MOST_BYTES >> 20),
            Reason::Special => write!(f, "a pipe, a socket or a device"),
            Reason::Unreadable(error) => error.fmt(f),
        }
    }
}

/// The files, one after the other.
pub(crate) struct Files {
    named: vec::IntoIter<PathBuf>,
    /// The directories that are being read, each within the one before.
    open: Vec<(PathBuf, ReadDir)>,
    /// Without paths, it is the documentation and the sources of this repository.
    own: bool,
}

impl Files {
    /// Finds the files that the paths stand for.
    pub(crate) fn new(mut paths: Vec<PathBuf>) -> Self {
        let own = paths.is_empty();
        if own {
            paths.push(env!("CARGO_MANIFEST_DIR").into());
        }
        Self {
            named: paths.into_iter(),
            open: Vec::new(),
            own,
        }
    }

    /// Returns the path if it is one to be read, and nothing if it is a directory, in which this goes on.
    fn visit(&mut self, path: PathBuf) -> Option<Result<PathBuf, Skipped>> {
        let is_named = self.open.is_empty();
        let reason = match path.metadata() {
            // A link to a directory may lead back to where we are.
            Ok(metadata) if metadata.is_dir() && path.is_symlink() && !is_named => return None,
            Ok(metadata) if metadata.is_dir() => match self.enter(&path) {
                Ok(()) => return None,
                Err(Reason::Cache) if !is_named => return None,
                Err(reason) => reason,
            },
            Ok(metadata) if !metadata.is_file() => Reason::Special,
            Ok(_) if self.own && !is_text(&path) => return None,
            Ok(_) => return Some(Ok(path)),
            Err(error) => error.into(),
        };
        Some(Err(Skipped { path, reason }))
    }

    fn enter(&mut self, directory: &Path) -> Result<(), Reason> {
        // Cargo marks its `target` like this, as other tools do their caches.
        if directory.join("CACHEDIR.TAG").exists() {
            return Err(Reason::Cache);
        }
        if self.open.len() == MOST_DIRECTORIES {
            return Err(Reason::Deep);
        }
        let entries = fs::read_dir(directory)?;
        self.open.push((directory.to_owned(), entries));
        Ok(())
    }
}

impl Iterator for Files {
    type Item = Result<PathBuf, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let path = match self.open.last_mut() {
                None => self.named.next()?,
                Some((directory, entries)) => match entries.next() {
                    Some(Ok(entry)) if is_hidden(&entry) => continue,
                    Some(Ok(entry)) => entry.path(),
                    Some(Err(error)) => {
                        let (path, reason) = (directory.clone(), error.into());
                        // The next one might fail as well, and for ever.
                        self.open.pop();
                        return Some(Err(Skipped { path, reason }));
                    }
                    None => {
                        self.open.pop();
                        continue;
                    }
                },
            };
            if let Some(found) = self.visit(path) {
                return Some(found);
            }
        }
    }
}

fn is_hidden(entry: &fs::DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["md", "rs", "toml"].iter().any(|text| extension == *text)
}

/// Reads a file that [`Files`] has found.
pub(crate) fn read(path: &Path) -> Result<String, Skipped> {
    try_read(path).map_err(|reason| Skipped {
        path: path.to_owned(),
        reason,
    })
}

fn try_read(path: &Path) -> Result<String, Reason> {
    let file = open(path)?;
    if file.metadata()?.len() > MOST_BYTES as u64 {
        return Err(Reason::Large);
    }
    // Some have more than they say, those in /proc for instance.
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        return Err(Reason::Large);
    }
    let text = String::from_utf8(bytes);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8").into())
}

/// Opens a file to be read without waiting: neither for a pipe, which may have taken the file's place, nor for
/// the next line of what looks like a file and never ends, as /proc/kmsg.
#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

/// The words of a text, in lower case: its runs of letters, of at most [`MOST_LETTERS`].
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(|word| match word.char_indices().nth(MOST_LETTERS) {
            Some((end, _)) => format!("{}…", word[..end].to_lowercase()),
            None => word.to_lowercase(),
        })
}
