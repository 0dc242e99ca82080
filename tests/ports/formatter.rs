//! A logger's formatter: one buffer a thread, as in `env_logger`.
//!
//! Formatting a record into a buffer that the thread keeps saves an allocation a record. But
//! a value being formatted may itself log, and so may a destructor at the end of the thread,
//! so loggers write a fallback for "borrowed" and another one for "gone" by hand.
//!
//! What carries it: `with_mut_or_else`, whose spare stands in for both. The tests begin with a
//! buffer of their own by `with_fresh`, whichever thread they share.

use std::fmt::{self, Display, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use tls_core::thread_local_state;

use crate::support::{at_exit, lock, on_thread, on_threads};

#[derive(Clone, Copy, Default, PartialEq)]
enum Style {
    #[default]
    Plain,
    Bracketed,
}

/// A record in the making.
#[derive(Default)]
struct Formatter {
    text: String,
    style: Style,
    /// How many records were formatted in it: tells the thread's own from a spare.
    used: usize,
}

#[thread_local_state]
struct Log {
    formatter: Formatter,
}

#[derive(Default)]
struct Logger {
    style: Style,
    lines: Mutex<Vec<String>>,
}

impl Logger {
    /// Writes a line that begins with how often the buffer has been used.
    fn log(&self, message: impl Display) {
        Log::FORMATTER.with_mut_or_else(Formatter::default, |formatter| {
            // A record that ended in a panic may have left something.
            formatter.text.clear();
            // Another logger may have used it before.
            formatter.style = self.style;
            formatter.used += 1;
            formatter
                .record(message)
                .expect("writing to a string does not fail");
            lock(&self.lines).push(formatter.text.clone());
        });
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.lines))
    }
}

impl Formatter {
    fn record(&mut self, message: impl Display) -> fmt::Result {
        let used = self.used;
        match self.style {
            Style::Plain => write!(self.text, "{used} {message}"),
            Style::Bracketed => write!(self.text, "[{used}] {message}"),
        }
    }
}

/// Logs while it is being formatted.
struct Chatty<'a>(&'a Logger, u32);

impl Display for Chatty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            0 => f.write_str("bottom"),
            depth => {
                self.0
                    .log(format_args!("within {}", Chatty(self.0, depth - 1)));
                write!(f, "depth {depth}")
            }
        }
    }
}

#[test]
fn the_records_of_a_thread_share_one_buffer() {
    Log::state().with_fresh(|| {
        let logger = Logger::default();
        let bracketed = Logger {
            style: Style::Bracketed,
            ..Logger::default()
        };
        let before = {
            logger.log("a long enough text to make room for the next one");
            Log::FORMATTER.with(|formatter| formatter.text.as_ptr())
        };
        bracketed.log("second");
        logger.log("third");
        let after = Log::FORMATTER.with(|formatter| formatter.text.as_ptr());
        assert_eq!(before, after, "no new allocation");
        assert_eq!(logger.lines()[1], "3 third");
        assert_eq!(bracketed.lines(), ["[2] second"]);
    });
}

#[test]
fn a_value_that_logs_while_it_is_formatted_garbles_no_record() {
    Log::state().with_fresh(|| {
        let logger = Logger::default();
        logger.log("first");
        logger.log(format_args!("outer {}", Chatty(&logger, 2)));
        logger.log("last");
        // The spares were used once, the thread's own three times.
        let expected = [
            "1 first",
            "1 within bottom",
            "1 within depth 1",
            "2 outer depth 2",
            "3 last",
        ];
        assert_eq!(logger.lines(), expected);
    });
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_destructor_that_runs_after_the_buffer_is_gone_logs_as_well() {
    let logger = Arc::new(Logger::default());
    let late = Arc::clone(&logger);
    on_thread(move || {
        let early = Arc::clone(&late);
        at_exit(move || {
            assert_gone(&late);
            late.log(format_args!("bye {}", Chatty(&late, 1)));
            late.log("bye again");
        });
        early.log("hello");
        early.log("hello again");
    });
    let expected = [
        "1 hello",
        "2 hello again",
        "1 gone",
        "1 within bottom",
        "1 bye depth 1",
        "1 bye again",
    ];
    assert_eq!(logger.lines(), expected);
}

/// Notes it, because a panic in a destructor aborts the process.
fn assert_gone(logger: &Logger) {
    match Log::FORMATTER.try_with(|_| ()) {
        Err(tls_core::AccessError::Destroyed(_)) => logger.log("gone"),
        other => logger.log(format_args!("{other:?}")),
    }
}

#[test]
fn a_value_that_panics_leaves_nothing_to_the_next_record() {
    Log::state().with_fresh(|| {
        struct Panics;

        impl Display for Panics {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Without the panic hook's output.
                std::panic::resume_unwind(Box::new("on purpose"))
            }
        }

        let logger = Logger::default();
        let result = catch_unwind(AssertUnwindSafe(|| {
            logger.log(format_args!("half a {Panics}"));
        }));
        assert!(result.is_err());
        logger.log("whole");
        assert_eq!(logger.lines(), ["2 whole"], "the thread's own, not a spare");
    });
}

#[test]
fn every_thread_formats_in_its_own_buffer() {
    let logger = Arc::new(Logger::default());
    let shared = Arc::clone(&logger);
    on_threads(4, move |thread| {
        for _ in 0..100 {
            shared.log(format_args!("of {thread}"));
        }
    });
    let lines = logger.lines();
    for thread in 0..4 {
        let suffix = format!(" of {thread}");
        let uses: Vec<usize> = lines
            .iter()
            .filter_map(|line| line.strip_suffix(&suffix)?.parse().ok())
            .collect();
        assert!(uses.into_iter().eq(1..=100));
    }
}
