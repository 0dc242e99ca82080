//! Ten thousand threads at once, each with values of its own.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use tls_core::thread_local_state;

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

#[test]
fn ten_thousand_live_threads_have_a_value_each() {
    let count = scaled(10_000);
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
                assert!(Explicit::init_state_with(values).is_ok());
                Constant::NUMBER.set(number);
                all_live.wait();
                // Everybody has written; everybody looks.
                let numbers = (
                    Lazy::NUMBER.get(),
                    Explicit::NUMBER.get(),
                    Constant::NUMBER.get(),
                );
                assert_eq!(numbers, (number, number, number));
                all_live.wait();
            };
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(body)
                .unwrap()
        })
        .collect();
    all_live.wait();
    assert_eq!(DROPPED.load(Ordering::Relaxed), 0);
    all_live.wait();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(DROPPED.load(Ordering::Relaxed), 2 * count);
}
