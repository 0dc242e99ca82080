//! The output of the program.

use anyhow::ensure;
use std::fmt::{self, Display, Formatter};

use crate::Tally;
use crate::shell::print;

pub(crate) struct Report<'a> {
    pub(crate) tallies: &'a [Tally],
    pub(crate) commonest: Vec<(String, i64)>,
    /// Words in the database.
    pub(crate) stored: i64,
    /// Files, and directories that could not be read.
    pub(crate) skipped: usize,
}

impl Report<'_> {
    fn total(&self) -> Tally {
        Tally {
            files: self.tallies.iter().map(|tally| tally.files).sum(),
            words: self.tallies.iter().map(|tally| tally.words).sum(),
        }
    }

    /// Prints the report, if there is anything to report.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let (files, skipped) = (self.total().files, self.skipped);
        ensure!(files > 0 || skipped == 0, "nothing could be read");
        print(&self.to_string())
    }

    /// Compares the workers' counts with the content of the database.
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
        writeln!(f, "{:<12} {:>8}", "skipped", self.skipped)?;

        writeln!(f, "\n{:<12} {:>8}", "word", "count")?;
        for (word, count) in &self.commonest {
            writeln!(f, "{word:<12} {count:>8}")?;
        }
        Ok(())
    }
}
