//! Runs `service` as a reader would, and sends requests over TCP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::thread;
use std::time::{Duration, Instant};

#[allow(dead_code, reason = "each of the binaries needs a part")]
mod programs;

use programs::run;
use programs::server::{Answer, Scrape, Server};

impl Server {
    fn service() -> Self {
        let (server, how_to) = Self::start("service", &["--port", "0"]);
        assert!(how_to.contains(&format!("http://{}/links`", server.address)));
        server
    }

    /// Creates a link and returns its path.
    #[track_caller]
    fn link(&self, request: &str, url: &str) -> String {
        let id = format!("X-Request-Id: {request}");
        let answer = self.ask("POST", "/links", &[&id], url);
        assert_eq!(answer.status, 201, "{answer:?}");
        assert_eq!(answer.headers["x-request-id"], request);
        assert_eq!(answer.body, format!("{}\n", answer.headers["location"]));
        answer.headers["location"].clone()
    }

    fn wait_until_in_flight(&self, requests: i64) {
        let start = Instant::now();
        while self.scrape().in_flight() != requests {
            assert!(start.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[cfg(unix)]
    fn interrupt(&self, signal: nix::sys::signal::Signal) {
        let process = nix::unistd::Pid::from_raw(self.child.id().try_into().unwrap());
        nix::sys::signal::kill(process, signal).unwrap();
    }
}

impl Scrape {
    /// Returns the number of answers by class: 1xx, 2xx and so on.
    fn requests(&self) -> [u64; 5] {
        [1, 2, 3, 4, 5]
            .map(|class| self.sample(&format!("service_requests_total{{status=\"{class}xx\"}}")))
    }

    fn latencies(&self) -> u64 {
        self.sample("service_latency_seconds_count")
    }

    fn in_flight(&self) -> i64 {
        self.sample("service_in_flight")
    }

    fn links(&self) -> u64 {
        self.sample("service_links_total")
    }
}

#[test]
fn a_link_leads_to_its_url_and_is_listed_with_its_request() {
    let server = Server::service();
    let path = server.link("first", "https://example.com/a");
    let answer = server.ask("GET", &path, &[], "");
    assert_eq!(answer.status, 303);
    assert_eq!(answer.headers["location"], "https://example.com/a");

    let code = path.strip_prefix("/links/").unwrap();
    let list = format!("{code} https://example.com/a first\n");
    assert_eq!(server.request("GET", "/links"), (200, list));
    for n in 0..10 {
        server.link(&n.to_string(), &format!("http://example.com/{n}"));
    }
    let (_, list) = server.request("GET", "/links");
    let requests: Vec<_> = list
        .lines()
        .map(|line| line.rsplit_once(' ').unwrap().1)
        .collect();
    assert_eq!(requests, ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(server.quit(), "11 links made, 14 requests answered\n");
}

#[test]
fn what_cannot_be_answered_is_refused_and_counted() {
    let server = Server::service();
    for (method, path, body, status) in [
        ("GET", "/", "", 404),
        ("GET", "/links/missing", "", 404),
        ("GET", "/links/%C3%A9", "", 404),
        ("POST", "/links", "", 400),
        ("POST", "/links", "ftp://example.com", 400),
        ("POST", "/links", "https://example.com/\r\nX: y", 400),
        (
            "POST",
            "/links",
            &format!("https://{}", "x".repeat(1_993)),
            400,
        ),
        ("POST", "/links", &"x".repeat(10_000), 413),
        ("DELETE", "/links", "", 405),
    ] {
        let answer = server.ask(method, path, &[], body);
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.headers["x-request-id"].len(), 16);
    }
    server.link("long", &format!("https://{}", "x".repeat(1_992)));
    let scrape = server.scrape();
    assert_eq!(scrape.requests(), [0, 1, 0, 9, 0]);
    assert_eq!((scrape.links(), scrape.latencies()), (1, 10));
    // Requests about the server itself are not counted.
    assert_eq!(server.ask("HEAD", "/metrics", &[], "").body, "");
    assert_eq!(server.ask("GET", "/quit", &[], "").status, 405);
    assert_eq!(server.scrape(), scrape);
}

#[test]
fn every_answer_has_the_id_of_its_request_or_one_of_its_own() {
    let server = Server::service();
    let id = |id: &str| {
        let header = format!("X-Request-ID: {id}");
        let answer = server.ask("GET", "/links", &[&header], "");
        answer.headers["x-request-id"].clone()
    };
    for sensible in ["7", "a-b/c", &"x".repeat(64)] {
        assert_eq!(id(sensible), sensible);
    }
    let mut ids = BTreeSet::new();
    for senseless in ["", "a b", "é", &"x".repeat(65)] {
        ids.insert(id(senseless));
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() == 16), "{ids:?}");
}

#[test]
fn requests_at_the_same_time_keep_their_ids_and_the_numbers_add_up() {
    const CLIENTS: u64 = 8;
    const ROUNDS: u64 = 25;

    let server = Server::service();
    let scrape = server.scrape();
    assert_eq!((scrape.requests(), scrape.latencies()), ([0; 5], 0));
    let made: BTreeMap<String, String> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let server = &server;
                scope.spawn(move || {
                    let links = (0..ROUNDS).map(|round| {
                        let request = format!("{client}-{round}");
                        let url = format!("https://example.com/{request}");
                        let id = format!("X-Request-Id: {request}");
                        let length = format!("Content-Length: {}", url.len());
                        // The server waits for the second half, and answers other requests in the
                        // meantime.
                        let (one, two) = url.split_at(12);
                        let mut stream = server.begin("POST", "/links", &[&id, &length], one);
                        assert_eq!(server.request("GET", "/nothing").0, 404);
                        stream.write_all(two.as_bytes()).unwrap();
                        let answer = Answer::read(stream);
                        assert_eq!(answer.status, 201);
                        assert_eq!(answer.headers["x-request-id"], request);
                        (answer.headers["location"].clone(), url)
                    });
                    links.collect::<Vec<_>>()
                })
            })
            .collect();
        let links = clients
            .into_iter()
            .flat_map(|client| client.join().unwrap());
        links.collect()
    });
    let each = CLIENTS * ROUNDS;
    // No two links have the same code.
    assert_eq!(made.len() as u64, each);
    for (path, url) in &made {
        let answer = server.ask("GET", path, &[], "");
        assert_eq!(answer.headers["location"], *url);
    }
    // In the database, too, each link is stored with its own request.
    let (_, list) = server.request("GET", "/links");
    assert_eq!(list.lines().count(), 10);
    for line in list.lines() {
        let [code, url, request] = *line.split(' ').collect::<Vec<_>>() else {
            panic!("{line}")
        };
        assert_eq!(url, format!("https://example.com/{request}"));
        assert_eq!(made[&format!("/links/{code}")], url);
    }

    let scrape = server.scrape();
    assert_eq!(scrape.requests(), [0, each + 1, each, each, 0]);
    assert_eq!(scrape.links(), each);
    assert_eq!(scrape.latencies(), 3 * each + 1);
    assert_eq!(scrape.buckets.last(), Some(&(f64::INFINITY, 3 * each + 1)));
    assert_eq!(scrape.in_flight(), 0);
    let kinds: Vec<_> = scrape
        .families
        .iter()
        .map(|(name, (help, kind))| (&**name, &**help, &**kind))
        .collect();
    assert_eq!(
        kinds,
        [
            ("service_in_flight", "Requests being answered.", "gauge"),
            (
                "service_latency_seconds",
                "Time from request to answer.",
                "histogram"
            ),
            ("service_links", "Links made.", "counter"),
            ("service_requests", "Requests answered.", "counter"),
        ]
    );
    let farewell = format!("{each} links made, {} requests answered\n", 3 * each + 1);
    assert_eq!(server.quit(), farewell);
}

