//! A hundred thousand threads, one after another, leave memory as it was.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

#[path = "behaviour/resident.rs"]
mod resident;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tls_core::shared::{Gauge, Part};
use tls_core::{Counter, Histogram, thread_local_state};

use resident::assert_flat;
use support::scaled;

static LIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts the values that exist.
struct Live(Vec<u8>);

impl Live {
    fn new() -> Self {
        LIVE.fetch_add(1, Ordering::Relaxed);
        Self(vec![1; 200])
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

#[thread_local_state]
struct Small {
    #[state(init = Live::new())]
    live: Live,
}

#[thread_local_state]
struct Large {
    #[state(init = [1; 3000])]
    bytes: [u8; 3000],
    #[state(init = Live::new())]
    live: Live,
}

#[thread_local_state(error = String)]
struct Failing {
    #[state(init = Live::new())]
    live: Live,
    #[state(init = Err(String::from("never"))?)]
    number: u64,
}

/// What its threads write stays, and their cells are given back.
#[thread_local_state(fork = reset)]
struct Shared {
    #[state(shared)]
    done: Counter,
    #[state(shared)]
    level: Gauge,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[test]
fn a_hundred_thousand_short_threads_leave_memory_flat() {
    let mut threads = 0;
    assert_flat("threads", scaled(100_000), || {
        // A histogram is 30 KiB that are made and folded: not every time.
        let is_recording = threads % 50 == 0;
        let builder = thread::Builder::new().stack_size(128 << 10);
        let thread = builder.spawn(move || {
            Small::LIVE.with(|live| assert_eq!(live.0.len(), 200));
            Large::BYTES.with_mut(|bytes| bytes[2999] = 2);
            Failing::NUMBER.get().unwrap_err();
            assert!(LIVE.load(Ordering::Relaxed) >= 2);
            Shared::DONE.increment();
            Shared::LEVEL.set(1);
            if is_recording {
                Shared::VALUES.record(7);
            }
            Shared::PART.with_mut(|part| part.push(7));
        });
        thread.unwrap().join().unwrap();
        threads += 1;
        assert_eq!(LIVE.load(Ordering::Relaxed), 0);
        assert_eq!(Shared::state().live_threads(), 0);
        assert_eq!(Shared::PART.take_parts().concat(), [7]);
        assert_eq!((Shared::DONE.total(), Shared::LEVEL.total()), (threads, 0));
    });
    assert_eq!(Shared::VALUES.total().count(), threads.div_ceil(50));
}
