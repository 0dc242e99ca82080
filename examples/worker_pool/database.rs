//! The database: one table of words, one of runs.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS run (
        id INTEGER PRIMARY KEY,
        started TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
    );
    CREATE TABLE IF NOT EXISTS word (
        run INTEGER NOT NULL REFERENCES run,
        word TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (run, word)
    ) WITHOUT ROWID;
";

pub(crate) const UPSERT: &str = "
    INSERT INTO word (run, word, count) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET count = count + excluded.count
";

/// The time that a connection waits for earlier writers. Only one can write at a time.
const BUSY_TIMEOUT: Duration = Duration::from_mins(1);

/// The location of a database.
#[derive(Debug)]
pub(crate) enum Place {
    File(PathBuf),
    /// One database for all connections of the process. It is removed with the last of them, however the
    /// process ends.
    Memory,
}

/// The maximum number of pages of 4 KiB of a database in memory.
const MOST_PAGES: u32 = 128 << 20 >> 12;

impl Place {
    /// Makes a path absolute, so that every name is the name of a file. `:memory:` alone would be a
    /// separate database for each connection.
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        std::path::absolute(path).map(Self::File)
    }

    pub(crate) fn connect(&self) -> rusqlite::Result<Connection> {
        // The default flags, without URIs.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match self {
            Self::File(path) => Connection::open_with_flags(path, flags)?,
            Self::Memory => {
                // The slash makes SQLite share the database between connections.
                let conn = Connection::open_with_flags_and_vfs("/words", flags, c"memdb")?;
                conn.pragma_update(None, "max_page_count", MOST_PAGES)?;
                conn
            }
        };
        conn.busy_timeout(BUSY_TIMEOUT)?;
        // With a write-ahead log, a power failure loses only the last commits.
        conn.pragma_update(None, "synchronous", "normal")?;
        Ok(conn)
    }

    /// Creates the missing tables, and a number for a new run.
    pub(crate) fn start_run(&self) -> rusqlite::Result<(Connection, i64)> {
        let mut conn = self.connect()?;
        use_write_ahead_log(&conn)?;
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(SCHEMA)?;
        let insert = "INSERT INTO run DEFAULT VALUES RETURNING id";
        let run = transaction.query_row(insert, [], |row| row.get(0))?;
        transaction.commit()?;
        Ok((conn, run))
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Memory => f.write_str("in memory"),
        }
    }
}

/// Returns `true` if the database has refused a write because it is full.
pub(crate) fn is_full(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<rusqlite::Error>();
    error.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DiskFull)
}

/// Switches the database itself, so that it applies to the workers' connections. A database in memory is
/// not changed.
fn use_write_ahead_log(conn: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    while let Err(error) = conn.pragma_update(None, "journal_mode", "wal") {
        // Programs that switch a new database at the same time conflict, and SQLite lets one of them
        // fail at once, without the busy timeout.
        let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        if !is_busy || start.elapsed() > BUSY_TIMEOUT {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Returns the number of words that a run has stored.
pub(crate) fn words(conn: &Connection, run: i64) -> rusqlite::Result<i64> {
    let sum = "SELECT coalesce(sum(count), 0) FROM word WHERE run = ?1";
    conn.query_row(sum, [run], |row| row.get(0))
}

/// Returns the most common words of a run.
pub(crate) fn commonest(
    conn: &Connection,
    run: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(String, i64)>> {
    conn.prepare("SELECT word, count FROM word WHERE run = ?1 ORDER BY count DESC, word LIMIT ?2")?
        .query_map((run, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}
