//! Libraries with states that are loaded and unloaded while the process goes on.
//!
//! What the C library promises, and these tests observe: a thread with something to destroy keeps the
//! library that registered it, so its destructors find their code; a library goes with its
//! `pthread_atfork` handlers; and each copy of a library has states of its own.
#![cfg(all(target_os = "linux", target_env = "gnu", not(miri)))]

#[path = "fork/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

#[path = "support/cargo.rs"]
mod cargo;
#[path = "cdylib/src/table.rs"]
mod table;

use std::ffi::{CStr, CString, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{LazyLock, mpsc};
use std::{env, fs, thread};

use tls_core::{Counter, thread_local_state};

use cargo::{cargo, run};
use support::{alone, in_child, on_thread, scaled};
use table::{NAME, Table, VALUES};

/// A state of the main program's, which has a copy of the runtime of its own.
#[thread_local_state(fork = reset)]
struct Own {
    text: String,
    #[state(shared)]
    count: Counter,
}

/// The values of the library's that exist.
static LIVE: AtomicU64 = AtomicU64::new(0);

fn live() -> u64 {
    LIVE.load(SeqCst)
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("cdylib")
}

fn path() -> PathBuf {
    directory().join("release/libtest_cdylib.so")
}

/// Compiles the library, optimized, unless this is a process that a test has started.
fn build() {
    static BUILT: LazyLock<()> = LazyLock::new(|| {
        let arguments = ["build", "--release", "-p", "test-cdylib"];
        run(&mut cargo(&arguments, &directory()));
    });
    if env::var_os("TLS_STATE_TEST_ALONE").is_none() {
        LazyLock::force(&BUILT);
    }
}

/// A library that is loaded.
struct Library {
    handle: *mut c_void,
    table: &'static Table,
}

fn last_error() -> String {
    // SAFETY: it takes nothing.
    let text = unsafe { libc::dlerror() };
    if text.is_null() {
        return "no error".to_owned();
    }
    // SAFETY: it is a string that stays until the next such call of this thread.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

impl Library {
    fn open(path: &Path) -> Self {
        Self::open_with(path, libc::RTLD_LOCAL)
    }

    fn open_with(path: &Path, flags: i32) -> Self {
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: its initializers register a handler for forks, and no more.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | flags) };
        assert!(!handle.is_null(), "{}", last_error());
        // SAFETY: the library is loaded.
        let table = unsafe { libc::dlsym(handle, NAME.as_ptr()) };
        assert!(!table.is_null(), "{}", last_error());
        // SAFETY: that is what the library has under this name. It is used while the library is
        // loaded only.
        let table = unsafe { &*table.cast::<Table>() };
        (table.watch)(&LIVE);
        Self { handle, table }
    }

    fn close(self) {
        // SAFETY: it has been opened, and is closed once.
        let failed = unsafe { libc::dlclose(self.handle) };
        assert_eq!(failed, 0, "{}", last_error());
    }
}

// SAFETY: a handle is good in any thread.
unsafe impl Send for Library {}

fn is_loaded(path: &Path) -> bool {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.contains(path.to_str().unwrap())
}

/// Opens a library and closes it. When one is closed, the C library looks for others that nothing
/// keeps any more.
fn open_and_close(path: &Path) {
    Library::open(path).close();
}

/// The main program's states work, and in a forked child as they should.
fn check_own() {
    let count = Own::COUNT.get();
    Own::TEXT.with_mut(|text| text.push('x'));
    Own::COUNT.increment();
    in_child(|| {
        assert!(!Own::state().is_initialized());
        assert_eq!(Own::COUNT.total(), 0);
        Own::TEXT.with_mut(|text| assert!(text.is_empty()));
    });
    assert_eq!(Own::COUNT.get(), count + 1);
}

/// How often a process can load a library that is written in Rust and asks for a thread's handle, as
/// the first write to a shared field does: the standard library in it then takes one of the C library's
/// 1,024 keys, and never gives it back. (So does a library that only calls `thread::current`.) Shared fields take
/// another, for threads that write to them in destructors of keys.
const MOST_LOADS: u64 = 500;

/// How many times, at most [`MOST_LOADS`], a library is loaded by each test.
fn rounds() -> u64 {
    let rounds = match env::var("TLS_STATE_DLOPEN_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => scaled(40) as u64,
    };
    rounds.min(MOST_LOADS)
}

#[test]
fn a_library_is_unloaded_when_its_threads_have_ended_and_starts_anew_every_time() {
    build();
    alone(|| {
        let path = path();
        for round in 0..rounds() {
            let forks = round % 8 == 0;
            let library = Library::open(&path);
            let table = library.table;
            // The former copy's values are gone, those without destructors, too.
            assert_eq!((table.total)(), 0);
            assert_eq!((table.use_plain)(), 1);
            for thread in 1..=3 {
                on_thread(move || {
                    assert_eq!((table.used)(), 0);
                    for time in 1..=thread {
                        assert_eq!((table.use_all)(), time);
                    }
                    assert_eq!(live(), VALUES);
                    assert_eq!((table.live_threads)(), 1);
                    if forks {
                        in_child(|| {
                            assert_eq!((table.reset_by_fork)(), 0);
                            assert_eq!((table.total)(), 0);
                            assert_eq!((table.used)(), thread);
                            assert_eq!((table.use_all)(), thread + 1);
                            assert_eq!((table.total)(), 1);
                        });
                    }
                });
                assert_eq!(live(), 0);
            }
            // The totals have them all.
            assert_eq!((table.total)(), 6);
            assert_eq!((table.live_threads)(), 0);
            assert_eq!((table.take_parts)(), 6);
            library.close();
            assert!(!is_loaded(&path), "round {round}");
            if forks {
                // No handler of a library that is gone runs.
                check_own();
            }
        }
    });
}

