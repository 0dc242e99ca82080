//! Registries and lists that are wrong, and are found to be: a model that cannot fail proves nothing.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::Mutex;
use loom::sync::atomic::AtomicU64;
use loom::thread;

/// One thread's cell, which may be there, and what it has left.
struct Naive {
    cell: AtomicU64,
    live: Mutex<bool>,
    exited: AtomicU64,
}

impl Naive {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            cell: AtomicU64::new(0),
            live: Mutex::new(true),
            exited: AtomicU64::new(0),
        })
    }

    fn total(&self) -> u64 {
        let live = self.live.lock().unwrap();
        let cell = if *live { self.cell.load(Relaxed) } else { 0 };
        let exited = self.exited.load(Relaxed);
        drop(live);
        cell + exited
    }
}

/// Adds two, retires as the function says, and totals twice beside that.
fn model(retire: impl Fn(&Naive) + Copy + Send + Sync + 'static) {
    loom::model(move || {
        let naive = Naive::new();
        let worker = {
            let naive = Arc::clone(&naive);
            thread::spawn(move || {
                naive.cell.store(2, Relaxed);
                retire(&naive);
            })
        };
        let first = naive.total();
        let second = naive.total();
        assert!(
            first <= second && [0, 2].contains(&second),
            "{first} then {second}"
        );
        worker.join().unwrap();
    });
}

#[test]
#[should_panic(expected = "then")]
fn folding_after_the_cell_is_gone_goes_back() {
    model(|naive| {
        *naive.live.lock().unwrap() = false;
        naive.exited.fetch_add(2, Relaxed);
    });
}

#[test]
#[should_panic(expected = "then")]
fn folding_before_the_cell_is_gone_counts_twice() {
    model(|naive| {
        naive.exited.fetch_add(2, Relaxed);
        *naive.live.lock().unwrap() = false;
    });
}

#[test]
fn folding_in_the_same_locked_step_is_right() {
    model(|naive| {
        let mut live = naive.live.lock().unwrap();
        naive.exited.fetch_add(2, Relaxed);
        *live = false;
    });
}

/// A part that is freed when its thread retires, after it has been taken off the list.
struct NaivePart {
    is_listed: Mutex<bool>,
    /// To free it is to write to it.
    value: UnsafeCell<u64>,
}

/// Retires beside a collector that reads the part as the function says.
fn model_of_parts(read: impl Fn(&NaivePart) + Copy + Send + Sync + 'static) {
    loom::model(move || {
        let part = Arc::new(NaivePart {
            is_listed: Mutex::new(true),
            value: UnsafeCell::new(1),
        });
        let worker = {
            let part = Arc::clone(&part);
            thread::spawn(move || {
                *part.is_listed.lock().unwrap() = false;
                // SAFETY: loom looks whether anybody else accesses it.
                part.value.with_mut(|value| unsafe { *value = 0 });
            })
        };
        read(&part);
        worker.join().unwrap();
    });
}

fn read(part: &NaivePart) {
    // SAFETY: as above.
    part.value.with(|value| assert_eq!(unsafe { *value }, 1));
}

#[test]
#[should_panic(expected = "Causality violation")]
fn reading_a_listed_part_after_unlocking_reads_what_is_freed() {
    model_of_parts(|part| {
        let is_listed = *part.is_listed.lock().unwrap();
        if is_listed {
            read(part);
        }
    });
}

#[test]
fn reading_a_listed_part_under_the_lock_is_right() {
    model_of_parts(|part| {
        let is_listed = part.is_listed.lock().unwrap();
        if *is_listed {
            read(part);
        }
    });
}

/// The list of registries: a link is published when its entry has been written.
fn model_of_links(link: impl Fn(&UnsafeCell<u64>, &AtomicU64) + Copy + Send + Sync + 'static) {
    loom::model(move || {
        let list = Arc::new((UnsafeCell::new(0), AtomicU64::new(0)));
        let worker = {
            let list = Arc::clone(&list);
            thread::spawn(move || link(&list.0, &list.1))
        };
        if list.1.load(Acquire) == 1 {
            // SAFETY: loom looks whether anybody writes to it.
            list.0.with(|entry| assert_eq!(unsafe { *entry }, 1));
        }
        worker.join().unwrap();
    });
}

fn write_entry(entry: &UnsafeCell<u64>) {
    // SAFETY: loom looks whether anybody else accesses it.
    entry.with_mut(|entry| unsafe { *entry = 1 });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn publishing_a_link_before_its_entry_is_a_race() {
    model_of_links(|entry, newest| {
        newest.store(1, Release);
        write_entry(entry);
    });
}

#[test]
#[should_panic(expected = "Causality violation")]
fn publishing_a_link_with_relaxed_is_a_race() {
    model_of_links(|entry, newest| {
        write_entry(entry);
        newest.store(1, Relaxed);
    });
}

#[test]
fn publishing_a_link_after_its_entry_is_right() {
    model_of_links(|entry, newest| {
        write_entry(entry);
        newest.store(1, Release);
    });
}
