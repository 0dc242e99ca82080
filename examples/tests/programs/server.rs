//! Runs the examples that are HTTP servers, and sends requests to them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Stdio};
use std::str::FromStr;
use std::time::Duration;

use super::example;

/// A running example that is an HTTP server. Dropping this value ends it.
pub(crate) struct Server {
    pub(crate) child: Child,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// A parsed answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The headers, with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Server {
    /// Starts the server, and returns the line that it prints after its address.
    pub(crate) fn start(name: &str, args: &[&str]) -> (Self, String) {
        let mut command = example(name);
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on http://").unwrap();
        let address = address.trim_end().parse().unwrap();
        let mut how_to = String::new();
        stdout.read_line(&mut how_to).unwrap();
        let server = Self {
            child,
            stdout,
            address,
        };
        (server, how_to)
    }

    /// Connects, and sends the head of a request and the beginning of its body.
    pub(crate) fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &str,
    ) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // Much longer than any answer takes. A server that hangs fails the test.
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .unwrap();
        let headers = [headers, &[""]].concat().join("\r\n");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}\r\n{body}"
        )
        .unwrap();
        stream
    }

    /// Sends a request without a body.
    pub(crate) fn send(&self, method: &str, path: &str) -> TcpStream {
        self.begin(method, path, &[], "")
    }

    /// Sends a request and returns the answer.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let headers = [headers, &[&length]].concat();
        Answer::read(self.begin(method, path, &headers, body))
    }

    /// Returns the status and the body.
    #[track_caller]
    pub(crate) fn request(&self, method: &str, path: &str) -> (u16, String) {
        let answer = self.ask(method, path, &[], "");
        (answer.status, answer.body)
    }

    pub(crate) fn scrape(&self) -> Scrape {
        let answer = self.ask("GET", "/metrics", &[], "");
        assert_eq!(answer.status, 200);
        let content_type = &answer.headers["content-type"];
        assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0;"));
        Scrape::parse(&answer.body)
    }

    /// Asks the server to end, and returns its last output.
    pub(crate) fn quit(self) -> String {
        assert_eq!(self.request("POST", "/quit"), (200, "bye\n".to_owned()));
        self.ends()
    }

    /// Waits for the server to end, and returns its last output.
    pub(crate) fn ends(mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.child.wait().unwrap().success());
        rest
    }
}

impl Answer {
    /// Reads an answer to its end.
    #[track_caller]
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        Self {
            status: status.split(' ').next().unwrap().parse().unwrap(),
            headers: lines
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server still runs if a test has failed. Otherwise it has ended, and both calls return at
        // once.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A parsed text in the `OpenMetrics` format.
#[derive(Debug, PartialEq)]
pub(crate) struct Scrape {
    /// The help and the type of each family, by name.
    pub(crate) families: BTreeMap<String, (String, String)>,
    /// The value of each sample as written, by name and labels as written.
    pub(crate) samples: BTreeMap<String, String>,
    /// The upper bound and the count of each bucket, in order.
    pub(crate) buckets: Vec<(f64, u64)>,
}

impl Scrape {
    /// Parses a text, and checks the rules that apply to every text.
    #[track_caller]
    pub(crate) fn parse(text: &str) -> Self {
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
    pub(crate) fn sample<N: FromStr<Err: Debug>>(&self, name: &str) -> N {
        self.samples[name].parse().unwrap()
    }
}
