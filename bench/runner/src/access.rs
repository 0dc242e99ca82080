//! What an access costs: instructions, branches and memory operands, as callgrind counts them.
//!
//! The program `access` makes an access a thousand times. It is built in every profile, and gungraun's
//! harness, which is built once, runs it under callgrind for each operation and candidate (the quick form
//! does without the harness, which takes a minute to install). A call of a
//! function that does nothing is subtracted, so what remains is the access alone, without call and
//! return. The counts do not depend on what else the machine does; what a few instructions around the
//! thousand calls add is rounded away.

use crate::goals;
use crate::options::Options;
use crate::record::{BORROW, ISOLATED, LIMIT, OURS, Records};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::Deserialize;
use std::collections::HashMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::process::Command;
use std::{fs, thread};

/// What is subtracted from all others.
const EMPTY: Benchmark<'_> = Benchmark {
    operation: "empty",
    candidate: "nothing",
};
/// How often the program makes the access.
const CALLS: f64 = 1_000.0;

/// Whom the goals compare, in a profile in which not all are asked for.
const COMPARED: [&str; 5] = [LIMIT, OURS, BORROW, ISOLATED, "std lazy RefCell"];
/// Where thread-locals are under keys of the operating system: the library, the standard library's way, and the
/// crate that keeps values elsewhere, which is not judged: here it finds the thread by a native thread-local.
pub(crate) const UNDER_KEYS: [&str; 3] = [OURS, "std under keys", "thread_local"];
/// The name of that form of the profile `lto`.
pub(crate) const LTO_UNDER_KEYS: &str = "lto, keys";
/// What only a nightly compiler has.
const NIGHTLY: [&str; 2] = ["limit, nightly", "static_init"];

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Benchmark<'a> {
    operation: &'a str,
    candidate: &'a str,
}

#[derive(Clone, Copy)]
struct Counts {
    instructions: f64,
    branches: f64,
    memory_operands: f64,
}

impl Counts {
    /// From callgrind's numbers, by name.
    fn new(number: impl Fn(&str) -> Result<f64>) -> Result<Self> {
        Ok(Self {
            instructions: number("Ir")?,
            // Conditional ones, and jumps and calls to an address that is not in the instruction.
            branches: number("Bc")? + number("Bi")?,
            // An instruction that reads and writes one place counts once.
            memory_operands: number("Dr")? + number("Dw")?,
        })
    }
}

pub(crate) fn run(options: &Options, records: &mut Records) -> Result<()> {
    let is_goal = |benchmark: &Benchmark<'_>| goals::is_about(benchmark.operation);
    let is_compared = |benchmark: &Benchmark<'_>| COMPARED.contains(&benchmark.candidate);
    if options.quick {
        measure(options, "lto", &[], is_goal, records)?;
        for profile in ["release", "size", "dev", "unchecked"] {
            let is_meant = |benchmark: &Benchmark<'_>| is_goal(benchmark) && is_compared(benchmark);
            measure(options, profile, &[], is_meant, records)?;
        }
    } else {
        for profile in ["lto", "release", "size", "dev", "unchecked"] {
            measure(options, profile, &[], |_| true, records)?;
        }
    }
    let is_meant =
        |benchmark: &Benchmark<'_>| is_goal(benchmark) && UNDER_KEYS.contains(&benchmark.candidate);
    measure(options, LTO_UNDER_KEYS, &[], is_meant, records)?;
    // No goal needs it.
    if !options.quick && has_nightly() {
        let is_meant = |benchmark: &Benchmark<'_>| NIGHTLY.contains(&benchmark.candidate);
        // Good tables are not to be lost for the sake of what a new nightly cannot build.
        if let Err(error) = measure(options, "lto", &["+nightly"], is_meant, records) {
            eprintln!("access: without a nightly compiler: {error:#}");
        }
    }
    Ok(())
}

