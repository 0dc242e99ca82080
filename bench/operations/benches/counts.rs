//! Process-wide counts: what adding costs, and what a total does.
//!
//! Timings drift while a program runs, because something else runs, too. So all candidates are
//! measured in every sample, one after another, in alternating order: a *round*. What is compared
//! is the median over rounds of the ratio *within* a round. Criterion decides how many iterations a
//! round needs and takes the samples; its own report is about the first candidate alone.
//!
//! What the rounds found is written to the standard output, in lines that begin with `record` and
//! have their columns separated by tabs: operation, setting, candidate, unit, value.

use criterion::{Criterion, SamplingMode};
use states::counts::{
    Counting, FastTelemetry, GlobalAtomic, Locked, PaddedShards, PrometheusLocal, RegistryOfArcs,
    RegistryOfArcsStored, TlsCore,
};
use std::array;
use std::cell::{LazyCell, RefCell};
use std::hint::{self, black_box};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Does something so many times.
type Work = fn(u64);

struct Candidate {
    name: &'static str,
    add: fn(),
    add_blocks: Work,
    total: fn() -> u64,
    totals: Work,
}

const fn candidate<C: Counting>() -> Candidate {
    Candidate {
        name: C::NAME,
        add: || {
            C::add(1);
            C::flush();
        },
        add_blocks: add_blocks::<C>,
        total: C::total,
        totals: totals::<C>,
    }
}

/// The two that are compared most closely are neighbors.
const CANDIDATES: [Candidate; 8] = [
    candidate::<TlsCore>(),
    candidate::<RegistryOfArcs>(),
    candidate::<RegistryOfArcsStored>(),
    candidate::<GlobalAtomic>(),
    candidate::<Locked>(),
    candidate::<PaddedShards>(),
    candidate::<FastTelemetry>(),
    candidate::<PrometheusLocal>(),
];

/// The registry once more, to see how much a thing differs from itself.
const REGISTRY_AGAIN: Candidate = Candidate {
    name: "registry of Arcs again",
    ..candidate::<RegistryOfArcs>()
};

/// How many additions make up one iteration. Candidates that collect in the thread flush after so
/// many.
const BLOCK: u32 = 256;

fn add_blocks<C: Counting>(blocks: u64) {
    for _ in 0..blocks {
        for _ in 0..BLOCK {
            // Hidden from the compiler, so that it does not add a block in one step.
            C::add(black_box(1));
        }
        C::flush();
    }
}

fn totals<C: Counting>(times: u64) {
    for _ in 0..times {
        black_box(C::total());
    }
}

fn timed(work: Work, times: u64) -> Duration {
    let start = Instant::now();
    work(times);
    start.elapsed()
}

/// How an operation is reported.
struct Operation<'a> {
    name: &'a str,
    setting: &'a str,
    unit: &'a str,
    /// How many units an iteration has.
    units: u32,
    /// With whom the others are compared, and how that ratio is called.
    baseline: (&'a str, &'a str),
}

/// Measures candidates in rounds. `prepare` is called if this is to be measured at all; what it
/// returns is kept until the end.
fn rounds<P>(
    criterion: &mut Criterion,
    operation: &Operation<'_>,
    candidates: &[Candidate],
    prepare: impl Fn() -> P,
    measure: impl Fn(&P, &Candidate, u64) -> Duration,
) {
    // For every round the time of an iteration, by candidate. The rounds of the warm-up are among
    // them; they come first, and are shorter.
    let rounds = RefCell::new(Vec::new());
    let mut prepared = None;
    let mut group = criterion.benchmark_group(operation.name);
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(operation.setting, |bencher| {
        let prepared = prepared.get_or_insert_with(&prepare);
        bencher.iter_custom(|iterations| {
            let mut rounds = rounds.borrow_mut();
            let mut times = vec![Duration::ZERO; candidates.len()];
            for step in 0..candidates.len() {
                let index = if rounds.len() % 2 == 0 {
                    step
                } else {
                    candidates.len() - 1 - step
                };
                times[index] = measure(prepared, &candidates[index], iterations);
            }
            let first = times[0];
            rounds.push((iterations, times));
            first
        });
    });
    group.finish();
    report(operation, candidates, &rounds.into_inner());
}

