//! Runs the examples of shared fields as their reader would and checks what they print.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use std::{fs, thread};

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::{Ran, example, run};

/// A table of `processed`: jobs by thread, and of all.
#[derive(Debug)]
struct Table {
    threads: BTreeMap<String, u64>,
    all: u64,
}

/// Takes the tables of a run apart, and its last line.
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

    // All jobs take far longer than the time between two tables.
    assert!(tables.len() > 1, "{tables:?}");
    for (before, after) in tables.iter().zip(&tables[1..]) {
        for (name, jobs) in &before.threads {
            assert!(after.threads[name] >= *jobs, "{name}: {before:?} {after:?}");
        }
        assert!(after.all >= before.all, "{before:?} {after:?}");
    }
    for table in &tables {
        // The line of all is read last.
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
    // Of this repository, by default.
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
    assert_eq!(
        latin_1,
        "skipped latin-1.txt: stream did not contain valid UTF-8"
    );
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

/// `metrics`, running. Ended for good with this value.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut command = example("metrics");
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").unwrap();
        let address = address.trim_end();
        let mut how_to = String::new();
        stdout.read_line(&mut how_to).unwrap();
        assert!(how_to.contains("/metrics") && how_to.contains(&format!("{address}/quit")));
        Self {
            address: address.parse().unwrap(),
            child,
            stdout,
        }
    }

    /// Sends a request.
    fn send(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // Far more than any answer takes: a server that hangs fails the test.
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    /// Returns the status and the body.
    fn request(&self, method: &str, path: &str) -> (u16, String) {
        let mut answer = String::new();
        self.send(method, path).read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").unwrap();
        let (status, headers) = status.split_once(' ').unwrap();
        if path == "/metrics" {
            let content_type = "content-type: application/openmetrics-text; version=1.0.0;";
            assert!(headers.contains(content_type), "{headers}");
        }
        (status.parse().unwrap(), body.to_owned())
    }

    fn scrape(&self) -> Scrape {
        let (status, text) = self.request("GET", "/metrics");
        assert_eq!(status, 200);
        Scrape::parse(&text)
    }

    fn wait_until_in_flight(&self, requests: i64) {
        let start = Instant::now();
        while self.scrape().in_flight() != requests {
            // Far more than it takes.
            assert!(
                start.elapsed() < Duration::from_mins(1),
                "{:?}",
                self.scrape()
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Asks it to end and returns what it says of itself then.
    fn quit(mut self) -> String {
        assert_eq!(self.request("POST", "/quit"), (200, "bye\n".to_owned()));
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Of a test that has failed. Otherwise it has ended, and both return at once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text in the `OpenMetrics` format, taken apart.
#[derive(Debug, PartialEq)]
struct Scrape {
    /// Name of the family to help and type.
    families: BTreeMap<String, (String, String)>,
    /// Name and labels as they stand there, to the value as it stands there.
    samples: BTreeMap<String, String>,
    /// Upper bound and count, in order.
    buckets: Vec<(f64, u64)>,
}

impl Scrape {
    /// Takes it apart and checks what holds for every text.
    #[track_caller]
    fn parse(text: &str) -> Self {
        let text = text.strip_suffix("# EOF\n").expect(text);
        let mut scrape = Self {
            families: BTreeMap::new(),
            samples: BTreeMap::new(),
            buckets: vec![],
        };
        let mut help = None;
        let mut family = "";
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("# HELP ") {
                help = line.split_once(' ');
            } else if let Some(line) = line.strip_prefix("# TYPE ") {
                let (name, kind) = line.split_once(' ').unwrap();
                let (helped, help) = help.take().unwrap();
                assert_eq!(name, helped);
                family = name;
                let value = (help.to_owned(), kind.to_owned());
                let before = scrape.families.insert(name.to_owned(), value);
                assert_eq!(before, None, "two families {name}");
            } else if let Some(line) = line.strip_prefix("# UNIT ") {
                assert_eq!(line, format!("{family} seconds"));
                assert!(family.ends_with("_seconds"));
            } else {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                assert!(sample.starts_with(family), "{sample} in {family}");
                let _: f64 = value.parse().unwrap();
                let before = scrape.samples.insert(sample.to_owned(), value.to_owned());
                assert_eq!(before, None, "{sample} is there twice");
                if let Some((_, bound)) = sample.split_once("_bucket{le=\"") {
                    let bound = bound.strip_suffix("\"}").unwrap();
                    scrape
                        .buckets
                        .push((bound.parse().unwrap(), value.parse().unwrap()));
                }
            }
        }
        assert!(
            scrape.buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "buckets are cumulative: {text}"
        );
        scrape
    }

    #[track_caller]
    fn sample<N: FromStr<Err: Debug>>(&self, name: &str) -> N {
        self.samples[name].parse().unwrap()
    }

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

    let server = Server::start();
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
    // At least the waiting took its time.
    let faster = scrape.buckets.iter().rfind(|bucket| bucket.0 < 0.002);
    assert!(faster.unwrap().1 <= 4 * each, "{:?}", scrape.buckets);
    assert_eq!(scrape.buckets.last(), Some(&(f64::INFINITY, 5 * each)));
    let sum: f64 = scrape.sample("server_latency_seconds_sum");
    assert!(sum >= 0.002 * f64::from(CLIENTS * ROUNDS), "{sum}");

    // A scrape is not a request that is counted, and nothing else has happened.
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
    let server = Server::start();
    // These take longer than the test has time for.
    let waiting: Vec<_> = (0..3).map(|_| server.send("GET", "/wait/600000")).collect();
    server.wait_until_in_flight(3);
    drop(waiting);
    server.wait_until_in_flight(0);
    // They were not answered.
    let scrape = server.scrape();
    assert_eq!((scrape.requests(), scrape.latencies()), ([0; 4], 0));

    // One that waits does not keep the server from ending.
    let mut waiting = server.send("GET", "/wait/600000");
    server.wait_until_in_flight(1);
    server.quit();
    let mut answer = String::new();
    let _ = waiting.read_to_string(&mut answer);
    assert_eq!(answer, "");
}

#[test]
fn metrics_ends_with_1_if_it_cannot_listen() {
    let server = Server::start();
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
