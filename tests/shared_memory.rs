//! What shared fields take is bounded by the most threads that were live at once, and most of it
//! is given back.
//!
//! Measured by a global allocator that counts live bytes: resident memory says little.

#[path = "support/live_bytes.rs"]
mod live_bytes;
#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, JoinHandle};

use tls_core::shared::{Part, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

use live_bytes::LIVE;
use support::{lock, scaled};

/// One test at a time.
static ONE: Mutex<()> = Mutex::new(());

/// What the test harness may allocate meanwhile.
const NOISE: usize = 4 << 10;

/// Bytes more than at the beginning.
fn grown(before: usize) -> usize {
    LIVE.load(Relaxed).saturating_sub(before)
}

/// What the checks ask: that a thread writes, and what is left of all.
trait Write: 'static {
    fn write();

    fn total() -> u64;
}

/// Threads that have written and wait.
struct Crowd {
    met: Arc<Barrier>,
    threads: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn of<W: Write>(count: usize) -> Self {
        let met = Arc::new(Barrier::new(count + 1));
        let spawn = |_| {
            let met = Arc::clone(&met);
            let thread = thread::Builder::new().stack_size(64 << 10);
            let body = move || {
                W::write();
                met.wait();
                // The others look.
                met.wait();
            };
            thread.spawn(body).unwrap()
        };
        let threads = (0..count).map(spawn).collect();
        met.wait();
        Self { met, threads }
    }

