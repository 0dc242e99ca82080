//! Measures everything, judges it against the goals, writes `RESULTS.md` and its pictures.

mod access;
mod births;
mod compile;
mod counts;
mod goals;
mod machine;
mod options;
mod pictures;
mod record;
mod report;
mod time;

use anyhow::{Context as _, Result};
use machine::Machine;
use options::Options;
use record::Records;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// A part of the bench: measures, and adds what it found.
type Part = fn(&Options, &mut Records) -> Result<()>;

const PARTS: [(&str, &str, Part); 6] = [
    (
        "access",
        "instructions, branches and memory operands of an access",
        access::run,
    ),
    ("time", "time of accesses in a loop", time::run),
    (
        "births",
        "making and dropping states, and the memory they take",
        births::run,
    ),
    (
        "counts",
        "counters of all threads: adding and totaling",
        counts::run,
    ),
    ("compile", "compile time", compile::run),
    (
        "sizes",
        "sizes of code, of the expansion and of an error",
        compile::sizes,
    ),
];

/// What a run found out.
#[derive(Serialize, Deserialize)]
struct Run {
    machine: Machine,
    /// Whether fewer rounds were made.
    quick: bool,
    /// The names of the parts that were measured, and what they found.
    parts: Vec<(String, Records)>,
}

impl Run {
    /// The records of all parts.
    fn records(&self) -> Records {
        let all = self.parts.iter().flat_map(|(_, records)| &records.0);
        Records(all.cloned().collect())
    }
}

fn main() -> ExitCode {
    // Chosen by us: what `main` returns would be printed with a backtrace, which nobody wants of a
    // misspelled word.
    try_main().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn try_main() -> Result<ExitCode> {
    let parts = PARTS.map(|(name, what, _)| (name, what));
    let Some(command) = options::parse(&parts, lexopt::Parser::from_env())? else {
        return Ok(ExitCode::SUCCESS);
    };
    if command.list {
        println!("{}", command.parts.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let options = &command.options;
    let below = options.target.join("results");
    let directory = if command.full { &options.root } else { &below };
    // Not beside the results that are kept in the repository: it is for `--again` only.
    let name = if command.full {
        "full.json"
    } else {
        "part.json"
    };
    let file = below.join(name);

    let (run, failed) = if command.again {
        (read(&file)?, Vec::new())
    } else {
        measure(&command.parts, options)?
    };
    if !command.again {
        write(&file, &serde_json::to_string_pretty(&run)?)?;
    }

    let pictures = pictures::draw(&run.records(), &directory.join("pictures"))?;
    let report = report::report(&run, &pictures);
    print!("{}", report.short);
    // A full run of which a part failed would replace good results by incomplete ones.
    if command.full && !failed.is_empty() {
        eprintln!("RESULTS.md is left as it was.");
    } else {
        let results = directory.join("RESULTS.md");
        write(&results, &report.full)?;
        // Not the full path: where the checkout lies is nobody's business but its owner's.
        if command.full {
            eprintln!("Written: RESULTS.md and pictures/ in bench/.");
        } else {
            eprintln!(
                "Written: results/RESULTS.md and results/pictures/ in bench's target directory. \
                 bench/RESULTS.md is as it was: only a full run without parts replaces it."
            );
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("failed: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}

/// Runs the parts of these names. Returns also the names of those that failed.
fn measure(names: &[&str], options: &Options) -> Result<(Run, Vec<&'static str>)> {
    let machine = Machine::examine(options)?;
    let (mut parts, mut failed) = (Vec::new(), Vec::new());
    for (name, what, part) in PARTS {
        if !names.contains(&name) {
            continue;
        }
        eprintln!("== {name}: {what}");
        let (start, mut records) = (Instant::now(), Records::default());
        if let Err(error) = part(options, &mut records) {
            eprintln!("{name}: {error:#}");
            failed.push(name);
        }
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f64());
        // Also those of a part that failed: what it did measure is true.
        parts.push((name.to_owned(), records));
    }
    let run = Run {
        machine,
        quick: options.quick,
        parts,
    };
    Ok((run, failed))
}

fn read(file: &Path) -> Result<Run> {
    let text = fs::read_to_string(file)
        .context("no records of such a run; leave out `--again` to measure")?;
    serde_json::from_str(&text).with_context(|| format!("{} is not understood", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    let directory = file.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(file, text))
        .with_context(|| format!("cannot write {}", file.display()))
}
