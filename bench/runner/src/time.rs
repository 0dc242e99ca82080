//! What an access costs in an inlined loop, in time.
//!
//! Machines are noisy, so a time by itself says little. The benchmark measures all candidates in
//! rounds, briefly each. Of a round a candidate's fastest sample counts, because what disturbs it only
//! ever makes it slower; of the rounds the median counts. `of the limit` is made in the same way from
//! the ratios within each round, in which the frequency of the processor and slow neighbors
//! cancel out.
//!
//! `limit again` is the limit measured against itself: the same loop on another static, so it also lies
//! elsewhere in the program. What it differs from 1 is what a difference means nothing below: how a
//! loop of three instructions lies in cache lines and in the decoder's window may matter more than an
//! instruction. The loops are aligned to cache lines, which takes away most of that.

use crate::options::Options;
use crate::record::{LIMIT, Records};
use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How many accesses the benchmark makes in an iteration.
const ACCESSES: f64 = 10_000.0;
/// Of a quick run: whom the goal compares.
const COMPARED: &str = "/(limit|tls-core|std lazy RefCell|limit again)/";

/// The times of a candidate in an operation, by round.
type Rounds = BTreeMap<String, f64>;
/// All of them, by operation and candidate.
type Results = BTreeMap<(String, String), Rounds>;

pub(crate) fn run(options: &Options, records: &mut Records) -> Result<()> {
    let (rounds, filter) = if options.quick {
        (7, COMPARED)
    } else {
        (21, "")
    };
    let home = options.target.join("time");
    // Results of another run would be read as well.
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    eprintln!("time: builds");
    let program = build(options)?;
    eprintln!("time: {rounds} rounds");
    let output = Command::new(&program)
        .args(["--bench", "--quiet", "--noplot", filter])
        .current_dir(&options.root)
        .env("CRITERION_HOME", &home)
        .env("TIME_ROUNDS", rounds.to_string())
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut results = Results::new();
    read(&home, &mut results)?;
    ensure!(!results.is_empty(), "criterion has measured nothing");
    for ((operation, candidate), times) in &results {
        let limits = results
            .get(&(operation.clone(), LIMIT.to_owned()))
            .with_context(|| format!("no limit of {operation}"))?;
        let ratios = times
            .iter()
            .filter_map(|(round, time)| Some(time / limits.get(round)?));
        let each = median(times.values().copied())?;
        records.push(operation, "lto", candidate, "ns", each);
        records.push(operation, "lto", candidate, "of the limit", median(ratios)?);
    }
    Ok(())
}

/// Builds the benchmark and returns where it is.
fn build(options: &Options) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&options.root)
        .env("CARGO_TARGET_DIR", &options.target)
        .args(["rustc", "--quiet", "--profile", "lto"])
        .args(["--package", "operations", "--bench", "time"])
        .args(["--no-default-features", "--features", "time"])
        .arg("--message-format=json-render-diagnostics")
        // All loops begin at multiples of 64 bytes. With fat LTO it is this program's compilation
        // that generates the code of all, so it holds for those of the crates, too.
        .args([
            "--",
            "-C",
            "llvm-args=-x86-experimental-pref-innermost-loop-alignment=6",
        ]);
    let output = cargo.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    let messages = String::from_utf8(output.stdout)?;
    let program = messages.lines().rev().find_map(|line| {
        let message: Artifact = serde_json::from_str(line).ok()?;
        message.executable
    });
    program.context("Cargo does not say where the benchmark is")
}

/// Reads what criterion has left below a directory.
fn read(directory: &Path, results: &mut Results) -> Result<()> {
    let entries = fs::read_dir(directory)
        .with_context(|| format!("criterion has left no {}", directory.display()))?;
    for entry in entries {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        if !path.ends_with("new") {
            read(&path, results)?;
            continue;
        }
        let name: Name = json(&path.join("benchmark.json"))?;
        let sample: Sample = json(&path.join("sample.json"))?;
        let times = sample.times.iter().zip(&sample.iters);
        let fastest = times.map(|(time, iterations)| time / iterations);
        let fastest = fastest.fold(f64::INFINITY, f64::min);
        results
            .entry((name.group_id, name.function_id))
            .or_default()
            .insert(name.value_str, fastest / ACCESSES);
    }
    Ok(())
}

fn json<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("no {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not understood", file.display()))
}

fn median(values: impl Iterator<Item = f64>) -> Result<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2);
    middle.copied().context("not a single round")
}

/// Of Cargo's messages those that are about something that was built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// `benchmark.json`.
#[derive(Deserialize)]
struct Name {
    group_id: String,
    function_id: String,
    /// The round.
    value_str: String,
}

/// `sample.json`.
#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    /// In nanoseconds, of so many iterations.
    times: Vec<f64>,
}