fn report(operation: &Operation<'_>, candidates: &[Candidate], rounds: &[(u64, Vec<Duration>)]) {
    // The samples all have the same number of iterations: that of the last round.
    let Some(&(iterations, _)) = rounds.last() else {
        return; // Filtered out.
    };
    let rounds: Vec<&[Duration]> = rounds
        .iter()
        .rev()
        .take_while(|(of_round, _)| *of_round == iterations)
        .map(|(_, times)| &times[..])
        .collect();
    let Operation {
        name,
        setting,
        unit,
        units,
        baseline: (baseline, ratio_unit),
    } = *operation;
    let baseline = candidates
        .iter()
        .position(|candidate| candidate.name == baseline)
        .expect("the baseline is one of the candidates");
    eprintln!(
        "{name}, {setting}: {} rounds of {iterations}, quartiles",
        rounds.len()
    );
    #[expect(clippy::cast_precision_loss, reason = "they are far fewer")]
    let scale = 1e9 / iterations as f64 / f64::from(units);
    for (index, candidate) in candidates.iter().enumerate() {
        let [low, time, high] = quartiles(
            rounds
                .iter()
                .map(|times| times[index].as_secs_f64() * scale),
        );
        let [low_ratio, ratio, high_ratio] = quartiles(
            rounds
                .iter()
                .map(|times| times[index].as_secs_f64() / times[baseline].as_secs_f64()),
        );
        let candidate = candidate.name;
        eprintln!(
            "  {candidate:32} {low:9.3} {time:9.3} {high:9.3} {unit}, \
             {low_ratio:7.3} {ratio:7.3} {high_ratio:7.3} {ratio_unit}"
        );
        println!("record\t{name}\t{setting}\t{candidate}\t{unit}\t{time}");
        if index != baseline {
            println!("record\t{name}\t{setting}\t{candidate}\t{ratio_unit}\t{ratio}");
        }
    }
}

/// The values below which a quarter, a half, and three quarters are.
fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    array::from_fn(|quartile| values[(values.len() - 1) * (quartile + 1) / 4])
}

/// Threads that have counted once with every candidate, and now wait for the end of this.
struct Crowd {
    threads: Vec<JoinHandle<()>>,
    /// Closed when this is dropped.
    ends: Vec<Sender<()>>,
}

