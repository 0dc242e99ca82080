//! Registries as one would write them at first, to see that the checks find what is wrong with
//! them.
//!
//! What goes wrong needs another thread at the wrong moment. They wait for that thread there
//! ([`Registry::gap`]), so that a check need not be lucky.

use std::cell::Cell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::thread;

use portable_atomic::{AtomicI64, AtomicU64};

use crate::count::{Count, Level, Take};
use crate::support::lock;

/// How often they look for the other thread, which there may not be.
pub(crate) const PATIENCE: usize = 20_000;

/// What happens when a thread ends.
#[derive(Clone, Copy)]
pub(crate) enum Retire {
    /// Its count is gone: only live threads are added up.
    Forget,
    /// Its count is missing in between.
    RemoveThenFold,
    /// It counts twice in between.
    FoldThenRemove,
    /// Only then does anybody see it: no lock and no list, but a destructor has to run first.
    Publish,
}

#[derive(Default)]
pub(crate) struct Registry {
    live: Mutex<Vec<Arc<AtomicU64>>>,
    exited: AtomicU64,
    taken: AtomicU64,
    /// How many totals there have been, successful takes included.
    totals: AtomicUsize,
}

impl Registry {
    pub(crate) const fn new() -> Self {
        Self {
            live: Mutex::new(Vec::new()),
            exited: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            totals: AtomicUsize::new(0),
        }
    }

    /// Between two steps that ought to be one: gives others the time for two totals, of which the
    /// second began after the first step.
    fn gap(&self) {
        let enough = self.totals.load(SeqCst) + 2;
        for _ in 0..PATIENCE {
            if self.totals.load(SeqCst) >= enough {
                break;
            }
            thread::yield_now();
        }
    }

    fn sum(&self) -> u64 {
        let live = lock(&self.live);
        let sum: u64 = live.iter().map(|cell| cell.load(SeqCst)).sum();
        sum + self.exited.load(SeqCst)
    }

    pub(crate) fn total(&self) -> u64 {
        let total = self.sum();
        self.totals.fetch_add(1, SeqCst);
        total
    }

    /// Two readers may subtract the same.
    pub(crate) fn take_total(&self) -> u64 {
        let taken = self.taken.load(SeqCst);
        let total = self.sum();
        self.gap();
        self.taken.store(total, SeqCst);
        self.totals.fetch_add(1, SeqCst);
        total.wrapping_sub(taken)
    }
}

/// A thread's count. In a thread-local, whose destructor retires it.
pub(crate) struct Entry {
    registry: &'static Registry,
    retire: Retire,
    cell: Arc<AtomicU64>,
}

impl Entry {
    pub(crate) fn new(registry: &'static Registry, retire: Retire) -> Self {
        let cell = Arc::<AtomicU64>::default();
        if !matches!(retire, Retire::Publish) {
            lock(&registry.live).push(Arc::clone(&cell));
        }
        Self {
            registry,
            retire,
            cell,
        }
    }

    pub(crate) fn add_one(&self) {
        self.cell.fetch_add(1, SeqCst);
    }

    fn remove(&self) {
        lock(&self.registry.live).retain(|cell| !Arc::ptr_eq(cell, &self.cell));
    }

    fn fold(&self) {
        let count = self.cell.load(SeqCst);
        self.registry.exited.fetch_add(count, SeqCst);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        match self.retire {
            Retire::Forget => self.remove(),
            Retire::RemoveThenFold => {
                self.remove();
                self.registry.gap();
                self.fold();
            }
            Retire::FoldThenRemove => {
                self.fold();
                self.registry.gap();
                self.remove();
            }
            Retire::Publish => self.fold(),
        }
    }
}

/// Declares naive counts.
macro_rules! naive_counts {
    ($($Name:ident $retire:ident;)*) => {$(
        struct $Name;

        impl $Name {
            fn registry() -> &'static crate::naive::Registry {
                static REGISTRY: crate::naive::Registry = crate::naive::Registry::new();
                &REGISTRY
            }
        }

        impl crate::count::Count for $Name {
            fn add_one() {
                thread_local! {
                    static ENTRY: crate::naive::Entry = crate::naive::Entry::new(
                        $Name::registry(),
                        crate::naive::Retire::$retire,
                    );
                }
                ENTRY.with(crate::naive::Entry::add_one);
            }

            fn total() -> u64 {
                Self::registry().total()
            }
        }

        impl crate::count::Take for $Name {
            fn take_total() -> u64 {
                Self::registry().take_total()
            }
        }
    )*};
}

pub(crate) use naive_counts;

/// One number for all, of which each thread takes its old level before it adds the new one.
pub(crate) struct OneSum;

static SUM: AtomicI64 = AtomicI64::new(0);
static SUMS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static LEVEL: Cell<i64> = const { Cell::new(0) };
}

impl Level for OneSum {
    fn set(level: i64) {
        SUM.fetch_sub(LEVEL.replace(level), SeqCst);
        let seen = SUMS.load(SeqCst);
        for _ in 0..PATIENCE {
            if SUMS.load(SeqCst) > seen {
                break;
            }
            thread::yield_now();
        }
        SUM.fetch_add(level, SeqCst);
    }

    fn total() -> i64 {
        let sum = SUM.load(SeqCst);
        SUMS.fetch_add(1, SeqCst);
        sum
    }
}

naive_counts! {
    Working Publish;
}

/// They are naive, but not wrong as long as nothing comes in between.
#[test]
fn a_naive_count_is_right_when_nothing_comes_in_between() {
    thread::spawn(|| (0..5).for_each(|_| Working::add_one()))
        .join()
        .unwrap();
    assert_eq!(Working::total(), 5);
    assert_eq!([Working::take_total(), Working::take_total()], [5, 0]);
}
