//! Signal handlers that access states and count, at any instruction of an access.
//!
//! Accessors are not for signal handlers: the compiler may keep a borrow out of memory where nothing
//! in the same thread of control could see it, and a handler is not that. What holds all the same,
//! and is checked here: a closure that begins and ends with a `compiler_fence` has its borrow in
//! memory in between, and a handler is refused what conflicts with it; what a handler does is undone
//! before the interrupted access goes on; a counter that the thread has counted with before takes no
//! lock and allocates nothing.
#![cfg(all(target_os = "linux", not(miri)))]

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::ffi::c_int;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64, compiler_fence};

use tls_core::{AccessError, Counter, thread_local_state};

use support::scaled;

/// Two numbers that are equal outside of accesses.
#[derive(Default)]
struct Pair {
    left: u64,
    right: u64,
}

#[thread_local_state]
struct Watched {
    pair: Pair,
    other: Pair,
    #[state(init = vec![1, 2, 3])]
    list: Vec<u64>,
    #[state(shared)]
    count: Counter,
}

/// The thread is within the closure of an exclusive access, or of a shared one, of the first pair.
static IN_WRITE: AtomicBool = AtomicBool::new(false);
static IN_READ: AtomicBool = AtomicBool::new(false);

static SIGNALS: AtomicU64 = AtomicU64::new(0);
static WRITES: AtomicU64 = AtomicU64::new(0);
static READS: AtomicU64 = AtomicU64::new(0);
static REFUSALS: AtomicU64 = AtomicU64::new(0);
/// What must not happen. A handler cannot panic.
static WRONG: AtomicU64 = AtomicU64::new(0);

fn add_if(counter: &AtomicU64, is_so: bool) {
    counter.fetch_add(u64::from(is_so), SeqCst);
}

/// Changes a pair, not all at once.
fn change(pair: &mut Pair) {
    compiler_fence(SeqCst);
    add_if(&WRONG, pair.left != pair.right);
    pair.left += 1;
    compiler_fence(SeqCst);
    pair.right += 1;
    compiler_fence(SeqCst);
}

/// Whether a pair is as it is when nobody is changing it.
fn is_whole(pair: &Pair) -> bool {
    compiler_fence(SeqCst);
    let left = pair.left;
    compiler_fence(SeqCst);
    let is_whole = left == pair.right;
    compiler_fence(SeqCst);
    is_whole
}

/// Everything is there already: nothing here allocates, locks or panics.
extern "C" fn handler(_: c_int) {
    let was_in_write = IN_WRITE.load(SeqCst);
    let was_in_read = IN_READ.load(SeqCst);
    // Exclusive.
    match Watched::PAIR.try_with_mut(change) {
        Ok(()) => {
            add_if(&WRONG, was_in_write || was_in_read);
            WRITES.fetch_add(1, SeqCst);
        }
        Err(AccessError::Borrowed(_)) => add_if(&REFUSALS, true),
        Err(_) => add_if(&WRONG, true),
    }
    // Shared.
    match Watched::PAIR.try_with(is_whole) {
        Ok(is_whole) => {
            add_if(&WRONG, was_in_write || !is_whole);
            READS.fetch_add(1, SeqCst);
        }
        Err(AccessError::Borrowed(_)) => add_if(&REFUSALS, true),
        Err(_) => add_if(&WRONG, true),
    }
    // Of everything, and of another field.
    let all = Watched::state()
        .peek(|state| is_whole(&state.pair) && is_whole(&state.other))
        .ok()
        .flatten();
    add_if(
        &WRONG,
        all == Some(false) || (all.is_some() && was_in_write),
    );
    let others = Watched::LIST.try_with(|list| list[..] == [1, 2, 3]);
    add_if(&WRONG, matches!(others, Ok(false)));
    add_if(&WRONG, !Watched::state().is_initialized());
    Watched::COUNT.increment();
    SIGNALS.fetch_add(1, SeqCst);
}