#[test]
fn a_request_is_in_flight_until_it_is_answered_or_its_client_has_gone() {
    let server = Server::service();
    let half = || server.begin("POST", "/links", &["Content-Length: 20"], "https://");
    let halves = [half(), half(), half()];
    server.wait_until_in_flight(3);
    drop(halves);
    server.wait_until_in_flight(0);
    // The client does not read the answer, which reports an incomplete request.
    let scrape = server.scrape();
    assert_eq!((scrape.links(), scrape.requests()), (0, [0, 0, 0, 3, 0]));
}

/// Checks how an incomplete request ends when the server is asked to end.
#[track_caller]
fn is_answered_before_the_end(end: impl FnOnce(&Server)) {
    let server = Server::service();
    let length = "Content-Length: 19";
    let mut stream = server.begin(
        "POST",
        "/links",
        &["X-Request-Id: last", length],
        "https://",
    );
    server.wait_until_in_flight(1);
    end(&server);
    // Long enough for the server to end at once, if it did.
    thread::sleep(Duration::from_millis(100));
    stream.write_all(b"example.com").unwrap();
    let answer = Answer::read(stream);
    assert_eq!(answer.status, 201);
    assert_eq!(answer.headers["x-request-id"], "last");
    assert_eq!(server.ends(), "1 links made, 1 requests answered\n");
}

