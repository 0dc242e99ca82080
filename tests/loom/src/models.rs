//! What must hold in every interleaving.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use loom::sync::Arc;
use loom::sync::atomic::AtomicU64;
use loom::thread::{self, JoinHandle};

use crate::shared::job::{self, Home, Job};
use crate::shared::layout::{Kind, SharedMeta, Sharing, laid_out, rests_of};
use crate::shared::local::{self, LocalCell};
use crate::shared::raw::{Cells, Local};
use crate::shared::registry::{Inner, Registry, Rest};
use crate::shared::snapshot::HistogramSnapshot;
use crate::shared::{part, primitive};

/// Runs a model of two threads, in all interleavings with up to this many preemptions.
fn model(f: impl Fn() + Sync + Send + 'static) {
    bounded(asked().max(3), f);
}

/// Runs a model of three threads that all lock: with one preemption. With more, two of them may wait
/// in turns while loom lets the third, which holds the lock, do nothing, and it gives up.
fn model_of_three(f: impl Fn() + Sync + Send + 'static) {
    bounded(1, f);
}

/// Runs a model of many steps, of which there are many more interleavings: with two preemptions fewer.
fn large_model(f: impl Fn() + Sync + Send + 'static) {
    bounded(asked().max(3) - 2, f);
}

/// What the environment says.
fn asked() -> usize {
    let builder = loom::model::Builder::new();
    builder.preemption_bound.unwrap_or(0)
}

fn bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    let runs = std::sync::Arc::new(AtomicUsize::new(0));
    builder.check({
        let runs = std::sync::Arc::clone(&runs);
        move || {
            runs.fetch_add(1, Relaxed);
            f();
        }
    });
    let current = std::thread::current();
    let name = current.name().unwrap_or("a model");
    let runs = runs.load(Relaxed);
    println!("{runs} interleavings with up to {preemptions} preemptions: {name}");
}

const fn only(kind: Kind) -> SharedMeta {
    SharedMeta::new("only", "", kind, 1, false)
}

/// States with one field each.
static COUNTER: Sharing = Sharing::new("Model", "", &[only(Kind::Counter)], || {});
static GAUGE: Sharing = Sharing::new("Model", "", &[only(Kind::Gauge)], || {});
static PEAK: Sharing = Sharing::new("Model", "", &[only(Kind::Peak)], || {});
static HISTOGRAM: Sharing = Sharing::new("Model", "", &[only(Kind::Histogram)], || {});
static PART: Sharing = Sharing::new("Model", "", &[only(Kind::Part)], || {});

static COUNTERS: Sharing = Sharing::new(
    "Model",
    "",
    &laid_out([only(Kind::Counter), only(Kind::Counter)]),
    || {},
);

/// A state with two kinds.
const TWO: &[SharedMeta] = &laid_out([
    only(Kind::Histogram),
    SharedMeta::new("freed", "", Kind::Counter, 1, false),
]);
const TIMES: &SharedMeta = &TWO[0];
const FREED: &SharedMeta = &TWO[1];
static BOTH: Sharing = Sharing::new("Model", "", TWO, || {});

/// The only field of a state.
const CELL: usize = 0;
const WORD: usize = 0;

loom::thread_local! {
    /// Every thread's side. A thread has to do with one state only.
    // SAFETY: it is what the registries of the models allow: none has more cells.
    static LOCAL: Local<2> = unsafe { Local::new() };
}

/// Makes a registry, runs the story of it, and frees it when its threads have been joined.
fn story(sharing: &'static Sharing, body: impl FnOnce(&'static Registry)) {
    let registry: Registry<[Rest; rests_of(TWO)]> = Registry::new(sharing);
    let registry: *mut Registry = Box::into_raw(Box::new(registry));
    // SAFETY: it is freed below, when nobody has it any more; and not at all after a panic.
    body(unsafe { &*registry });
    local::retire();
    primitive::when_freed(None);
    // SAFETY: it comes from a box.
    drop(unsafe { Box::from_raw(registry) });
}

/// Starts a thread, which retires in the end.
fn spawn<R: 'static>(f: impl FnOnce() -> R + 'static) -> JoinHandle<R> {
    thread::spawn(move || {
        let result = f();
        local::retire();
        result
    })
}

/// This thread's place of a field.
fn place_of(registry: &'static Registry, cell: usize) -> LocalCell {
    LocalCell {
        local: LOCAL.with(Cells::local),
        registry,
        cell,
    }
}

