//! Jobs, in which all threads count: what is in each is known as it is of the process.

use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use tls_core::Isolated;

use crate::model::{Bounds, Phase, check, here, is_child};
use crate::ops::play_some;
use crate::states::{STATES, Subject, for_state};

/// How many there are.
pub(crate) const JOBS: usize = 3;

static ALL: LazyLock<[Isolated; JOBS]> = LazyLock::new(Default::default);

/// What is known of one job's counter of one state.
struct Totals {
    hits: Bounds,
    seen: AtomicU64,
    taken: AtomicU64,
}

static TOTALS: [[Totals; STATES]; JOBS] = [const {
    [const {
        Totals {
            hits: Bounds::new(),
            seen: AtomicU64::new(0),
            taken: AtomicU64::new(0),
        }
    }; STATES]
}; JOBS];

pub(crate) fn job(number: usize) -> Isolated {
    ALL[number].clone()
}

/// The jobs that a thread is in, the one last that it has entered last, with what it has counted there.
#[derive(Default)]
pub(crate) struct Entered(Vec<(usize, [u64; STATES])>);

impl Entered {
    pub(crate) fn home(&self) -> Option<usize> {
        self.0.last().map(|(job, _)| *job)
    }

    /// The thread's, which it has until it leaves the job for the last time.
    fn own(&mut self, job: usize) -> &mut [u64; STATES] {
        let first = self.0.iter_mut().find(|(it, _)| *it == job);
        &mut first.expect("it is in the job").1
    }
}

/// Around what runs in a job.
pub(crate) fn within(job: usize, f: impl FnOnce()) {
    struct Leave;

    impl Drop for Leave {
        fn drop(&mut self) {
            here(|model| model.jobs.0.pop());
        }
    }

    here(|model| model.jobs.0.push((job, [0; STATES])));
    let _leave = Leave;
    f();
}

/// Counts in a job.
pub(crate) fn hit<S: Subject>(number: usize, count: u64, increment: impl Fn()) {
    let totals = &TOTALS[number][S::INDEX];
    totals
        .hits
        .count(count, || (0..count).for_each(|_| increment()));
    let (phase, own) = here(|model| {
        let own = &mut model.jobs.own(number)[S::INDEX];
        *own += count;
        (model.phase, *own)
    });
    if phase == Phase::Working {
        check!(
            S::HITS.get() == own,
            "this thread's part of {} in a job is {}, not {own}",
            S::NAME,
            S::HITS.get()
        );
    }
}

/// Checks what can be said of the total in a job, from inside.
pub(crate) fn check_total<S: Subject>(number: usize) {
    let totals = &TOTALS[number][S::INDEX];
    let (least, seen) = (totals.hits.least(), totals.seen.load(SeqCst));
    let total = S::HITS.total();
    let most = totals.hits.most();
    check!(
        (least.max(seen)..=most).contains(&total),
        "{} in a job: {total} is not between {least} and {most}, or below {seen}",
        S::NAME
    );
    totals.seen.fetch_max(total, SeqCst);
    let live = S::state().live_threads();
    check!(
        live <= crate::THREADS_AT_MOST,
        "{live} threads are in a job"
    );
}

pub(crate) fn take<S: Subject>(number: usize) {
    TOTALS[number][S::INDEX]
        .taken
        .fetch_add(S::HITS.take_total(), SeqCst);
}

/// Something in a job, or a future that does things there.
pub(crate) fn use_one() {
    let (number, is_future) = here(|model| (model.random.below(JOBS as u64), model.chance(2)));
    let number = usize::try_from(number).unwrap();
    if is_future {
        crate::kept::counting(number);
        return;
    }
    job(number).run(|| {
        within(number, || {
            play_some(3);
            crate::ops::perhaps_panic();
        });
    });
}

/// From outside of all threads' work.
pub(crate) fn observe(number: usize, index: usize) {
    job(number).run(|| for_state!(index, check_total(number)));
}

/// In a forked child nothing has been counted in any.
pub(crate) fn are_empty<S: Subject>() -> bool {
    debug_assert!(is_child());
    ALL.iter().all(|job| job.run(|| S::HITS.total()) == 0)
}

/// All threads have been joined: now everything is exact.
pub(crate) fn check_end_of(index: usize) {
    for_state!(index, check_end());
}

fn check_end<S: Subject>() {
    for (number, job) in ALL.iter().enumerate() {
        let totals = &TOTALS[number][S::INDEX];
        let exact = totals.hits.exact();
        job.run(|| {
            assert_eq!(S::state().live_threads(), 0, "{}", S::NAME);
            assert_eq!(S::HITS.total(), exact, "{}", S::NAME);
            take::<S>(number);
            assert_eq!(S::HITS.per_thread().into_rows(), []);
        });
        assert_eq!(totals.taken.load(SeqCst), exact, "{}", S::NAME);
    }
}
