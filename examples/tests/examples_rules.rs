//! The rules that every example follows: it has help, ends quietly, and accepts input of any kind and
//! size.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{io, thread};

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::{Ran, example, run};

/// All examples, with arguments for a short run. Servers are not asked to end: they first print a few
/// words.
const EXAMPLES: [(&str, &[&str]); 11] = [
    ("expanded", &[]),
    ("hi", &[]),
    ("map_squares", &[]),
    ("metrics", &["--listen", "127.0.0.1:0"]),
    ("prefork", &[]),
    ("processed", &["--jobs", "1000000", "--refresh", "1"]),
    ("processes", &[]),
    ("runtime_hooks", &[]),
    ("service", &["--port", "0"]),
    ("word_parts", &["examples"]),
    ("worker_pool", &["examples"]),
];

/// The examples that read files.
const READERS: [&str; 2] = ["word_parts", "worker_pool"];

/// Waits for a program to end, which is soon unless it hangs or runs forever.
#[track_caller]
fn wait(child: &mut Child, name: &str) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > Duration::from_mins(1) {
            let _ = child.kill();
            panic!("{name} does not end");
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Runs an example in a directory, and fails if it does not end.
#[track_caller]
fn run_in(directory: &Path, name: &str, args: &[&str]) -> Ran {
    let mut command = example(name);
    command.current_dir(directory).args(args);
    // Files instead of pipes, so that a program with much output does not wait for the test.
    let [mut stdout, mut stderr] = [(); 2].map(|()| tempfile::tempfile().unwrap());
    command
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap());
    let status = wait(&mut command.spawn().unwrap(), name);
    let text = |file: &mut File| {
        let mut text = Vec::new();
        io::Seek::rewind(file).unwrap();
        file.read_to_end(&mut text).unwrap();
        text
    };
    Ran::new(std::process::Output {
        status,
        stdout: text(&mut stdout),
        stderr: text(&mut stderr),
    })
}

