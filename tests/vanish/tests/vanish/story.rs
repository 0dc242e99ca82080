//! What the other thread does, and what the child must find.

use std::any::Any;
use std::hint::black_box;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

use super::runtime::shared::{Gauge, Part, Peak, Total, UpDown, shared_fields};
use super::runtime::{Counter, Histogram, thread_local_state};
use crate::support::{FAILED, end_at_once, in_child, note, on_thread};
use crate::{step, tagged};

/// A field of each type.
#[thread_local_state(crate = super::runtime)]
struct Meter {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    in_flight: UpDown,
    #[state(shared)]
    queue: Gauge,
    #[state(shared)]
    longest: Peak,
    #[state(shared)]
    words: Part<Words>,
}

/// Has much to add up.
#[thread_local_state(crate = super::runtime)]
struct Timer {
    #[state(shared)]
    latency: Histogram,
}

/// The other thread is the first to use it.
#[thread_local_state(crate = super::runtime)]
struct Fresh {
    #[state(shared)]
    done: Counter,
}

/// Its chunks have 8 blocks.
#[thread_local_state(crate = super::runtime)]
struct Wide {
    #[state(shared)]
    counts: [Counter; 1000],
}

/// Knows whose it is.
struct Words {
    sum: u64,
    process: u32,
}

/// How many of the parent's parts this process has dropped.
static DROPS: AtomicUsize = AtomicUsize::new(0);

impl Default for Words {
    fn default() -> Self {
        Self {
            sum: 0,
            process: std::process::id(),
        }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            DROPS.fetch_add(1, SeqCst);
        }
    }
}

/// Writes to everything.
fn write(amount: u32) {
    Meter::DONE.add(amount.into());
    Meter::IN_FLIGHT.add(-i64::from(amount));
    Meter::QUEUE.set(amount.into());
    Meter::LONGEST.record(amount.into());
    Meter::WORDS.with_mut(|words| words.sum += u64::from(amount));
}

/// All totals.
fn totals() -> (u64, i64, i64, u64) {
    (
        Meter::DONE.total(),
        Meter::IN_FLIGHT.total(),
        Meter::QUEUE.total(),
        Meter::LONGEST.total(),
    )
}

/// Count and sum.
fn measured() -> (u64, u64) {
    let latency = Timer::LATENCY.total();
    (latency.count(), latency.sum())
}

fn taken_parts() -> Vec<u64> {
    let parts = Meter::WORDS.take_parts();
    let mut sums: Vec<u64> = parts.iter().map(|part| part.sum).collect();
    sums.sort_unstable();
    sums
}

fn parts_of_threads() -> Vec<u64> {
    let threads = Meter::DONE.per_thread().into_rows();
    threads.iter().map(|thread| thread.value).collect()
}

/// What `shared_fields` says of a counter, each time that it names it.
fn listed(state: &str, field: &str) -> Vec<u64> {
    let fields = shared_fields();
    let found = fields
        .iter()
        .filter(|listed| listed.module == module_path!())
        .filter(|listed| (listed.state, listed.field) == (state, field));
    found
        .map(|listed| match &listed.total {
            Total::Counter(total) => *total,
            total => panic!("{total:?} is no counter's"),
        })
        .collect()
}

/// Checks a child, in which nothing of the shared fields has been used yet.
fn check_child() {
    assert_eq!(totals(), (0, 0, 0, 0), "left by the parent");
    assert_eq!(measured(), (0, 0), "left by the parent");
    assert_eq!(Meter::state().live_threads(), 0, "threads that are gone");
    assert_eq!(parts_of_threads(), [], "of threads that are gone");
    assert_eq!(taken_parts(), [], "parts of the parent's");
    assert_eq!(Meter::DONE.take_total(), 0, "left to be taken");
    assert_eq!(Fresh::DONE.total(), 0, "left by the parent");

    write(3);
    on_thread(|| write(4));
    assert_eq!(totals(), (7, -7, 3, 4), "counted in the child");
    assert_eq!(Meter::state().live_threads(), 1);
    assert_eq!(parts_of_threads(), [3]);
    assert_eq!(Meter::DONE.take_total(), 7);
    Timer::LATENCY.record(3);
    on_thread(|| Timer::LATENCY.record(4));
    assert_eq!(measured(), (2, 7), "counted in the child");
    assert_eq!(Timer::LATENCY.take_total().count(), 2);
    assert_eq!(taken_parts(), [3, 4]);
    assert_eq!(taken_parts(), []);

    on_thread(|| Fresh::DONE.add(5));
    Fresh::DONE.add(6);
    assert_eq!(Fresh::DONE.total(), 11);
    Wide::COUNTS.at(999).add(8);
    on_thread(|| Wide::COUNTS.at(999).add(9));
    assert_eq!(Wide::COUNTS.at(999).total(), 17);
    assert_eq!(listed("Meter", "done"), [7]);
    assert_eq!(listed("Fresh", "done"), [11]);

    let frees = tagged::frees_of_the_parents();
    assert_eq!(frees, 0, "frees of what is the parent's");
    let drops = DROPS.load(SeqCst);
    assert_eq!(drops, 0, "drops of what is the parent's");
}

/// Whether a handler of the user's uses shared fields in the child before the runtime's.
static IS_EARLY: AtomicBool = AtomicBool::new(false);

/// Registered before the runtime's.
extern "C" fn early() {
    if IS_EARLY.load(SeqCst) {
        noted(|| {
            black_box((totals(), measured(), Fresh::DONE.total()));
            black_box((parts_of_threads(), shared_fields()));
            write(1000);
            Timer::LATENCY.record(1000);
            Fresh::DONE.add(1000);
            taken_parts();
        });
    }
}

