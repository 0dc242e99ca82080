//! `Part`: each thread's own value, collected by move.

use std::cell::Cell;
use std::collections::HashMap;
use std::mem;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use portable_atomic::AtomicU64;
use tls_core::shared::Part;
use tls_core::{Counter, thread_local_state};

use crate::count::{Gate, Meeting, verify, wait_until};
use crate::naive::PATIENCE;
use crate::support::{OnDrop, lock, on_thread, scaled, try_panic_of};
use crate::totals::assert_naive;

/// What the check of parts asks: every thread adds numbers to its own, all can take.
trait Collect: 'static {
    fn push(number: u64);

    fn take() -> Vec<Vec<u64>>;
}

#[thread_local_state]
struct Collected {
    #[state(shared)]
    numbers: Part<Vec<u64>>,
}

impl Collect for Collected {
    fn push(number: u64) {
        Collected::NUMBERS.with_mut(|numbers| numbers.push(number));
    }

    fn take() -> Vec<Vec<u64>> {
        Collected::NUMBERS.take_parts()
    }
}

/// Threads come and go; two others collect meanwhile.
fn check_parts<C: Collect>() -> Result<(), String> {
    const NUMBERS: u64 = 20;
    let rounds = scaled(1_000) as u64;
    let next = AtomicU64::new(0);
    let takes = AtomicUsize::new(0);
    let is_over = AtomicBool::new(false);
    let push = || {
        for _ in 0..NUMBERS {
            C::push(next.fetch_add(1, Relaxed));
        }
    };
    let collect = || {
        let mut all = Vec::new();
        loop {
            let is_last = is_over.load(Acquire);
            all.extend(C::take());
            takes.fetch_add(1, AcqRel);
            if is_last {
                return all;
            }
        }
    };
    let mut parts = thread::scope(|scope| {
        let collectors = [(); 2].map(|()| scope.spawn(collect));
        // One that stays.
        let stays = scope.spawn(|| {
            while !is_over.load(Acquire) {
                push();
            }
        });
        // They are at it.
        wait_until(|| takes.load(Acquire) > 2);
        for _ in 0..rounds {
            for thread in [(); 3].map(|()| scope.spawn(push)) {
                thread.join().unwrap();
            }
        }
        is_over.store(true, Release);
        stays.join().unwrap();
        collectors.map(|thread| thread.join().unwrap()).concat()
    });
    parts.extend(C::take());
    for part in &parts {
        verify(part.is_sorted(), || format!("out of order: {part:?}"))?;
    }
    let mut numbers = parts.concat();
    numbers.sort_unstable();
    let pushed = next.load(Relaxed);
    verify(numbers.iter().copied().eq(0..pushed), || {
        let mut distinct = numbers.clone();
        distinct.dedup();
        format!(
            "{pushed}, of which {} collected, {} distinct",
            numbers.len(),
            distinct.len()
        )
    })?;
    verify(C::take().concat().is_empty(), || "something is left".into())
}

#[test]
fn what_is_collected_while_threads_come_and_go_is_all_there_is_and_nothing_twice() {
    check_parts::<Collected>().unwrap();
}

/// Copies what there is and then clears it: another collector may have copied it, too.
struct Naive;

type Place = Arc<Mutex<Vec<u64>>>;

static LIVE: Mutex<Vec<Place>> = Mutex::new(Vec::new());
static READS: AtomicUsize = AtomicUsize::new(0);
static EXITED: Mutex<Vec<Vec<u64>>> = Mutex::new(Vec::new());

struct NaivePart(Place);

impl Drop for NaivePart {
    fn drop(&mut self) {
        lock(&LIVE).retain(|place| !Arc::ptr_eq(place, &self.0));
        // Copied, because somebody may hold the `Arc`.
        lock(&EXITED).push(lock(&self.0).clone());
    }
}

impl Collect for Naive {
    fn push(number: u64) {
        thread_local! {
            static PART: NaivePart = {
                let place = Place::default();
                lock(&LIVE).push(Arc::clone(&place));
                NaivePart(place)
            };
        }
        PART.with(|part| lock(&part.0).push(number));
    }

