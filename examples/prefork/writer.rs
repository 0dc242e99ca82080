//! What a process writes rows with.

use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::shell::print;

/// The database: a path, which a forked child may inherit as it is, unlike a connection to it.
pub(crate) static DATABASE: OnceLock<PathBuf> = OnceLock::new();

/// How many rows go into one transaction.
pub(crate) const BATCH: u32 = 100;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS row (
        process INTEGER NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (process, number)
    ) WITHOUT ROWID;
";

/// A connection, and by what name it writes: rows are called after the process that opened it
/// and numbered from 1, which needs no talk with the other writers.
pub(crate) struct Writer {
    process: u32,
    conn: Connection,
    number: u32,
}

impl Writer {
    pub(crate) fn open() -> rusqlite::Result<Self> {
        let path = DATABASE.get().expect("set before the first connection");
        let conn = Connection::open(path)?;
        // How long it waits for the writers before it. One writes at a time.
        conn.busy_timeout(Duration::from_mins(1))?;
        // SQLite keeps a table of the locks that its process holds, which a child inherits like
        // all memory, though the locks stay with the parent. So the table must be empty at the
        // fork: no transaction is open then, and there is no write-ahead log, with which every
        // connection holds a lock for as long as it is open.
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
        // Immediate: it waits for the other writers here, where the busy timeout applies.
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

    /// How many rows there are under the name of each process.
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
            // If nobody reads, the connection is closed all the same.
            let _ = print(&format!(
                "process {process}: closed the connection of process {owner}\n"
            ));
        }
    }
}
