//! What must hold in every interleaving.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use loom::thread;

use crate::lock::Lock;
use crate::registry::{
    Block, ErasedPart, Extra, Kind, PartNode, Registry, Rest, SharedMeta, Sharing,
};

const COUNTER: SharedMeta = SharedMeta::new("count", "", (Kind::Counter, 1, false), (0, 0));
const PART: SharedMeta = SharedMeta::new("part", "", (Kind::Part, 1, false), COUNTER.end());
static SHARING: Sharing = Sharing::new("Model", "", &[COUNTER, PART], PART.end().0);

/// The cell, and what exited threads have left of it.
const CELL: usize = 0;
const WORD: usize = 0;

/// Runs a model of two threads, in all interleavings with up to this many preemptions.
fn model(f: impl Fn() + Sync + Send + 'static) {
    bounded(3, f);
}

/// Runs a model of three threads, of which there are many more interleavings.
fn model_of_three(f: impl Fn() + Sync + Send + 'static) {
    bounded(1, f);
}

fn bounded(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.check(f);
}

/// A registry that the model leaks: in the runtime it is a static.
fn registry() -> &'static Registry {
    let registry: Registry<[Rest; PART.end().1]> = Registry::new(&SHARING);
    Box::leak(Box::new(registry))
}

fn register(registry: &'static Registry) -> Block {
    registry.register(registry.owner())
}

/// As the owner does it: a load and a store.
fn add(block: Block, count: u64) {
    // SAFETY: the block has not retired.
    let cell = unsafe { block.as_ref() };
    cell.store(cell.load(Relaxed) + count, Relaxed);
}

fn total(registry: &'static Registry) -> u64 {
    registry.lock().sum(CELL, WORD)
}

fn take(registry: &'static Registry) -> u64 {
    let mut inner = registry.lock();
    let total = inner.sum(CELL, WORD);
    inner.take(WORD, total)
}

#[test]
fn a_total_beside_a_thread_that_retires_never_goes_back_and_is_exact_at_the_end() {
    model(|| {
        let registry = registry();
        let worker = thread::spawn(move || {
            let block = register(registry);
            add(block, 2);
            drop(registry.retire(block));
        });
        let first = total(registry);
        let second = total(registry);
        assert!(first <= second, "{first} then {second}");
        assert!([0, 2].contains(&first) && [0, 2].contains(&second));
        worker.join().unwrap();
        assert_eq!(total(registry), 2);
        assert_eq!(registry.lock().live(), 0);
    });
}

#[test]
fn what_was_published_before_is_in_the_total() {
    model(|| {
        let registry = registry();
        let published = loom::sync::Arc::new(loom::sync::atomic::AtomicU64::new(0));
        let worker = {
            let published = loom::sync::Arc::clone(&published);
            thread::spawn(move || {
                let block = register(registry);
                add(block, 1);
                published.store(1, std::sync::atomic::Ordering::Release);
                drop(registry.retire(block));
            })
        };
        let least = published.load(std::sync::atomic::Ordering::Acquire);
        assert!(total(registry) >= least);
        worker.join().unwrap();
    });
}

#[test]
fn two_threads_register_and_retire_with_blocks_of_their_own() {
    model_of_three(|| {
        let registry = registry();
        let work = move |count: u64| {
            let block = register(registry);
            add(block, count);
            drop(registry.retire(block));
        };
        let workers = [1, 10].map(|count| thread::spawn(move || work(count)));
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(total(registry), 11);
    });
}

#[test]
fn a_block_is_clean_when_the_next_thread_gets_it() {
    model(|| {
        let registry = registry();
        let first = register(registry);
        add(first, 5);
        let worker = thread::spawn(move || {
            let block = register(registry);
            // SAFETY: the block has not retired.
            let found = unsafe { block.as_ref() }.load(Relaxed);
            assert_eq!(found, 0);
            add(block, 1);
            drop(registry.retire(block));
        });
        drop(registry.retire(first));
        worker.join().unwrap();
        assert_eq!(total(registry), 6);
    });
}

#[test]
fn two_takers_lose_and_double_nothing_while_a_thread_writes_and_retires() {
    model_of_three(|| {
        let registry = registry();
        let worker = thread::spawn(move || {
            let block = register(registry);
            add(block, 1);
            drop(registry.retire(block));
        });
        let taker = thread::spawn(move || take(registry));
        let mine = take(registry);
        worker.join().unwrap();
        let theirs = taker.join().unwrap();
        assert_eq!(mine + theirs + take(registry), 1);
    });
}

#[test]
fn a_late_write_beside_a_total_is_seen_or_not_and_never_lost() {
    model(|| {
        let registry = registry();
        let worker = thread::spawn(move || registry.lock().add_exited(WORD, 3));
        assert!([0, 3].contains(&total(registry)));
        worker.join().unwrap();
        assert_eq!(total(registry), 3);
    });
}

/// A part that holds a number.
struct Number(Lock<Option<u64>>);

impl ErasedPart for Number {
    fn retire(&self) -> bool {
        true
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

// SAFETY: loom's types are not `Send` and `Sync` by themselves; the lock is what makes this so.
unsafe impl Send for Number {}
// SAFETY: as above.
unsafe impl Sync for Number {}

/// Registers, makes a part, and retires.
fn leave_a_part(registry: &'static Registry) {
    let block = register(registry);
    let part = Arc::new(Number(Lock::new(Some(7))));
    let mut extra = Extra::Part(Box::new(PartNode::new(1, part)));
    if let Some(place) = registry.lock().extra(block, 1) {
        std::mem::swap(place, &mut extra);
    }
    drop(registry.retire(block));
}

/// As `take_parts`, which cannot be used here because it counts in thread-locals.
fn take_parts(registry: &'static Registry) -> Vec<u64> {
    let mut exited = None;
    let mut live = Vec::new();
    {
        let mut inner = registry.lock();
        inner.take_exited_parts(1, &mut exited);
        live.extend(inner.threads().filter_map(|thread| thread.part(1)));
    }
    while let Some(node) = exited {
        let (part, next) = node.split();
        exited = next;
        live.push(part);
    }
    let value = |part: Arc<dyn ErasedPart>| {
        let number = part.into_any().downcast::<Number>().ok()?;
        number.0.lock().take()
    };
    live.into_iter().filter_map(value).collect()
}

#[test]
fn parts_are_collected_exactly_once_while_their_thread_retires() {
    model(|| {
        let registry = registry();
        let worker = thread::spawn(move || leave_a_part(registry));
        let mut found = take_parts(registry);
        worker.join().unwrap();
        found.extend(take_parts(registry));
        assert_eq!(found, [7]);
    });
}

#[test]
fn two_collectors_do_not_get_the_same_part() {
    model(|| {
        let registry = registry();
        leave_a_part(registry);
        let taker = thread::spawn(move || take_parts(registry));
        let mut found = take_parts(registry);
        found.extend(taker.join().unwrap());
        assert_eq!(found, [7]);
    });
}
