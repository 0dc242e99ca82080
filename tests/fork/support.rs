//! What the tests share: a process for each, children of it, and a record that all of them
//! write to.

use std::any::type_name;
use std::cell::Cell;
use std::ffi::c_void;
use std::io::{Read as _, Seek as _};
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};
use std::{env, io, ptr, thread};

/// Set where the test itself runs, to its name.
const INSIDE: &str = "TLS_STATE_TEST_ALONE";

/// A child that fails exits with this.
pub(crate) const FAILED: i32 = 101;

/// A count, divided by what the environment says: for runs under a sanitizer or valgrind.
pub(crate) fn scaled(count: usize) -> usize {
    (count / scale()).max(2)
}

fn scale() -> usize {
    // Looked up before the first fork: it allocates and locks.
    static SCALE: OnceLock<usize> = OnceLock::new();
    *SCALE.get_or_init(|| {
        env::var("TLS_STATE_TEST_SCALE")
            .ok()
            .and_then(|scale| scale.parse().ok())
            .unwrap_or(1)
            .max(1)
    })
}

/// How long a test may take. Nothing here needs a second; what takes longer hangs.
fn limit() -> Duration {
    Duration::from_secs(if scale() > 1 { 600 } else { 60 })
}

/// How long a child may take.
fn limit_of_child() -> Duration {
    limit() / 2
}

/// Runs a test in a process of its own, which must end well and in time.
///
/// The process is this program again, told to run the test that the closure stands in.
pub(crate) fn alone<F: FnOnce()>(body: F) {
    // `fork::module::test::{{closure}}`
    let name = type_name::<F>()
        .split_once("::")
        .and_then(|(_, path)| path.strip_suffix("::{{closure}}"))
        .expect("a closure in a test");
    if env::var(INSIDE).is_ok_and(|inside| inside == name) {
        PROCESS.store(std::process::id(), SeqCst);
        record();
        limit();
        body();
        // SAFETY: it takes a null pointer for "not interested".
        let left = unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) };
        assert_eq!(left, -1, "a child is left over");
        return;
    }
    let mut output = tempfile::tempfile().unwrap();
    let tsan = env::var("TSAN_OPTIONS").unwrap_or_default();
    let asan = env::var("ASAN_OPTIONS").unwrap_or_default();
    let mut process = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, name)
        .env("RUST_BACKTRACE", "0")
        .env("TSAN_OPTIONS", format!("{tsan}:die_after_fork=0"))
        // What a child forgets is leaked there on purpose.
        .env("ASAN_OPTIONS", format!("{asan}:detect_leaks=0"))
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output.try_clone().unwrap())
        // So that its children can be ended with it.
        .process_group(0)
        .spawn()
        .unwrap();
    let started = Instant::now();
    let status = loop {
        if let Some(status) = process.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > limit() {
            let group = libc::pid_t::try_from(process.id()).unwrap();
            // SAFETY: the group is that of a child that has not been waited for.
            unsafe { libc::kill(-group, libc::SIGKILL) };
            process.wait().unwrap();
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let mut said = String::new();
    output.rewind().unwrap();
    output.read_to_string(&mut said).unwrap();
    match status {
        None => panic!("{name} hangs:\n{said}"),
        Some(status) if !status.success() => panic!("{name} failed, {status}:\n{said}"),
        Some(_) => assert!(said.contains("1 passed"), "{name} did not run:\n{said}"),
    }
}

/// What the processes of a test write to: memory that they share.
struct Record {
    used: AtomicUsize,
    text: [AtomicU8; 1 << 18],
}

fn record() -> &'static Record {
    static RECORD: OnceLock<&'static Record> = OnceLock::new();
    RECORD.get_or_init(|| shared_memory())
}

/// Memory that stays the same for the processes that this one forks. Zeroed.
fn shared_memory<T: Sync>() -> &'static T {
    // SAFETY: a new mapping, which nothing else knows.
    let place = unsafe {
        libc::mmap(
            ptr::null_mut(),
            size_of::<T>(),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED | libc::MAP_ANON,
            -1,
            0,
        )
    };
    assert_ne!(place, libc::MAP_FAILED);
    // SAFETY: it is used with atomics only, for which zeroed memory is valid; page-aligned,
    // large enough, and never unmapped.
    unsafe { &*place.cast() }
}

