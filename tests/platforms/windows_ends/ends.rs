#[path = "../../cdylib/src/table.rs"]
mod table;

use std::env;
use std::ffi::{CStr, CString, c_char, c_void};
use std::process::{Child, Command, Stdio, exit};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use tls_core::shared::Part;
use tls_core::{Counter, Histogram, thread_local_state};

use table::{NAME, Table};

const SCENARIO: &str = "TLS_STATE_TEST_SCENARIO";
const LIBRARY: &str = "TLS_STATE_TEST_LIBRARY";

/// A process that is well ends with this.
const STATUS: i32 = 7;

#[thread_local_state]
struct Work {
    #[state(shared)]
    jobs: Counter,
    #[state(shared)]
    times: Histogram,
    #[state(shared)]
    parts: Part<Vec<u64>>,
    /// Whose destructor counts, too.
    #[state(init = Late)]
    _late: Late,
}

struct Late;

impl Drop for Late {
    fn drop(&mut self) {
        Work::JOBS.increment();
        assert!(Work::JOBS.total() < u64::MAX / 2);
    }
}

fn count() {
    Work::with_state(|_| Work::JOBS.increment());
    Work::TIMES.record(5);
    Work::PARTS.with_mut(|part| part.push(1));
}

/// Does something for ever, in a thread.
fn always(f: impl Fn() + Send + 'static) {
    thread::spawn(move || {
        loop {
            f();
        }
    });
}

/// Does something for ever, in threads that come and go.
fn by_turns(f: impl Fn() + Copy + Send + 'static) {
    always(move || thread::spawn(f).join().unwrap());
}

/// Goes on for a while that differs from run to run, so that threads are ended here and there.
fn end_somewhere() -> ! {
    let run = env::args().nth(1).and_then(|run| run.parse().ok());
    let micros = run.unwrap_or(0_u64).wrapping_mul(7919) % 10_000;
    thread::sleep(Duration::from_micros(micros));
    exit(STATUS)
}

fn program() -> ! {
    count();
    always(|| assert!(Work::JOBS.total() < u64::MAX / 2));
    always(|| {
        for thread in Work::JOBS.per_thread().into_rows() {
            assert!(thread.value < u64::MAX / 2);
        }
    });
    always(|| drop(Work::PARTS.take_parts()));
    by_turns(count);
    end_somewhere()
}

#[link(name = "kernel32")]
unsafe extern "system" {
    fn LoadLibraryA(path: *const c_char) -> *mut c_void;
    fn GetProcAddress(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

fn load(path: &CStr) -> &'static Table {
    // SAFETY: the path is a string of C.
    let library = unsafe { LoadLibraryA(path.as_ptr()) };
    // SAFETY: the name is one, and null is no library.
    let table = unsafe { GetProcAddress(library, NAME.as_ptr()) };
    // SAFETY: the library has such a table under that name, and is never unloaded.
    unsafe { table.cast::<Table>().as_ref() }.expect("the library has a table")
}

fn library() -> ! {
    static LIVE: AtomicU64 = AtomicU64::new(0);

    let path = env::var(LIBRARY).expect("the path of the library");
    let table = load(&CString::new(path).expect("a path without zeros"));
    (table.watch)(&LIVE);
    (table.use_all)();
    always(|| assert!((table.total)() < u64::MAX / 2));
    always(|| assert!((table.live_threads)() < 100));
    always(|| assert!((table.take_parts)() < 1_000_000));
    by_turns(|| {
        (table.use_all)();
    });
    assert_ne!(LIVE.load(SeqCst), 0);
    end_somewhere()
}

/// How many processes, over the number by which the environment divides.
fn runs() -> u64 {
    let scale = env::var("TLS_STATE_TEST_SCALE").ok();
    500 / scale.and_then(|scale| scale.parse().ok()).unwrap_or(1_u64)
}

fn start(scenario: &str, run: u64) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(run.to_string()).env(SCENARIO, scenario);
    command.stdin(Stdio::null());
    // Wine cannot start one now and then.
    let mut tries = 0;
    loop {
        match command.spawn() {
            Ok(child) => return child,
            Err(error) if tries == 20 => panic!("{error}"),
            Err(_) => tries += 1,
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn all_end(scenario: &str) {
    let runs = runs();
    let mut slow = Vec::new();
    for run in 0..runs {
        let mut child = start(scenario, run);
        let begun = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(STATUS), "run {run}");
                break;
            }
            if begun.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                child.wait().unwrap();
                slow.push(run);
                break;
            }
            thread::sleep(Duration::from_millis(2));
        }
        // Enough to see it.
        if slow.len() == 5 {
            break;
        }
    }
    assert_eq!(slow, [0; 0], "of {runs} processes these did not end");
    println!("{scenario}: {runs} processes ended");
}

pub(super) fn main() {
    match env::var(SCENARIO).as_deref() {
        Ok("program") => program(),
        Ok("library") => library(),
        _ => {}
    }
    all_end("program");
    if env::var_os(LIBRARY).is_some() {
        all_end("library");
    }
    println!("test result: ok. 2 passed");
}
