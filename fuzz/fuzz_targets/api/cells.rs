//! Operations on shared fields. All threads' writes are counted twice, before and after, and a total
//! has to be between what was done before it and what had begun after it; when all threads rest, it
//! has to be exact.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::{AtomicI64, AtomicU64, fence};

use std::sync::{Arc, Mutex, MutexGuard};

use tls_core::Isolated;

use crate::kept;
use crate::model::{Model, Own, check, deeper, fail, lock, model, next, number};
use crate::operations::{self, Panicked, throw};
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
        if !model.own.is_registered && !model.may_register() {
            return;
        }
        model.register_cells();
        if !std::mem::replace(&mut model.own.is_registered, true) {
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
    if let Some(job) = model(|model| model.jobs.home()) {
        job.write(byte, count);
        return;
    }
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
    Totals::LOG.with_mut(f);
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
        let own = match model.jobs.home() {
            Some(job) => &*model.jobs.own(&job),
            None => &model.own,
        };
        let should = (own.counter, own.up_down, own.gauge, own.peak);
        check!(is == should, "this thread has {is:?}, not {should:?}");
        check!(array == own.array, "{array:?} is not {:?}", own.array);
    });
}

/// A job, with what should be counted in it. One thread at a time does something: who goes on elsewhere waits.
#[derive(Default)]
pub struct Job {
    pub isolated: Isolated,
    sums: Mutex<Sums>,
}

#[derive(Default)]
struct Sums {
    all: Own,
    recorded: u64,
    taken: u64,
    live: usize,
    /// Numbers that have been put into parts, and those that have been collected: how many, and their sum.
    pushed: [u64; 2],
    collected: [u64; 2],
    /// How many uses of parts are under way.
    uses: usize,
}

/// The jobs of a thread.
#[derive(Default)]
pub struct Jobs {
    all: Vec<Arc<Job>>,
    /// Those that it is in, the one last that it has entered last.
    entered: Vec<Arc<Job>>,
    /// What it has of each that it is in.
    own: Vec<(Arc<Job>, Own)>,
}

impl Jobs {
    fn home(&self) -> Option<Arc<Job>> {
        self.entered.last().cloned()
    }

    fn own(&mut self, job: &Arc<Job>) -> &mut Own {
        let own = self.own.iter_mut().find(|(it, _)| Arc::ptr_eq(it, job));
        match own {
            Some((_, own)) => own,
            None => fail("a thread is not in the job"),
        }
    }
}

/// Around what runs in a job.
pub fn within<R>(job: &Arc<Job>, f: impl FnOnce() -> R) -> R {
    model(|model| {
        model.register_cells();
        let jobs = &mut model.jobs;
        if !jobs.entered.iter().any(|it| Arc::ptr_eq(it, job)) {
            jobs.own.push((Arc::clone(job), Own::default()));
        }
        jobs.entered.push(Arc::clone(job));
    });
    let result = f();
    model(|model| {
        let jobs = &mut model.jobs;
        jobs.entered.pop();
        if !jobs.entered.iter().any(|it| Arc::ptr_eq(it, job)) {
            jobs.own.retain(|(it, own)| {
                let is_left = Arc::ptr_eq(it, job);
                if is_left {
                    let mut sums = it.sums();
                    sums.all.gauge -= own.gauge;
                    sums.live -= usize::from(own.is_registered);
                }
                !is_left
            });
        }
    });
    result
}

/// One of the jobs of this thread.
fn any_job() -> Arc<Job> {
    let at = usize::from(next() % 3);
    model(|model| {
        let all = &mut model.jobs.all;
        if all.is_empty() {
            all.resize_with(3, Arc::default);
        }
        Arc::clone(&all[at])
    })
}

/// Runs a part of the program in a job, or makes a future that does.
pub fn job(byte: u8) {
    let job = any_job();
    if byte % 2 == 0 {
        kept::make_counting(job);
        return;
    }
    let run = || {
        within(&job, || deeper(operations::run));
        if next() % 8 == 7 {
            throw();
        }
    };
    if let Err(Panicked::Refused(text)) = operations::catch(|| job.isolated.clone().run(run)) {
        fail(text);
    }
}