/// Numbers that the processes of a test share. Made by the first call, before the fork.
pub(crate) fn shared_numbers() -> &'static [AtomicUsize; 16] {
    static NUMBERS: OnceLock<&'static [AtomicUsize; 16]> = OnceLock::new();
    NUMBERS.get_or_init(|| shared_memory())
}

static GENERATION: AtomicU32 = AtomicU32::new(0);
/// The process that the generation is valid for.
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// Zero in the test's own process, one in its children.
pub(crate) fn generation() -> u32 {
    // Handlers run before `fork` returns, and so before the number can be changed.
    let is_fresh_child = std::process::id() != PROCESS.load(SeqCst);
    GENERATION.load(SeqCst) + u32::from(is_fresh_child)
}

pub(crate) fn is_child() -> bool {
    generation() > 0
}

pub(crate) fn name_of(generation: u32) -> &'static str {
    ["parent", "child", "grandchild"][generation as usize]
}

/// Adds a line to the record, preceded by who writes it.
pub(crate) fn note(event: &str) {
    let line = format!("{} {event}\n", name_of(generation()));
    let record = record();
    let start = record.used.fetch_add(line.len(), SeqCst);
    assert!(
        start + line.len() <= record.text.len(),
        "the record is full"
    );
    for (byte, place) in line.bytes().zip(&record.text[start..]) {
        place.store(byte, SeqCst);
    }
}

/// The record so far, of all processes.
pub(crate) fn noted() -> Vec<String> {
    let record = record();
    let text = record.text[..record.used.load(SeqCst)]
        .iter()
        .map(|byte| {
            // Another process may be in the middle of its line.
            until(|| byte.load(SeqCst) != 0);
            byte.load(SeqCst)
        })
        .collect();
    String::from_utf8(text)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Forks. Returns the child's number, and nothing in the child.
pub(crate) fn fork() -> Option<Child> {
    // SAFETY: the child goes on in the same code, which its tests keep to what a forked
    // process may do on the platforms that they run on.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            GENERATION.fetch_add(1, SeqCst);
            PROCESS.store(std::process::id(), SeqCst);
            let seconds = u32::try_from(limit_of_child().as_secs()).unwrap();
            // SAFETY: ends a child that nobody would wait for any more.
            unsafe { libc::alarm(seconds) };
            None
        }
        pid => Some(Child { pid }),
    }
}

/// A forked child.
#[must_use]
pub(crate) struct Child {
    pid: libc::pid_t,
}

impl Child {
    /// Waits for its end, but not for ever.
    #[track_caller]
    pub(crate) fn end(self) -> ExitStatus {
        use std::os::unix::process::ExitStatusExt as _;

        let started = Instant::now();
        loop {
            let mut status = 0;
            // SAFETY: the pointer is valid.
            match unsafe { libc::waitpid(self.pid, &raw mut status, libc::WNOHANG) } {
                0 if started.elapsed() > limit_of_child() => {
                    // SAFETY: it is a child that has not been waited for.
                    unsafe { libc::kill(self.pid, libc::SIGKILL) };
                    // SAFETY: as above.
                    unsafe { libc::waitpid(self.pid, &raw mut status, 0) };
                    panic!("the child hangs; recorded: {:#?}", noted());
                }
                0 => thread::sleep(Duration::from_micros(300)),
                pid if pid == self.pid => return ExitStatus::from_raw(status),
                _ => panic!("waitpid: {}", io::Error::last_os_error()),
            }
        }
    }

    /// Waits for its end, which must be that of a child whose checks have passed.
    #[track_caller]
    pub(crate) fn succeed(self) {
        let status = self.end();
        assert!(
            status.success(),
            "the child failed, {status}; recorded: {:#?}",
            noted()
        );
    }
}

/// Ends this process at once.
pub(crate) fn end_at_once(code: i32) -> ! {
    // SAFETY: that is what it is for.
    unsafe { libc::_exit(code) }
}

/// In a child, runs checks. Ends the process if they fail.
pub(crate) fn checked(checks: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(checks)).is_err() {
        end_at_once(FAILED);
    }
}

thread_local! {
    static CHILD: Cell<Option<libc::pid_t>> = const { Cell::new(None) };
}