fn place(registry: &'static Registry) -> LocalCell {
    place_of(registry, CELL)
}

/// As `Counter::add`.
fn add(place: LocalCell, count: u64) {
    // SAFETY: the field is a counter.
    if !unsafe { place.raw().add(count) } {
        place.add(count);
    }
}

/// As `Gauge::set`.
fn set(place: LocalCell, value: u64) {
    // SAFETY: the field is a gauge.
    if !unsafe { place.raw().set(value) } {
        place.set(value);
    }
}

/// As `Peak::record`.
fn raise(place: LocalCell, value: u64) {
    // SAFETY: the field is a peak.
    if !unsafe { place.raw().raise(value) } {
        place.raise(value);
    }
}

/// As `Histogram::record`.
fn record(place: LocalCell, value: u64) {
    // SAFETY: the field is a histogram.
    if !unsafe { place.raw().record(value) } {
        place.record(value);
    }
}

/// As `Part::with_mut`, of a list.
fn push(place: LocalCell, value: u64) {
    with_part(place, |list| list.push(value));
}

fn with_part<R>(place: LocalCell, f: impl FnOnce(&mut Vec<u64>) -> R) -> R {
    // SAFETY: the field is a part, and lists are all that is put there.
    unsafe { part::with::<Vec<u64>, _, _>(place, f) }
}

/// As `take_parts`. The values of all lists, sorted.
fn take_parts(registry: &'static Registry) -> Vec<u64> {
    let mut values = part::take_all::<Vec<u64>>(registry, CELL).concat();
    values.sort_unstable();
    values
}

fn both(mut left: Vec<u64>, right: Vec<u64>) -> Vec<u64> {
    left.extend(right);
    left.sort_unstable();
    left
}

fn total(registry: &'static Registry) -> u64 {
    registry.lock().sum(CELL, WORD)
}

fn greatest(registry: &'static Registry) -> u64 {
    registry.lock().greatest(CELL, WORD)
}

/// As `Gauge`'s.
fn total_live(registry: &'static Registry) -> u64 {
    registry.lock().sum_live(CELL, WORD)
}

/// Count and sum.
fn measured(registry: &'static Registry) -> (u64, u64) {
    let mut snapshot = HistogramSnapshot::default();
    registry.lock().add_histogram(CELL, WORD, &mut snapshot);
    (snapshot.count(), snapshot.sum())
}

/// As `take_total`.
fn take(registry: &'static Registry) -> u64 {
    let mut inner = registry.lock();
    let total = inner.sum(CELL, WORD);
    inner.take(WORD, total)
}

/// As `take_total` of a histogram: count and sum.
fn take_measured(registry: &'static Registry) -> (u64, u64) {
    let mut snapshot = HistogramSnapshot::default();
    let mut inner = registry.lock();
    inner.add_histogram(CELL, WORD, &mut snapshot);
    snapshot.for_each_word(|index, total| inner.take(WORD + index, total));
    drop(inner);
    (snapshot.count(), snapshot.sum())
}

/// As `per_thread`.
fn per_thread(registry: &'static Registry) -> Vec<u64> {
    let mut parts: Vec<Option<u64>> = Vec::new();
    loop {
        let needed = {
            let inner = registry.lock();
            if parts.len() >= inner.live() {
                for (thread, part) in inner.threads().zip(&mut parts) {
                    *part = Some(thread.load(CELL));
                }
                break;
            }
            inner.live()
        };
        parts.resize_with(needed + needed / 8 + 1, || None);
    }
    parts.into_iter().flatten().collect()
}

fn live(registry: &'static Registry) -> usize {
    registry.lock().live()
}

/// Tells another thread that something has been done. What has been done is in no way ordered with
/// it, but for what this itself does.
#[derive(Clone)]
struct Flag(Arc<AtomicU64>);

impl Flag {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    fn raise(&self) {
        self.0.store(1, Release);
    }

    fn is_raised(&self) -> bool {
        self.0.load(Acquire) == 1
    }
}

#[test]
pub(crate) fn a_total_beside_a_thread_that_retires_never_goes_back_and_is_exact_at_the_end() {
    model(|| {
        story(&COUNTER, |registry| {
            let worker = spawn(move || add(place(registry), 2));
            let first = total(registry);
            let second = total(registry);
            assert!(first <= second, "{first} then {second}");
            assert!([0, 2].contains(&first) && [0, 2].contains(&second));
            worker.join().unwrap();
            assert_eq!(total(registry), 2);
            assert_eq!(live(registry), 0);
        });
    });
}

