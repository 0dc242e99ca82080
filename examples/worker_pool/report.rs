//! What the program says.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::Tally;

pub(crate) struct Report<'a> {
    /// Files, and directories that could not be read.
    pub(crate) found: usize,
    pub(crate) tallies: &'a [Tally],
    pub(crate) commonest: Vec<(String, i64)>,
    /// Words in the database.
    pub(crate) stored: i64,
}

impl Report<'_> {
    fn total(&self) -> Tally {
        Tally {
            files: self.tallies.iter().map(|tally| tally.files).sum(),
            words: self.tallies.iter().map(|tally| tally.words).sum(),
        }
    }

    /// Compares what the workers say they did with what the database holds.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let (words, stored) = (self.total().words, self.stored);
        ensure!(
            words == stored,
            "the workers counted {words} words, and the database holds {stored}"
        );
        print(&format!(
            "\ncheck: {words} words by the workers = {stored} words in the database\n"
        ))
    }
}

impl Display for Report<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let total = self.total();
        writeln!(f, "{:<12} {:>8} {:>10}", "worker", "files", "words")?;
        for (number, Tally { files, words }) in (1..).zip(self.tallies) {
            writeln!(f, "{number:<12} {files:>8} {words:>10}")?;
        }
        writeln!(f, "{:<12} {:>8} {:>10}", "all", total.files, total.words)?;
        writeln!(f, "{:<12} {:>8}", "skipped", self.found - total.files)?;

        writeln!(f, "\n{:<12} {:>8}", "word", "count")?;
        for (word, count) in &self.commonest {
            writeln!(f, "{word:<12} {count:>8}")?;
        }
        Ok(())
    }
}

pub(crate) fn skipped(path: &Path, error: &io::Error) {
    eprintln!("skipped {}: {error}", path.display());
}

/// Prints, but without the panic of `print!` when nobody reads: `worker_pool | head -1`.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    io::stdout()
        .write_all(text.as_bytes())
        .context("cannot print")
}