    fn take() -> Vec<Vec<u64>> {
        let places = lock(&LIVE).clone();
        let live: Vec<_> = places.iter().map(|place| lock(place).clone()).collect();
        // Until the other collector has seen it as well.
        let seen = READS.fetch_add(1, AcqRel);
        for _ in 0..PATIENCE {
            if READS.load(Acquire) > seen + 1 {
                break;
            }
            thread::yield_now();
        }
        for place in &places {
            lock(place).clear();
        }
        [live, mem::take(&mut *lock(&EXITED))].concat()
    }
}

#[test]
fn what_is_collected_while_threads_come_and_go_is_wrong_in_a_naive_registry() {
    assert_naive(check_parts::<Naive>());
}

#[thread_local_state]
struct Words {
    #[state(shared)]
    counts: Part<HashMap<&'static str, u64>>,
    #[state(shared)]
    done: Counter,
}

#[test]
fn parts_of_live_and_of_exited_threads_are_collected_and_start_anew() {
    fn add(word: &'static str) {
        Words::COUNTS.with_mut(|counts| *counts.entry(word).or_default() += 1);
    }
    fn taken() -> Vec<Vec<(&'static str, u64)>> {
        let mut parts: Vec<Vec<_>> = Words::COUNTS
            .take_parts()
            .into_iter()
            .map(|part| {
                let mut words: Vec<_> = part.into_iter().collect();
                words.sort_unstable();
                words
            })
            // A live thread's new one may be empty.
            .filter(|words| !words.is_empty())
            .collect();
        parts.sort_unstable();
        parts
    }
    on_thread(|| ["a", "b", "a"].map(add));
    // Registered, and no part.
    on_thread(|| Words::DONE.increment());
    add("live");
    assert_eq!(taken(), [vec![("a", 2), ("b", 1)], vec![("live", 1)]]);
    assert_eq!(taken(), [[]; 0], "moved, not copied");
    add("live");
    add("again");
    assert_eq!(taken(), [[("again", 1), ("live", 1)]], "it starts anew");
}

#[thread_local_state]
struct OneEach {
    #[state(shared)]
    names: Part<Vec<usize>>,
}

#[test]
fn a_thousand_exited_threads_leave_a_part_each() {
    let count = scaled(1_000);
    for number in 0..count {
        on_thread(move || OneEach::NAMES.with_mut(|names| names.push(number)));
    }
    let mut parts = OneEach::NAMES.take_parts();
    parts.sort_unstable();
    assert!(parts.into_iter().eq((0..count).map(|number| vec![number])));
}

#[thread_local_state]
struct Nested {
    #[state(shared)]
    letters: Part<String>,
    #[state(shared)]
    digits: Part<String>,
}

#[test]
fn inside_with_mut_the_same_field_gives_another_part_and_both_are_collected() {
    on_thread(|| {
        Nested::LETTERS.with_mut(|outer| {
            outer.push('a');
            Nested::LETTERS.with_mut(|inner| {
                assert_eq!(inner, "");
                inner.push('x');
                Nested::LETTERS.with_mut(|innermost| {
                    assert_eq!(innermost, "");
                    innermost.push('y');
                });
                inner.push('x');
            });
            outer.push('b');
        });
        Nested::LETTERS.with_mut(|again| again.push('c'));
    });
    let mut parts = Nested::LETTERS.take_parts();
    parts.sort_unstable();
    // Where the third goes is not promised, but that it is there.
    assert_eq!(parts.concat().len(), 6, "{parts:?}");
    assert!(parts.concat().contains("abc"), "{parts:?}");
}