#[test]
fn all_examples_are_here() {
    let mut names = Vec::new();
    for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs")
            || path.join("main.rs").exists()
        {
            names.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    names.sort();
    assert_eq!(names, EXAMPLES.map(|(name, _)| name));
}

#[test]
fn examples_answer_help_wherever_it_stands() {
    for (name, args) in EXAMPLES {
        for args in [&["--help"], &["-h"], &[args, &["--help"]].concat()[..]] {
            let ran = run(name, args);
            let usage = format!("\n\nUsage: {name}");
            assert!(ran.stdout().contains(&usage), "{}", ran.stdout);
        }
    }
}

#[test]
fn examples_refuse_what_they_do_not_know_with_2() {
    for (name, _) in EXAMPLES {
        let ran = run(name, &["--nonsense"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{name}");
        let message = "error: invalid option '--nonsense'; see --help\n";
        assert_eq!(ran.stderr, message, "{name}");
    }
}

/// Returns the writing end of a pipe whose reading end is closed.
fn closed_pipe() -> io::PipeWriter {
    io::pipe().unwrap().1
}

#[test]
fn examples_end_quietly_if_nobody_reads() {
    for (name, args) in EXAMPLES {
        let mut command = example(name);
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(args);
        command.stdout(closed_pipe()).stderr(Stdio::piped());
        ends_quietly(command.spawn().unwrap(), name);
    }
}

#[test]
fn examples_end_quietly_if_somebody_reads_one_line() {
    // A server prints no second line before it is asked to end.
    let others = EXAMPLES
        .into_iter()
        .filter(|(name, _)| !["metrics", "service"].contains(name));
    for (name, args) in others {
        let mut command = example(name);
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "{name}: {line:?}");
        drop(stdout);
        ends_quietly(child, name);
    }
}

#[track_caller]
fn ends_quietly(mut child: Child, name: &str) {
    let status = wait(&mut child, name);
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    pipe.read_to_string(&mut stderr).unwrap();
    assert_eq!((status.code(), &*stderr), (Some(0), ""), "{name}");
}

#[test]
fn examples_end_quietly_if_nobody_reads_errors() {
    for (name, _) in EXAMPLES {
        let mut command = example(name);
        command.arg("--nonsense").stderr(closed_pipe());
        let mut child = command.spawn().unwrap();
        assert_eq!(wait(&mut child, name).code(), Some(2), "{name}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn examples_end_with_1_if_they_cannot_print() {
    for (name, args) in EXAMPLES {
        let mut command = example(name);
        command
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .args(args);
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut child = command.stdout(full).stderr(Stdio::piped()).spawn().unwrap();
        let status = wait(&mut child, name);
        let mut stderr = String::new();
        let mut pipe = child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        assert_eq!(status.code(), Some(1), "{name}: {stderr}");
        assert!(
            stderr.starts_with("error: cannot print: "),
            "{name}: {stderr}"
        );
    }
}

#[test]
fn expanded_has_no_quarrel_with_a_small_budget() {
    let mut command = example("expanded");
    let ran = Ran::new(command.env("BUDGET", "3").output().unwrap());
    assert!(ran.stdout().contains("spent [5, 0] of 3\n"));

    let ran = Ran::new(command.env("BUDGET", "much").output().unwrap());
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert_eq!(ran.stderr, "error: invalid digit found in string\n");
}

#[test]
fn readers_end_with_1_if_nothing_could_be_read() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("latin")).unwrap();
    fs::write(directory.path().join("latin/1.txt"), b"caf\xe9").unwrap();
    fs::create_dir(directory.path().join("cache")).unwrap();
    fs::write(directory.path().join("cache/CACHEDIR.TAG"), "").unwrap();
    for name in READERS {
        for (args, skipped) in [
            (&["missing"][..], &["missing"][..]),
            (&["missing", "neither"], &["missing", "neither"]),
            (&["latin"], &["latin"]),
            (&["cache"], &["cache: a cache"]),
        ] {
            let ran = run_in(directory.path(), name, args);
            assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{name} {args:?}");
            let lines: Vec<&str> = ran.stderr.lines().collect();
            let [reports @ .., error] = &*lines else {
                panic!("{lines:?}")
            };
            assert_eq!(*error, "error: nothing could be read");
            assert_eq!(reports.len(), skipped.len());
            for path in skipped {
                let report = format!("skipped {path}");
                assert!(ran.stderr.contains(&report), "{}", ran.stderr);
            }
        }
    }
}

#[test]
fn readers_skip_what_is_too_large_and_say_so() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("good.txt"), "good").unwrap();
    // A sparse file, which takes no space on the disk.
    let huge = File::create(directory.path().join("huge.txt")).unwrap();
    huge.set_len(1 << 40).unwrap();
    let many = vec![b'x'; (4 << 20) + 1];
    fs::write(directory.path().join("large.txt"), &many).unwrap();
    fs::write(directory.path().join("fits.txt"), &many[1..]).unwrap();
    for name in READERS {
        let ran = run_in(directory.path(), name, &["."]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("\ngood "), "{}", ran.stdout);
        let mut reports: Vec<&str> = ran.stderr.lines().collect();
        reports.sort_unstable();
        let expected = ["huge.txt", "large.txt"].map(|file| {
            let path = Path::new(".").join(file);
            format!("skipped {}: more than 4 MiB", path.display())
        });
        assert_eq!(reports, expected);
    }
}

#[test]
fn word_parts_stops_at_64_mebibytes_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    // A word, and then nothing that is counted.
    let text = format!("word{}", "😀".repeat((1 << 20) - 1));
    for file in 0..17 {
        fs::write(directory.path().join(format!("{file}.txt")), &text).unwrap();
    }
    let ran = run_in(directory.path(), "word_parts", &["."]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let total = "\n16 words in 16 texts, ";
    assert!(ran.stdout.contains(total), "{}", ran.stdout);
    let report = ran.stderr.trim_end();
    assert!(
        report.ends_with(".txt and what is left: more than 64 MiB in all"),
        "{report}"
    );
}

