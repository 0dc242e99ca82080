//! A hundred thousand threads, one after another, leave memory as it was.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

#[path = "behaviour/resident.rs"]
mod resident;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tls_core::thread_local_state;

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

#[test]
fn a_hundred_thousand_short_threads_leave_memory_flat() {
    assert_flat("threads", scaled(100_000), || {
        let thread = thread::Builder::new().stack_size(128 << 10).spawn(|| {
            Small::LIVE.with(|live| assert_eq!(live.0.len(), 200));
            Large::BYTES.with_mut(|bytes| bytes[2999] = 2);
            Failing::NUMBER.get().unwrap_err();
            assert!(LIVE.load(Ordering::Relaxed) >= 2);
        });
        thread.unwrap().join().unwrap();
        assert_eq!(LIVE.load(Ordering::Relaxed), 0);
    });
}