#[test]
fn inside_with_mut_the_other_fields_are_the_ordinary_ones() {
    on_thread(|| {
        Nested::DIGITS.with_mut(|digits| digits.push('1'));
        OneMore::LETTERS.with_mut(|letters| {
            OneMore::DIGITS.with_mut(|digits| digits.push('1'));
            letters.push('a');
            OneMore::DIGITS.with_mut(|digits| digits.push('2'));
        });
    });
    assert_eq!(OneMore::DIGITS.take_parts(), ["12"]);
    assert_eq!(OneMore::LETTERS.take_parts(), ["a"]);
    assert_eq!(Nested::DIGITS.take_parts(), ["1"]);
}

#[thread_local_state]
struct OneMore {
    #[state(shared)]
    letters: Part<String>,
    #[state(shared)]
    digits: Part<String>,
}

#[thread_local_state]
struct Busy {
    #[state(shared)]
    steps: Part<Vec<u32>>,
}

#[thread_local_state]
struct Through {
    #[state(shared)]
    first: Part<Vec<u32>>,
    #[state(shared)]
    second: Part<Vec<u32>>,
}

#[test]
fn collecting_leaves_a_part_that_its_thread_is_using_for_the_next_time() {
    static BEGUN: Gate = Gate::new();
    static TAKEN: Gate = Gate::new();
    let thread = thread::spawn(|| {
        Busy::STEPS.with_mut(|steps| {
            steps.push(1);
            // This use has ended when it is collected, though the one around it has not.
            Busy::STEPS.with_mut(|steps| steps.push(7));
            BEGUN.open();
            TAKEN.pass();
            steps.push(2);
        });
    });
    // Having used parts before, also in one another, makes no difference.
    Through::FIRST.with_mut(|first| {
        first.push(1);
        Through::SECOND.with_mut(|second| second.push(2));
    });
    BEGUN.pass();
    assert_eq!(Busy::STEPS.take_parts(), [[7]]);
    TAKEN.open();
    thread.join().unwrap();
    assert_eq!(Busy::STEPS.take_parts(), [[1, 2]]);
    assert!(Busy::STEPS.take_parts().is_empty());
}

#[thread_local_state]
struct Folded {
    #[state(shared)]
    words: Part<Vec<&'static str>>,
    #[state(shared)]
    other: Part<Vec<u8>>,
}

fn folded() -> Vec<&'static str> {
    let mut words = Folded::WORDS.fold_parts(Vec::new(), |mut all, words| {
        all.extend(words);
        all
    });
    words.sort_unstable();
    words
}

#[test]
fn folding_reads_the_parts_of_live_and_of_exited_threads_and_takes_none() {
    Folded::OTHER.with_mut(|other| other.push(1));
    on_thread(|| Folded::WORDS.with_mut(|words| words.push("exited")));
    Folded::WORDS.with_mut(|words| words.push("live"));
    for _ in 0..2 {
        assert_eq!(folded(), ["exited", "live"]);
    }

    // While parts are read, their threads write to others, and collecting leaves what is read.
    let collected = Folded::WORDS.fold_parts(Vec::new(), |mut collected, words| {
        if words == &["live"] {
            thread::scope(|scope| {
                let taken = scope.spawn(|| Folded::WORDS.take_parts());
                collected.extend(taken.join().unwrap());
            });
            Folded::WORDS.with_mut(|words| words.push("meanwhile"));
        }
        collected
    });
    assert!(collected.is_empty() || collected == [["exited"]]);
    let mut rest = [collected, Folded::WORDS.take_parts()].concat();
    rest.sort_unstable();
    assert_eq!(rest, [["exited"], ["live"], ["meanwhile"]]);
    assert_eq!(folded(), [""; 0]);
}

#[test]
fn a_panic_while_parts_are_read_loses_none() {
    #[thread_local_state(in_function)]
    struct Torn {
        #[state(shared)]
        numbers: Part<Vec<u8>>,
    }

    on_thread(|| Torn::NUMBERS.with_mut(|numbers| numbers.push(1)));
    Torn::NUMBERS.with_mut(|numbers| numbers.push(2));
    let result = try_panic_of(|| Torn::NUMBERS.fold_parts((), |(), _| panic!("while it is read")));
    assert!(result.is_err());
    let mut taken = Torn::NUMBERS.take_parts();
    taken.sort_unstable();
    assert_eq!(taken, [[1], [2]]);
}

