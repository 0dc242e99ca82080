//! A log that is written to from destructors, as `tracing-subscriber`'s formatter is.
//!
//! The formatter keeps one buffer for each thread. What ends with a thread logs that it does: connections,
//! spans, caches, in thread-locals of whichever crate. By hand such a buffer has gone when the
//! destructor of an older thread-local logs, and `LocalKey::with` panics where a panic aborts the process.
//!
//! What carries it: a place among all thread-locals, so that what has logged in the making finds the buffer
//! when it ends, whatever else the thread has used or counted; a first use in any destructor; and
//! `with_mut_or_else`, whose spare stands in when the buffer has gone.

use std::cell::RefCell;
use std::fmt::{self, Display, Write as _};
use std::mem;
use std::sync::{Arc, Mutex};

use tls_core::{Counter, thread_local_state};

use crate::support::{at_exit, lock, on_thread, on_threads};

type Lines = Arc<Mutex<Vec<String>>>;

#[derive(Default)]
struct Buffer {
    text: String,
    /// How many lines were formatted in it: tells the thread's own from a spare.
    lines: usize,
    /// Where its own end is logged.
    log: Option<Log>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(log) = self.log.take() {
            log.line(format_args!("buffer ends after {}", self.lines));
        }
    }
}

#[thread_local_state]
struct Format {
    #[state(shared)]
    written: Counter,
    buffer: Buffer,
}

#[derive(Clone, Default)]
struct Log(Lines);

impl Log {
    /// Writes a line that begins with how often the buffer has been used.
    fn line(&self, message: impl Display) {
        Format::WRITTEN.increment();
        Format::BUFFER.with_mut_or_else(Buffer::default, |buffer| {
            buffer.lines += 1;
            buffer.text.clear();
            write!(buffer.text, "{} {message}", buffer.lines).expect("a string takes it");
            lock(&self.0).push(buffer.text.clone());
        });
    }

    fn lines(&self) -> Vec<String> {
        mem::take(&mut *lock(&self.0))
    }

    /// Has the thread's buffer log its own end.
    fn watch_buffer(&self) {
        let log = self.clone();
        Format::BUFFER.with_mut(|buffer| buffer.log = Some(log));
    }
}

/// Logs that it is made and that it ends, and says so when it has got to the end of that.
struct Connection {
    name: &'static str,
    log: Log,
}

impl Connection {
    fn open(name: &'static str, log: &Log) -> Self {
        log.line(format_args!("{name} opens"));
        Self {
            name,
            log: log.clone(),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.log.line(format_args!("{} closes", self.name));
        lock(&self.log.0).push(format!("{} is shut down", self.name));
    }
}

#[thread_local_state(explicit)]
struct Db {
    connection: Connection,
}

fn open_db(log: &Log) {
    let connection = Connection::open("db", log);
    Db::state().init_with(DbInit { connection });
}

thread_local! {
    // Of other crates, which know nothing of states.
    static CACHE: RefCell<Option<Connection>> = const { RefCell::new(None) };
    static PEER: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Something else that the thread counts, before anything logs.
#[thread_local_state]
struct Stats {
    #[state(shared)]
    started: Counter,
    names: Vec<String>,
}

#[test]
fn a_connection_that_logged_when_it_was_made_finds_the_buffer_when_it_ends() {
    let log = Log::default();
    let thread = log.clone();
    on_thread(move || {
        Stats::STARTED.increment();
        Stats::NAMES.with_mut(|names| names.push("worker".into()));
        thread.line("begins");
        open_db(&thread);
        thread.watch_buffer();
    });
    let expected = [
        "1 begins",
        "2 db opens",
        "3 db closes",
        "db is shut down",
        // The buffer's own end is told by a spare.
        "1 buffer ends after 3",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn foreign_destructors_log_to_the_buffer_before_its_end_and_to_a_spare_after_it() {
    let log = Log::default();
    let thread = log.clone();
    on_thread(move || {
        // Registered before anything has logged: it ends last.
        CACHE.with(|_| ());
        let cache = Connection::open("cache", &thread);
        CACHE.replace(Some(cache));
        let peer = Connection::open("peer", &thread);
        PEER.replace(Some(peer));
        thread.watch_buffer();
        open_db(&thread);
    });
    let expected = [
        "1 cache opens",
        "2 peer opens",
        "3 db opens",
        "4 db closes",
        "db is shut down",
        "5 peer closes",
        "peer is shut down",
        "1 buffer ends after 5",
        "1 cache closes",
        "cache is shut down",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn later_destructors_log_to_spares_when_an_earlier_one_was_the_first_to_log() {
    let log = Log::default();
    let thread = log.clone();
    on_thread(move || {
        let late = thread.clone();
        at_exit(move || {
            late.line("late");
            late.line("later");
        });
        CACHE.replace(Some(Connection {
            name: "cache",
            log: thread,
        }));
    });
    let expected = ["1 cache closes", "cache is shut down", "1 late", "1 later"];
    assert_eq!(log.lines(), expected);
}

#[test]
fn the_first_line_of_a_destructor_makes_a_buffer_that_serves_it_to_its_end() {
    let log = Log::default();
    let thread = log.clone();
    on_thread(move || {
        at_exit(move || {
            thread.line("first");
            thread.watch_buffer();
            open_db(&thread);
            thread.line("last");
        });
    });
    let expected = [
        "1 first",
        "2 db opens",
        "3 last",
        "4 db closes",
        "db is shut down",
        "1 buffer ends after 4",
    ];
    assert_eq!(log.lines(), expected);
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_value_that_logs_while_it_is_formatted_in_a_destructor_garbles_nothing() {
    struct Chatty(Log);

    impl Display for Chatty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.line("within");
            f.write_str("outer")
        }
    }

    let log = Log::default();
    let thread = log.clone();
    on_thread(move || {
        let late = thread.clone();
        at_exit(move || late.line(Chatty(late.clone())));
        thread.line("begins");
        let early = thread.clone();
        EARLY.with(|early_end| {
            *early_end.0.borrow_mut() = Some(Box::new(move || early.line(Chatty(early.clone()))));
        });
    });
    // The buffer is borrowed in the first destructor, and gone in the second.
    let expected = ["1 begins", "1 within", "2 outer", "1 within", "1 outer"];
    assert_eq!(log.lines(), expected);
}

thread_local! {
    static EARLY: AtEnd = const { AtEnd(RefCell::new(None)) };
}

/// Calls a function when it is dropped.
struct AtEnd(RefCell<Option<Box<dyn FnOnce()>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

#[test]
fn no_line_is_lost_or_uncounted_however_many_threads_end() {
    let log = Log::default();
    let shared = log.clone();
    on_threads(8, move |number| {
        // In one half of the threads the cache is registered before the buffer, and ends after it.
        if number % 2 == 0 {
            CACHE.with(|_| ());
        }
        let cache = Connection::open("cache", &shared);
        CACHE.replace(Some(cache));
        open_db(&shared);
    });
    let lines = log.lines();
    for what in ["cache opens", "cache closes", "db opens", "db closes"] {
        let count = lines.iter().filter(|line| line.ends_with(what)).count();
        assert_eq!(count, 8, "{what}");
    }
    for what in ["db is shut down", "cache is shut down"] {
        assert_eq!(
            lines.iter().filter(|line| *line == what).count(),
            8,
            "{what}"
        );
    }
    let spares = lines
        .iter()
        .filter(|line| *line == "1 cache closes")
        .count();
    // Under keys the buffer ends before the cache or after it.
    assert!(spares == 4 || cfg!(tls_core_keys));
    assert!(Format::WRITTEN.total() >= 32, "other tests count as well");
}
