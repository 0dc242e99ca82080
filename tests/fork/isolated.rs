//! Forks within `Isolated::run`: the child is in no job, and its counts of all start at zero.

use std::thread;

use tls_core::Isolated;
use tls_core::shared::shared_fields;

use crate::support::{alone, both, fork_here, in_child, is_child, on_thread};

meter!(Meter);

#[test]
fn a_child_is_in_no_job_and_the_jobs_are_empty_in_it() {
    alone(|| {
        both(|| {
            let job = Isolated::new();
            Meter::count(1);
            job.run(|| {
                Meter::count(2);
                let is_child = fork_here();
                if is_child {
                    assert_eq!(Meter::counted(), (0, 0));
                    assert!(shared_fields().iter().all(|field| field.state == "Meter"));
                    Meter::count(3);
                    // The same job, as a new one.
                    job.run(|| {
                        assert_eq!(Meter::counted(), (0, 0));
                        Meter::count(4);
                        assert_eq!(Meter::counted(), (4, 4));
                    });
                    assert_eq!(Meter::counted(), (3, 3));
                } else {
                    Meter::count(5);
                    assert_eq!(Meter::counted(), (7, 5));
                }
            });
            if is_child() {
                assert_eq!(
                    Meter::counted(),
                    (3, 3),
                    "the end of the parent's run takes nothing back"
                );
                job.run(|| assert_eq!(Meter::counted(), (4, 0)));
            } else {
                assert_eq!(Meter::counted(), (1, 1));
                job.run(|| assert_eq!(Meter::counted(), (7, 0)));
            }
        });
    });
}

#[test]
fn a_child_that_forks_again_is_outside_again() {
    alone(|| {
        let job = Isolated::new();
        job.run(|| {
            Meter::count(1);
            in_child(|| {
                Meter::count(10);
                job.run(|| {
                    Meter::count(100);
                    in_child(|| {
                        assert_eq!(Meter::counted(), (0, 0));
                        job.run(|| assert_eq!(Meter::counted(), (0, 0)));
                    });
                    assert_eq!(Meter::counted(), (100, 100));
                });
                assert_eq!(Meter::counted(), (10, 10));
            });
            assert_eq!(Meter::counted(), (1, 1));
        });
    });
}

#[test]
fn jobs_of_other_threads_stay_in_the_parent() {
    alone(|| {
        let job = Isolated::new();
        let stop = std::sync::atomic::AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        job.run(|| {
                            Meter::count(1);
                            let _ = Meter::DONE.total();
                        });
                    }
                });
            }
            for _ in 0..50 {
                in_child(|| {
                    job.run(|| {
                        assert_eq!(Meter::counted(), (0, 0));
                        Meter::count(2);
                        assert_eq!(Meter::counted(), (2, 2));
                    });
                    on_thread(|| Meter::count(3));
                    assert_eq!(Meter::DONE.total(), 3);
                });
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert!(job.run(|| Meter::DONE.total()) > 0);
    });
}

#[test]
fn a_first_run_in_which_nothing_was_counted_is_left_in_a_child_too() {
    alone(|| {
        both(|| {
            let job = Isolated::new();
            job.run(|| {
                if fork_here() {
                    Meter::count(6);
                    assert_eq!(Meter::counted(), (6, 6));
                }
            });
            if is_child() {
                assert_eq!(Meter::counted(), (6, 6), "counted outside");
                job.run(|| assert_eq!(Meter::counted(), (0, 0)));
            }
        });
    });
}
