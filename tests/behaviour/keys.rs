//! What is different where the runtime has one key of the operating system for all states: these go together, when
//! the C library destroys a thread's specific data, and so after the standard library's thread-locals.

use tls_core::{AccessError, thread_local_state};

use crate::kinds::{Constant, Lazy, START, make};
use crate::rounds::{ROUNDS, in_rounds};
use crate::support::{note, note_check, on_thread, recorded};

#[thread_local_state]
struct Plain {
    #[state(init = START)]
    number: u64,
}

fn is_destroyed<R>(result: &Result<R, AccessError>) -> bool {
    matches!(result, Err(AccessError::Destroyed(_)))
}

#[test]
fn values_go_newest_first_after_the_standard_librarys_thread_locals() {
    struct Foreign;

    impl Drop for Foreign {
        fn drop(&mut self) {
            note("drop Foreign");
            note_check("states are there", || {
                assert_eq!(Lazy::NUMBER.get(), START);
                assert!(Constant::state().reset());
                make::<Constant>();
            });
        }
    }

    thread_local!(static FOREIGN: Foreign = const { Foreign });

    let events = recorded(|| {
        make::<Constant>();
        FOREIGN.with(|_| ());
        make::<Lazy>();
    });
    assert_eq!(
        events,
        [
            "make Lazy",
            "drop Foreign",
            "drop Constant",
            "states are there: ok",
            "drop Constant",
            "drop Lazy",
        ]
    );
}

#[test]
fn once_destroyed_a_state_is_destroyed_in_all_rounds_that_follow_with_and_without_a_destructor() {
    let events = recorded(|| {
        assert_eq!(Plain::NUMBER.get(), START);
        make::<Lazy>();
        in_rounds(|round| {
            let plain = Plain::NUMBER.try_with(|number| *number);
            let lazy = Lazy::NUMBER.try_with(|number| *number);
            assert_eq!(is_destroyed(&plain), is_destroyed(&lazy));
            // The order of two keys is that in which they were made, which is not known here.
            if round == 1 && plain.is_ok() {
                return;
            }
            note_check("destroyed", || {
                assert!(is_destroyed(&plain));
                assert!(is_destroyed(&Plain::state().try_reset()));
                assert!(!Plain::state().is_initialized());
                assert!(is_destroyed(&Plain::state().peek(|_| ())));
                assert_eq!(Plain::state().try_with_fresh(|| 3).ok(), Some(3));
                assert!(is_destroyed(&Plain::state().try_with_mut(|_| ())));
            });
        });
    });
    let destroyed = events
        .iter()
        .filter(|event| *event == "destroyed: ok")
        .count();
    assert!((ROUNDS - 1..=ROUNDS).contains(&destroyed), "{events:?}");
    assert_eq!(
        events.iter().filter(|event| *event == "drop Lazy").count(),
        1
    );
}

#[test]
fn a_value_first_made_in_any_round_but_the_last_is_dropped() {
    fn first_use_in<const ROUND: usize>() {
        let events = recorded(|| {
            in_rounds(|round| {
                if round == ROUND {
                    make::<Lazy>();
                    note("made");
                }
            });
        });
        let expected = ["make Lazy", "made", "drop Lazy"];
        // In the last round the runtime's key may come first.
        let dropped = events.len() - 2;
        assert_eq!(events, expected[..2 + dropped]);
        assert!(dropped == 1 || ROUND == ROUNDS);
    }

    first_use_in::<1>();
    first_use_in::<2>();
    first_use_in::<3>();
    first_use_in::<4>();
}