#[test]
fn readers_cut_long_words() {
    let directory = tempfile::tempdir().unwrap();
    let [fits, long] = [64, 65].map(|letters| "é".repeat(letters));
    fs::write(
        directory.path().join("a.txt"),
        format!("{fits} {long} {long}x {}", "y".repeat(1_000_000)),
    )
    .unwrap();
    for name in READERS {
        let ran = run_in(directory.path(), name, &["a.txt"]);
        let rows: Vec<_> = ran
            .stdout()
            .lines()
            .skip_while(|line| !line.starts_with("word "))
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .collect();
        let [long, y] = [&fits, &*"y".repeat(64)].map(|word| format!("{word}…"));
        assert_eq!(rows, [[&*long, "2"], [&y, "1"], [&fits, "1"]], "{name}");
    }
}

#[test]
fn readers_go_no_deeper_than_64_directories() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().to_owned();
    for level in 0..70 {
        path.push("a");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("file.txt"), format!("word{level}")).unwrap();
    }
    for name in READERS {
        let ran = run_in(directory.path(), name, &["a"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        // Files next to a skipped directory are counted.
        let mut rows = ran.stdout.lines().map(|line| line.split_whitespace());
        assert!(rows.any(|row| row.eq(["word", "64"])), "{}", ran.stdout);
        assert!(
            ran.stderr.ends_with(": more than 64 directories deep\n"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn readers_do_not_wait_for_pipes_sockets_and_devices() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    let status = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status()
        .unwrap();
    assert!(status.success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", path("zero")).unwrap();
    for name in READERS {
        let ran = run_in(directory.path(), name, &["pipe", "socket", "zero"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{name}");
        let named = ran.stderr;

        fs::write(path("good.txt"), "good").unwrap();
        let ran = run_in(directory.path(), name, &["."]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("\ngood "), "{}", ran.stdout);
        for file in ["pipe", "socket", "zero"] {
            let report = |path: &str| format!("skipped {path}: a pipe, a socket or a device\n");
            assert!(named.contains(&report(file)), "{named}");
            assert!(
                ran.stderr.contains(&report(&format!("./{file}"))),
                "{}",
                ran.stderr
            );
        }
        fs::remove_file(path("good.txt")).unwrap();
    }
}

/// Files in /proc have size 0 but are not empty. Some contain more than fits into memory, and some make
/// a reader wait, if it is allowed to read them.
#[cfg(target_os = "linux")]
#[test]
fn readers_come_through_proc_in_little_memory() {
    for name in READERS {
        for tree in ["/proc/self", "/proc/sys/kernel", "/proc/kmsg"] {
            let program = example(name).get_program().to_owned();
            let mut command = std::process::Command::new("sh");
            command
                .args(["-c", "ulimit -v 1000000 && exec \"$0\" \"$@\""])
                .arg(program)
                .args(["--threads", "2", tree])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let code = wait(&mut command.spawn().unwrap(), name).code();
            // Whether the kernel's messages can be read depends on the user.
            assert!(
                code == Some(0) || (tree == "/proc/kmsg" && code == Some(1)),
                "{name} {tree}: {code:?}"
            );
        }
    }
}

/// Starts an example, sends it a signal after a while, and returns its exit status.
#[cfg(unix)]
fn interrupt(name: &str, temporary: &Path, after: Duration) -> ExitStatus {
    use std::os::unix::process::CommandExt as _;

    let mut child = example(name)
        .env("TMPDIR", temporary)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    thread::sleep(after);
    // Send the signal to all processes of the group, as a terminal does. Not SIGINT, which background
    // processes ignore.
    let group = nix::unistd::Pid::from_raw(child.id().try_into().unwrap());
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGTERM);
    wait(&mut child, name)
}

#[cfg(unix)]
#[test]
fn examples_leave_nothing_behind_if_they_are_interrupted() {
    use std::os::unix::process::ExitStatusExt as _;

    let mut interrupted = 0;
    for name in ["prefork", "processes", "worker_pool"] {
        for step in 0..10 {
            let directory = tempfile::tempdir().unwrap();
            let status = interrupt(name, directory.path(), Duration::from_millis(3 * step));
            interrupted += usize::from(status.signal() == Some(libc::SIGTERM));
            let left = fs::read_dir(directory.path()).unwrap().count();
            assert_eq!(left, 0, "{name} after {step} steps: {status}");
        }
    }
    assert!(interrupted > 0);
}
