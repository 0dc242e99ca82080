//! The writer with which a process writes rows.

use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::shell::print;

/// The path of the database. Unlike a connection, a forked child may inherit it.
pub(crate) static DATABASE: OnceLock<PathBuf> = OnceLock::new();

/// The number of rows in one transaction.
pub(crate) const BATCH: u32 = 100;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS row (
        process INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (process, number)
    ) WITHOUT ROWID;
";

/// A connection, and the name under which it writes. Rows have the number of the process that opened the
/// connection and are numbered from 1, so the writers need not coordinate.
pub(crate) struct Writer {
    process: u32,
    conn: Connection,
    number: u32,
}

impl Writer {
    pub(crate) fn open() -> rusqlite::Result<Self> {
        let path = DATABASE.get().expect("set before the first connection");
        let conn = Connection::open(path)?;
        // Wait for earlier writers: only one can write at a time.
        conn.busy_timeout(Duration::from_mins(1))?;
        // SQLite keeps a table of the locks of its process. A child inherits the table like all memory,
        // but the locks stay with the parent. So the table must be empty at the fork: no transaction is
        // open then, and there is no write-ahead log, with which every connection holds a lock for as
        // long as it is open.
        conn.pragma_update(None, "journal_mode", "delete")?;
        conn.execute_batch(SCHEMA)?;
        Ok(Self {
            process: process::id(),
            conn,
            number: 0,
        })
    }

    /// The process that opened the connection.
    pub(crate) fn process(&self) -> u32 {
        self.process
    }

    /// Writes the next [`BATCH`] rows, or none.
    pub(crate) fn write_batch(&mut self) -> rusqlite::Result<()> {
        let last = self.number + BATCH;
        // Immediate, so that the transaction waits for other writers here, where the busy timeout
        // applies.
        let transaction = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for number in self.number + 1..=last {
            transaction
                .prepare_cached("INSERT INTO row (process, number) VALUES (?1, ?2)")?
                .execute((self.process, number))?;
        }
        transaction.commit()?;
        self.number = last;
        Ok(())
    }

    /// Returns the number of rows of each process.
    pub(crate) fn rows(&self) -> rusqlite::Result<Vec<(u32, u32)>> {
        self.conn
            .prepare("SELECT process, count(*) FROM row GROUP BY process ORDER BY process")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let process = process::id();
        if process != self.process {
            let owner = self.process;
            // If nothing reads the output, the connection is closed anyway.
            let _ = print(&format!(
                "process {process}: closed the connection of process {owner}\n"
            ));
        }
    }
}