impl Job {
    fn sums(&self) -> MutexGuard<'_, Sums> {
        lock(&self.sums)
    }

    /// Notes that this thread writes. Calls a function with what it has, if what it writes is its own.
    fn writes(self: &Arc<Self>, f: impl FnOnce(&mut Own, &mut Own)) {
        model(|model| {
            let may_register = model.may_register();
            let own = model.jobs.own(self);
            if !own.is_registered && !may_register {
                return;
            }
            let mut sums = self.sums();
            if !std::mem::replace(&mut own.is_registered, true) {
                sums.live += 1;
            }
            f(own, &mut sums.all);
        });
    }

    /// As [`write`], in this job. All is exact.
    fn write(self: &Arc<Self>, byte: u8, count: u64) {
        let signed = i64::try_from(count).unwrap_or_default() - 128;
        match byte % 20 {
            0 | 1 => {
                self.writes(|own, _| own.counter += count);
                self.sums().all.counter += count;
                Totals::COUNTER.add(count);
            }
            2 => {
                self.writes(|own, _| own.up_down += signed);
                self.sums().all.up_down += signed;
                Totals::UP_DOWN.add(signed);
            }
            3 => {
                self.writes(|own, all| {
                    all.gauge += signed - own.gauge;
                    own.gauge = signed;
                });
                Totals::GAUGE.set(signed);
            }
            4 => {
                self.writes(|own, all| {
                    all.gauge += signed;
                    own.gauge += signed;
                });
                Totals::GAUGE.add(signed);
            }
            5 => {
                self.writes(|own, _| own.peak = own.peak.max(count));
                let peak = self.sums().all.peak.max(count);
                self.sums().all.peak = peak;
                Totals::PEAK.record(count);
            }
            6 if byte < 64 => {
                let value = count << (count % 48);
                self.writes(|own, _| own.records += 1);
                self.sums().all.records += 1;
                self.sums().recorded += value;
                Totals::HISTOGRAM.record(value);
            }
            7 | 8 => self.push(),
            9 => {
                let at = usize::from(byte) / 20 % 3;
                self.writes(|own, _| own.array[at] += count);
                self.sums().all.array[at] += count;
                Totals::ARRAY.at(at).add(count);
            }
            10 | 11 => compare(),
            12 | 13 => self.check_totals(),
            14 => {
                let taken = Totals::COUNTER.take_total();
                let sums = &mut *self.sums();
                sums.taken += taken;
                check!(
                    sums.taken == sums.all.counter,
                    "{} was taken in a job, of {}",
                    sums.taken,
                    sums.all.counter
                );
            }
            15 => self.collect(),
            16 => {
                let own = model(|model| {
                    let own = model.jobs.own(self);
                    own.is_registered.then_some(own.counter)
                });
                if !model(|model| model.is_exiting) {
                    let me = std::thread::current().id();
                    let counts = Totals::COUNTER.per_thread();
                    let mine = counts.rows().iter().find(|part| part.thread == me);
                    let mine = mine.map(|part| part.value);
                    check!(mine == own, "this thread's part is {mine:?}, not {own:?}");
                    let sum = counts.rows().iter().map(|part| part.value).sum::<u64>();
                    let (all, should) = (sum + counts.exited(), self.sums().all.counter);
                    check!(all == should, "the rows of a job are {all}, not {should}");
                }
            }
            _ => deeper(operations::run),
        }
    }

    fn push(self: &Arc<Self>) {
        self.writes(|_, _| ());
        let value = number();
        Totals::LOG.with_mut(|log| {
            log.0.push(value);
            {
                let mut sums = self.sums();
                sums.pushed[0] += 1;
                sums.pushed[1] += value;
                sums.uses += 1;
            }
            deeper(operations::run);
            let last = log.0.last().copied();
            check!(
                last == Some(value),
                "{last:?} is last in a job's part, not {value}"
            );
            self.sums().uses -= 1;
        });
    }

    fn collect(&self) {
        let parts = Totals::LOG.take_parts();
        let mut sums = self.sums();
        for log in parts {
            sums.collected[0] += log.0.len() as u64;
            sums.collected[1] += log.0.iter().sum::<u64>();
        }
        // What is in use stays for the next time.
        check!(
            sums.uses > 0 || sums.collected == sums.pushed,
            "{:?} was collected in a job, not {:?}",
            sums.collected,
            sums.pushed
        );
    }

    /// Compares what has been counted in this job, in which this thread is.
    fn check_totals(&self) {
        let live = Totals::state().live_threads();
        let is = (
            Totals::COUNTER.total(),
            Totals::UP_DOWN.total(),
            Totals::GAUGE.total(),
            Totals::PEAK.total(),
            Totals::ARRAY.total(),
            live,
        );
        let sums = self.sums();
        let all = &sums.all;
        let should = (
            all.counter,
            all.up_down,
            all.gauge,
            all.peak,
            all.array,
            sums.live,
        );
        check!(is == should, "a job has {is:?}, not {should:?}");
    }

    /// As [`check_totals`](Self::check_totals), with what is dear to check.
    fn check_all(&self) {
        self.check_totals();
        self.collect();
        let should = {
            let sums = self.sums();
            (sums.all.records, sums.recorded)
        };
        if should.0 > 0 {
            let total = Totals::HISTOGRAM.total();
            let is = (total.count(), total.sum());
            check!(is == should, "a job's histogram has {is:?}, not {should:?}");
        }
    }
}

/// Compares what has been counted in the jobs of a thread whose program is over, and drops them.
pub fn check_jobs(jobs: Jobs) {
    check!(jobs.entered.is_empty(), "a job was not left");
    for job in jobs.all {
        model(Model::register_cells);
        let within = &job;
        job.isolated.run(|| within.check_all());
    }
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
