//! Thousands of threads at once, each with values and cells of its own.
//!
//! As many as `TLS_STATE_TEST_THREADS` says. Memory is measured by a global allocator that counts live
//! bytes: resident memory says little.

#[path = "support/live_bytes.rs"]
mod live_bytes;
#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use tls_core::shared::{Gauge, Part, Peak};
use tls_core::{Counter, thread_local_state};

use live_bytes::LIVE;
use support::scaled;

static DROPPED: AtomicUsize = AtomicUsize::new(0);

struct Counted(usize);

impl Drop for Counted {
    fn drop(&mut self) {
        DROPPED.fetch_add(self.0, Ordering::Relaxed);
    }
}

#[thread_local_state]
struct Lazy {
    #[state(init = Counted(1))]
    counted: Counted,
    number: usize,
}

#[thread_local_state(explicit)]
struct Explicit {
    counted: Counted,
    number: usize,
}

#[thread_local_state(const)]
struct Constant {
    #[state(init = 0)]
    number: usize,
}

#[thread_local_state(fork = reset)]
struct Large {
    #[state(init = [1; 3000])]
    bytes: [u8; 3000],
    number: usize,
}

#[thread_local_state(error = String)]
struct Fallible {
    #[state(init = Ok::<_, String>(Counted(1))?)]
    counted: Counted,
    number: usize,
}

#[thread_local_state]
struct Shared {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    peak: Peak,
    #[state(shared)]
    by_kind: [Counter; 5],
    #[state(shared)]
    part: Part<Vec<usize>>,
}

/// How many values of each thread are counted when they are dropped.
const DROPS: usize = 3;

/// All of them live at once, look at what they have, and end.
fn wave(count: usize) {
    let dropped = DROPPED.load(Ordering::Relaxed);
    let total = Shared::DONE.total();
    let all_live = Arc::new(Barrier::new(count + 1));
    let threads: Vec<_> = (0..count)
        .map(|number| {
            let all_live = Arc::clone(&all_live);
            let body = move || {
                Lazy::NUMBER.set(number);
                let values = ExplicitInit {
                    counted: Counted(1),
                    number,
                };
                Explicit::state().init_with(values);
                Constant::NUMBER.set(number);
                Large::NUMBER.set(number);
                Fallible::NUMBER.set(number).unwrap();
                Shared::DONE.add(number as u64);
                Shared::LEVEL.set(1);
                Shared::PEAK.record(number as u64);
                Shared::BY_KIND.at(number % 5).increment();
                Shared::PART.with_mut(|part| part.push(number));
                all_live.wait();
                // Everybody has written; everybody looks.
                let numbers = [
                    Lazy::NUMBER.get(),
                    Explicit::NUMBER.get(),
                    Constant::NUMBER.get(),
                    Large::NUMBER.get(),
                    Fallible::NUMBER.get().unwrap(),
                ];
                assert_eq!(numbers, [number; 5]);
                assert_eq!(Large::BYTES.with(|bytes| bytes[2999]), 1);
                assert_eq!(Shared::DONE.get(), number as u64);
                all_live.wait();
            };
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(body)
                .unwrap()
        })
        .collect();
    all_live.wait();
    assert_eq!(DROPPED.load(Ordering::Relaxed), dropped);
    let sum = (count * (count - 1) / 2) as u64;
    assert_eq!(Shared::state().live_threads(), count);
    assert_eq!(Shared::DONE.total(), total + sum);
    assert_eq!(Shared::LEVEL.total(), i64::try_from(count).unwrap());
    assert_eq!(Shared::PEAK.total(), count as u64 - 1);
    let listed = Shared::DONE.per_thread().into_rows();
    let ids: HashSet<_> = listed.iter().map(|thread| thread.thread).collect();
    assert_eq!((listed.len(), ids.len()), (count, count));
    assert_eq!(listed.iter().map(|thread| thread.value).sum::<u64>(), sum);
    drop(listed);
    all_live.wait();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(DROPPED.load(Ordering::Relaxed), dropped + DROPS * count);
    assert_eq!(
        (Shared::state().live_threads(), Shared::LEVEL.total()),
        (0, 0)
    );
    assert_eq!(Shared::DONE.total(), total + sum);
    let mut parts = Shared::PART.take_parts().concat();
    parts.sort_unstable();
    assert!(parts.into_iter().eq(0..count));
}

/// How many: as many as the machine has to have in any case, or what the environment says.
fn threads() -> usize {
    match std::env::var("TLS_STATE_TEST_THREADS") {
        Ok(threads) => threads.parse().unwrap(),
        Err(_) => scaled(2_000),
    }
}

#[test]
fn thousands_of_live_threads_have_a_value_and_cells_each_and_leave_memory_flat() {
    let count = threads();
    wave(count);
    let before = LIVE.load(Ordering::Relaxed);
    for wave_number in 2..=3 {
        wave(count);
        let grown = LIVE.load(Ordering::Relaxed).saturating_sub(before);
        println!("wave {wave_number} of {count} threads has left {grown} bytes");
        // One chunk of the registry stays, the small first one or a later one of 64 KiB: whichever
        // emptied last. And the test harness may allocate meanwhile.
        assert!(grown <= 80 << 10, "{grown} bytes in wave {wave_number}");
    }
    let by_kind: u64 = Shared::BY_KIND.total().iter().sum();
    assert_eq!(by_kind, 3 * count as u64);
}