/// Runs a function, interrupted by a signal every few microseconds.
fn under_fire(body: impl FnOnce()) {
    // SAFETY: all zeros are a valid value: no flags, and an empty mask.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    let function: extern "C" fn(c_int) = handler;
    action.sa_sigaction = function as libc::sighandler_t;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the handler only uses atomics, and states in the way that is checked here.
    let failed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, ptr::null_mut()) };
    assert_eq!(failed, 0);

    // SAFETY: all zeros are a valid value.
    let mut event: libc::sigevent = unsafe { mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGUSR1;
    // SAFETY: it takes nothing.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut timer = MaybeUninit::uninit();
    // A timer and not another thread, which would have to be scheduled at the same time.
    // SAFETY: the pointers are valid, and the thread is this one.
    let failed =
        unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, timer.as_mut_ptr()) };
    assert_eq!(failed, 0);
    // SAFETY: it has been written.
    let timer = unsafe { timer.assume_init() };
    let interval = libc::timespec {
        tv_sec: 0,
        tv_nsec: 31_007,
    };
    let time = libc::itimerspec {
        it_interval: interval,
        it_value: interval,
    };
    // SAFETY: the timer is there, and the pointer is valid.
    let failed = unsafe { libc::timer_settime(timer, 0, &raw const time, ptr::null_mut()) };
    assert_eq!(failed, 0);
    body();
    // SAFETY: the timer is there, and not used after that.
    let failed = unsafe { libc::timer_delete(timer) };
    assert_eq!(failed, 0);
}

#[test]
fn a_signal_handler_is_refused_what_conflicts_and_disturbs_nothing() {
    let signals = match std::env::var("TLS_STATE_TEST_SIGNALS") {
        Ok(signals) => signals.parse().unwrap(),
        Err(_) => scaled(10_000) as u64,
    };
    let mut rounds = 0;
    // So that the handler makes nothing and registers nothing.
    Watched::state().init();
    Watched::COUNT.increment();
    under_fire(|| {
        while SIGNALS.load(SeqCst) < signals {
            rounds += 1;
            Watched::PAIR.with_mut(|pair| {
                IN_WRITE.store(true, SeqCst);
                change(pair);
                IN_WRITE.store(false, SeqCst);
            });
            Watched::PAIR.with(|pair| {
                IN_READ.store(true, SeqCst);
                assert!(is_whole(pair));
                // Nested, and another field beside it.
                Watched::PAIR.with(|pair| assert!(is_whole(pair)));
                Watched::OTHER.with_mut(change);
                IN_READ.store(false, SeqCst);
            });
            Watched::with_state_mut(|state| {
                IN_WRITE.store(true, SeqCst);
                change(&mut state.pair);
                Watched::COUNT.increment();
                IN_WRITE.store(false, SeqCst);
            });
            Watched::with_state(|state| assert!(is_whole(&state.pair) && is_whole(&state.other)));
            Watched::COUNT.increment();
            // Holds the registry's lock, which the handler does not want.
            std::hint::black_box(Watched::COUNT.total());
        }
        // Nothing that was written, here or there, is lost.
        let (written, handlers) = Watched::PAIR.with(|pair| {
            compiler_fence(SeqCst);
            (pair.left, WRITES.load(SeqCst))
        });
        assert_eq!(written, 2 * rounds + handlers);
    });
    let (signals, writes) = (SIGNALS.load(SeqCst), WRITES.load(SeqCst));
    let (reads, refusals) = (READS.load(SeqCst), REFUSALS.load(SeqCst));
    println!(
        "{signals} signals in {rounds} rounds: {writes} times granted exclusively, {reads} times \
         shared, {refusals} times refused"
    );
    assert_eq!(WRONG.load(SeqCst), 0);
    assert!(writes > 0 && reads > 0);
    assert_eq!(writes + reads + refusals, 2 * signals);
    // An addition that is not one instruction can lose those of a handler in its midst, but not its own.
    let own = 1 + 2 * rounds;
    let counted = Watched::COUNT.total();
    assert!((own..=own + signals).contains(&counted), "{counted}");
    println!(
        "{} of the handler's counts were lost",
        own + signals - counted
    );
}