#[test]
pub(crate) fn what_was_published_before_is_in_the_total() {
    model(|| {
        story(&COUNTER, |registry| {
            let published = Flag::new();
            let worker = spawn({
                let published = published.clone();
                move || {
                    add(place(registry), 1);
                    add(place(registry), 1);
                    published.raise();
                }
            });
            let least = if published.is_raised() { 2 } else { 0 };
            assert!(total(registry) >= least);
            worker.join().unwrap();
        });
    });
}

#[test]
pub(crate) fn two_threads_register_and_retire_with_blocks_of_their_own() {
    large_model(|| {
        story(&COUNTER, |registry| {
            let workers = [1, 10].map(|count| spawn(move || add(place(registry), count)));
            for worker in workers {
                worker.join().unwrap();
            }
            assert_eq!(total(registry), 11);
        });
    });
}

#[test]
pub(crate) fn a_block_is_clean_when_the_next_thread_gets_it() {
    model(|| {
        story(&COUNTERS, |registry| {
            let second = move || place_of(registry, 1);
            add(place(registry), 5);
            add(second(), 5);
            let worker = spawn(move || {
                add(place(registry), 1);
                // SAFETY: the field is a counter.
                let found = unsafe { second().raw().load() };
                assert_eq!(found, 0, "left by another thread");
                add(second(), 1);
            });
            local::retire();
            worker.join().unwrap();
            assert_eq!(total(registry), 6);
            assert_eq!(registry.lock().sum(1, 1), 6);
        });
    });
}

/// Cells to a line, and lines to a chunk: a first one has one block, a later one two.
const FIRST_CHUNK: usize = 2;
const LATER_CHUNK: usize = 4;

#[test]
pub(crate) fn threads_that_register_at_once_add_no_more_than_one_chunk() {
    model(|| {
        let before = primitive::cells();
        story(&COUNTER, |registry| {
            let address = move || place(registry).raw().get().map(|cell| cell.addr().get());
            let first = thread::spawn(move || {
                add(place(registry), 100);
                address()
            });
            let first = first.join().unwrap();
            // That one has not retired, so its chunk is full.
            let worker = thread::spawn(move || {
                add(place(registry), 10);
                address()
            });
            add(place(registry), 1);
            let blocks = [first, worker.join().unwrap(), address()];
            assert!(blocks.iter().all(Option::is_some));
            assert!(
                blocks[0] != blocks[1] && blocks[1] != blocks[2] && blocks[0] != blocks[2],
                "one block for two threads"
            );
            assert_eq!((live(registry), total(registry)), (3, 111));
            let cells = primitive::cells() - before;
            assert_eq!(cells, FIRST_CHUNK + LATER_CHUNK, "cells of two chunks");
        });
    });
}

#[test]
pub(crate) fn an_empty_chunk_is_given_back_beside_who_registers_and_who_totals() {
    model_of_three(|| {
        let before = primitive::cells();
        story(&COUNTER, |registry| {
            add(place(registry), 1);
            let second = spawn(move || add(place(registry), 10));
            let third = spawn(move || add(place(registry), 100));
            let seen = total(registry);
            assert!([1, 11, 101, 111].contains(&seen), "{seen}");
            local::retire();
            second.join().unwrap();
            third.join().unwrap();
            assert_eq!((live(registry), total(registry)), (0, 111));
            let cells = primitive::cells() - before;
            assert!(
                [FIRST_CHUNK, LATER_CHUNK].contains(&cells),
                "{cells} cells where one chunk is kept"
            );
        });
        assert_eq!(primitive::cells(), before);
    });
}

#[test]
pub(crate) fn what_a_thread_writes_and_takes_beside_another_taker_is_taken_once() {
    writer_and_taker(take);
}

