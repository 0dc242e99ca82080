//! Connections across `fork`, where a copy of a connection does harm. As in the suite `fork`, each test
//! runs in a process of its own.

#![cfg(all(unix, not(miri)))]

#[path = "../../tests/fork/support.rs"]
#[expect(dead_code, reason = "the suite `fork` uses the rest")]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::thread;

use rusqlite::Connection;
use tls_core::{Field, ThreadLocalState, thread_local_state};

use crate::support::{
    Child, ENDINGS, Ending, alone, checked, end_at_once, fork, in_child, is_child, on_thread, until,
};

/// A server with sessions. A session begins with a connection and ends with `QUIT`.
struct Server {
    address: SocketAddr,
    events: Mutex<Vec<String>>,
}

static SERVER: OnceLock<Server> = OnceLock::new();

fn start_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let events = Mutex::new(Vec::new());
    assert!(SERVER.set(Server { address, events }).is_ok());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            thread::spawn(move || serve(number, &stream.unwrap()));
        }
    });
}

fn serve(number: usize, mut stream: &TcpStream) {
    let event = |what: &str| {
        let mut events = SERVER.get().unwrap().events.lock().unwrap();
        events.push(format!("{what} {number}"));
    };
    event("begin");
    let mut lines = BufReader::new(stream).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line == "QUIT" => return event("quit"),
            Some(Ok(line)) => writeln!(stream, "{line} in session {number}").unwrap(),
            _ => return event("end of file"),
        }
    }
}

fn events() -> Vec<String> {
    SERVER.get().unwrap().events.lock().unwrap().clone()
}

/// A client that sends `QUIT` when it is dropped, like most clients of databases and queues.
struct Client {
    stream: TcpStream,
    replies: BufReader<TcpStream>,
}

impl Client {
    fn connect() -> Self {
        let stream = TcpStream::connect(SERVER.get().unwrap().address).unwrap();
        let replies = BufReader::new(stream.try_clone().unwrap());
        Self { stream, replies }
    }

    /// Returns the reply, if the session is still open.
    fn ask(&mut self, question: &str) -> Option<String> {
        writeln!(self.stream, "{question}").ok()?;
        let mut reply = String::new();
        let length = self.replies.read_line(&mut reply).ok()?;
        (length > 0).then(|| reply.trim().to_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = writeln!(self.stream, "QUIT");
    }
}

#[thread_local_state(fork = reset)]
struct Session {
    #[state(init = Client::connect())]
    client: Client,
}

/// The same state without `reset`, which fails.
#[thread_local_state(fork = keep)]
struct CopiedSession {
    #[state(init = Client::connect())]
    client: Client,
}

fn ask<S: ThreadLocalState<Output<Option<String>> = Option<String>>>(
    client: Field<S, Client>,
    question: &str,
) -> Option<String> {
    client.with_mut(|client| client.ask(question))
}

/// Fails if the child's end, of any kind, ends the session of the parent.
#[test]
fn the_parents_session_ends_when_its_owner_ends_it() {
    alone(|| {
        start_server();
        for ending in ENDINGS {
            let first = events()
                .iter()
                .filter(|line| line.starts_with("begin"))
                .count();
            on_thread(move || {
                let own = Some(format!("one in session {first}"));
                assert_eq!(ask(Session::CLIENT, "one"), own);
                let child = fork();
                if child.is_none() {
                    checked(|| assert!(!Session::state().is_initialized()));
                    return end(ending);
                }
                child.unwrap().succeed();
                // A child that sends a question has a session of its own.
                in_child(|| {
                    let reply = ask(Session::CLIENT, "two").unwrap();
                    assert_eq!(reply, format!("two in session {}", first + 1));
                    assert!(Session::state().reset());
                });
                until(|| events().contains(&format!("quit {}", first + 1)));
                let own = Some(format!("three in session {first}"));
                assert_eq!(ask(Session::CLIENT, "three"), own);
                assert!(!events().contains(&format!("quit {first}")));
            });
            assert!(!is_child());
            until(|| events().contains(&format!("quit {first}")));
        }
        assert!(!events().iter().any(|line| line.starts_with("end of file")));
    });
}

/// Ends a child, for one kind of ending by the return of its only thread.
fn end(ending: Ending) {
    match ending {
        Ending::AtOnce => end_at_once(0),
        Ending::Exit => std::process::exit(0),
        Ending::Return => (),
    }
}

/// The contrast, which shows that the test above detects the mistake.
#[test]
fn a_copied_session_is_ended_by_the_child() {
    alone(|| {
        start_server();
        on_thread(|| {
            assert_eq!(
                ask(CopiedSession::CLIENT, "one").as_deref(),
                Some("one in session 0")
            );
            let child = fork();
            let Some(child) = child else { return };
            child.succeed();
            // The child sent `QUIT` when its thread returned.
            until(|| events().contains(&"quit 0".into()));
            assert_eq!(ask(CopiedSession::CLIENT, "two"), None);
        });
        assert!(!is_child());
    });
}

/// The path of the tests' database.
static DATABASE: OnceLock<PathBuf> = OnceLock::new();

fn open() -> rusqlite::Result<Connection> {
    let connection = Connection::open(DATABASE.get().unwrap())?;
    connection.busy_timeout(std::time::Duration::from_secs(20))?;
    // Do not wait for slow disks, which are not the subject of this test.
    connection.execute_batch("PRAGMA synchronous = OFF")?;
    Ok(connection)
}

#[thread_local_state(fork = reset, error = rusqlite::Error)]
struct Database {
    #[state(init = open()?)]
    connection: Connection,
}

#[thread_local_state(fork = keep, error = rusqlite::Error)]
struct CopiedDatabase {
    #[state(init = open()?)]
    connection: Connection,
}

fn with_database(test: impl FnOnce()) {
    let directory = tempfile::tempdir().unwrap();
    DATABASE.set(directory.path().join("rows.db")).unwrap();
    let connection = open().unwrap();
    connection
        .execute_batch("CREATE TABLE rows (process INTEGER, number INTEGER)")
        .unwrap();
    drop(connection);
    test();
}

fn insert(connection: &Connection, process: u32, number: u32) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO rows VALUES (?1, ?2)", [process, number])
}

