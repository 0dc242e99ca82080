//! Counts that all threads write and any thread can total.

use prometheus::IntCounter;
use prometheus::local::LocalIntCounter;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use tls_core::{Counter, thread_local_state};

/// A way to count.
pub trait Counting {
    /// What tables call it.
    const NAME: &'static str;

    /// Counts for this thread.
    fn add(count: u64);

    /// What all threads have counted, the exited ones, too.
    fn total() -> u64;

    /// Makes what this thread has counted visible to others. To be called from time to time.
    ///
    /// Does nothing, except where counts are collected in the thread first.
    #[inline]
    fn flush() {}
}

/// This library.
pub struct TlsCore;

#[thread_local_state]
struct Server {
    #[state(shared)]
    requests: Counter,
}

impl Counting for TlsCore {
    const NAME: &'static str = "tls-core";

    #[inline]
    fn add(count: u64) {
        Server::REQUESTS.add(count);
    }

    #[inline]
    fn total() -> u64 {
        Server::REQUESTS.total()
    }
}

/// What is written first, and often suffices.
pub struct GlobalAtomic;

static GLOBAL: AtomicU64 = AtomicU64::new(0);

impl Counting for GlobalAtomic {
    const NAME: &'static str = "global atomic";

    #[inline]
    fn add(count: u64) {
        GLOBAL.fetch_add(count, Relaxed);
    }

    #[inline]
    fn total() -> u64 {
        GLOBAL.load(Relaxed)
    }
}

/// A number under the standard library's lock.
pub struct Locked;

static LOCKED: Mutex<u64> = Mutex::new(0);

impl Counting for Locked {
    const NAME: &'static str = "Mutex";

    #[inline]
    fn add(count: u64) {
        *lock(&LOCKED) += count;
    }

    #[inline]
    fn total() -> u64 {
        *lock(&LOCKED)
    }
}

#[inline]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every thread makes an atomic of its own on its first use, and lists it.
pub struct RegistryOfArcs;

static REGISTRY: Mutex<Arcs> = Mutex::new(Arcs {
    live: Vec::new(),
    exited: 0,
});

struct Arcs {
    live: Vec<Arc<AtomicU64>>,
    exited: u64,
}

thread_local! {
    static MINE: Mine = Mine::new();
}

struct Mine(Arc<AtomicU64>);

impl Mine {
    fn new() -> Self {
        let mine = Arc::new(AtomicU64::new(0));
        lock(&REGISTRY).live.push(Arc::clone(&mine));
        Self(mine)
    }
}

// Much code that does this lacks it, and its list only ever grows.
impl Drop for Mine {
    fn drop(&mut self) {
        let mut registry = lock(&REGISTRY);
        registry.live.retain(|arc| !Arc::ptr_eq(arc, &self.0));
        registry.exited += self.0.load(Relaxed);
    }
}

impl Counting for RegistryOfArcs {
    const NAME: &'static str = "registry of Arcs";

    #[inline]
    fn add(count: u64) {
        MINE.with(|mine| mine.0.fetch_add(count, Relaxed));
    }

    #[inline]
    fn total() -> u64 {
        let registry = lock(&REGISTRY);
        registry.live.iter().fold(registry.exited, |sum, arc| {
            sum.wrapping_add(arc.load(Relaxed))
        })
    }
}

/// The same registry, written to as only the one thread that writes may: without an atomic
/// addition.
pub struct RegistryOfArcsStored;

impl Counting for RegistryOfArcsStored {
    const NAME: &'static str = "registry of Arcs, load and store";

    #[inline]
    fn add(count: u64) {
        MINE.with(|mine| {
            let sum = mine.0.load(Relaxed).wrapping_add(count);
            mine.0.store(sum, Relaxed);
        });
    }

    #[inline]
    fn total() -> u64 {
        RegistryOfArcs::total()
    }
}

/// Atomics that are far enough from each other; a thread has one of them, by number.
pub struct PaddedShards;

/// How many shards those have that have shards.
const SHARDS: usize = 64;

/// 128 bytes, as `crossbeam_utils::CachePadded` on this and most machines.
#[repr(align(128))]
struct Padded(AtomicU64);

static PADDED: [Padded; SHARDS] = [const { Padded(AtomicU64::new(0)) }; SHARDS];

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: usize = NEXT_SHARD.fetch_add(1, Relaxed) % SHARDS;
}

impl Counting for PaddedShards {
    const NAME: &'static str = "padded shards";

    #[inline]
    fn add(count: u64) {
        SHARD.with(|&shard| PADDED[shard].0.fetch_add(count, Relaxed));
    }

    #[inline]
    fn total() -> u64 {
        PADDED
            .iter()
            .fold(0, |sum, padded| sum.wrapping_add(padded.0.load(Relaxed)))
    }
}

/// The crate's counter: padded shards, too. It has as many as those above; with one per core, as in
/// its examples, more threads would meet on one.
pub struct FastTelemetry;

static FAST_TELEMETRY: LazyLock<fast_telemetry::Counter> =
    LazyLock::new(|| fast_telemetry::Counter::new(SHARDS));

impl Counting for FastTelemetry {
    const NAME: &'static str = "fast-telemetry";

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "it counts in `isize`")]
    fn add(count: u64) {
        FAST_TELEMETRY.add(count.cast_signed() as isize);
    }

    #[inline]
    fn total() -> u64 {
        FAST_TELEMETRY.sum().cast_unsigned() as u64
    }
}

/// The crate's local counters collect in the thread, and add to a global atomic when they are
/// flushed: a total is exact only after all threads have done that, and each has to.
pub struct PrometheusLocal;

static PROMETHEUS: LazyLock<IntCounter> =
    LazyLock::new(|| IntCounter::new("requests", "Requests served.").expect("the name is valid"));

thread_local! {
    static LOCAL: LocalIntCounter = PROMETHEUS.local();
}

impl Counting for PrometheusLocal {
    const NAME: &'static str = "prometheus local";

    #[inline]
    fn add(count: u64) {
        LOCAL.with(|local| local.inc_by(count));
    }

    #[inline]
    fn total() -> u64 {
        PROMETHEUS.get()
    }

    #[inline]
    fn flush() {
        LOCAL.with(LocalIntCounter::flush);
    }
}