/// Forks in the middle of a function that [`both`] runs. Says whether this is the child.
pub(crate) fn fork_here() -> bool {
    let child = fork();
    let is_child = child.is_none();
    let before = CHILD.replace(child.map(|child| child.pid));
    assert!(is_child || before.is_none(), "one fork at a time");
    is_child
}

/// Runs a function that calls [`fork_here`] to its end in both processes. The child ends after
/// it, at once; the parent waits for that.
#[track_caller]
pub(crate) fn both(body: impl FnOnce()) {
    let generation_before = generation();
    let outer = CHILD.take();
    let result = catch_unwind(AssertUnwindSafe(body));
    if generation() > generation_before {
        end_at_once(if result.is_ok() { 0 } else { FAILED });
    }
    let child = CHILD.replace(outer).map(|pid| Child { pid });
    if let Err(payload) = result {
        let _ = child.map(Child::end);
        resume_unwind(payload);
    }
    child.expect("the function forks").succeed();
}

/// Forks, and runs a function in the child, which then ends at once.
#[track_caller]
pub(crate) fn in_child(body: impl FnOnce()) {
    both(|| {
        if fork_here() {
            body();
        }
    });
}

/// How a child can end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// `_exit`: no destructor runs.
    AtOnce,
    /// `exit`: this thread's destructors run, on most platforms.
    Exit,
    /// Its only thread returns.
    Return,
}

pub(crate) const ENDINGS: [Ending; 3] = [Ending::AtOnce, Ending::Exit, Ending::Return];

/// Runs a function on a thread of its own, until that has ended, its destructors included.
pub(crate) fn on_thread<R, F>(f: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    if is_child() {
        return on_posix_thread(f);
    }
    thread::spawn(f)
        .join()
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// As [`on_thread`], without the standard library's part in it: that holds a lock of its own for a
/// moment whenever a thread starts, and if a thread of the parent's did so while the process was
/// forked, nobody unlocks it in the child.
fn on_posix_thread<R, F>(f: F) -> R
where
    R: Send + 'static,
    F: FnOnce() -> R + Send + 'static,
{
    struct Call<R, F> {
        f: Option<F>,
        result: Option<thread::Result<R>>,
    }

    extern "C" fn start<R, F: FnOnce() -> R>(call: *mut c_void) -> *mut c_void {
        // SAFETY: it points to the caller's `Call`, which waits for this thread.
        let call = unsafe { &mut *call.cast::<Call<R, F>>() };
        call.result = call.f.take().map(|f| catch_unwind(AssertUnwindSafe(f)));
        ptr::null_mut()
    }

    let mut call = Call {
        f: Some(f),
        result: None,
    };
    let mut thread = MaybeUninit::uninit();
    let data = (&raw mut call).cast();
    // SAFETY: the attributes may be null, and the function fits the data.
    let failed =
        unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), start::<R, F>, data) };
    assert_eq!(failed, 0);
    // SAFETY: it has been written.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: a thread that has been created and is joined once.
    let failed = unsafe { libc::pthread_join(thread, ptr::null_mut()) };
    assert_eq!(failed, 0);
    call.result
        .expect("the thread has run")
        .unwrap_or_else(|payload| resume_unwind(payload))
}

/// On a thread of its own runs a function, which forks inside, and ends the child in the given
/// way. The thread of the parent ends too.
pub(crate) fn on_thread_until(
    ending: Ending,
    body: impl FnOnce() -> Option<Child> + Send + 'static,
) {
    let child = on_thread(move || {
        match catch_unwind(AssertUnwindSafe(body)) {
            Err(_) if is_child() => end_at_once(FAILED),
            Err(payload) => resume_unwind(payload),
            Ok(Some(child)) => return child,
            Ok(None) => (),
        }
        note("is done");
        match ending {
            Ending::AtOnce => end_at_once(0),
            Ending::Exit => std::process::exit(0),
            // The thread's, and with it the process. Nobody receives this.
            Ending::Return => Child { pid: 0 },
        }
    });
    child.succeed();
    assert!(noted().contains(&"child is done".to_owned()));
}

/// Calls its function when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Waits until something another thread does has come about.
#[track_caller]
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < limit_of_child(),
            "it does not come about"
        );
        thread::yield_now();
    }
}
