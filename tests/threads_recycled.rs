//! A thread's storage may have been another thread's before. It starts uninitialized.
//!
//! A binary of its own: here no other thread takes the storage that has become free.

#[path = "behaviour/kinds.rs"]
#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "this binary needs only a part"
)]
mod kinds;

#[path = "behaviour/support.rs"]
#[allow(dead_code, reason = "this binary needs only a part")]
mod support;

use std::collections::HashSet;
use std::sync::Mutex;

use tls_core::thread_local_state;

use kinds::{Kind, START, for_each_kind, make};
use support::{lock, on_thread, scale, scaled};

for_each_kind! {
    recycled_storage_starts_uninitialized
}

/// One test at a time.
static ONE: Mutex<()> = Mutex::new(());

/// Runs threads one after another, each of which returns an address, and checks that
/// addresses were used again.
fn assert_recycled(use_state: fn() -> usize) {
    let count = scaled(200);
    let addresses: HashSet<usize> = (0..count).map(|_| on_thread(use_state)).collect();
    println!("{count} threads, {} addresses", addresses.len());
    if cfg!(all(target_os = "linux", target_env = "gnu")) && scale() == 1 {
        assert!(addresses.len() <= count / 10, "{addresses:?}");
    }
}

fn recycled_storage_starts_uninitialized<K: Kind>() {
    let _one = lock(&ONE);
    assert_recycled(|| {
        assert!(!K::state().is_initialized());
        assert!(K::state().peek(|_| ()).ok().flatten().is_none());
        make::<K>();
        assert_eq!(K::plain(K::NUMBER.replace(1)), START);
        assert!(K::plain(K::ITEMS.replace(vec![1, 2, 3])).is_empty());
        K::plain(K::with_state(|state| (&raw const *state).addr()))
    });
}

#[thread_local_state]
struct NoDrop {
    number: u64,
}

#[thread_local_state(const)]
struct NoDropConstant {
    #[state(init = 3)]
    number: u64,
}

/// Nothing tells a state without a destructor that its thread ends.
#[test]
fn recycled_storage_of_states_without_destructors_starts_uninitialized() {
    let _one = lock(&ONE);
    assert_recycled(|| {
        assert!(!NoDrop::state().is_initialized());
        assert_eq!(NoDrop::NUMBER.replace(5), 0);
        assert_eq!(NoDropConstant::NUMBER.replace(5), 3);
        NoDrop::with_state(|state| (&raw const *state).addr())
    });
}

/// A thread that ended while a panic unwound it, or inside a scope, left no trace either.
#[test]
fn storage_recycled_from_a_thread_that_panicked_starts_uninitialized() {
    let _one = lock(&ONE);
    assert_recycled(|| {
        assert!(!NoDrop::state().is_initialized());
        assert!(!kinds::Lazy::state().is_initialized());
        kinds::Lazy::with_state_mut(|state| {
            state.number = 9;
            let panic = support::panic_of(|| NoDrop::NUMBER.scope(1, || kinds::Lazy::NUMBER.get()));
            assert!(panic.text.contains("already borrowed"));
            (&raw const *state).addr()
        })
    });
}
