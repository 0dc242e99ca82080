//! What the tests share: threads, a record of events, and panics as values.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::panic::{self, AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

#[path = "lasting.rs"]
mod lasting;
#[cfg(all(windows, tls_core_keys))]
pub(crate) use lasting::Lasting;
pub(crate) use lasting::lasting_thread_local;

/// A count, divided by what the environment says: for runs under a sanitizer or valgrind.
pub(crate) fn scaled(count: usize) -> usize {
    (count / scale()).max(2)
}

/// By what counts are divided, and whether this is such a run: 1 is an ordinary one.
pub(crate) fn scale() -> usize {
    std::env::var("TLS_STATE_TEST_SCALE")
        .ok()
        .and_then(|scale| scale.parse().ok())
        .unwrap_or(1)
        .max(1)
}

/// Locks, also after a test has failed while it held the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a function on a thread of its own, until that has ended, its destructors included. Those must
/// not panic.
pub(crate) fn on_thread<R, F>(f: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    hook_panics();
    let number = next_number();
    let result = run_on_thread(move || {
        let result = f();
        ENDING.set(number);
        result
    });
    assert!(!lock(&PANICS).remove(&number), "a panic at a thread's end");
    result
}

fn run_on_thread<R, F>(f: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    thread::spawn(f)
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// A thread's record of what happened to it. Lives as long as the process, because it is
/// written to by the last destructor of a thread and read after that.
type Record = Mutex<Vec<String>>;

static RECORDS: Mutex<Vec<&'static Record>> = Mutex::new(Vec::new());

lasting_thread_local! {
    // No drop glue: accessible in every destructor.
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };
}

/// Notes an event in the record of the present thread, if it has one.
pub(crate) fn note(event: impl Into<String>) {
    if let Some(record) = RECORD.get() {
        lock(record).push(event.into());
    }
}

/// Takes what the present thread has noted so far.
pub(crate) fn noted() -> Vec<String> {
    RECORD
        .get()
        .map(|record| std::mem::take(&mut *lock(record)))
        .unwrap_or_default()
}

/// Runs a function on a thread of its own, and returns what was noted on it, by its
/// destructors too.
pub(crate) fn recorded(f: impl FnOnce() + Send + 'static) -> Vec<String> {
    hook_panics();
    let record: &'static Record = Box::leak(Box::default());
    // A leak detector finds the record here.
    lock(&RECORDS).push(record);
    run_on_thread(move || {
        RECORD.set(Some(record));
        f();
    });
    std::mem::take(&mut *lock(record))
}

/// A panic that a test has caused.
pub(crate) struct Panic {
    pub(crate) text: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

lasting_thread_local! {
    /// The number of the capture in progress; zero: none.
    static CAPTURE: Cell<usize> = const { Cell::new(0) };
    /// The number of the thread, when its function has returned; zero: not yet.
    static ENDING: Cell<usize> = const { Cell::new(0) };
}

static HOOK: Once = Once::new();
static PLACES: Mutex<Option<HashMap<usize, (String, u32)>>> = Mutex::new(None);
static NEXT: Mutex<usize> = Mutex::new(1);
/// The numbers of threads at whose end there was a panic.
static PANICS: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn next_number() -> usize {
    let mut next = lock(&NEXT);
    *next += 1;
    *next
}

/// Keeps panics that a test expects off the terminal, and notes the others for their thread: those in
/// destructors at a thread's end would pass unnoticed.
fn hook_panics() {
    HOOK.call_once(|| {
        let ordinary = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            match (CAPTURE.get(), info.location()) {
                (0, _) | (_, None) => {
                    ordinary(info);
                    note("panic");
                    if ENDING.get() != 0 {
                        lock(&PANICS).insert(ENDING.get());
                    }
                }
                (capture, Some(location)) => {
                    let place = (location.file().to_owned(), location.line());
                    lock(&PLACES).get_or_insert_default().insert(capture, place);
                }
            }
        }));
    });
}

/// Returns the panic that a function ends with, if it does, and keeps it off the terminal.
pub(crate) fn try_panic_of<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    hook_panics();
    let number = next_number();
    let outer = CAPTURE.replace(number);
    let result = catch_unwind(AssertUnwindSafe(f));
    CAPTURE.set(outer);
    result.map_err(|payload| {
        let place = lock(&PLACES)
            .as_mut()
            .and_then(|places| places.remove(&number));
        let (file, line) = place.unwrap_or_default();
        let text = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| {
                payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
            })
            .unwrap_or_default();
        Panic { text, file, line }
    })
}

/// Returns the panic that a function must end with.
#[track_caller]
pub(crate) fn panic_of<R>(f: impl FnOnce() -> R) -> Panic {
    match try_panic_of(f) {
        Ok(_) => panic!("it did not panic"),
        Err(panic) => panic,
    }
}

/// Runs assertions where a panic must not get out, in a destructor, and notes the outcome.
pub(crate) fn note_check(name: &str, check: impl FnOnce()) {
    match try_panic_of(check) {
        Ok(()) => note(format!("{name}: ok")),
        Err(panic) => note(format!(
            "{name}: {} at {}:{}",
            panic.text, panic.file, panic.line
        )),
    }
}

/// Calls its function when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
