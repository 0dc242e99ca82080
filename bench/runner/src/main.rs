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

use anyhow::Result;
use options::Options;
use record::Records;

/// A part of the bench: measures, and adds what it found.
type Part = fn(&Options, &mut Records) -> Result<()>;

const PARTS: [(&str, Part); 5] = [
    ("access", access::run),
    ("time", time::run),
    ("births", births::run),
    ("counts", counts::run),
    ("compile", compile::run),
];

fn main() -> Result<()> {
    Ok(())
}