/// Coroutines that are suspended when their thread's table goes, and resumed by a later destructor.
#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod suspended {
    use std::cell::RefCell;

    use corosensei::{Coroutine, Yielder};

    use super::*;

    type Suspended = Coroutine<(), (), ()>;

    thread_local! {
        // Leaked with the thread, which is no matter: no drop glue, so it is there in every round.
        static SUSPENDED: RefCell<std::mem::ManuallyDrop<Vec<Suspended>>> =
            const { RefCell::new(std::mem::ManuallyDrop::new(Vec::new())) };
    }

    fn suspend_within(f: fn(&Yielder<(), ()>)) {
        let mut coroutine = Coroutine::new(move |yielder, ()| f(yielder));
        assert!(coroutine.resume(()).as_yield().is_some());
        SUSPENDED.with_borrow_mut(|all| all.push(coroutine));
    }

    fn finish() {
        let mut coroutine = SUSPENDED.with_borrow_mut(|all| all.pop().unwrap());
        assert!(coroutine.resume(()).as_return().is_some());
    }

    #[thread_local_state]
    struct Name {
        text: String,
    }

    fn is_name_destroyed() -> bool {
        is_destroyed(&Name::TEXT.try_with_mut(|text| text.push('x')))
            && !Name::state().is_initialized()
    }

    /// Whatever the order of the keys: in the second round the table has gone.
    fn after_the_table(f: fn(&Yielder<(), ()>)) {
        let events = recorded(move || {
            Name::TEXT.set("name".into());
            suspend_within(f);
            in_rounds(|round| {
                if round == 2 {
                    note_check("before", || assert!(is_name_destroyed()));
                    finish();
                }
                if round >= 2 {
                    note_check("after", || assert!(is_name_destroyed()));
                }
            });
        });
        let expected = ["before: ok", "after: ok", "after: ok", "after: ok"];
        assert_eq!(events, expected);
        // Nor has it changed anything for another thread.
        let events = recorded(|| {
            Name::TEXT.set("other".into());
            in_rounds(|round| {
                if round == 2 {
                    note_check("other", || assert!(is_name_destroyed()));
                }
            });
        });
        assert_eq!(events, ["other: ok"]);
    }

    #[test]
    fn a_borrow_that_outlives_the_table_ends_where_it_began() {
        after_the_table(|yielder| Name::state().with(|_| yielder.suspend(())));
        after_the_table(|yielder| Name::state().with_mut(|_| yielder.suspend(())));
        after_the_table(|yielder| Name::TEXT.with(|_| yielder.suspend(())));
        after_the_table(|yielder| Name::TEXT.with_mut(|_| yielder.suspend(())));
        after_the_table(|yielder| Name::TEXT.scope("scope".into(), || yielder.suspend(())));
    }

    #[thread_local_state(fork = reset)]
    struct Borrowed {
        number: u64,
    }

    #[thread_local_state(fork = reset)]
    struct Neighbour {
        number: u64,
    }

    /// AddressSanitizer sees whether it leads to the neighbour, whose memory has gone.
    #[test]
    fn a_value_that_a_fork_resets_and_a_borrow_keeps_is_alone_when_the_table_goes() {
        fn end() {
            let is_over = Borrowed::NUMBER.try_with(|_| ()).is_err();
            finish();
            let is_still = Borrowed::NUMBER.try_with(|_| ()).is_err();
            // SAFETY: the process is a child that has nothing to clean up.
            unsafe { libc::_exit(if is_over && is_still { 7 } else { 8 }) };
        }

        let child = on_thread(|| {
            suspend_within(|yielder| {
                Borrowed::NUMBER.with_mut(|number| {
                    yielder.suspend(());
                    *number += 1;
                });
            });
            // SAFETY: the child runs destructors of this thread alone.
            let child = unsafe { libc::fork() };
            if child == 0 {
                Neighbour::NUMBER.set(1);
                in_rounds(|round| {
                    if round == 2 {
                        end();
                    }
                });
            } else {
                finish();
            }
            child
        });
        let mut status = 0;
        // SAFETY: it is a child of this process.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(libc::WEXITSTATUS(status), 7);
    }

    #[test]
    fn a_value_that_is_set_aside_while_the_table_goes_is_dropped() {
        after_the_table(|yielder| Name::state().with_fresh(|| yielder.suspend(())));
    }
}
