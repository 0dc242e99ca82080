//! Operations on shared fields. All threads' writes are counted twice, before and after, and a total
//! has to be between what was done before it and what had begun after it; when all threads rest, it
//! has to be exact.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicU64, fence};

use crate::model::{Own, check, deeper, model, next, number};
use crate::operations;
use crate::states::{Subject as _, Totals};

/// A sum that all threads add to.
struct Sum {
    begun: AtomicU64,
    done: AtomicU64,
}

impl Sum {
    const fn new() -> Self {
        Self {
            begun: AtomicU64::new(0),
            done: AtomicU64::new(0),
        }
    }

    fn add(&self, count: u64, write: impl FnOnce()) {
        self.begun.fetch_add(count, Relaxed);
        // Who sees what is written sees that it had begun: with the fence in `check`.
        fence(Release);
        write();
        self.done.fetch_add(count, Release);
    }

    fn check(&self, what: &str, total: impl FnOnce() -> u64) {
        let least = self.done.load(Acquire);
        let total = total();
        fence(Acquire);
        let most = self.begun.load(Relaxed);
        check!(
            (least..=most).contains(&total),
            "{what} is {total}, not from {least} to {most}"
        );
    }

    fn is(&self) -> u64 {
        self.done.load(SeqCst)
    }
}

static COUNTER: Sum = Sum::new();
static ARRAY: [Sum; 3] = [const { Sum::new() }; 3];
static RECORDS: Sum = Sum::new();
static RECORDED: Sum = Sum::new();
static PUSHES: Sum = Sum::new();
static PUSHED: AtomicU64 = AtomicU64::new(0);
static COLLECTED: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
static TAKEN: AtomicU64 = AtomicU64::new(0);
static TAKEN_RECORDS: AtomicU64 = AtomicU64::new(0);
static UP_DOWN: AtomicI64 = AtomicI64::new(0);
static GAUGE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicU64 = AtomicU64::new(0);
static RUNS: AtomicU64 = AtomicU64::new(0);
/// Whether something was done since the last check to what is dear to check.
static HAS_RECORDED: AtomicU64 = AtomicU64::new(0);
static HAS_PUSHED: AtomicU64 = AtomicU64::new(0);

/// Notes that this thread writes. Calls a function with what it has, if what it writes is its own.
fn writes(f: impl FnOnce(&mut Own)) {
    model(|model| {
        if model.is_retired {
            return;
        }
        if !std::mem::replace(&mut model.own.is_registered, true) {
            model.register_cells();
            LIVE.fetch_add(1, SeqCst);
        }
        f(&mut model.own);
    });
}

/// A thread has given back what it had.
pub fn subtract(own: &Own) {
    if own.is_registered {
        LIVE.fetch_sub(1, SeqCst);
        GAUGE.fetch_sub(own.gauge, SeqCst);
    }
}

/// One operation.
#[inline(never)]
pub fn one(byte: u8) {
    // While the value is borrowed, if it can be, or not.
    let borrows = byte % 2 == 0;
    let is_done = borrows
        && Totals::state()
            .peek(|_| {
                let facts = &Totals::FACTS;
                model(|model| model.states[facts.index].borrow(facts, None, false, true));
                write();
                model(|model| model.states[facts.index].borrow(facts, None, false, false));
            })
            .ok()
            .flatten()
            .is_some();
    if !is_done {
        write();
    }
}

fn write() {
    let byte = next();
    let count = u64::from(next());
    let signed = i64::try_from(count).unwrap_or_default() - 128;
    match byte % 20 {
        0 | 1 => {
            writes(|own| own.counter += count);
            COUNTER.add(count, || Totals::COUNTER.add(count));
        }
        2 => {
            writes(|own| own.up_down += signed);
            UP_DOWN.fetch_add(signed, SeqCst);
            Totals::UP_DOWN.add(signed);
        }
        3 => {
            writes(|own| {
                GAUGE.fetch_add(signed - own.gauge, SeqCst);
                own.gauge = signed;
            });
            Totals::GAUGE.set(signed);
        }
        4 => {
            writes(|own| {
                GAUGE.fetch_add(signed, SeqCst);
                own.gauge += signed;
            });
            Totals::GAUGE.add(signed);
        }
        5 => {
            // Higher than all of earlier runs.
            let value = RUNS.load(Relaxed) << 8 | count;
            writes(|own| own.peak = own.peak.max(value));
            Totals::PEAK.record(value);
            let most = PEAK.fetch_max(value, SeqCst).max(value);
            let total = Totals::PEAK.total();
            check!(total >= most, "the peak is {total}, not {most}");
        }
        6 => {
            HAS_RECORDED.store(1, Relaxed);
            let value = count << (count % 48);
            writes(|own| own.records += 1);
            RECORDED.add(value, || {
                RECORDS.add(1, || Totals::HISTOGRAM.record(value));
            });
        }
        7 | 8 => push(),
        9 => {
            let at = usize::from(byte) / 20 % 3;
            writes(|own| own.array[at] += count);
            ARRAY[at].add(count, || Totals::ARRAY.at(at).add(count));
        }
        10 | 11 => compare(),
        12 | 13 => {
            COUNTER.check("the counter", || Totals::COUNTER.total());
            for (at, sum) in ARRAY.iter().enumerate() {
                sum.check("an element", || Totals::ARRAY.total()[at]);
            }
        }
        14 => {
            TAKEN.fetch_add(Totals::COUNTER.take_total(), SeqCst);
        }
        15 => collect(),
        16 => {
            let own = model(|model| model.own.is_registered.then_some(model.own.counter));
            // In the destructors of a thread-local there may be no handle of the thread any more.
            if !model(|model| model.is_exiting) {
                let me = std::thread::current().id();
                let mine = Totals::COUNTER.per_thread().into_rows();
                let mine = mine.iter().find(|part| part.thread == me);
                let mine = mine.map(|part| part.value);
                check!(mine == own, "this thread's part is {mine:?}, not {own:?}");
            }
        }
        17 => {
            let least = u64::from(model(|model| model.own.is_registered));
            let live = Totals::state().live_threads() as u64;
            check!(live >= least, "there are {live} threads");
        }
        18 if byte < 64 => {
            RECORDS.check("the histogram", || Totals::HISTOGRAM.total().count());
            TAKEN_RECORDS.fetch_add(Totals::HISTOGRAM.take_total().count(), SeqCst);
            HAS_RECORDED.store(1, Relaxed);
        }
        _ => deeper(operations::run),
    }
}

