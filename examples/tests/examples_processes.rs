//! Runs the examples with several processes as a reader would, and checks their output.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::{Ran, example};

/// Runs a command until all its processes have ended, because each of them has the output open.
#[track_caller]
fn run_command(mut command: Command) -> Ran {
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let process = child.id();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    // Only a run that hangs takes this long.
    let output = receiver
        .recv_timeout(Duration::from_mins(2))
        .unwrap_or_else(|_| panic!("process {process} or one of its workers hangs: {command:?}"))
        .unwrap();
    Ran {
        process: Some(process),
        ..Ran::new(output)
    }
}

#[track_caller]
fn run(name: &str, args: &[&str]) -> Ran {
    let mut command = example(name);
    command.args(args);
    run_command(command)
}

/// Returns how many jobs each process reports, and fails if there is a gap in its numbers.
#[track_caller]
fn processed<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeMap<u32, u32> {
    let mut processed = BTreeMap::new();
    for line in lines {
        let (process, number) = line
            .strip_prefix("Processed by ")
            .and_then(|line| line.split_once(": "))
            .unwrap_or_else(|| panic!("{line:?}"));
        let last = processed.entry(process.parse().unwrap()).or_insert(0);
        *last += 1;
        assert_eq!(number, last.to_string(), "process {process}");
    }
    processed
}

#[test]
fn processes_gives_work_to_four_processes_and_each_numbers_its_own() {
    let ran = run("processes", &[]);
    let mut lines: Vec<&str> = ran.stdout().lines().collect();
    assert_eq!(lines.pop(), Some("[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]"));
    let processed = processed(lines);
    assert_eq!(processed.len(), 4, "{processed:?}");
    assert_eq!(processed.values().sum::<u32>(), 10, "{processed:?}");
    assert!(
        !processed.contains_key(&ran.process.unwrap()),
        "{processed:?}"
    );
}

#[test]
fn processes_ends_with_1_if_a_worker_dies_and_the_others_finish() {
    for number in ["0", "5", "9"] {
        let ran = run("processes", &["--abort", number]);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        let message = format!("error: the worker that had to square {number} died: ");
        assert!(ran.stderr.starts_with(&message), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);

        let processed = processed(ran.stdout.lines());
        assert_eq!(processed.values().sum::<u32>(), 9, "{processed:?}");
    }
}

#[test]
fn processes_explains_itself() {
    for option in ["--help", "-h"] {
        let ran = run("processes", &[option]);
        for word in ["Usage: processes ", "--abort NUMBER", "--help"] {
            assert!(ran.stdout().contains(word), "{word}");
        }
    }
}

#[test]
fn processes_refuses_wrong_arguments_with_2() {
    let number = |value| format!("--abort takes a number from 0 to 9, not {value:?}");
    for (args, message) in [
        (&["--abort", "10"][..], number("10")),
        (&["--abort", "x"], number("x")),
        (&["--abort=-1"], number("-1")),
        (
            &["--abort"],
            "missing argument for option '--abort'".to_owned(),
        ),
        (&["-x"], "invalid option '-x'".to_owned()),
        (&["5"], "unexpected argument \"5\"".to_owned()),
    ] {
        let ran = run("processes", args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?}");
        assert_eq!(ran.stderr, format!("error: {message}; see --help\n"));
    }
}