#[test]
fn a_thread_with_values_keeps_its_library_until_it_ends_and_drops_them_then() {
    build();
    alone(|| {
        let path = path();
        for _ in 0..rounds().div_ceil(4) {
            let inside = path.clone();
            on_thread(move || {
                let library = Library::open(&inside);
                let table = library.table;
                assert_eq!((table.use_all)(), 1);
                library.close();
                // Nothing has happened to it.
                assert!(is_loaded(&inside));
                assert_eq!(live(), VALUES);
                assert_eq!((table.use_all)(), 2);
                // Its handler still resets what is to be reset.
                in_child(|| {
                    assert_eq!((table.reset_by_fork)(), 0);
                    assert_eq!((table.total)(), 0);
                    assert_eq!((table.use_all)(), 3);
                });
                check_own();
                // Who opens it again gets the same one.
                let again = Library::open(&inside);
                assert_eq!((again.table.used)(), 2);
                assert_eq!((again.table.total)(), 2);
                again.close();
                assert_eq!(live(), VALUES);
            });
            assert_eq!(live(), 0);
            // Nothing keeps it now, but it goes only when something is closed.
            assert!(is_loaded(&path));
            open_and_close(&path);
            assert!(!is_loaded(&path));
            check_own();
        }
    });
}

#[test]
fn threads_that_are_alive_when_a_library_is_closed_end_well() {
    build();
    alone(|| {
        let path = path();
        for _ in 0..rounds().div_ceil(4) {
            let library = Library::open(&path);
            let table = library.table;
            let (ready, is_ready) = mpsc::channel();
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let ready = ready.clone();
                    let (end, ended) = mpsc::channel::<()>();
                    let thread = thread::spawn(move || {
                        assert_eq!((table.use_all)(), 1);
                        ready.send(()).unwrap();
                        ended.recv().unwrap();
                    });
                    (thread, end)
                })
                .collect();
            for _ in &threads {
                is_ready.recv().unwrap();
            }
            library.close();
            assert_eq!(live(), 4 * VALUES);
            assert!(is_loaded(&path));
            check_own();
            for (left, (thread, end)) in (0..4).rev().zip(threads) {
                end.send(()).unwrap();
                thread.join().unwrap();
                assert_eq!(live(), left * VALUES);
                assert!(is_loaded(&path));
                // As long as one of them is there, it stays.
                open_and_close(&path);
                assert_eq!(is_loaded(&path), left > 0);
                check_own();
            }
        }
    });
}

#[test]
fn two_copies_of_a_library_have_states_of_their_own() {
    build();
    alone(|| {
        let place = tempfile::tempdir().unwrap();
        let paths = [path(), place.path().join("libcopy.so")];
        fs::copy(&paths[0], &paths[1]).unwrap();
        for round in 0..rounds().div_ceil(4) {
            let paths = paths.clone();
            let inside = paths.clone();
            on_thread(move || {
                let [first, second] = inside.each_ref().map(|path| Library::open(path));
                assert_eq!((first.table.use_all)(), 1);
                assert_eq!((first.table.use_all)(), 2);
                assert_eq!((second.table.used)(), 0);
                assert_eq!((second.table.use_all)(), 1);
                assert_eq!(((first.table.total)(), (second.table.total)()), (2, 1));
                assert_eq!((first.table.take_parts)(), 2);
                assert_eq!((second.table.take_parts)(), 1);
                assert_eq!(live(), 2 * VALUES);
                check_own();
                let tables = [first.table, second.table];
                in_child(|| {
                    for table in tables {
                        assert_eq!((table.reset_by_fork)(), 0);
                        assert_eq!((table.total)(), 0);
                    }
                });
                // In either order.
                let (one, other) = if round % 2 == 0 {
                    (first, second)
                } else {
                    (second, first)
                };
                one.close();
                assert_eq!((tables[0].use_all)(), 3);
                assert_eq!((tables[1].use_all)(), 2);
                other.close();
            });
            assert_eq!(live(), 0);
            open_and_close(&paths[0]);
            assert!(paths.iter().all(|path| !is_loaded(path)));
        }
    });
}

#[test]
fn a_library_that_is_never_unloaded_keeps_states_and_totals_when_it_is_closed() {
    build();
    alone(|| {
        let path = path();
        for round in 0..10 {
            let library = Library::open_with(&path, libc::RTLD_NODELETE);
            let table = library.table;
            assert_eq!((table.total)(), round);
            assert_eq!((table.use_plain)(), round + 1);
            on_thread(|| assert_eq!((table.use_all)(), 1));
            library.close();
            assert!(is_loaded(&path));
            assert_eq!(live(), 0);
            in_child(|| {
                assert_eq!((table.total)(), 0);
                assert_eq!((table.reset_by_fork)(), 0);
            });
            check_own();
        }
    });
}

#[test]
fn a_library_that_comes_and_goes_while_other_threads_fork_does_no_harm() {
    build();
    alone(|| {
        let path = path();
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let rounds = rounds().min(MOST_LOADS / 2);
                let result = std::panic::catch_unwind(|| {
                    for _ in 0..rounds {
                        let library = Library::open(&path);
                        let table = library.table;
                        (table.use_plain)();
                        on_thread(|| (table.use_all)());
                        library.close();
                    }
                });
                is_done.store(true, SeqCst);
                if let Err(payload) = result {
                    std::panic::resume_unwind(payload);
                }
            });
            while !is_done.load(SeqCst) {
                check_own();
            }
        });
        assert!(!is_loaded(&path));
        assert_eq!(live(), 0);
    });
}