pub(crate) fn writer_and_taker(take: fn(&'static Registry) -> u64) {
    model(move || {
        story(&COUNTER, |registry| {
            let worker = spawn(move || {
                add(place(registry), 1);
                take(registry)
            });
            let mine = take(registry);
            let all = [mine, worker.join().unwrap(), take(registry)];
            assert!(all.iter().all(|&taken| taken <= 1), "{all:?} taken");
            assert_eq!(all.iter().sum::<u64>(), 1, "taken in all");
        });
    });
}

#[test]
pub(crate) fn two_takers_lose_and_double_nothing_while_a_thread_writes_and_retires() {
    model_of_three(|| {
        story(&COUNTER, |registry| {
            let worker = spawn(move || add(place(registry), 1));
            let taker = thread::spawn(move || take(registry));
            let mine = take(registry);
            worker.join().unwrap();
            let theirs = taker.join().unwrap();
            let rest = take(registry);
            let all = [mine, theirs, rest];
            assert!(all.iter().all(|&taken| taken <= 1), "{all:?} taken");
            assert_eq!(all.iter().sum::<u64>(), 1, "taken in all");
        });
    });
}

/// Totals, and takes what was new when it did.
pub(crate) fn take_in_two_steps(registry: &'static Registry) -> u64 {
    let total = total(registry);
    registry.lock().take(WORD, total)
}

#[test]
pub(crate) fn a_late_write_beside_a_total_is_seen_or_not_and_never_lost() {
    model(|| {
        story(&COUNTER, |registry| {
            let worker = thread::spawn(move || {
                add(place(registry), 1);
                local::retire();
                add(place(registry), 3);
            });
            let found = total(registry);
            assert!([0, 1, 4].contains(&found));
            worker.join().unwrap();
            assert_eq!((total(registry), live(registry)), (4, 0));
        });
    });
}

#[test]
pub(crate) fn late_writes_beside_a_retirement_and_a_take_are_taken_once() {
    late_writes(|registry, count| registry.lock().add_exited(WORD, count));
}

pub(crate) fn late_writes(write: fn(&'static Registry, u64)) {
    model_of_three(move || {
        story(&COUNTER, |registry| {
            let late = thread::spawn(move || write(registry, 3));
            let worker = spawn(move || add(place(registry), 10));
            let taken = take(registry);
            late.join().unwrap();
            worker.join().unwrap();
            assert_eq!(taken + take(registry), 13, "taken in all");
            assert_eq!(total(registry), 13);
        });
    });
}

/// Reads what is left, and writes it with the new count, each under the lock.
pub(crate) fn write_late_in_two_steps(registry: &'static Registry, count: u64) {
    let left = |inner: &Inner| inner.sum(CELL, WORD) - inner.sum_live(CELL, WORD);
    let before = left(&registry.lock());
    let mut inner = registry.lock();
    let now = left(&inner);
    inner.add_exited(WORD, (before + count).wrapping_sub(now));
}

#[test]
pub(crate) fn the_peak_of_a_thread_that_retires_stays() {
    model(|| {
        story(&PEAK, |registry| {
            raise(place(registry), 5);
            let worker = spawn(move || {
                raise(place(registry), 3);
                raise(place(registry), 9);
            });
            let first = greatest(registry);
            local::retire();
            let second = greatest(registry);
            assert!(5 <= first && first <= second, "{first} then {second}");
            worker.join().unwrap();
            raise(place(registry), 7);
            assert_eq!(greatest(registry), 9);
        });
    });
}

#[test]
pub(crate) fn a_gauge_counts_as_long_as_its_thread_lives() {
    model(|| {
        story(&GAUGE, |registry| {
            set(place(registry), 10);
            let worker = thread::spawn(move || {
                set(place(registry), 2);
                set(place(registry), 3);
                local::retire();
                set(place(registry), 4);
            });
            let found = total_live(registry);
            assert!([10, 12, 13].contains(&found), "{found}");
            worker.join().unwrap();
            assert_eq!(total_live(registry), 10);
            local::retire();
            assert_eq!(total_live(registry), 0);
        });
    });
}

#[test]
pub(crate) fn a_histogram_is_counted_once_while_its_thread_retires() {
    model(|| {
        story(&HISTOGRAM, |registry| {
            let worker = spawn(move || record(place(registry), 1));
            let (first, _) = measured(registry);
            let (second, _) = measured(registry);
            assert!(first <= second && second <= 1, "{first} then {second}");
            worker.join().unwrap();
            assert_eq!(measured(registry), (1, 1), "left of a histogram");
        });
    });
}

#[test]
pub(crate) fn a_histogram_is_taken_once_while_its_thread_retires_and_writes_late() {
    model(|| {
        story(&HISTOGRAM, |registry| {
            let worker = thread::spawn(move || {
                record(place(registry), 1);
                local::retire();
                record(place(registry), 0);
            });
            let (count, sum) = take_measured(registry);
            worker.join().unwrap();
            let (more, rest) = take_measured(registry);
            assert_eq!((count + more, sum + rest), (2, 1));
        });
    });
}

#[test]
pub(crate) fn what_is_freed_while_a_thread_retires_can_be_counted() {
    fn count() {
        REGISTRY.with(|registry| {
            let registry = registry.get().unwrap();
            add(place_of(registry, FREED.cell), 1);
        });
    }

    std::thread_local! {
        static REGISTRY: std::cell::Cell<Option<&'static Registry>> =
            const { std::cell::Cell::new(None) };
    }

    large_model(|| {
        story(&BOTH, |registry| {
            REGISTRY.set(Some(registry));
            let worker = thread::spawn(move || {
                record(place_of(registry, TIMES.cell), 1);
                primitive::when_freed(Some(count));
                local::retire();
                primitive::when_freed(None);
            });
            add(place_of(registry, FREED.cell), 10);
            worker.join().unwrap();
            // SAFETY: the field is a counter.
            let own = unsafe { place_of(registry, FREED.cell).raw().load() };
            assert_eq!(own, 10, "this thread's own");
            let all = registry.lock().sum(FREED.cell, FREED.rest);
            assert!(all > 10, "{all} with what was freed");
            assert_eq!(registry.lock().sum_live(FREED.cell, FREED.rest), own);
        });
    });
}

#[test]
pub(crate) fn the_parts_of_live_threads_are_listed_beside_one_that_retires() {
    model(|| {
        story(&COUNTER, |registry| {
            add(place(registry), 1);
            let worker = spawn(move || add(place(registry), 10));
            let found = per_thread(registry);
            let is_worker_there = [vec![1, 0], vec![1, 10]].contains(&found);
            assert!(is_worker_there || found == [1], "{found:?}");
            worker.join().unwrap();
            assert_eq!(per_thread(registry), [1]);
        });
    });
}

#[test]
pub(crate) fn parts_are_collected_exactly_once_while_their_thread_retires() {
    model(|| {
        story(&PART, |registry| {
            let worker = spawn(move || push(place(registry), 7));
            let found = take_parts(registry);
            worker.join().unwrap();
            assert_eq!(both(found, take_parts(registry)), [7]);
        });
    });
}

#[test]
pub(crate) fn what_was_published_before_is_in_the_parts() {
    model(|| {
        story(&PART, |registry| {
            let published = Flag::new();
            let worker = spawn({
                let published = published.clone();
                move || {
                    push(place(registry), 7);
                    published.raise();
                    // The thread exits meanwhile.
                }
            });
            let is_published = published.is_raised();
            let found = take_parts(registry);
            assert!(
                !is_published || found.contains(&7),
                "left behind: {found:?}"
            );
            worker.join().unwrap();
            assert_eq!(both(found, take_parts(registry)), [7]);
        });
    });
}

#[test]
pub(crate) fn two_collectors_do_not_get_the_same_part() {
    model_of_three(|| {
        story(&PART, |registry| {
            let worker = spawn(move || push(place(registry), 7));
            let taker = thread::spawn(move || take_parts(registry));
            let found = take_parts(registry);
            worker.join().unwrap();
            let found = both(found, taker.join().unwrap());
            assert_eq!(both(found, take_parts(registry)), [7]);
        });
    });
}

#[test]
pub(crate) fn a_part_within_its_own_use_is_collected_as_one_more() {
    model(|| {
        story(&PART, |registry| {
            let worker = spawn(move || {
                with_part(place(registry), |list| {
                    push(place(registry), 2);
                    list.push(1);
                });
            });
            let found = take_parts(registry);
            worker.join().unwrap();
            assert_eq!(both(found, take_parts(registry)), [1, 2]);
        });
    });
}

#[test]
pub(crate) fn two_threads_that_collect_within_their_parts_do_not_wait_for_each_other() {
    large_model(|| {
        story(&PART, |registry| {
            let work = move |value: u64| {
                with_part(place(registry), |list| {
                    list.push(value);
                    take_parts(registry)
                })
            };
            let worker = spawn(move || work(1));
            let found = work(2);
            let found = both(found, worker.join().unwrap());
            assert_eq!(both(found, take_parts(registry)), [1, 2]);
        });
    });
}

#[test]
pub(crate) fn a_part_whose_thread_retires_within_its_use_is_not_waited_for_nor_lost() {
    model(|| {
        story(&PART, |registry| {
            let collected = Flag::new();
            let worker = thread::spawn({
                let collected = collected.clone();
                move || {
                    with_part(place(registry), |list| {
                        list.push(1);
                        local::retire();
                        // As a coroutine that nobody resumes until then.
                        while !collected.is_raised() {
                            thread::yield_now();
                        }
                        list.push(2);
                    });
                }
            });
            let found = take_parts(registry);
            collected.raise();
            worker.join().unwrap();
            assert_eq!(both(found, take_parts(registry)), [1, 2]);
        });
    });
}

#[test]
pub(crate) fn a_late_part_is_collected_once() {
    model(|| {
        story(&PART, |registry| {
            let worker = thread::spawn(move || {
                push(place(registry), 1);
                local::retire();
                push(place(registry), 2);
            });
            let found = take_parts(registry);
            worker.join().unwrap();
            assert_eq!(both(found, take_parts(registry)), [1, 2]);
        });
    });
}

/// As `Isolated::run`.
fn run<R>(job: &std::sync::Arc<Job>, f: impl FnOnce() -> R) -> R {
    let number = job::enter(job);
    let result = f();
    job::leave(number);
    result
}

fn total_here(registry: &'static Registry) -> u64 {
    Home::of(registry).lock().sum(CELL, WORD)
}

#[test]
pub(crate) fn two_threads_that_come_into_a_job_at_once_count_in_one_registry() {
    model(|| {
        story(&COUNTER, |registry| {
            let job = std::sync::Arc::new(Job::new());
            let worker = spawn({
                let job = std::sync::Arc::clone(&job);
                move || run(&job, || add(place(registry), 1))
            });
            run(&job, || add(place(registry), 10));
            worker.join().unwrap();
            assert_eq!(run(&job, || total_here(registry)), 11, "in the job");
            assert_eq!(total(registry), 0);
        });
    });
}

#[test]
pub(crate) fn who_has_written_in_a_job_and_left_it_has_its_count_in_it_and_writes_outside() {
    model(|| {
        story(&COUNTER, |registry| {
            let job = std::sync::Arc::new(Job::new());
            let worker = spawn({
                let job = std::sync::Arc::clone(&job);
                move || {
                    add(place(registry), 1);
                    run(&job, || add(place(registry), 10));
                    add(place(registry), 2);
                }
            });
            let inside = run(&job, || total_here(registry));
            assert!([0, 10].contains(&inside), "{inside} inside");
            let outside = total(registry);
            assert!([0, 1, 3].contains(&outside), "{outside} outside");
            worker.join().unwrap();
            run(&job, || {
                assert_eq!(total_here(registry), 10);
                assert_eq!(Home::of(registry).lock().live(), 0, "live inside");
            });
            assert_eq!(total(registry), 3);
        });
    });
}

#[test]
pub(crate) fn a_thread_that_exits_in_a_job_leaves_its_counts_inside_and_outside() {
    model(|| {
        story(&COUNTER, |registry| {
            let job = std::sync::Arc::new(Job::new());
            let worker = spawn({
                let job = std::sync::Arc::clone(&job);
                move || {
                    add(place(registry), 1);
                    job::enter(&job);
                    add(place(registry), 10);
                }
            });
            let inside = run(&job, || total_here(registry));
            assert!([0, 10].contains(&inside), "{inside} inside");
            worker.join().unwrap();
            assert_eq!(run(&job, || total_here(registry)), 10);
            assert_eq!(total(registry), 1);
        });
    });
}

#[test]
pub(crate) fn parts_of_a_job_are_collected_once_beside_who_leaves() {
    model(|| {
        story(&PART, |registry| {
            let job = std::sync::Arc::new(Job::new());
            let take = {
                let job = std::sync::Arc::clone(&job);
                move || {
                    run(&job, || {
                        part::take_all::<Vec<u64>>(&Home::of(registry), CELL).concat()
                    })
                }
            };
            let worker = spawn({
                let job = std::sync::Arc::clone(&job);
                move || run(&job, || push(place(registry), 7))
            });
            let found = take();
            worker.join().unwrap();
            assert_eq!(both(found, take()), [7]);
            assert!(take_parts(registry).is_empty());
        });
    });
}