impl Crowd {
    /// Starts threads, one when the one before it has counted.
    ///
    /// So each has made what it needs for itself, as in any program: an `Arc` comes from the
    /// thread's own part of the heap.
    fn new(threads: usize) -> Self {
        let (counted, has_counted) = mpsc::channel();
        let (threads, ends) = (0..threads)
            .map(|_| {
                let counted = counted.clone();
                let (end, ended) = mpsc::channel::<()>();
                let thread = thread::Builder::new()
                    .stack_size(64 << 10)
                    .spawn(move || {
                        for candidate in &CANDIDATES {
                            (candidate.add)();
                        }
                        let _ = counted.send(());
                        let _ = ended.recv();
                    })
                    .expect("the system allows so many threads");
                has_counted.recv().expect("the thread counts");
                (thread, end)
            })
            .collect();
        Self { threads, ends }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.ends.clear();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A thread that does something while something else is measured.
struct Companion {
    orders: Sender<Work>,
    /// It has stopped.
    stopped: Receiver<()>,
}

/// The companion is to stop.
static STOP: AtomicBool = AtomicBool::new(false);

/// How often the companion has done what it does.
static PROGRESS: Progress = Progress(AtomicU64::new(0));

/// On a cache line of its own: nothing that is measured shall wait for it.
#[repr(align(128))]
struct Progress(AtomicU64);

impl Progress {
    fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    /// Waits until the companion is at work. This thread stays runnable, so that the system gives
    /// the companion another core as soon as it can.
    fn wait(&self) {
        let (before, start) = (self.get(), Instant::now());
        while self.get() == before {
            hint::spin_loop();
            if start.elapsed() > Duration::from_millis(10) {
                thread::yield_now();
            }
        }
    }
}

impl Companion {
    fn new() -> Self {
        let (orders, works) = mpsc::channel::<Work>();
        let (stop, stopped) = mpsc::channel();
        // Ends when the companion is dropped.
        thread::spawn(move || {
            for work in works {
                while !STOP.load(Relaxed) {
                    work(1);
                    PROGRESS.0.store(PROGRESS.get() + 1, Relaxed);
                }
                let _ = stop.send(());
            }
        });
        Self { orders, stopped }
    }

    /// Times `measured` while the companion does `work`; `times` pieces of it.
    fn meanwhile(&self, work: Work, measured: Piece, times: u64) -> Duration {
        const LIVES: &str = "the companion lives";
        STOP.store(false, Relaxed);
        self.orders.send(work).expect(LIVES);
        let time = (0..times).map(|_| piece(measured)).sum();
        STOP.store(true, Relaxed);
        self.stopped.recv().expect(LIVES);
        time
    }
}

/// What is measured beside the companion, and how often a piece repeats it.
type Piece = (Work, u32);

/// So long that reading the clock does not matter.
const BLOCKS: u32 = 64;
const TOTALS: u32 = 4096;

/// Times a piece during which the companion was at work.
///
/// On a busy machine the companion is often suspended, and what is measured then does not concern
/// two threads. Hence pieces, and not as much as a round needs at once: this tries another one.
fn piece((measured, length): Piece) -> Duration {
    let mut tries_left = 10;
    loop {
        PROGRESS.wait();
        let before = PROGRESS.get();
        let time = timed(measured, length.into());
        tries_left -= 1;
        if PROGRESS.get() > before + 1 || tries_left == 0 {
            return time;
        }
    }
}

/// Who is in this: those whose totals differ, and the registry once more.
fn totaling() -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = CANDIDATES.into();
    candidates.retain(|candidate| candidate.name != RegistryOfArcsStored::NAME);
    candidates.insert(2, REGISTRY_AGAIN);
    candidates
}

/// Starts threads that hold a cell and do nothing; looks whether they have been counted.
fn crowd(threads: u32, candidates: &[Candidate]) -> Crowd {
    let totals = || candidates.iter().map(|candidate| (candidate.total)());
    let before: Vec<u64> = totals().collect();
    let crowd = Crowd::new(threads as usize);
    for ((before, after), candidate) in before.iter().zip(totals()).zip(candidates) {
        let counted = after.wrapping_sub(*before);
        assert!(counted >= threads.into(), "{} miscounts", candidate.name);
    }
    crowd
}

/// One total right after the other: what it needs is in the caches.
fn total(criterion: &mut Criterion) {
    let candidates = totaling();
    for threads in [2, 16, 256, 2048] {
        let operation = Operation {
            name: "total",
            setting: &format!("{threads} threads"),
            unit: "ns per thread",
            units: threads,
            baseline: (RegistryOfArcs::NAME, "of the registry"),
        };
        rounds(
            criterion,
            &operation,
            &candidates,
            || crowd(threads, &candidates),
            |_, candidate, times| timed(candidate.totals, times),
        );
    }
}

/// A total when the program has done something else for a while, and nothing is in the caches.
fn total_cold(criterion: &mut Criterion) {
    // More than most caches hold.
    let others: LazyCell<Vec<u64>> = LazyCell::new(|| vec![1; (64 << 20) / size_of::<u64>()]);
    let evict = || {
        black_box(
            others
                .iter()
                .fold(0, |sum: u64, other| sum.wrapping_add(*other)),
        )
    };
    // Of the others the totals do not depend on the number of threads.
    let candidates = &totaling()[..3];
    for threads in [256, 2048] {
        let operation = Operation {
            name: "total, cold",
            setting: &format!("{threads} threads"),
            unit: "ns per thread",
            units: threads,
            baseline: (RegistryOfArcs::NAME, "of the registry"),
        };
        rounds(
            criterion,
            &operation,
            candidates,
            || crowd(threads, candidates),
            |_, candidate, times| {
                let cold = || {
                    evict();
                    timed(candidate.totals, 1)
                };
                (0..times).map(|_| cold()).sum()
            },
        );
    }
}

/// A reader and a writer, both without pause.
fn beside(criterion: &mut Criterion) {
    let operation = Operation {
        name: "total beside writers",
        setting: "1 writer",
        unit: "ns per thread",
        units: TOTALS,
        baseline: (RegistryOfArcs::NAME, "of the registry"),
    };
    rounds(
        criterion,
        &operation,
        &CANDIDATES,
        Companion::new,
        |companion, candidate, times| {
            companion.meanwhile(candidate.add_blocks, (candidate.totals, TOTALS), times)
        },
    );
    let operation = Operation {
        name: "add beside a reader",
        setting: "1 reader",
        unit: "ns",
        units: BLOCKS * BLOCK,
        baseline: (GlobalAtomic::NAME, "of the global atomic"),
    };
    rounds(
        criterion,
        &operation,
        &CANDIDATES,
        Companion::new,
        |companion, candidate, times| {
            companion.meanwhile(candidate.totals, (candidate.add_blocks, BLOCKS), times)
        },
    );
}

/// What it takes a thread to add, alone and while another one does, too.
fn add(criterion: &mut Criterion) {
    let operation = Operation {
        name: "add",
        setting: "1 thread",
        unit: "ns",
        units: BLOCK,
        baseline: (GlobalAtomic::NAME, "of the global atomic"),
    };
    rounds(
        criterion,
        &operation,
        &CANDIDATES,
        || (),
        |(), candidate, times| timed(candidate.add_blocks, times),
    );
    let operation = Operation {
        setting: "2 threads",
        units: BLOCKS * BLOCK,
        ..operation
    };
    rounds(
        criterion,
        &operation,
        &CANDIDATES,
        Companion::new,
        |companion, candidate, times| {
            companion.meanwhile(candidate.add_blocks, (candidate.add_blocks, BLOCKS), times)
        },
    );
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(200)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    // First, as long as this thread has no cells that would have to be totaled, too.
    total(&mut criterion);
    total_cold(&mut criterion);
    beside(&mut criterion);
    add(&mut criterion);
    criterion.final_summary();
}
