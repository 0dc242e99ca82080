//! Runs the examples of shared fields as a reader would, and checks their output.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{fs, thread};

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::server::{Scrape, Server};
use programs::{Ran, example, run};

/// A table of `processed`: the jobs of each thread, and of all threads.
#[derive(Debug)]
struct Table {
    threads: BTreeMap<String, u64>,
    all: u64,
}

/// Parses the tables of a run, and its last line.
#[track_caller]
fn tables(stdout: &str) -> (Vec<Table>, &str) {
    let mut blocks: Vec<&str> = stdout.trim_end().split("\n\n").collect();
    let check = blocks.pop().unwrap();
    let tables = blocks.into_iter().map(|block| {
        let mut lines = block.lines().map(|line| {
            let words: Vec<_> = line.split_whitespace().collect();
            words
        });
        let head = lines.next().unwrap();
        assert_eq!(head, ["thread", "jobs", "median", "ms", "99%", "ms"]);
        let mut threads = BTreeMap::new();
        for line in lines {
            let [name, jobs, median, high] = *line else {
                panic!("{line:?}")
            };
            let (median, high): (f64, f64) = (median.parse().unwrap(), high.parse().unwrap());
            assert!(median <= high, "{line:?}");
            let before = threads.insert(name.to_owned(), jobs.parse().unwrap());
            assert_eq!(before, None, "{name} is listed twice");
        }
        let all = threads.remove("all").unwrap();
        Table { threads, all }
    });
    (tables.collect(), check)
}

#[test]
fn processed_shows_each_thread_while_it_works_and_all_jobs_in_the_end() {
    let ran = run("processed", &["--jobs", "600", "--refresh", "3"]);
    let (tables, check) = tables(ran.stdout());
    assert_eq!(check, "check: 600 jobs done = 600 jobs");

    let last = tables.last().unwrap();
    let names: Vec<_> = (1..=8).map(|worker| format!("worker-{worker}")).collect();
    assert!(
        last.threads.keys().all(|name| names.contains(name)),
        "{last:?}"
    );
    assert_eq!(last.all, 600);
    assert_eq!(last.threads.values().sum::<u64>(), 600);

    // All jobs together take much longer than the time between two tables.
    assert!(tables.len() > 1, "{tables:?}");
    for (before, after) in tables.iter().zip(&tables[1..]) {
        for (name, jobs) in &before.threads {
            assert!(after.threads[name] >= *jobs, "{name}: {before:?} {after:?}");
        }
        assert!(after.all >= before.all, "{before:?} {after:?}");
    }
    for table in &tables {
        // The line of all threads is read last.
        assert!(
            table.threads.values().sum::<u64>() <= table.all,
            "{table:?}"
        );
    }
}

#[test]
fn processed_measures_nothing_if_there_is_nothing_to_do() {
    let ran = run("processed", &["--jobs", "0"]);
    let (tables, check) = tables(ran.stdout());
    let last = tables.last().unwrap();
    assert_eq!((last.threads.len(), last.all), (0, 0));
    assert_eq!(check, "check: 0 jobs done = 0 jobs");
}

#[test]
fn word_parts_counts_the_same_with_parts_as_with_fold_and_reduce() {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = example("word_parts");
    command
        .current_dir(elsewhere.path())
        .args(["--threads", "4"]);
    let ran = Ran::new(command.output().unwrap());
    let lines: Vec<_> = ran.stdout().lines().collect();
    let [_, .., total, parts, folds, check] = *lines else {
        panic!("{lines:?}")
    };
    // By default, the program reads the files of this repository.
    let (words, texts) = total.split_once(" words in ").unwrap();
    assert!(words.parse::<u64>().unwrap() > 10_000, "{total}");
    assert!(texts.ends_with(" texts, 4 threads"), "{total}");
    let maps = |line: &str, method| {
        let maps = line.strip_prefix(method).unwrap();
        let maps = maps.strip_suffix(" maps to merge").unwrap();
        maps.parse::<u64>().unwrap()
    };
    assert!((1..=4).contains(&maps(parts, "parts: ")), "{parts}");
    assert!(maps(folds, "fold/reduce: ") >= 1, "{folds}");
    assert!(
        check.ends_with(" different words, counted the same by both"),
        "{check}"
    );
}

#[test]
fn word_parts_counts_known_words() {
    let files = tempfile::tempdir().unwrap();
    fs::create_dir(files.path().join("more")).unwrap();
    fs::write(files.path().join("one.txt"), "The cat, the dog; THE bird").unwrap();
    fs::write(files.path().join("more/two.txt"), "a dog's cat and the dog").unwrap();
    let mut command = example("word_parts");
    command.current_dir(files.path());
    let output = command
        .args(["--threads", "1", "one.txt", "more"])
        .output()
        .unwrap();
    let expected = "\
word            count
the                 4
dog                 3
cat                 2
a                   1
and                 1
bird                1
s                   1

13 words in 2 texts, 1 threads
parts: 1 maps to merge
";
    let ran = Ran::new(output);
    let rest = ran.stdout().strip_prefix(expected).expect(&ran.stdout);
    assert!(
        rest.ends_with("\ncheck: 7 different words, counted the same by both\n"),
        "{rest}"
    );
}

