//! Runs the program `access` under callgrind, once for each line of `ACCESS_BENCHMARKS`, which are
//! `OPERATION/CANDIDATE`. The program is the file `ACCESS_PROGRAM`.
//!
//! The harness is a program apart from what it measures, so it is built once, and what is measured is
//! built in every profile without it.

use std::env;

use gungraun::prelude::*;
use gungraun::{Bench, BinaryBenchmark, BinaryBenchmarkGroup, Callgrind, EntryPoint};

fn add(group: &mut BinaryBenchmarkGroup) {
    let hint = "set by the runner, which is what to start";
    let program = env::var("ACCESS_PROGRAM").expect(hint);
    let benchmarks = env::var("ACCESS_BENCHMARKS").expect(hint);
    for (index, line) in benchmarks.lines().enumerate() {
        let (operation, candidate) = line.split_once('/').expect("OPERATION/CANDIDATE");
        let mut command = gungraun::Command::new(&program);
        let bench = Bench::new("only")
            .command(command.arg(operation).arg(candidate).build())
            .clone();
        // Names of theirs would have to be identifiers: the runner knows the line by its number.
        group.binary_benchmark(BinaryBenchmark::new(format!("line_{index}")).bench(bench));
    }
}

binary_benchmark_group!(
    name = access,
    benchmarks = |group: &mut BinaryBenchmarkGroup| add(group)
);

main!(
    config = BinaryBenchmarkConfig::default().tool(
        Callgrind::with_args(["--branch-sim=yes", "--cache-sim=yes"])
            .entry_point(EntryPoint::Custom("*thousand_calls*".to_owned()))
    ),
    binary_benchmark_groups = access
);
