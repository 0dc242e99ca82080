//! A million resets leave memory as it was.

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

#[path = "behaviour/resident.rs"]
mod resident;

use tls_core::thread_local_state;

use resident::assert_flat;
use support::{on_thread, scaled};

#[thread_local_state]
struct Small {
    #[state(init = vec![1; 100])]
    items: Vec<u8>,
    number: u64,
}

#[thread_local_state(error = String)]
struct Large {
    #[state(init = [1; 4000])]
    bytes: [u8; 4000],
    #[state(init = fail_sometimes()?)]
    items: Vec<u8>,
}

/// A neighbour in the thread's list, so that resets take nodes out of its middle.
#[thread_local_state]
struct Neighbour {
    #[state(init = vec![1; 100])]
    items: Vec<u8>,
}

fn fail_sometimes() -> Result<Vec<u8>, String> {
    std::thread_local!(static CALLS: std::cell::Cell<u32> = const { std::cell::Cell::new(0) });
    CALLS.set(CALLS.get() + 1);
    if CALLS.get().is_multiple_of(3) {
        Err("the third".repeat(10))
    } else {
        Ok(vec![1; 100])
    }
}

/// All in one test: another one would show in the measurements.
#[test]
fn a_million_resets_and_scopes_leave_memory_flat() {
    on_thread(|| {
        Small::ITEMS.with(|_| ());
        Neighbour::ITEMS.with(|_| ());
        assert_flat("resets", scaled(1_100_000), || {
            Small::ITEMS.with_mut(|items| items.push(2));
            assert!(Small::state().reset());
        });
        assert_flat(
            "resets of a large state that fails at times",
            scaled(200_000),
            || {
                let made = Large::with_state(|large| large.bytes[0]).is_ok();
                assert_eq!(Large::state().reset(), made);
            },
        );
        assert_flat("fresh states", scaled(200_000), || {
            Small::state().with_fresh(|| Small::NUMBER.update(|number| number + 1));
            assert_eq!(Small::NUMBER.get(), 0);
        });
        assert_flat("scopes", scaled(200_000), || {
            Small::ITEMS.scope(vec![1; 50], || Small::ITEMS.with_mut(|items| items.push(1)));
        });
    });
}
