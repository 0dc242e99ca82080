//! Process-wide counts: runs the benchmark `counts` and reads what it found.
//!
//! How fast a total is depends on where a process happens to have its memory, by far more than it
//! differs within a process. So totals are measured in several processes, and what counts is the
//! median over these.

use crate::options::Options;
use crate::record::Records;
use anyhow::{Context as _, Result, bail, ensure};
use std::process::{Command, Stdio};

/// What is run, as filters of benchmarks. Every number of threads has processes of its own, whose
/// heap no earlier threads have left in disorder.
const TOTALS: [&str; 6] = [
    "^total/256 threads$",
    "^total/2048 threads$",
    "^total/2 threads$",
    "^total/16 threads$",
    "^total, cold/256 threads$",
    "^total, cold/2048 threads$",
];
const OTHERS: &str = "^(add|total beside)";

const SHORT_TIMES: [&str; 6] = [
    "--sample-size",
    "50",
    "--warm-up-time",
    "0.2",
    "--measurement-time",
    "0.5",
];

pub(crate) fn run(options: &Options, records: &mut Records) -> Result<()> {
    eprintln!("counts: builds");
    let status = cargo_bench(options)
        .arg("--no-run")
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the benchmark does not build: see above");
    // The numbers of threads that a goal is about, in the quick form.
    let totals = if options.quick {
        &TOTALS[..2]
    } else {
        &TOTALS[..]
    };
    for filter in totals {
        let processes = if options.quick { 3 } else { 9 };
        eprintln!("counts: {filter} in {processes} processes");
        let found = (0..processes)
            .map(|_| measure(options, filter, true))
            .collect::<Result<Vec<_>>>()?;
        medians(&found, records);
    }
    eprintln!("counts: {OTHERS}");
    let found = measure(options, OTHERS, options.quick)?;
    records.0.extend(found.0);
    Ok(())
}

/// Runs what fits the filter, in a process.
fn measure(options: &Options, filter: &str, is_short: bool) -> Result<Records> {
    let mut command = cargo_bench(options);
    // What criterion has to say of the first candidate is not kept: rounds are compared.
    command.args(["--", filter, "--discard-baseline", "--noplot"]);
    if is_short {
        command.args(SHORT_TIMES);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "`{filter}` of the benchmark failed: see above"
    );
    let mut records = Records::default();
    let found = read(&String::from_utf8_lossy(&output.stdout), &mut records)?;
    ensure!(found, "no benchmark is called `{filter}`");
    Ok(records)
}

/// The median of each number over several processes, which have found the same ones.
fn medians(found: &[Records], records: &mut Records) {
    let Some(first) = found.first() else { return };
    for (index, record) in first.0.iter().enumerate() {
        let mut values: Vec<f64> = found
            .iter()
            .filter_map(|records| Some(records.0.get(index)?.value))
            .collect();
        values.sort_by(f64::total_cmp);
        let mut record = record.clone();
        record.value = values[values.len() / 2];
        records.0.push(record);
    }
}

fn cargo_bench(options: &Options) -> Command {
    let mut command = Command::new("cargo");
    command
        .current_dir(&options.root)
        .env("CARGO_TARGET_DIR", &options.target)
        .args(["bench", "--quiet", "--profile", "lto"])
        .args(["--package", "operations", "--bench", "counts"])
        .args(["--no-default-features", "--features", "counts"]);
    command
}

/// Reads the lines that are records, among others. Returns `true` if there are any.
fn read(output: &str, records: &mut Records) -> Result<bool> {
    let mut found = false;
    for line in output.lines() {
        let Some(line) = line.strip_prefix("record\t") else {
            continue;
        };
        let &[operation, setting, candidate, unit, value] =
            &line.split('\t').collect::<Vec<_>>()[..]
        else {
            bail!("not a record: {line}");
        };
        let value = value
            .parse()
            .with_context(|| format!("not a number: {value}"))?;
        records.push(operation, setting, candidate, unit, value);
        found = true;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_found_among_other_lines() -> Result<()> {
        let mut records = Records::default();
        let found = read(
            "time: [1 ns]\nrecord\tadd\t1 thread\tMutex\tns\t7.5\n",
            &mut records,
        )?;
        assert!(found);
        assert_eq!(records.0.len(), 1);
        assert_eq!(records.value("add", "1 thread", "Mutex", "ns"), Some(7.5));
        Ok(())
    }

    #[test]
    fn what_counts_is_the_median_over_processes() {
        let process = |value| {
            let mut records = Records::default();
            records.push("total", "2 threads", "Mutex", "ns", value);
            records
        };
        let mut records = Records::default();
        medians(&[process(3.0), process(1.0), process(2.0)], &mut records);
        assert_eq!(
            records.value("total", "2 threads", "Mutex", "ns"),
            Some(2.0)
        );
    }

    #[test]
    fn output_without_records_is_noticed() -> Result<()> {
        assert!(!read("record of 2 runs\n", &mut Records::default())?);
        Ok(())
    }
}