#[used]
#[unsafe(link_section = ".init_array.00101")]
static REGISTERS_EARLY: extern "C" fn() = {
    extern "C" fn register() {
        // SAFETY: a function of this program, which stays.
        unsafe { libc::pthread_atfork(None, None, Some(early)) };
    }
    register
};

/// In a child: says why it failed.
fn noted(check: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(check)) {
        note(message(&*payload));
        end_at_once(FAILED);
    }
}

/// What a panic says.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or(payload.downcast_ref::<&str>().copied())
        .unwrap_or("a payload that is no text")
}

/// Another thread does this, and the process is forked at every point of it.
fn tell(operation: fn()) {
    // This thread, one that has ended, and what they have left are the parent's.
    write(1);
    Timer::LATENCY.record(1);
    on_thread(|| {
        write(2);
        Timer::LATENCY.record(2);
    });
    step::fork_at_every_point(operation, || in_child(|| noted(check_child)));
    // The parent has lost nothing.
    assert!(Meter::DONE.total() >= 3 && measured().0 >= 2);
}

/// The same where the operation has very many instructions.
fn long(operation: fn()) {
    if step::is_thorough() {
        tell(operation);
    }
}

/// The same with a handler of the user's that comes first in the child.
pub(crate) fn early_handler(story: fn()) {
    IS_EARLY.store(true, SeqCst);
    story();
}

/// Goes one instruction at a time.
fn stepping(operation: impl FnOnce()) {
    step::on();
    operation();
    step::off();
}

pub(crate) fn uses_a_state_first() {
    tell(|| stepping(|| Fresh::DONE.add(1)));
}

pub(crate) fn writes_first() {
    tell(|| stepping(|| write(5)));
}

pub(crate) fn writes_again() {
    tell(|| {
        write(5);
        stepping(|| write(6));
    });
}

pub(crate) fn totals_all() {
    tell(|| {
        stepping(|| {
            black_box((totals(), Meter::state().live_threads()));
        });
    });
}

pub(crate) fn lists() {
    tell(|| {
        stepping(|| {
            black_box((parts_of_threads(), Meter::state().live_threads()));
        });
    });
}

pub(crate) fn takes() {
    tell(|| {
        stepping(|| {
            black_box((Meter::DONE.take_total(), Fresh::DONE.take_total()));
        });
    });
}

pub(crate) fn lists_everything() {
    long(|| {
        stepping(|| {
            black_box(shared_fields());
        });
    });
}

pub(crate) fn takes_a_histogram() {
    long(|| {
        stepping(|| {
            Timer::LATENCY.record(5);
            black_box(Timer::LATENCY.take_total());
        });
    });
}

pub(crate) fn exits_with_a_histogram() {
    long(|| {
        step_at_exit();
        Timer::LATENCY.record(5);
    });
}

pub(crate) fn collects() {
    tell(|| {
        write(5);
        stepping(|| drop(Meter::WORDS.take_parts()));
    });
}

pub(crate) fn uses_a_part_within_its_part() {
    tell(|| {
        stepping(|| {
            Meter::WORDS.with_mut(|outer| {
                Meter::WORDS.with_mut(|inner| inner.sum += 1);
                drop(Meter::WORDS.take_parts());
                outer.sum += 1;
            });
        });
    });
}

/// Begins to step when it is dropped.
struct On;

impl Drop for On {
    fn drop(&mut self) {
        step::on();
    }
}

/// Ends it.
struct Off;

impl Drop for Off {
    fn drop(&mut self) {
        write(7);
        step::off();
    }
}

#[thread_local_state(crate = super::runtime)]
struct Ending {
    #[state(init = On)]
    on: On,
}

thread_local! {
    static OFF: Off = const { Off };
}

/// From when this thread's states are dropped to when its blocks have been given back, and some late
/// writes.
fn step_at_exit() {
    // The standard library runs the destructors of the latest first.
    OFF.with(|_| ());
    Ending::state().init();
}

pub(crate) fn exits() {
    tell(|| {
        step_at_exit();
        write(5);
    });
}

type Crowd = Vec<(Sender<()>, JoinHandle<()>)>;

/// Those that end in the midst of an operation.
static CROWD: Mutex<Crowd> = Mutex::new(Vec::new());

/// Threads that have a block of `Wide` until they are told to end.
fn crowd(size: usize) -> Crowd {
    let begin = |_| {
        let (end, wait) = channel();
        let (tell, is_ready) = channel();
        let thread = thread::spawn(move || {
            Wide::COUNTS.at(0).add(1);
            tell.send(()).expect("it is waited for");
            let _ = wait.recv();
        });
        is_ready.recv().expect("it is ready");
        (end, thread)
    };
    (0..size).map(begin).collect()
}

fn disperse(crowd: Crowd) {
    for (end, thread) in crowd {
        drop(end);
        thread.join().expect("it ends");
    }
}

pub(crate) fn adds_a_chunk() {
    let crowd = crowd(8);
    long(|| stepping(|| Wide::COUNTS.at(0).add(1)));
    disperse(crowd);
}

pub(crate) fn gives_a_chunk_back() {
    // Of the 8 in the first chunk two are left when the last thread exits that has a block of the second:
    // so that chunk is not kept.
    let mut all = crowd(8);
    let rest = all.split_off(2);
    CROWD.lock().expect("nobody fails with it").extend(rest);
    long(|| {
        step_at_exit();
        Wide::COUNTS.at(0).add(1);
        disperse(take(&mut *CROWD.lock().expect("nobody fails with it")));
    });
    disperse(take(&mut *CROWD.lock().expect("nobody fails with it")));
    disperse(all);
}
