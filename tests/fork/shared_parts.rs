//! `Part` in a child: the parent's parts are not its own, and not its to drop.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use tls_core::shared::Part;
use tls_core::thread_local_state;

use crate::kinds::{Token as _, Witness};
use crate::support::{alone, both, fork_here, in_child, is_child, noted, on_thread, until};

/// A part that tells whose it is.
#[derive(Default)]
struct Words {
    list: Vec<u64>,
    witness: Option<Witness>,
}

impl Words {
    fn push(&mut self, word: u64) {
        self.list.push(word);
        self.witness.get_or_insert_with(|| Witness::new("Words"));
    }
}

#[thread_local_state(fork = reset)]
struct Collector {
    #[state(shared)]
    words: Part<Words>,
    #[state(init = 0)]
    number: u64,
}

fn push(word: u64) {
    Collector::WORDS.with_mut(|words| words.push(word));
}

fn taken() -> Vec<u64> {
    let mut words: Vec<u64> = Collector::WORDS
        .take_parts()
        .into_iter()
        .flat_map(|part| part.list.clone())
        .collect();
    words.sort_unstable();
    words
}

/// What any process has dropped of the parent's, by the child.
fn parents_parts_dropped_by_child() -> usize {
    noted()
        .iter()
        .filter(|line| *line == "child drops Words of parent")
        .count()
}

/// Fails if the child collects its parent's parts: they would be counted twice.
#[test]
fn the_child_has_no_parts() {
    alone(|| {
        push(1);
        on_thread(|| push(2));
        in_child(|| {
            assert!(Collector::WORDS.take_parts().is_empty());
            push(3);
            on_thread(|| push(4));
            assert_eq!(taken(), [3, 4]);
            assert!(taken().is_empty());
            Collector::WORDS.with_mut(|words| assert!(words.list.is_empty()));
        });
        assert_eq!(taken(), [1, 2]);
        assert_eq!(parents_parts_dropped_by_child(), 0);
    });
}

/// Fails if the child goes on in the part that its parent was in, or if the part is dropped
/// when its function returns.
#[test]
fn inside_a_part_of_this_thread() {
    alone(|| {
        push(1);
        both(|| {
            Collector::WORDS.with_mut(|words| {
                fork_here();
                // The reference stays good.
                words.push(2);
                assert_eq!(words.list, [1, 2]);
                // Another part, as ever.
                push(3);
            });
            push(4);
            if is_child() {
                let taken = taken();
                assert!(!taken.contains(&1), "{taken:?}");
                assert!(taken.ends_with(&[3, 4]), "{taken:?}");
            } else {
                assert_eq!(taken(), [1, 2, 3, 4]);
            }
        });
        assert_eq!(parents_parts_dropped_by_child(), 0);
    });
}

/// As above, two levels deep, and the child takes while it is inside.
#[test]
fn inside_two_parts_of_this_thread() {
    alone(|| {
        both(|| {
            Collector::WORDS.with_mut(|outer| {
                outer.push(1);
                Collector::WORDS.with_mut(|inner| {
                    inner.push(2);
                    fork_here();
                    if is_child() {
                        assert!(taken().is_empty());
                        push(3);
                    }
                    inner.push(4);
                });
                outer.push(5);
            });
            if is_child() {
                push(6);
                let taken = taken();
                assert!(!taken.contains(&1) && !taken.contains(&2), "{taken:?}");
                assert!(taken.ends_with(&[6]), "{taken:?}");
            } else {
                assert_eq!(taken(), [1, 2, 4, 5]);
            }
        });
        assert_eq!(parents_parts_dropped_by_child(), 0);
    });
}

/// Fails if `take_parts` in the child waits for a thread that it does not have.
#[test]
fn while_another_thread_is_in_its_part() {
    alone(|| {
        static IS_IN: AtomicBool = AtomicBool::new(false);
        static MAY_GO: AtomicBool = AtomicBool::new(false);
        let other = thread::spawn(|| {
            Collector::WORDS.with_mut(|words| {
                words.push(1);
                IS_IN.store(true, SeqCst);
                until(|| MAY_GO.load(SeqCst));
            });
        });
        until(|| IS_IN.load(SeqCst));
        push(2);
        in_child(|| {
            assert!(taken().is_empty());
            push(3);
            on_thread(|| push(4));
            assert_eq!(taken(), [3, 4]);
        });
        MAY_GO.store(true, SeqCst);
        other.join().unwrap();
        assert_eq!(taken(), [1, 2]);
        assert_eq!(parents_parts_dropped_by_child(), 0);
    });
}

/// Fails if the child waits for the part that the thread which takes, here, waits for.
#[test]
fn while_another_thread_takes_and_waits() {
    alone(|| {
        static IS_IN: AtomicBool = AtomicBool::new(false);
        static MAY_GO: AtomicBool = AtomicBool::new(false);
        let busy = thread::spawn(|| {
            Collector::WORDS.with_mut(|words| {
                words.push(1);
                IS_IN.store(true, SeqCst);
                until(|| MAY_GO.load(SeqCst));
            });
        });
        until(|| IS_IN.load(SeqCst));
        let taker = thread::spawn(taken);
        for _ in 0..20 {
            in_child(|| {
                assert!(taken().is_empty());
                push(3);
                assert_eq!(taken(), [3]);
            });
        }
        MAY_GO.store(true, SeqCst);
        busy.join().unwrap();
        let mut taken_in_all = taker.join().unwrap();
        taken_in_all.extend(taken());
        assert_eq!(taken_in_all, [1]);
    });
}

/// Fails if a handler of the user's, which comes before ours, waits for a thread that its
/// process does not have.
#[test]
fn taken_by_a_users_handler_in_the_child_while_another_thread_is_in_its_part() {
    static IS_IN: AtomicBool = AtomicBool::new(false);
    static MAY_GO: AtomicBool = AtomicBool::new(false);

    extern "C" fn nothing() {}

    extern "C" fn take() {
        let _ = taken();
    }

    alone(|| {
        // SAFETY: functions of this program, which stay.
        let failed = unsafe { libc::pthread_atfork(Some(nothing), Some(nothing), Some(take)) };
        assert_eq!(failed, 0);
        let other = thread::spawn(|| {
            Collector::WORDS.with_mut(|words| {
                words.push(1);
                IS_IN.store(true, SeqCst);
                until(|| MAY_GO.load(SeqCst));
            });
        });
        until(|| IS_IN.load(SeqCst));
        in_child(|| {
            push(3);
            assert_eq!(taken(), [3]);
        });
        MAY_GO.store(true, SeqCst);
        other.join().unwrap();
        assert_eq!(taken(), [1]);
    });
}

/// Fails if a part of the parent's is dropped when the child's thread retires.
#[test]
fn the_childs_end_drops_its_own_parts_at_most() {
    use crate::support::{ENDINGS, fork, on_thread_until};
    alone(|| {
        for ending in ENDINGS {
            on_thread_until(ending, || {
                push(1);
                Collector::NUMBER.set(1);
                let child = fork();
                if child.is_none() {
                    push(2);
                }
                child
            });
        }
        assert_eq!(taken(), [1, 1, 1]);
        assert_eq!(parents_parts_dropped_by_child(), 0);
    });
}
