//! Threads that go one instruction at a time.

use std::arch::asm;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::thread;

unsafe extern "C" {
    /// Where this program's code begins and ends. The linker defines them.
    static __executable_start: u8;
    static etext: u8;
}

/// How many instructions of this program the thread has made.
static COUNT: AtomicUsize = AtomicUsize::new(0);
/// Where it stops next, and how dense these points are: see [`asked`].
static NEXT: AtomicUsize = AtomicUsize::new(0);
static DENSITY: AtomicUsize = AtomicUsize::new(1);
/// What the thread says, and what it waits for when it has stopped: the two ends of pipes, because
/// handlers of signals can do little else.
static NEWS: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];
static ORDERS: [AtomicI32; 2] = [const { AtomicI32::new(-1) }; 2];

/// It has stopped; it is at its end; it may go on.
const STOPPED: u8 = 1;
const ENDED: u8 = 2;
const RESUME: u8 = 3;

fn open(pipe: &[AtomicI32; 2]) {
    let mut ends = [0; 2];
    // SAFETY: there is room for two.
    let failed = unsafe { libc::pipe(ends.as_mut_ptr()) };
    assert_eq!(failed, 0);
    for (place, end) in pipe.iter().zip(ends) {
        place.store(end, SeqCst);
    }
}

fn tell(pipe: &[AtomicI32; 2], word: u8) {
    let pipe = pipe[1].load(SeqCst);
    // SAFETY: one byte is read.
    unsafe { libc::write(pipe, (&raw const word).cast(), 1) };
}

fn wait(pipe: &[AtomicI32; 2]) -> u8 {
    let pipe = pipe[0].load(SeqCst);
    let mut word = 0_u8;
    // SAFETY: one byte is written.
    while unsafe { libc::read(pipe, (&raw mut word).cast(), 1) } != 1 {}
    word
}

/// Called after every instruction.
extern "C" fn trap(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: that is what the system passes.
    let context = unsafe { &mut *context.cast::<libc::ucontext_t>() };
    if NEXT.load(SeqCst) == usize::MAX {
        context.uc_mcontext.gregs[libc::REG_EFL as usize] &= !0x100;
    }
    let instruction = context.uc_mcontext.gregs[libc::REG_RIP as usize].cast_unsigned();
    let range = (&raw const __executable_start).addr() as u64..(&raw const etext).addr() as u64;
    if !range.contains(&instruction) {
        return;
    }
    let count = COUNT.fetch_add(1, SeqCst) + 1;
    if count >= NEXT.load(SeqCst) {
        tell(&NEWS, STOPPED);
        wait(&ORDERS);
        let stride = (count / DENSITY.load(SeqCst)).max(1);
        NEXT.fetch_max(count + stride, SeqCst);
    }
}

fn install() {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    let place = action.as_mut_ptr();
    // SAFETY: an action of zeros is the default one.
    unsafe { (*place).sa_sigaction = trap as *const () as usize };
    // SAFETY: as above.
    unsafe { (*place).sa_flags = libc::SA_SIGINFO };
    // SAFETY: the handler does only what handlers may.
    let failed = unsafe { libc::sigaction(libc::SIGTRAP, place, ptr::null_mut()) };
    assert_eq!(failed, 0);
}

/// From here this thread goes one instruction at a time.
pub(crate) fn on() {
    // SAFETY: the handler is installed; the flags are put back but for the trap flag.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
}

/// From here it runs.
pub(crate) fn off() {
    // SAFETY: as above.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
}

/// How many instructions are tried of each operation, if the environment says so: of the first so many
/// each one, and ever fewer of those that follow.
fn asked() -> Option<usize> {
    match std::env::var("TLS_STATE_TEST_POINTS").ok()?.as_str() {
        "all" => Some(usize::MAX),
        points => Some(points.parse().expect("a number of points, or all")),
    }
}

/// Whether what takes long is tried, too.
pub(crate) fn is_thorough() -> bool {
    asked().is_some()
}

/// Runs an operation on another thread, which makes its steps by [`on`] and [`off`]. Forks at the
/// points, if the check does.
pub(crate) fn fork_at_every_point(operation: fn(), check: impl Fn()) {
    open(&NEWS);
    open(&ORDERS);
    install();
    DENSITY.store(asked().unwrap_or(2), SeqCst);
    let worker = thread::spawn(operation);
    let waiter = thread::spawn(move || {
        let result = worker.join();
        tell(&NEWS, ENDED);
        result
    });
    let mut forks = 0;
    let mut failed = None;
    while wait(&NEWS) == STOPPED {
        if failed.is_none() {
            failed = catch_unwind(AssertUnwindSafe(&check)).err();
            forks += 1;
        }
        if failed.is_some() {
            // It goes on to its end: it may hold a lock that this thread will want.
            NEXT.store(usize::MAX, SeqCst);
            println!("at instruction {}", COUNT.load(SeqCst));
        }
        tell(&ORDERS, RESUME);
    }
    waiter.join().expect("it waits").expect("the operation");
    println!("{forks} forks at {} instructions", COUNT.load(SeqCst));
    if let Some(payload) = failed {
        resume_unwind(payload);
    }
}
