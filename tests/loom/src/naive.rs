//! Registries that are wrong, and are found to be: a model that cannot fail proves nothing.

use std::sync::atomic::Ordering::Relaxed;

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