    fn end(self) {
        self.met.wait();
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

fn verify(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// 1,024 threads register and 1,023 of them end, several times.
fn check_memory<W: Write>() -> Result<(), String> {
    let count = scaled(1_023).max(255);
    let before = LIVE.load(Relaxed);
    let stays = Crowd::of::<W>(1);
    let one = grown(before);
    let mut first_peak = None;
    let mut first_rest = None;
    for round in 0..5 {
        let crowd = Crowd::of::<W>(count);
        let peak = grown(before);
        crowd.end();
        let rest = grown(before);
        println!("one {one}, peak {peak}, rest {rest}");
        verify(rest < peak / 4 + one, || {
            format!("round {round}: it stays at {rest} of {peak} bytes")
        })?;
        let first_peak = *first_peak.get_or_insert(peak);
        // What the standard library has for a thread that starts varies a little.
        verify(peak <= first_peak + first_peak / 8, || {
            format!("round {round}: at most {peak} bytes, {first_peak} in the first")
        })?;
        let first_rest = *first_rest.get_or_insert(rest);
        verify(rest <= first_rest + NOISE, || {
            format!("round {round}: at the end {rest} bytes, {first_rest} in the first")
        })?;
    }
    stays.end();
    let total = 5 * count as u64 + 1;
    verify(W::total() == total, || format!("{} of {total}", W::total()))
}

#[thread_local_state]
struct Counters {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    levels: [UpDown; 20],
}

impl Write for Counters {
    fn write() {
        Self::DONE.increment();
        Self::LEVELS.at(19).increment();
    }

    fn total() -> u64 {
        Self::DONE.total()
    }
}

#[thread_local_state]
struct Histograms {
    #[state(shared)]
    values: [Histogram; 2],
}

impl Write for Histograms {
    fn write() {
        Self::VALUES.at(1).record(5);
    }

    fn total() -> u64 {
        Self::VALUES.at(1).total().count()
    }
}

/// A cell for each thread, for ever: the simplest way to have exact totals.
struct Leaking;

static CELLS: Mutex<Vec<&'static AtomicU64>> = Mutex::new(Vec::new());

impl Write for Leaking {
    fn write() {
        thread_local! {
            static CELL: &'static AtomicU64 = {
                let cell: &_ = Box::leak(Box::default());
                lock(&CELLS).push(cell);
                cell
            };
        }
        CELL.with(|cell| cell.fetch_add(1, Relaxed));
    }

    fn total() -> u64 {
        lock(&CELLS).iter().map(|cell| cell.load(Relaxed)).sum()
    }
}

#[test]
fn when_1023_of_1024_threads_have_ended_memory_has_fallen_and_later_ones_take_no_more() {
    let _one = lock(&ONE);
    check_memory::<Counters>().unwrap();
    check_memory::<Histograms>().unwrap();
    assert_eq!(
        (
            Counters::state().live_threads(),
            Histograms::state().live_threads()
        ),
        (0, 0)
    );
}

#[test]
fn when_1023_of_1024_threads_have_ended_memory_has_not_fallen_in_a_naive_registry() {
    let _one = lock(&ONE);
    println!("{}", check_memory::<Leaking>().unwrap_err());
}

#[thread_local_state]
struct Scattered {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    values: Histogram,
}

impl Write for Scattered {
    fn write() {
        Self::DONE.increment();
        Self::VALUES.record(3);
    }

    fn total() -> u64 {
        Self::DONE.total()
    }
}

/// Whoever stays, and wherever: the next ones fill the gaps.
#[test]
fn blocks_between_those_of_threads_that_stay_are_recycled() {
    let _one = lock(&ONE);
    let rounds = scaled(20).max(5);
    let before = LIVE.load(Relaxed);
    let mut staying = Vec::new();
    let mut peaks = Vec::new();
    for _ in 0..rounds {
        // Two of 200 stay, so there are at most as many as in the first round and a few.
        let crowds = [99, 1, 100, 1].map(Crowd::of::<Scattered>);
        peaks.push(grown(before));
        let [first, one, second, other] = crowds;
        first.end();
        second.end();
        staying.extend([one, other]);
    }
    // What a thread that stays needs, and no more.
    let allowed = peaks[0] + 2 * rounds * (40 << 10);
    assert!(peaks.iter().all(|&peak| peak <= allowed), "{peaks:?}");
    assert_eq!(Scattered::state().live_threads(), 2 * rounds);
    assert_eq!(Scattered::DONE.total(), 201 * rounds as u64);
    let listed = Scattered::DONE.per_thread().into_rows();
    let ids: HashSet<_> = listed.iter().map(|thread| thread.thread).collect();
    assert_eq!(ids.len(), 2 * rounds);
    staying.into_iter().for_each(Crowd::end);
    assert!(
        grown(before) < peaks[0] / 4,
        "{} of {peaks:?}",
        grown(before)
    );
    assert_eq!(Scattered::state().live_threads(), 0);
}

#[thread_local_state]
struct Short {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u8>>,
}

#[test]
fn thousands_of_threads_one_after_another_leave_memory_flat() {
    let _one = lock(&ONE);
    let count = scaled(5_000);
    let run = |times: usize| {
        for _ in 0..times {
            let write = || {
                Short::DONE.increment();
                Short::VALUES.record(5);
                Short::PART.with_mut(|part| part.push(1));
            };
            let thread = thread::Builder::new().stack_size(64 << 10);
            thread.spawn(write).unwrap().join().unwrap();
            assert_eq!(Short::PART.take_parts().len(), 1);
        }
    };
    run(10);
    let before = LIVE.load(Relaxed);
    run(count);
    assert!(
        grown(before) <= NOISE,
        "{} bytes in {count} threads",
        grown(before)
    );
    assert_eq!(Short::DONE.total(), count as u64 + 10);
}

/// Taking away what is there is no reason to keep what it was in.
#[test]
fn parts_that_are_collected_are_gone() {
    let _one = lock(&ONE);
    let run = || {
        let crowd =
            [(); 20].map(|()| thread::spawn(|| Short::PART.with_mut(|p| p.resize(1 << 16, 1))));
        for thread in crowd {
            thread.join().unwrap();
        }
        let parts = Short::PART.take_parts();
        assert_eq!(parts.concat().len(), 20 << 16);
    };
    run();
    let before = LIVE.load(Relaxed);
    (0..5).for_each(|_| run());
    assert!(grown(before) <= NOISE, "{}", grown(before));
}