/// Inserts with this thread's connection.
fn insert_here(process: u32, number: u32) {
    let state = tls_core::borrow!(Database::state());
    insert(&state.connection, process, number).unwrap();
}

fn count(connection: &Connection) -> u32 {
    connection
        .query_row("SELECT count(*) FROM rows", [], |row| row.get(0))
        .unwrap()
}

/// Fails if a worker writes with its parent's connection, which `SQLite` forbids.
#[test]
fn each_process_has_a_database_connection_of_its_own() {
    alone(|| {
        with_database(|| {
            insert_here(0, 0);
            let children: Vec<Child> = (1..=4)
                .filter_map(|process| {
                    let child = fork();
                    if child.is_none() {
                        checked(|| {
                            assert!(!Database::state().is_initialized());
                            for number in 0..25 {
                                insert_here(process, number);
                            }
                            assert!(Database::state().reset());
                        });
                        end_at_once(0);
                    }
                    child
                })
                .collect();
            insert_here(0, 1);
            children.into_iter().for_each(Child::succeed);
            insert_here(0, 2);
            let state = tls_core::borrow!(Database::state());
            assert_eq!(count(&state.connection), 3 + 4 * 25);
            let check: rusqlite::Result<String> =
                state
                    .connection
                    .query_row("PRAGMA integrity_check", [], |row| row.get(0));
            assert_eq!(check.unwrap(), "ok");
        });
    });
}

/// Returns `true` if the journal of a transaction, which protects it, exists.
fn has_journal() -> bool {
    DATABASE
        .get()
        .unwrap()
        .with_file_name("rows.db-journal")
        .exists()
}

/// Fails if a child that has a copy of a connection in a transaction rolls the transaction back when its
/// thread ends, and thereby removes the parent's journal.
#[test]
fn a_transaction_of_the_parents_survives_a_child() {
    alone(|| {
        with_database(|| {
            on_thread(|| {
                let begun = Database::with_state(|state| {
                    state.connection.execute_batch("BEGIN").unwrap();
                    insert(&state.connection, 0, 0).unwrap();
                });
                begun.unwrap();
                assert!(has_journal());
                let Some(child) = fork() else { return };
                child.succeed();
                assert!(has_journal());
                let state = tls_core::borrow!(Database::state());
                state.connection.execute_batch("COMMIT").unwrap();
            });
            if !is_child() {
                assert_eq!(count(&open().unwrap()), 1);
            }
        });
    });
}

/// The contrast: without `reset`, the child removes the journal.
#[test]
fn a_copied_transaction_is_rolled_back_by_the_child() {
    alone(|| {
        with_database(|| {
            on_thread(|| {
                let begun = CopiedDatabase::with_state(|state| {
                    state.connection.execute_batch("BEGIN").unwrap();
                    insert(&state.connection, 0, 0).unwrap();
                });
                begun.unwrap();
                assert!(has_journal());
                let Some(child) = fork() else { return };
                child.succeed();
                assert!(
                    !has_journal(),
                    "what would restore the database after a crash"
                );
            });
        });
    });
}
