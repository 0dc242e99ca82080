//! Runs every example as a reader would, and checks its output.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, thread};

use rusqlite::Connection;

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::{Ran, example, run};

#[test]
fn hi_greets_each_thread_as_new_once() {
    let expected = "\
Nice to meet you main
Welcome back main
Nice to meet you Ada
Welcome back Ada
Nice to meet you Grace
Welcome back Grace
Nice to meet you Edsger
Welcome back Edsger
";
    assert_eq!(run("hi", &[]).stdout(), expected);
}

#[test]
fn expanded_runs() {
    let ran = run("expanded", &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn map_squares_numbers_the_jobs_of_each_worker_without_a_gap() {
    let ran = run("map_squares", &[]);
    let mut lines: Vec<&str> = ran.stdout().lines().collect();
    assert_eq!(lines.pop(), Some("[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]"));
    assert_eq!(lines.len(), 10);

    let mut processed = BTreeMap::new();
    for line in lines {
        let line = line.strip_prefix("Processed by ").unwrap();
        let (worker, number) = line.split_once(": ").unwrap();
        let expected = processed.entry(worker).or_insert(0);
        *expected += 1;
        assert_eq!(number, expected.to_string(), "{worker}");
    }
    let names = ["worker-1", "worker-2", "worker-3", "worker-4"];
    assert!(
        processed.keys().all(|worker| names.contains(worker)),
        "{processed:?}"
    );
}

#[test]
fn runtime_hooks_tears_down_as_many_sessions_as_it_warmed_up() {
    let expected = "\
rayon: 4 sessions warmed up
rayon: 100 jobs done, 1600 bytes sent
rayon: 4 sessions torn down
main: `Session` has not been initialized on this thread; it is `explicit`: call \
`Session::state().init_with` first, for instance where the thread starts
tokio: 4 sessions warmed up
tokio: 100 jobs done, 1600 bytes sent
tokio: 4 sessions torn down
";
    assert_eq!(run("runtime_hooks", &[]).stdout(), expected);
}

#[test]
fn runtime_hooks_gives_the_sessions_what_the_command_line_says() {
    let ran = run("runtime_hooks", &["db.example"]);
    let sent = ran
        .stdout()
        .lines()
        .filter(|line| line.ends_with("done, 1700 bytes sent"));
    assert_eq!(sent.count(), 2);
}

/// The parsed output of `worker_pool`.
#[derive(Debug, PartialEq)]
struct Table {
    /// The files and words of each worker.
    workers: Vec<(u64, u64)>,
    all: (u64, u64),
    skipped: u64,
    commonest: Vec<(String, u64)>,
}

impl Table {
    /// Parses the output of a run that succeeded, and checks that its parts agree.
    #[track_caller]
    fn of(ran: &Ran) -> Self {
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        let rows: Vec<Vec<&str>> = ran
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let [head, rows @ .., check] = &*rows else {
            panic!("{}", ran.stdout)
        };
        assert_eq!(*head, ["worker", "files", "words"]);

        let number = |text: &str| text.parse::<u64>().unwrap();
        let mut table = Self {
            workers: vec![],
            all: (0, 0),
            skipped: 0,
            commonest: vec![],
        };
        let mut rows = rows.iter().map(Vec::as_slice);
        for row in rows.by_ref() {
            match *row {
                ["all", files, words] => table.all = (number(files), number(words)),
                ["skipped", files] => table.skipped = number(files),
                [] => break,
                [worker, files, words] => {
                    table.workers.push((number(files), number(words)));
                    assert_eq!(worker, table.workers.len().to_string());
                }
                _ => panic!("{row:?}"),
            }
        }
        assert_eq!(rows.next(), Some(&["word", "count"][..]));
        for row in rows.by_ref() {
            match *row {
                [] => break,
                [word, count] => table.commonest.push((word.to_owned(), number(count))),
                _ => panic!("{row:?}"),
            }
        }
        assert_eq!(rows.next(), None);

        let (files, words) = table.all;
        assert_eq!(files, table.workers.iter().map(|worker| worker.0).sum());
        assert_eq!(words, table.workers.iter().map(|worker| worker.1).sum());
        let check = check.join(" ");
        let expected =
            format!("check: {words} words by the workers = {words} words in the database");
        assert_eq!(check, expected);
        table
    }
}

/// A directory with files in it, removed at the end.
struct Files(tempfile::TempDir);

impl Files {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let file = directory.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `worker_pool` in this directory.
    fn index(&self, args: &[&str]) -> Ran {
        Ran::new(self.command(args).output().unwrap())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = example("worker_pool");
        command
            .current_dir(&self.0)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

#[test]
fn worker_pool_indexes_this_repository_by_default() {
    let elsewhere = Files::new(&[]);
    let ran = elsewhere.index(&["--threads", "4"]);
    let table = Table::of(&ran);
    assert_eq!(table.workers.len(), 4);
    assert!(table.all.0 > 20, "{table:?}");
    assert!(table.all.1 > 10_000, "{table:?}");
    assert_eq!(table.commonest.len(), 10);
    assert!(
        table.commonest.iter().any(|(word, _)| word == "the"),
        "{table:?}"
    );
}

#[test]
fn worker_pool_has_as_many_workers_as_cores_by_default() {
    let files = Files::new(&[("a.txt", b"a")]);
    let table = Table::of(&files.index(&["a.txt"]));
    assert_eq!(
        table.workers.len(),
        thread::available_parallelism().unwrap().get()
    );
}

#[test]
fn worker_pool_counts_known_words() {
    let files = Files::new(&[
        (
            "one.txt",
            "The cat, the dog; THE bird. 42 cats? été Été".as_bytes(),
        ),
        ("more/two.rs", b"let the_cat = dog(\"cat\");\n"),
        ("more/empty.md", b""),
        (".hidden/three.txt", b"hidden"),
        ("more/.hidden.txt", b"hidden"),
        (
            "more/cache/CACHEDIR.TAG",
            b"Signature: 8a477f597d28d172789f06886806bc55",
        ),
        ("more/cache/four.txt", b"cached"),
    ]);
    let ran = files.index(&["--threads", "1", "one.txt", "more"]);
    ran.stdout();
    let table = Table::of(&ran);
    let words = [
        ("the", 4),
        ("cat", 3),
        ("dog", 2),
        ("été", 2),
        ("bird", 1),
        ("cats", 1),
        ("let", 1),
    ];
    let expected = Table {
        workers: vec![(3, 14)],
        all: (3, 14),
        skipped: 0,
        commonest: words.map(|(word, count)| (word.to_owned(), count)).into(),
    };
    assert_eq!(table, expected);
}

#[test]
fn worker_pool_skips_what_cannot_be_read_and_keeps_the_rest() {
    let files = Files::new(&[
        ("good.txt", b"good"),
        ("all/latin-1.txt", b"caf\xe9 au lait"),
        ("all/also-good.txt", b"good good"),
    ]);
    let ran = files.index(&["good.txt", "missing.txt", "all"]);
    let table = Table::of(&ran);
    assert_eq!(table.all, (2, 3));
    assert_eq!(table.skipped, 2);
    assert_eq!(table.commonest, [("good".to_owned(), 3)]);

    let mut reports: Vec<&str> = ran.stderr.lines().collect();
    reports.sort_unstable();
    let [latin_1, missing] = &*reports else {
        panic!("{reports:?}")
    };
    let latin_1_path = Path::new("all").join("latin-1.txt");
    let not_utf_8 = format!("skipped {}: not UTF-8", latin_1_path.display());
    assert_eq!(*latin_1, not_utf_8);
    assert!(missing.starts_with("skipped missing.txt: "), "{missing}");
}

#[cfg(unix)]
#[test]
fn worker_pool_is_not_led_astray_by_links_and_pipes() {
    use std::os::unix::fs::symlink;

    let files = Files::new(&[("all/good.txt", b"good")]);
    symlink("..", files.path("all/up")).unwrap();
    symlink("good.txt", files.path("all/linked.txt")).unwrap();
    symlink("nowhere", files.path("all/broken.txt")).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(files.path("all/pipe"))
            .status()
            .unwrap()
            .success()
    );

    let ran = files.index(&["all"]);
    let table = Table::of(&ran);
    assert_eq!((table.all, table.skipped), ((2, 2), 2));
    let mut reports: Vec<&str> = ran.stderr.lines().collect();
    reports.sort_unstable();
    let [broken, pipe] = &*reports else {
        panic!("{reports:?}")
    };
    assert!(broken.starts_with("skipped all/broken.txt: "), "{broken}");
    assert_eq!(*pipe, "skipped all/pipe: a pipe, a socket or a device");
}

#[test]
fn worker_pool_shares_40_files_among_8_threads() {
    let files: Vec<(String, String)> = (1..=40)
        .map(|file| {
            (
                format!("all/{file}.txt"),
                "shared ".repeat(file) + &"x".repeat(file),
            )
        })
        .collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (&**name, text.as_bytes()))
        .collect();
    let files = Files::new(&files);
    let ran = files.index(&["--threads", "8", "all"]);
    ran.stdout();
    let table = Table::of(&ran);
    assert_eq!(table.workers.len(), 8);
    assert_eq!(table.all, (40, 820 + 40));
    assert_eq!(table.commonest[0], ("shared".to_owned(), 820));
}

#[test]
fn worker_pool_may_have_more_workers_than_files() {
    let files = Files::new(&[("a.txt", b"a b c")]);
    let table = Table::of(&files.index(&["--threads", "64", "a.txt"]));
    assert_eq!(
        table
            .workers
            .iter()
            .filter(|worker| **worker == (1, 3))
            .count(),
        1
    );
    assert_eq!(
        table
            .workers
            .iter()
            .filter(|worker| **worker == (0, 0))
            .count(),
        63
    );
}

#[test]
fn worker_pool_checks_a_second_run_into_the_same_database() {
    let files = Files::new(&[("a.txt", b"one two two"), ("b.txt", b"two three")]);
    let first = Table::of(&files.index(&["--db", "words.db", "a.txt", "b.txt"]));
    let second = Table::of(&files.index(&["--db", "words.db", "b.txt"]));
    assert_eq!(first.all, (2, 5));
    assert_eq!(second.all, (1, 2));
    assert_eq!(
        second.commonest,
        [("three".to_owned(), 1), ("two".to_owned(), 1)]
    );

    // Both runs are kept, and the file is a valid database.
    let conn = Connection::open(files.path("words.db")).unwrap();
    let words = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(words("SELECT sum(count) FROM word"), 7);
    assert_eq!(words("SELECT sum(count) FROM word WHERE word = 'two'"), 4);
    let sound: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok");
}

#[test]
fn worker_pools_may_share_a_database_at_the_same_time() {
    let files: Vec<String> = (0..20).map(|file| format!("all/{file}.txt")).collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|name| (&**name, &b"the same words for every worker"[..]))
        .collect();
    let files = Files::new(&files);
    let runs: Vec<_> = (0..4)
        .map(|_| {
            files
                .command(&["--db", "words.db", "--threads", "3", "all"])
                .spawn()
                .unwrap()
        })
        .collect();
    for run in runs {
        let ran = Ran::new(run.wait_with_output().unwrap());
        ran.stdout();
        assert_eq!(Table::of(&ran).all, (20, 120));
    }
    let conn = Connection::open(files.path("words.db")).unwrap();
    let stored: i64 = conn
        .query_row("SELECT sum(count) FROM word", [], |row| row.get(0))
        .unwrap();
    assert_eq!(stored, 4 * 120);
}

#[test]
fn worker_pool_waits_for_another_writer() {
    let files = Files::new(&[("a.txt", b"a b c")]);
    Table::of(&files.index(&["--db", "words.db", "a.txt"]));
    let conn = Connection::open(files.path("words.db")).unwrap();
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    let run = files
        .command(&["--db", "words.db", "a.txt"])
        .spawn()
        .unwrap();
    // Usually long enough for the program to meet the lock. It must succeed in any case.
    thread::sleep(Duration::from_millis(300));
    conn.execute_batch("COMMIT").unwrap();
    let ran = Ran::new(run.wait_with_output().unwrap());
    assert_eq!(Table::of(&ran).all, (1, 3));
}

#[test]
fn worker_pool_takes_every_database_name_for_a_file() {
    let files = Files::new(&[("a.txt", b"a b c")]);
    for name in ["file:words.db?mode=memory", ":memory:"] {
        // Neither name is a file name on Windows.
        if cfg!(unix) {
            let table = Table::of(&files.index(&["--db", name, "--threads", "2", "a.txt"]));
            assert_eq!(table.all, (1, 3));
            assert!(files.path(name).exists(), "{name}");
        }
    }
}

#[test]
fn worker_pool_makes_no_file_if_none_is_asked_for() {
    // A signal can leave no file behind, because the program runs where no file can be created.
    let files = Files::new(&[("a.txt", b"a b c")]);
    let missing = files.path("missing");
    let output = files
        .command(&["a.txt"])
        .envs(["TMPDIR", "TMP", "TEMP"].map(|name| (name, &missing)))
        .output()
        .unwrap();
    assert_eq!(Table::of(&Ran::new(output)).all, (1, 3));
    let names: Vec<_> = fs::read_dir(files.0.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["a.txt"]);
}

#[test]
fn worker_pool_ends_with_1_if_the_database_cannot_be_opened() {
    let text = b"This is no database but a text, and it is long enough to have a header: \
        one hundred bytes are the least.";
    let files = Files::new(&[("a.txt", b"a"), ("text.db", text)]);
    for name in ["missing/words.db", "text.db", "."] {
        let ran = files.index(&["--db", name, "a.txt"]);
        assert_eq!((ran.code, &*ran.stdout), (Some(1), ""), "{name}");
        assert!(
            ran.stderr.starts_with("error: cannot open the database "),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    assert_eq!(fs::read(files.path("text.db")).unwrap(), text);

    let ran = files.index(&["--db", "", "a.txt"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(
        ran.stderr
            .starts_with("error: cannot use the path given by --db: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn worker_pool_ends_with_1_if_the_database_refuses_the_words() {
    let files = Files::new(&[("a.txt", b"a")]);
    let conn = Connection::open(files.path("words.db")).unwrap();
    conn.execute_batch("CREATE TABLE word (something)").unwrap();
    let ran = files.index(&["--db", "words.db", "a.txt"]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(
        ran.stderr
            .starts_with("error: cannot add a.txt to the database: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn worker_pool_explains_itself() {
    for option in ["--help", "-h"] {
        let ran = run("worker_pool", &[option]);
        for word in ["Usage: worker_pool ", "--db PATH", "--threads N", "--help"] {
            assert!(ran.stdout().contains(word), "{word}");
        }
    }
}

#[test]
fn worker_pool_refuses_wrong_arguments_with_2() {
    for (args, message) in [
        (
            &["--threads", "0"][..],
            "--threads takes a number from 1 to 1024, not \"0\"",
        ),
        (
            &["--threads", "x"],
            "--threads takes a number from 1 to 1024, not \"x\"",
        ),
        (
            &["--threads", "-1"],
            "--threads takes a number from 1 to 1024, not \"-1\"",
        ),
        (
            &["--threads=1025"],
            "--threads takes a number from 1 to 1024, not \"1025\"",
        ),
        (&["--threads"], "missing argument for option '--threads'"),
        (&["--db"], "missing argument for option '--db'"),
        (&["--treads", "2"], "invalid option '--treads'"),
        (&["-x"], "invalid option '-x'"),
    ] {
        let ran = run("worker_pool", args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?}");
        assert_eq!(ran.stderr, format!("error: {message}; see --help\n"));
    }
}