#[test]
fn word_parts_skips_what_cannot_be_read_and_keeps_the_rest() {
    let files = tempfile::tempdir().unwrap();
    fs::write(files.path().join("good.txt"), "good").unwrap();
    fs::write(files.path().join("latin-1.txt"), b"caf\xe9").unwrap();
    let mut command = example("word_parts");
    command
        .current_dir(files.path())
        .args(["good.txt", "missing.txt", "latin-1.txt"]);
    let ran = Ran::new(command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("\n1 words in 1 texts, "));
    let mut skipped: Vec<_> = ran.stderr.lines().collect();
    skipped.sort_unstable();
    let [latin_1, missing] = *skipped else {
        panic!("{skipped:?}")
    };
    assert_eq!(latin_1, "skipped latin-1.txt: not UTF-8");
    assert!(missing.starts_with("skipped missing.txt: "), "{missing}");
}

#[test]
fn word_parts_finds_no_words_where_there_are_none() {
    let files = tempfile::tempdir().unwrap();
    let mut command = example("word_parts");
    let ran = Ran::new(command.current_dir(files.path()).arg(".").output().unwrap());
    let stdout = ran.stdout();
    assert!(stdout.contains("\n0 words in 0 texts, "), "{stdout}");
    assert!(stdout.contains("\nparts: 0 maps to merge\n"), "{stdout}");
}

impl Server {
    fn metrics() -> Self {
        let (server, how_to) = Self::start("metrics", &["--listen", "127.0.0.1:0"]);
        let quit = format!("{}/quit", server.address);
        assert!(how_to.contains("/metrics") && how_to.contains(&quit));
        server
    }