/// Counts what is meant of what the program can do.
fn measure(
    options: &Options,
    profile: &str,
    toolchain: &[&str],
    is_meant: impl Fn(&Benchmark<'_>) -> bool,
    records: &mut Records,
) -> Result<()> {
    let program = build(options, profile, toolchain)?;
    let list = Command::new(&program)
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let list = String::from_utf8(list.stdout)?;
    let benchmarks = list.lines().map(|line| {
        let names = line.split_once('/').context("a line without a candidate")?;
        let (operation, candidate) = names;
        Ok(Benchmark {
            operation,
            candidate,
        })
    });
    let mut benchmarks: Vec<_> = benchmarks.collect::<Result<_>>()?;
    benchmarks.retain(|benchmark| *benchmark == EMPTY || is_meant(benchmark));

    let nightly = if toolchain.is_empty() {
        ""
    } else {
        " (nightly)"
    };
    eprintln!(
        "access: {profile}{nightly}: {} benchmarks",
        benchmarks.len()
    );
    // The harness takes longer to install than all of this takes to measure.
    let counts = if options.quick {
        count_without_harness(&program, &benchmarks)?
    } else {
        count(options, &program, &benchmarks)?
    };
    let empty = counts.get(&EMPTY).context("there is no empty function")?;
    for benchmark in benchmarks.iter().filter(|benchmark| **benchmark != EMPTY) {
        let counts = counts[benchmark];
        for (unit, value, empty) in [
            ("instructions", counts.instructions, empty.instructions),
            ("branches", counts.branches, empty.branches),
            (
                "memory operands",
                counts.memory_operands,
                empty.memory_operands,
            ),
        ] {
            let each = ((value - empty) / CALLS * 10.0).round() / 10.0;
            records.push(
                benchmark.operation,
                profile,
                benchmark.candidate,
                unit,
                each,
            );
        }
    }
    Ok(())
}

/// Builds the program and returns where it is.
fn build(options: &Options, profile: &str, toolchain: &[&str]) -> Result<PathBuf> {
    eprintln!("access: {profile}: builds");
    let mut cargo = cargo(options, toolchain);
    let features = if toolchain.is_empty() {
        "access"
    } else {
        "access,nightly"
    };
    let profile = if profile == LTO_UNDER_KEYS {
        // In a directory of its own, or all would be compiled anew.
        cargo.env("CARGO_TARGET_DIR", options.target.join("keys"));
        cargo.env("RUSTFLAGS", "--cfg tls_core_keys");
        "lto"
    } else {
        profile
    };
    cargo.args(["build", "--quiet", "--profile", profile]);
    cargo.args(["--package", "operations", "--bin", "access"]);
    cargo.args(["--no-default-features", "--features", features]);
    // Where Cargo puts it depends on the profile, the target and the user's configuration.
    cargo.arg("--message-format=json-render-diagnostics");
    let messages = output(&mut cargo)?;
    let program = messages.lines().rev().find_map(|line| {
        let message: Artifact = serde_json::from_str(line).ok()?;
        message.executable
    });
    program.context("Cargo does not say where the program `access` is")
}

/// Runs the program under callgrind, once for each benchmark.
fn count<'a>(
    options: &Options,
    program: &PathBuf,
    benchmarks: &[Benchmark<'a>],
) -> Result<HashMap<Benchmark<'a>, Counts>> {
    let lines: Vec<_> = benchmarks
        .iter()
        .map(
            |Benchmark {
                 operation,
                 candidate,
             }| format!("{operation}/{candidate}"),
        )
        .collect();
    // Without the results of an earlier run: gungraun would compare, and report both.
    let home = options.target.join("access");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("cannot remove {}", home.display()))?;
    }
    let mut cargo = cargo(options, &[]);
    // The harness is measured in no profile, and this one builds it soonest.
    cargo.args(["bench", "--quiet", "--profile", "dev"]);
    cargo.args(["--package", "operations", "--bench", "access"]);
    cargo.args(["--no-default-features", "--features", "harness", "--"]);
    cargo.args(["--parallel=auto", "--output-format=json", "--home"]);
    cargo.arg(&home);
    cargo.env("ACCESS_PROGRAM", program);
    cargo.env("ACCESS_BENCHMARKS", lines.join("\n"));
    let summaries = output(&mut cargo).context(
        "counting needs valgrind, and gungraun-runner of gungraun's version in PATH or at \
         GUNGRAUN_RUNNER; bench/run installs them",
    )?;

    let mut counts = HashMap::new();
    for line in summaries.lines().filter(|line| line.starts_with('{')) {
        let summary: Summary =
            serde_json::from_str(line).context("gungraun's summary is not understood")?;
        let index: usize = summary
            .function_name
            .strip_prefix("line_")
            .context("a benchmark of another program")?
            .parse()?;
        let benchmark = benchmarks.get(index).context("a line too many")?;
        counts.insert(*benchmark, summary.counts()?);
    }
    ensure!(
        counts.len() == benchmarks.len(),
        "{} of {} benchmarks have a result",
        counts.len(),
        benchmarks.len()
    );
    Ok(counts)
}

