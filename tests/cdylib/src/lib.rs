//! A library with states, which `tests/dlopen.rs` loads, uses and unloads.

mod table;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicPtr, AtomicU64};

use tls_core::shared::Part;
use tls_core::{Counter, Histogram, thread_local_state};

use table::Table;

static LIVE: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());

fn live() -> &'static AtomicU64 {
    // SAFETY: from a `&'static AtomicU64`, or null.
    unsafe { LIVE.load(SeqCst).as_ref() }.expect("`watch` was called")
}

/// Is counted while it exists.
struct Counted(Vec<u8>);

impl Counted {
    fn new() -> Self {
        live().fetch_add(1, SeqCst);
        Self(vec![5; 100])
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(self.0, [5; 100]);
        live().fetch_sub(1, SeqCst);
        // Code and data of the library are there, its other states included.
        Lazy::LATE.increment();
        let _ = Plain::NUMBER.get();
    }
}

#[thread_local_state]
struct Lazy {
    #[state(init = Counted::new())]
    _counted: Counted,
    number: u64,
    /// How often it was used.
    #[state(shared)]
    used: Counter,
    /// Destructors.
    #[state(shared)]
    late: Counter,
    #[state(shared)]
    values: Histogram,
    #[state(shared)]
    part: Part<Vec<u64>>,
}

#[thread_local_state]
struct Large {
    #[state(init = [3; 4000])]
    bulk: [u8; 4000],
    #[state(init = Counted::new())]
    _counted: Counted,
}

#[thread_local_state(fork = reset)]
struct Reset {
    #[state(init = Counted::new())]
    _counted: Counted,
    number: u64,
}

#[thread_local_state(error = std::fmt::Error)]
struct Fallible {
    #[state(init = Ok::<_, std::fmt::Error>(Counted::new())?)]
    counted: Counted,
}

#[thread_local_state(const)]
struct Plain {
    #[state(init = 0)]
    number: u64,
}

#[thread_local_state(const, fork = reset)]
struct PlainReset {
    #[state(init = 0)]
    number: u64,
}

extern "C" fn watch(live: &'static AtomicU64) {
    LIVE.store(std::ptr::from_ref(live).cast_mut(), SeqCst);
}

extern "C" fn use_all() -> u64 {
    use_plain();
    Large::BULK.with_mut(|bulk| {
        assert_eq!(bulk[3999], 3);
        Reset::NUMBER.update(|number| number + 1);
    });
    Fallible::COUNTED.with(|_| ()).unwrap();
    Lazy::VALUES.record(7);
    Lazy::PART.with_mut(|part| part.push(1));
    Lazy::with_state_mut(|lazy| {
        Lazy::USED.increment();
        lazy.number += 1;
        lazy.number
    })
}

extern "C" fn use_plain() -> u64 {
    PlainReset::NUMBER.update(|number| number + 1);
    Plain::NUMBER.update(|number| number + 1);
    Plain::NUMBER.get()
}

extern "C" fn used() -> u64 {
    Lazy::state()
        .peek(|lazy| lazy.number)
        .ok()
        .flatten()
        .unwrap_or(0)
}

extern "C" fn reset_by_fork() -> u64 {
    u64::from(Reset::state().is_initialized()) + u64::from(PlainReset::state().is_initialized())
}

extern "C" fn total() -> u64 {
    let total = Lazy::USED.total();
    assert!(Lazy::VALUES.total().count() <= total + live_threads());
    total
}

extern "C" fn live_threads() -> u64 {
    Lazy::state().live_threads() as u64
}

extern "C" fn take_parts() -> u64 {
    Lazy::PART.take_parts().concat().len() as u64
}

/// What this library has.
#[unsafe(no_mangle)]
static TEST_CDYLIB_TABLE: Table = Table {
    watch,
    use_all,
    use_plain,
    used,
    reset_by_fork,
    total,
    live_threads,
    take_parts,
};