fn push() {
    HAS_PUSHED.store(1, Relaxed);
    writes(|_| ());
    let value = number();
    let f = |log: &mut crate::states::Log| {
        PUSHES.add(1, || log.0.push(value));
        PUSHED.fetch_add(value, SeqCst);
        deeper(operations::run);
        let last = log.0.last().copied();
        check!(
            last == Some(value),
            "{last:?} is last in the part, not {value}"
        );
    };
    Totals::LOG.with_mut(f)
}

fn collect() {
    for log in Totals::LOG.take_parts() {
        COLLECTED[0].fetch_add(log.0.len() as u64, SeqCst);
        COLLECTED[1].fetch_add(log.0.iter().sum(), SeqCst);
    }
}

/// Compares this thread's part.
fn compare() {
    let is = (
        Totals::COUNTER.get(),
        Totals::UP_DOWN.get(),
        Totals::GAUGE.get(),
        Totals::PEAK.get(),
    );
    let array = Totals::ARRAY.get();
    model(|model| {
        let own = &model.own;
        let should = (own.counter, own.up_down, own.gauge, own.peak);
        check!(is == should, "this thread has {is:?}, not {should:?}");
        check!(array == own.array, "{array:?} is not {:?}", own.array);
    });
}

/// Compares all that can be totaled, when all threads rest.
pub fn check_totals() {
    RUNS.fetch_add(1, Relaxed);
    let (total, should) = (Totals::COUNTER.total(), COUNTER.is());
    check!(total == should, "the counter is {total}, not {should}");
    let (total, should) = (Totals::UP_DOWN.total(), UP_DOWN.load(SeqCst));
    check!(total == should, "up and down is {total}, not {should}");
    let (total, should) = (Totals::GAUGE.total(), GAUGE.load(SeqCst));
    check!(total == should, "the gauge is {total}, not {should}");
    let (total, should) = (Totals::PEAK.total(), PEAK.load(SeqCst));
    check!(total == should, "the peak is {total}, not {should}");
    let (total, should) = (
        Totals::ARRAY.total(),
        [0, 1, 2].map(|at: usize| ARRAY[at].is()),
    );
    check!(total == should, "the array is {total:?}, not {should:?}");
    let (live, should) = (Totals::state().live_threads() as u64, LIVE.load(SeqCst));
    check!(live == should, "there are {live} threads, not {should}");

    TAKEN.fetch_add(Totals::COUNTER.take_total(), SeqCst);
    let taken = TAKEN.load(SeqCst);
    check!(
        taken == COUNTER.is(),
        "{taken} was taken, of {}",
        COUNTER.is()
    );
    if HAS_RECORDED.swap(0, Relaxed) != 0 {
        let total = Totals::HISTOGRAM.total();
        let is = (total.count(), total.sum());
        let should = (RECORDS.is(), RECORDED.is());
        check!(is == should, "the histogram has {is:?}, not {should:?}");
        TAKEN_RECORDS.fetch_add(Totals::HISTOGRAM.take_total().count(), SeqCst);
        let taken = TAKEN_RECORDS.load(SeqCst);
        check!(
            taken == should.0,
            "{taken} records were taken, of {should:?}"
        );
    }
    if HAS_PUSHED.swap(0, Relaxed) != 0 {
        collect();
        let is = [0, 1].map(|at: usize| COLLECTED[at].load(SeqCst));
        let should = [PUSHES.is(), PUSHED.load(SeqCst)];
        check!(is == should, "{is:?} was collected, not {should:?}");
    }
}
