//! Parts whose thread ends in the midst of their use, and states that the end of a thread makes.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use corosensei::{Coroutine, CoroutineResult};
use tls_core::shared::{Part, SharedField};
use tls_core::thread_local_state;

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

#[thread_local_state]
struct Suspended {
    #[state(shared)]
    numbers: Part<Vec<u64>>,
}

#[thread_local_state]
struct Resumed {
    #[state(shared)]
    numbers: Part<Vec<u64>>,
}

type Use = Coroutine<(), (), ()>;

/// A coroutine that suspends itself while it uses the thread's part.
fn suspended_in(part: SharedField<Resumed, Part<Vec<u64>>>) -> Use {
    let mut coroutine = Use::new(move |yielder, ()| {
        part.with_mut(|numbers| {
            numbers.push(1);
            yielder.suspend(());
            numbers.push(2);
        });
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    coroutine
}

/// Fails, by a hang, if a part that its thread will never give back is waited for.
#[test]
fn nobody_waits_for_a_part_whose_thread_has_ended_in_the_midst_of_its_use() {
    static IS_IN: AtomicBool = AtomicBool::new(false);
    static MAY_END: AtomicBool = AtomicBool::new(false);

    let user = thread::spawn(|| {
        let mut coroutine = Use::new(|yielder, ()| {
            Suspended::NUMBERS.with_mut(|numbers| {
                numbers.push(1);
                yielder.suspend(());
            });
        });
        assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
        // Dropped, it would end the use.
        std::mem::forget(coroutine);
        IS_IN.store(true, SeqCst);
        until(|| MAY_END.load(SeqCst));
    });
    until(|| IS_IN.load(SeqCst));
    // Begins to wait before the thread ends, or finds that it has.
    let collector = thread::spawn(|| Suspended::NUMBERS.take_parts());
    for _ in 0..100 {
        thread::yield_now();
    }
    MAY_END.store(true, SeqCst);
    user.join().unwrap();
    assert_eq!(collector.join().unwrap(), [[0; 0]; 0]);
}

thread_local! {
    /// Its destructor runs after that of what registers later.
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

struct Late(Use);

impl Drop for Late {
    fn drop(&mut self) {
        assert!(matches!(self.0.resume(()), CoroutineResult::Return(())));
    }
}

/// Fails if what a use adds after its thread has retired is lost.
#[test]
fn a_use_that_ends_after_its_thread_has_retired_leaves_its_part() {
    thread::spawn(|| {
        LATE.with(|_| ());
        let coroutine = suspended_in(Resumed::NUMBERS);
        LATE.with(|late| *late.borrow_mut() = Some(Late(coroutine)));
    })
    .join()
    .unwrap();
    assert_eq!(Resumed::NUMBERS.take_parts(), [[1, 2]]);
}
