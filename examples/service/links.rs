//! The data that each thread owns, and its operations.

use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tls_core::shared::UpDown;
use tls_core::{Counter, Histogram, thread_local_state};

use crate::context;

/// The state of each thread of the runtime that handles requests, initialized by its first request.
///
/// Nothing is locked, and no thread waits for a free connection. Each thread counts in the shared
/// fields, and any thread can read the totals. The doc comments of the shared fields are the help texts
/// of the exported metrics.
#[thread_local_state(error = rusqlite::Error)]
pub(crate) struct Service {
    #[state(init = connect()?)]
    conn: Connection,
    pub(crate) random: Random,
    /// Kept between requests to reuse its memory.
    scratch: String,
    /// Requests answered.
    #[state(shared)]
    pub(crate) requests: [Counter; 5],
    /// Requests being answered.
    #[state(shared)]
    pub(crate) in_flight: UpDown,
    /// Time from request to answer.
    #[state(shared)]
    pub(crate) latency_micros: Histogram,
    /// Links made.
    #[state(shared)]
    pub(crate) links: Counter,
}

/// The maximum number of pages of 4 KiB of the database.
const MOST_PAGES: u32 = 16 << 20 >> 12;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS link (
        number INTEGER PRIMARY KEY,
        code TEXT NOT NULL UNIQUE,
        url TEXT NOT NULL,
        request TEXT NOT NULL
    );
";

/// Connects to the database of this process. It is in memory, and is removed with its last connection.
fn connect() -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // The slash makes SQLite share the database between connections.
    let conn = Connection::open_with_flags_and_vfs("/links", flags, c"memdb")?;
    // A query takes microseconds, and so does waiting for the queries of other threads. For slower
    // queries, use `spawn_blocking`, whose threads have states as well.
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.pragma_update(None, "max_page_count", MOST_PAGES)?;
    conn.execute_batch(SCHEMA)?;
    Ok(conn)
}

impl Service {
    /// Stores a link and returns its code.
    pub(crate) fn insert(&mut self, url: &str) -> rusqlite::Result<String> {
        let request = context::id();
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO link (code, url, request) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?;
        loop {
            let code = self.random.code();
            if insert.execute((&code, url, &request))? == 1 {
                Self::LINKS.increment();
                context::log(&format!("made {code}"));
                return Ok(code);
            }
        }
    }

    /// Returns the URL that a code stands for.
    pub(crate) fn find(&self, code: &str) -> rusqlite::Result<Option<String>> {
        self.conn
            .prepare_cached("SELECT url FROM link WHERE code = ?1")?
            .query_row([code], |row| row.get(0))
            .optional()
    }

    /// Lists the last ten.
    pub(crate) fn list(&mut self) -> rusqlite::Result<&str> {
        let Self { conn, scratch, .. } = self;
        scratch.clear();
        let mut last = conn
            .prepare_cached("SELECT code, url, request FROM link ORDER BY number DESC LIMIT 10")?;
        let mut rows = last.query([])?;
        while let Some(row) = rows.next()? {
            let [code, url, request] = [0, 1, 2].map(|column| row.get_ref(column));
            let (code, url, request) = (code?.as_str()?, url?.as_str()?, request?.as_str()?);
            // Writing to a string cannot fail.
            let _ = writeln!(scratch, "{code} {url} {request}");
        }
        Ok(scratch)
    }
}

/// A random number generator, `SplitMix64`. Suitable for unique names, not for secrets.
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        // The standard library's keys are random.
        Self(RandomState::new().hash_one(()))
    }
}

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn code(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let bytes = self.next().to_le_bytes();
        bytes
            .map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]))
            .iter()
            .collect()
    }
}