/// A worker that waits for the collector, and a collector that would wait for the worker.
#[test]
fn a_thread_may_wait_for_who_reads_its_part() {
    #[thread_local_state(in_function)]
    struct Waited {
        #[state(shared)]
        numbers: Part<Vec<u8>>,
    }

    let read = &Meeting::of(2);
    let used = &Meeting::of(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            Waited::NUMBERS.with_mut(|numbers| numbers.push(1));
            read.wait();
            read.wait();
            Waited::NUMBERS.with_mut(|numbers| numbers.push(2));
            used.wait();
        });
        read.wait();
        Waited::NUMBERS.fold_parts((), |(), _| {
            read.wait();
            used.wait();
        });
    });
    let mut taken = Waited::NUMBERS.take_parts();
    taken.sort_unstable();
    assert_eq!(taken, [[1], [2]]);
}

#[thread_local_state]
struct Reentrant {
    #[state(shared)]
    steps: Part<Vec<u32>>,
}

/// Two threads that each wait for the other's would wait for ever.
#[test]
fn collecting_inside_with_mut_leaves_what_is_in_use_for_the_next_time() {
    let met = &Meeting::of(2);
    let results = thread::scope(|scope| {
        let threads = [1, 2].map(|number| {
            scope.spawn(move || {
                Reentrant::STEPS.with_mut(|steps| {
                    steps.push(number);
                    met.wait();
                    let taken = Reentrant::STEPS.take_parts();
                    met.wait();
                    steps.push(10 * number);
                    taken
                })
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(results.concat().concat(), [0; 0]);
    let mut left = Reentrant::STEPS.take_parts();
    left.sort_unstable();
    assert_eq!(left, [[1, 10], [2, 20]]);
}

#[thread_local_state]
struct Crossed {
    #[state(shared)]
    first: Part<Vec<u32>>,
    #[state(shared)]
    second: Part<Vec<u32>>,
}

#[test]
fn collecting_each_others_fields_inside_with_mut_does_not_deadlock() {
    let met = &Meeting::of(2);
    thread::scope(|scope| {
        scope.spawn(move || {
            Crossed::FIRST.with_mut(|first| {
                first.push(1);
                met.wait();
                assert!(Crossed::SECOND.take_parts().is_empty());
                met.wait();
            });
        });
        scope.spawn(move || {
            Crossed::SECOND.with_mut(|second| {
                second.push(2);
                met.wait();
                assert!(Crossed::FIRST.take_parts().is_empty());
                met.wait();
            });
        });
    });
    assert_eq!(Crossed::FIRST.take_parts(), [[1]]);
    assert_eq!(Crossed::SECOND.take_parts(), [[2]]);
}

#[thread_local_state]
struct Panicking {
    #[state(shared)]
    steps: Part<Vec<u32>>,
}

#[test]
fn a_panic_inside_with_mut_poisons_nothing_and_loses_nothing() {
    on_thread(|| {
        let panicking = || {
            Panicking::STEPS.with_mut(|steps| {
                steps.push(1);
                panic!("on purpose");
            });
        };
        assert!(try_panic_of(panicking).is_err());
        Panicking::STEPS.with_mut(|steps| steps.push(2));
        assert!(try_panic_of(panicking).is_err());
    });
    assert_eq!(Panicking::STEPS.take_parts(), [[1, 2, 1]]);
}

/// Does what the test wants when it is made.
struct Made(u32);

thread_local! {
    static ON_DEFAULT: Cell<fn() -> u32> = const { Cell::new(|| 0) };
}

impl Default for Made {
    fn default() -> Self {
        Self(ON_DEFAULT.get()())
    }
}

#[thread_local_state]
struct Making {
    #[state(shared)]
    made: Part<Made>,
    #[state(shared)]
    count: Counter,
}

#[test]
fn a_default_that_counts_totals_and_reaches_its_own_field_does_not_deadlock() {
    on_thread(|| {
        ON_DEFAULT.set(|| {
            ON_DEFAULT.set(|| 7);
            Making::COUNT.increment();
            assert!(Making::COUNT.total() >= 1);
            Making::MADE.with_mut(|inner| inner.0 += 1);
            5
        });
        Making::MADE.with_mut(|made| made.0 += 100);
        ON_DEFAULT.set(|| panic!("on purpose"));
        Making::COUNT.increment();
    });
    on_thread(|| {
        ON_DEFAULT.set(|| panic!("on purpose"));
        assert!(try_panic_of(|| Making::MADE.with_mut(|_| ())).is_err());
        ON_DEFAULT.set(|| 1000);
        Making::MADE.with_mut(|_| ());
        Making::COUNT.increment();
    });
    let sum: u32 = Making::MADE.take_parts().iter().map(|made| made.0).sum();
    assert_eq!(
        sum,
        5 + 100 + 7 + 1 + 1000,
        "every part that was made is collected"
    );
    assert_eq!(Making::COUNT.total(), 3);
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Counts, totals and collects when it is dropped.
#[derive(Default)]
struct Counting(u32);

impl Drop for Counting {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, AcqRel);
        Dropped::DROPS.increment();
        assert!(Dropped::DROPS.total() >= 1);
        Dropped::PARTS
            .take_parts()
            .into_iter()
            .for_each(mem::forget);
    }
}

#[thread_local_state]
struct Dropped {
    #[state(shared)]
    parts: Part<Counting>,
    #[state(shared)]
    drops: Counter,
}

#[test]
fn a_collected_part_is_the_collectors_to_drop_and_may_count_then() {
    on_thread(|| Dropped::PARTS.with_mut(|part| part.0 = 3));
    Dropped::PARTS.with_mut(|part| part.0 = 4);
    assert_eq!(DROPPED.load(Acquire), 0, "the thread's end drops no part");
    let parts = Dropped::PARTS.take_parts();
    assert_eq!(parts.iter().map(|part| part.0).sum::<u32>(), 7);
    let count = parts.len();
    drop(parts);
    assert_eq!(DROPPED.load(Acquire), count);
    assert_eq!(Dropped::DROPS.total(), count as u64);
}

#[thread_local_state]
struct Everywhere {
    #[state(shared)]
    places: Part<Vec<&'static str>>,
    #[state(init = {
        Everywhere::PLACES.with_mut(|places| places.push("initializer"));
        5
    })]
    number: u64,
    #[state(init = OnDrop(|| Everywhere::PLACES.with_mut(|places| places.push("field"))))]
    bell: OnDrop<fn()>,
}

impl Drop for Everywhere {
    fn drop(&mut self) {
        Self::PLACES.with_mut(|places| places.push("destructor"));
    }
}

#[test]
fn a_part_is_there_in_initializers_accesses_and_destructors() {
    thread_local! {
        static LATE: OnDrop<fn()> = const {
            OnDrop(|| Everywhere::PLACES.with_mut(|places| places.push("late")))
        };
    }
    on_thread(|| {
        LATE.with(|_| ());
        Everywhere::with_state(|state| {
            Everywhere::PLACES.with_mut(|places| places.push("access"));
            Everywhere::PLACES.with_mut(|places| places.push("handle"));
            assert_eq!(state.number, 5);
        });
        Everywhere::BELL.with(|_| ());
    });
    let mut places = Everywhere::PLACES.take_parts().concat();
    places.sort_unstable();
    assert_eq!(
        places,
        [
            "access",
            "destructor",
            "field",
            "handle",
            "initializer",
            "late"
        ]
    );
}

#[test]
fn with_mut_returns_what_its_closure_returns() {
    static COPY: OnceLock<String> = OnceLock::new();
    let text = on_thread(|| {
        COPY.get_or_init(|| {
            OneResult::TEXT.with_mut(|text| {
                text.push('a');
                text.clone()
            })
        })
    });
    assert_eq!(text, "a");
}

#[thread_local_state]
struct OneResult {
    #[state(shared)]
    text: Part<String>,
}