/// As [`count`], by callgrind itself: the counts are the same.
fn count_without_harness<'a>(
    program: &PathBuf,
    benchmarks: &[Benchmark<'a>],
) -> Result<HashMap<Benchmark<'a>, Counts>> {
    let count = |benchmark: &Benchmark<'a>| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        valgrind.args(["--branch-sim=yes", "--cache-sim=yes"]);
        valgrind.arg("--toggle-collect=*thousand_calls*");
        valgrind.arg(program);
        valgrind.args([benchmark.operation, benchmark.candidate]);
        let output = valgrind
            .output()
            .context("cannot start valgrind: install the package `valgrind`")?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{valgrind:?} failed:\n{text}");
        let counts = collected(&text)?;
        Ok::<_, anyhow::Error>((*benchmark, counts))
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let shares = benchmarks.chunks(benchmarks.len().div_ceil(threads).max(1));
    thread::scope(|scope| {
        let threads: Vec<_> = shares
            .map(|share| scope.spawn(move || share.iter().map(count).collect::<Result<Vec<_>>>()))
            .collect();
        let mut counts = HashMap::new();
        for thread in threads {
            let share = thread
                .join()
                .map_err(|_| anyhow!("a thread that ran valgrind panicked"))?;
            counts.extend(share?);
        }
        Ok(counts)
    })
}

/// Reads callgrind's lines `Events : Ir …` and `Collected : 1 …`.
fn collected(text: &str) -> Result<Counts> {
    let line = |name: &str| {
        let line = text.lines().find_map(|line| line.split_once(name));
        let (_, words) = line.with_context(|| format!("callgrind did not say:{name}\n{text}"))?;
        Ok::<_, anyhow::Error>(words.split_whitespace())
    };
    let numbers: HashMap<_, _> = line("Events    :")?.zip(line("Collected :")?).collect();
    let number = |name: &str| {
        let number = numbers.get(name).with_context(|| format!("no {name}"))?;
        Ok::<_, anyhow::Error>(number.parse::<f64>()?)
    };
    Counts::new(number)
}

/// Whether Cargo can be told to use a nightly compiler, as rustup's can.
fn has_nightly() -> bool {
    let output = Command::new("cargo")
        .args(["+nightly", "--version"])
        .output();
    output.is_ok_and(|output| output.status.success())
}

fn cargo(options: &Options, toolchain: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(toolchain);
    command.current_dir(&options.root);
    command.env("CARGO_TARGET_DIR", &options.target);
    command
}

/// Runs it and returns what it writes; what it writes to standard error is part of the error.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!(
            "{command:?} failed:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Of Cargo's messages those that are about something that was built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// What gungraun says about a benchmark.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    profiles: Vec<Profile>,
}

#[derive(Deserialize)]
struct Profile {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    metrics: HashMap<String, Metric>,
}

#[derive(Deserialize)]
struct Metric {
    values: Values,
}

#[derive(Deserialize)]
struct Values {
    new: f64,
}

impl Summary {
    fn counts(&self) -> Result<Counts> {
        let [profile] = &self.profiles[..] else {
            bail!("gungraun ran {} tools, not one", self.profiles.len());
        };
        let metric = |name: &str| {
            let metric = profile.data.total.metrics.get(name);
            let metric = metric.with_context(|| format!("callgrind did not count {name}"))?;
            Ok::<_, anyhow::Error>(metric.values.new)
        };
        Counts::new(metric)
    }
}