#[test]
fn a_request_is_answered_before_quit_ends_the_program() {
    is_answered_before_the_end(|server| {
        assert_eq!(server.request("POST", "/quit"), (200, "bye\n".to_owned()));
    });
}

#[cfg(unix)]
#[test]
fn a_request_is_answered_before_a_signal_ends_the_program() {
    use nix::sys::signal::Signal;

    is_answered_before_the_end(|server| server.interrupt(Signal::SIGINT));
    is_answered_before_the_end(|server| server.interrupt(Signal::SIGTERM));
}

#[test]
fn a_request_that_does_not_end_keeps_the_program_for_a_few_seconds_only() {
    let server = Server::service();
    let mut stream = server.begin("POST", "/links", &["Content-Length: 20"], "https://");
    server.wait_until_in_flight(1);
    assert_eq!(server.quit(), "0 links made, 0 requests answered\n");
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert_eq!(answer, "");
}

#[test]
fn what_the_code_far_below_says_has_the_id_of_the_request() {
    let mut server = Server::service();
    let mut stderr = server.child.stderr.take().unwrap();
    let paths = ["one", "two"].map(|id| server.link(id, "https://example.com"));
    server.ask("GET", "/links/missing", &["X-Request-Id: three"], "");
    server.quit();
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    let [one, two] = paths.map(|path| path["/links/".len()..].to_owned());
    let expected = format!("[one] made {one}\n[two] made {two}\n[three] no such link\n");
    assert_eq!(said, expected);
}

#[test]
fn service_ends_with_1_if_it_cannot_listen() {
    let server = Server::service();
    let port = server.address.port().to_string();
    let ran = run("service", &["--port", &port]);
    assert_eq!((ran.code, &*ran.stdout), (Some(1), ""));
    let message = format!("error: cannot listen on port {port}: ");
    assert!(ran.stderr.starts_with(&message), "{}", ran.stderr);
}

#[test]
fn service_refuses_wrong_arguments_with_2() {
    for (args, message) in [
        (
            &["--port", "http"][..],
            "--port takes a number from 0 to 65535, not \"http\"",
        ),
        (
            &["--port=65536"],
            "--port takes a number from 0 to 65535, not \"65536\"",
        ),
        (&["--port"], "missing argument for option '--port'"),
        (&["8081"], "unexpected argument \"8081\""),
    ] {
        let ran = run("service", args);
        assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{args:?}");
        assert_eq!(ran.stderr, format!("error: {message}; see --help\n"));
    }
}
