//! The input: the files, their contents, and the words in them.
//!
//! Trees may have any size and contain anything, and a program that walks them must neither grow with
//! them nor wait forever. So no list of files is collected, and files that are not regular, or too
//! large, are skipped.

use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, OpenOptions, ReadDir};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::vec;

/// The maximum size of a file in bytes.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// The maximum number of letters of a word.
pub(crate) const MOST_LETTERS: usize = 64;

/// The maximum depth of directories. Each of them stays open while the program is in it.
const MOST_DIRECTORIES: usize = 64;

/// The part of `--help` that both programs have in common.
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

/// A file that is not read, and the reason.
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

/// An iterator over the files.
pub(crate) struct Files {
    named: vec::IntoIter<PathBuf>,
    /// The directories that are being read, from the outermost to the innermost.
    open: Vec<(PathBuf, ReadDir)>,
    /// Whether the files are those of this repository, because there are no paths.
    own: bool,
}

impl Files {
    /// Finds the files in the paths, or in this repository if there are no paths.
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

    /// Returns the path if it is a file to be read. Enters the path and returns `None` if it is a
    /// directory.
    fn visit(&mut self, path: PathBuf) -> Option<Result<PathBuf, Skipped>> {
        let is_named = self.open.is_empty();
        let reason = match path.metadata() {
            // A link to a directory may lead back to a directory that is being read.
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
        // Cargo marks its `target` directory with this file, as other tools mark their caches.
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
                        // The next entry might fail as well, and so on forever.
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
    // Some files contain more than their size says, for instance those in /proc.
    let mut bytes = Vec::new();
    file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MOST_BYTES {
        return Err(Reason::Large);
    }
    let text = String::from_utf8(bytes);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8").into())
}

/// Opens a file for reading without waiting: neither for a pipe, which may have replaced the file, nor
/// for the next line of a file that never ends, such as /proc/kmsg.
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

/// Returns the words of a text in lower case: its runs of letters, of at most [`MOST_LETTERS`].
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(|word| match word.char_indices().nth(MOST_LETTERS) {
            Some((end, _)) => format!("{}…", word[..end].to_lowercase()),
            None => word.to_lowercase(),
        })
}