    fn wait_until_in_flight(&self, requests: i64) {
        let start = Instant::now();
        while self.scrape().in_flight() != requests {
            // Much longer than needed.
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "{:?}",
                self.scrape()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Scrape {
    fn requests(&self) -> [u64; 4] {
        [200, 400, 404, 405]
            .map(|status| self.sample(&format!("server_requests_total{{status=\"{status}\"}}")))
    }

    fn latencies(&self) -> u64 {
        self.sample("server_latency_seconds_count")
    }

    fn in_flight(&self) -> i64 {
        self.sample("server_in_flight")
    }
}

#[test]
fn metrics_are_exact_after_a_load_and_never_go_backwards_under_it() {
    const CLIENTS: u32 = 8;
    const ROUNDS: u32 = 25;

    let server = Server::metrics();
    let scrape = server.scrape();
    assert_eq!((scrape.requests(), scrape.latencies()), ([0; 4], 0));
    let over = AtomicBool::new(false);
    let scrapes = thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut scrapes = vec![];
            while !over.load(Relaxed) {
                scrapes.push(server.scrape());
            }
            scrapes
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        assert_eq!(server.request("GET", "/").0, 200);
                        assert_eq!(server.request("GET", "/wait/2").0, 200);
                        assert_eq!(server.request("GET", "/wait/long").0, 400);
                        assert_eq!(server.request("GET", "/nothing").0, 404);
                        assert_eq!(server.request("PUT", "/").0, 405);
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        over.store(true, Relaxed);
        scraper.join().unwrap()
    });
    for (before, after) in scrapes.iter().zip(&scrapes[1..]) {
        for (before, after) in before.requests().into_iter().zip(after.requests()) {
            assert!(before <= after);
        }
        assert!(before.latencies() <= after.latencies());
    }

    let scrape = server.scrape();
    let each = u64::from(CLIENTS * ROUNDS);
    assert_eq!(scrape.requests(), [2 * each, each, each, each]);
    assert_eq!(scrape.latencies(), 5 * each);
    assert_eq!(scrape.in_flight(), 0);

    let family = |name: &str| {
        let (help, kind) = &scrape.families[name];
        (&**help, &**kind)
    };
    assert_eq!(scrape.families.len(), 3);
    assert_eq!(family("server_requests"), ("Requests answered.", "counter"));
    assert_eq!(
        family("server_in_flight"),
        ("Requests being answered.", "gauge")
    );
    assert_eq!(
        family("server_latency_seconds"),
        ("Time from request to answer.", "histogram")
    );
    // The requests that waited took at least that time.
    let faster = scrape.buckets.iter().rfind(|bucket| bucket.0 < 0.002);
    assert!(faster.unwrap().1 <= 4 * each, "{:?}", scrape.buckets);
    assert_eq!(scrape.buckets.last(), Some(&(f64::INFINITY, 5 * each)));
    let sum: f64 = scrape.sample("server_latency_seconds_sum");
    assert!(sum >= 0.002 * f64::from(CLIENTS * ROUNDS), "{sum}");

    // A scrape is not counted as a request, and nothing else has happened.
    assert_eq!(server.scrape(), scrape);
    let expected = format!(
        "\
200 OK: {} requests
400 Bad Request: {each} requests
404 Not Found: {each} requests
405 Method Not Allowed: {each} requests
",
        2 * each
    );
    assert_eq!(server.quit(), expected);
}

#[test]
fn metrics_see_requests_in_flight_until_they_are_answered_or_abandoned() {
    let server = Server::metrics();
    // These requests take longer than the test waits.
    let waiting: Vec<_> = (0..3).map(|_| server.send("GET", "/wait/600000")).collect();
    server.wait_until_in_flight(3);
    drop(waiting);
    server.wait_until_in_flight(0);
    // They have not been answered.
    let scrape = server.scrape();
    assert_eq!((scrape.requests(), scrape.latencies()), ([0; 4], 0));

    // A waiting request does not prevent the server from ending.
    let mut waiting = server.send("GET", "/wait/600000");
    server.wait_until_in_flight(1);
    server.quit();
    let mut answer = String::new();
    let _ = waiting.read_to_string(&mut answer);
    assert_eq!(answer, "");
}

#[test]
fn metrics_answers_head_with_the_head_of_what_get_has() {
    let server = Server::metrics();
    for path in ["/", "/wait/1", "/metrics"] {
        let get = server.ask("GET", path, &[], "");
        let head = server.ask("HEAD", path, &[], "");
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        assert_eq!((head.body.as_str(), get.body.is_empty()), ("", false));
        for header in ["content-type", "content-length"] {
            // A scrape changes no number, so both pages have the same length.
            assert_eq!(head.headers[header], get.headers[header], "{path}");
        }
    }
}

#[test]
fn metrics_says_which_methods_a_path_has() {
    let server = Server::metrics();
    for (method, path, allowed) in [
        ("PUT", "/", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("GET", "/quit", "POST"),
    ] {
        let answer = server.ask(method, path, &[], "");
        assert_eq!((answer.status, &*answer.headers["allow"]), (405, allowed));
    }
}

#[test]
fn metrics_ends_with_1_if_it_cannot_listen() {
    let server = Server::metrics();
    let taken = server.address.to_string();
    let ran = run("metrics", &["--listen", &taken]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    assert!(
        ran.stderr
            .starts_with(&format!("error: cannot listen on {taken}: ")),
        "{}",
        ran.stderr
    );
}

#[test]
fn examples_explain_themselves() {
    for (name, words) in [
        ("processed", &["--jobs N", "--refresh MS", "--help"][..]),
        ("word_parts", &["[PATH]...", "--threads N", "--help"]),
        ("metrics", &["--listen ADDRESS:PORT", "/metrics", "--help"]),
    ] {
        for option in ["--help", "-h"] {
            let ran = run(name, &[option]);
            assert!(ran.stdout().contains(&format!("Usage: {name} ")));
            for word in words {
                assert!(ran.stdout().contains(word), "{word}");
            }
        }
    }
}

#[test]
fn examples_refuse_wrong_arguments_with_2() {
    for (name, args, message) in [
        (
            "processed",
            &["--jobs", "many"][..],
            "--jobs takes a number from 0 to 1000000, not \"many\"",
        ),
        (
            "processed",
            &["--jobs=-1"],
            "--jobs takes a number from 0 to 1000000, not \"-1\"",
        ),
        (
            "processed",
            &["--refresh", "0"],
            "--refresh takes a number from 1 to 1000000, not \"0\"",
        ),
        (
            "processed",
            &["--jobs"],
            "missing argument for option '--jobs'",
        ),
        ("processed", &["jobs"], "unexpected argument \"jobs\""),
        (
            "word_parts",
            &["--threads", "0"],
            "--threads takes a number from 1 to 1024, not \"0\"",
        ),
        ("word_parts", &["-x"], "invalid option '-x'"),
        (
            "metrics",
            &["--listen", "8080"],
            "--listen takes an address like 127.0.0.1:8080, not \"8080\"",
        ),
        (
            "metrics",
            &["--listen"],
            "missing argument for option '--listen'",
        ),
        ("metrics", &["8080"], "unexpected argument \"8080\""),
    ] {
        let ran = run(name, args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{name} {args:?}");
        assert_eq!(ran.stderr, format!("error: {message}; see --help\n"));
    }
}