#[cfg(unix)]
#[test]
fn prefork_workers_find_no_connection_and_their_rows_add_up() {
    let ran = run("prefork", &[]);
    let parent = ran.process.unwrap();
    let mut lines: Vec<&str> = ran.stdout().lines().collect();
    let check = "check: 4000 rows by the workers + 200 by the parent = 4200 in the database, \
        4200 expected";
    assert_eq!(lines.pop(), Some(check));

    let opened = format!("parent: process {parent} opened its connection and wrote 100 rows");
    assert_eq!(lines.remove(0), opened);
    let mut workers = BTreeMap::new();
    for line in lines.drain(..4) {
        let (worker, process) = line
            .strip_suffix(" found no connection and opened its own")
            .and_then(|line| line.split_once(": process "))
            .unwrap_or_else(|| panic!("{line:?}"));
        workers.insert(worker, process.parse::<u32>().unwrap());
    }
    let names: Vec<&str> = workers.keys().copied().collect();
    assert_eq!(names, ["worker 1", "worker 2", "worker 3", "worker 4"]);

    let more = format!("parent: process {parent} wrote 100 more through its connection");
    assert_eq!(lines.remove(0), more);
    let rows: BTreeSet<String> = lines.iter().map(|&line| line.to_owned()).collect();
    let mut expected: BTreeSet<String> = workers
        .values()
        .map(|process| format!("rows of process {process}: 1000"))
        .collect();
    expected.insert(format!("rows of process {parent}: 200"));
    assert_eq!(rows, expected);
    assert_eq!(rows.len(), 5);
}

#[cfg(unix)]
#[test]
fn prefork_shows_what_goes_wrong_with_a_kept_connection() {
    let ran = run("prefork", &["--keep"]);
    let parent = ran.process.unwrap();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (story, explanation) = ran.stdout.split_once("\n\n").unwrap();
    let lines = || story.lines();

    let found = format!(" found the connection of process {parent}");
    assert_eq!(lines().filter(|line| line.ends_with(&found)).count(), 4);
    let closed = format!(": closed the connection of process {parent}");
    let closers: BTreeSet<&str> = lines()
        .filter_map(|line| line.strip_suffix(&closed)?.strip_prefix("process "))
        .collect();
    assert_eq!(closers.len(), 4, "{story}");
    assert!(!closers.contains(&*parent.to_string()), "{story}");

    // One worker was the first to write under the name of the parent.
    let refused = |line: &&str| line.contains("error: UNIQUE constraint failed: ");
    assert_eq!(ran.stderr.lines().filter(refused).count(), 4);
    assert!(ran.stderr.contains("parent: error: "), "{}", ran.stderr);
    let rows: Vec<&str> = lines().filter(|line| line.starts_with("rows")).collect();
    assert_eq!(rows, [format!("rows of process {parent}: 1100")]);
    let check = "check: 0 rows by the workers + 1100 by the parent = 1100 in the database, \
        4200 expected";
    assert_eq!(lines().next_back(), Some(check));
    assert!(
        explanation.starts_with("What went wrong: "),
        "{explanation}"
    );
    assert!(explanation.contains("`fork = reset`"), "{explanation}");
}

#[cfg(unix)]
#[test]
fn prefork_removes_its_database() {
    for args in [&[][..], &["--keep"]] {
        let directory = tempfile::tempdir().unwrap();
        let mut command = example("prefork");
        command.args(args).env("TMPDIR", directory.path());
        assert_eq!(run_command(command).code, Some(0));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

#[cfg(unix)]
#[test]
fn prefork_ends_with_1_if_there_is_no_place_for_a_database() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = example("prefork");
    command.env("TMPDIR", directory.path().join("missing"));
    let ran = run_command(command);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    let message = "error: cannot make a temporary directory: ";
    assert!(ran.stderr.starts_with(message), "{}", ran.stderr);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[cfg(not(unix))]
#[test]
fn prefork_says_that_there_is_no_fork() {
    let ran = run("prefork", &[]);
    assert_eq!(
        ran.stdout(),
        "There is no fork on this platform, and so nothing to show.\n"
    );
}

#[test]
fn prefork_explains_itself() {
    for option in ["--help", "-h"] {
        let ran = run("prefork", &[option]);
        for word in ["Usage: prefork ", "--keep", "--help"] {
            assert!(ran.stdout().contains(word), "{word}");
        }
    }
}

#[test]
fn prefork_refuses_wrong_arguments_with_2() {
    for (args, message) in [
        (
            &["--keep=yes"][..],
            "unexpected argument for option '--keep': \"yes\"",
        ),
        (&["--kept"], "invalid option '--kept'"),
        (&["4"], "unexpected argument \"4\""),
    ] {
        let ran = run("prefork", args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?}");
        assert_eq!(ran.stderr, format!("error: {message}; see --help\n"));
    }
}
