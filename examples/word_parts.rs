//! Counts the words of text files with rayon, in one map per thread and without a lock.
//!
//! Run it with `cargo run --release --example word_parts`, and with `-- --help` for its options. The
//! program also counts with rayon's own `fold` and `reduce`, and compares the results.
//!
//! `fold` cannot know which of its pieces run on the same thread, and so creates a map for each piece. A
//! `Part` belongs to the thread: however the work is split and stolen, there are no more maps to merge
//! than threads.

// The list of files and the definition of a word are those of the other example.
#[path = "worker_pool/files.rs"]
mod files;
mod shell;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context as _, ensure};
use lexopt::prelude::*;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use tls_core::shared::Part;
use tls_core::{Counter, thread_local_state};

use crate::files::Files;

/// The maximum size of all texts, which are kept in memory.
const MOST_BYTES: usize = 64 << 20;

const HELP: &str = concat!(
    "\
Counts the words of text files, with a map for each thread, and prints the commonest.

Usage: word_parts [OPTIONS] [PATH]...

",
    files::about_paths!(),
    "
It stops reading after 64 MiB in all, and says so.

Options:
  --threads N   how many threads, 1 to 1024 [default: the number of cores]
  -h, --help    print this
"
);

type Counts = HashMap<String, u64>;

#[thread_local_state]
struct Counting {
    /// The words that this thread has counted.
    #[state(shared)]
    words: Part<Counts>,
    /// Maps created for `fold`.
    #[state(shared)]
    folds: Counter,
}

fn count(counts: &mut Counts, text: &str) {
    for word in files::words(text) {
        *counts.entry(word).or_default() += 1;
    }
}

fn merge(mut all: Counts, part: Counts) -> Counts {
    // Merge the smaller map into the larger.
    if all.len() < part.len() {
        return merge(part, all);
    }
    for (word, count) in part {
        *all.entry(word).or_default() += count;
    }
    all
}

/// Counts into each thread's part, and returns the parts.
fn by_parts(texts: &[String]) -> Vec<Counts> {
    texts.par_iter().for_each(|text| {
        // If this closure called rayon, rayon might run another text on this thread while it waits, and
        // that text would get another part: nothing would be lost, but there would be one map more.
        Counting::WORDS.with_mut(|counts| count(counts, text));
    });
    // The parts are moved out, from all threads: rayon's threads are still alive, and an exited thread
    // would have left its part behind. Later counts go into new parts.
    Counting::WORDS.take_parts()
}

/// Counts with rayon alone.
fn by_fold(texts: &[String]) -> Counts {
    let new = || {
        Counting::FOLDS.increment();
        Counts::new()
    };
    texts
        .par_iter()
        .fold(new, |mut counts, text| {
            count(&mut counts, text);
            counts
        })
        .reduce(Counts::new, merge)
}

/// Reads the files once, so that both methods count the same texts.
fn read(paths: Vec<PathBuf>) -> anyhow::Result<Vec<String>> {
    let mut texts = Vec::new();
    let (mut bytes, mut skipped) = (0, 0);
    for found in Files::new(paths) {
        match found.and_then(|file| Ok((files::read(&file)?, file))) {
            Ok((text, file)) if bytes + text.len() > MOST_BYTES => {
                let file = file.display();
                shell::complain(&format!(
                    "skipped {file} and what is left: more than {} MiB in all",
                    MOST_BYTES >> 20
                ));
                break;
            }
            Ok((text, _)) => {
                bytes += text.len();
                texts.push(text);
            }
            Err(file) => {
                skipped += 1;
                shell::complain(&file.to_string());
            }
        }
    }
    ensure!(!texts.is_empty() || skipped == 0, "nothing could be read");
    Ok(texts)
}

fn run(args: Args) -> anyhow::Result<()> {
    ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .context("cannot start the threads")?;

    let texts = read(args.paths)?;
    let parts = by_parts(&texts);
    let maps = parts.len();
    let counts = parts.into_iter().reduce(merge).unwrap_or_default();
    let folded = by_fold(&texts);

    shell::print(&commonest(&counts, 10))?;
    let total: u64 = counts.values().sum();
    let (texts, threads, folds) = (texts.len(), args.threads, Counting::FOLDS.total());
    shell::print(&format!(
        "\n{total} words in {texts} texts, {threads} threads\n\
        parts: {maps} maps to merge\n\
        fold/reduce: {folds} maps to merge\n"
    ))?;
    ensure!(
        counts == folded,
        "the parts hold {total} words and fold/reduce finds {}, or they differ in one",
        folded.values().sum::<u64>()
    );
    shell::print(&format!(
        "check: {} different words, counted the same by both\n",
        counts.len()
    ))
}

fn commonest(counts: &Counts, limit: usize) -> String {
    let mut sorted: Vec<_> = counts.iter().collect();
    sorted.sort_by_key(|&(word, count)| (Reverse(count), word));
    let mut table = format!("{:<12} {:>8}\n", "word", "count");
    for (word, count) in sorted.into_iter().take(limit) {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{word:<12} {count:>8}");
    }
    table
}

struct Args {
    paths: Vec<PathBuf>,
    threads: usize,
}

/// Returns `None` if the user asks for help.
fn parse_args(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut args = Args {
        paths: Vec::new(),
        threads: thread::available_parallelism().map_or(1, NonZero::get),
    };
    while let Some(arg) = parser.next()? {
        match arg {
            Long("threads") => {
                let value = parser.value()?.string()?;
                let threads = value
                    .parse()
                    .ok()
                    .filter(|threads| (1..=1024).contains(threads));
                args.threads = threads.ok_or_else(|| {
                    format!("--threads takes a number from 1 to 1024, not {value:?}")
                })?;
            }
            Short('h') | Long("help") => return Ok(None),
            Value(path) => args.paths.push(path.into()),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(args))
}

fn main() -> ExitCode {
    shell::main(HELP, parse_args, run)
}
