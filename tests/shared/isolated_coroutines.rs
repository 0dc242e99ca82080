//! `Isolated` where its runs end out of order, or never.

use std::thread;

use corosensei::{Coroutine, CoroutineResult};
use tls_core::Isolated;

type Run = Coroutine<(), (), ()>;

/// A coroutine that counts in a job before and after it has suspended itself.
fn run(job: &Isolated, before: fn(), after: fn()) -> Run {
    let job = job.clone();
    let mut coroutine = Run::new(move |yielder, ()| {
        job.run(|| {
            before();
            yielder.suspend(());
            after();
        });
    });
    assert!(matches!(coroutine.resume(()), CoroutineResult::Yield(())));
    coroutine
}

fn end(mut coroutine: Run) {
    assert!(matches!(coroutine.resume(()), CoroutineResult::Return(())));
}

#[test]
fn runs_that_end_out_of_order_take_their_own_entry_and_the_top_counts() {
    meter!(Meter);

    let jobs = [Isolated::new(), Isolated::new(), Isolated::new()];
    let [first, second, third] = &jobs;
    Meter::count(1);
    let in_first = run(first, || Meter::count(10), || Meter::count(1_000));
    let in_second = run(second, || Meter::count(20), || Meter::count(2_000));
    let in_third = run(third, || Meter::count(30), || Meter::count(3_000));
    assert_eq!(Meter::counted(), (30, 30), "the third is on top");

    // What it counts on its way goes to the top, which is the third one still.
    end(in_first);
    assert_eq!(Meter::counted(), (1_030, 1_000));
    first.run(|| assert_eq!(Meter::counted(), (10, 0), "left"));
    end(in_third);
    assert_eq!(Meter::counted(), (20, 20), "the second is on top");
    third.run(|| assert_eq!(Meter::counted(), (4_030, 0)));
    end(in_second);
    assert_eq!(
        Meter::counted(),
        (1, 1),
        "outside, where the gauge is as it was"
    );
    second.run(|| assert_eq!(Meter::counted(), (2_020, 0)));
}

#[test]
fn a_job_that_two_coroutines_are_in_is_left_by_the_last() {
    meter!(Meter);

    let job = Isolated::new();
    let first = run(&job, || Meter::count(1), || ());
    let second = run(&job, || Meter::count(2), || ());
    end(first);
    assert_eq!(Meter::counted(), (3, 2));
    assert_eq!(Meter::state().live_threads(), 1);
    end(second);
    assert_eq!(Meter::counted(), (0, 0));
    job.run(|| {
        assert_eq!(Meter::state().live_threads(), 0);
        assert_eq!(Meter::counted(), (3, 0));
    });
}

#[test]
fn a_thread_that_exits_inside_has_left_and_what_ends_later_finds_nothing_to_leave() {
    meter!(Meter);

    std::thread_local! {
        /// Its destructor runs after that of what registers later.
        static LATE: std::cell::RefCell<Option<Run>> = const { std::cell::RefCell::new(None) };
    }

    for is_resumed in [false, true] {
        let (job, below) = (Isolated::new(), Isolated::new());
        let worker = {
            let (job, below) = (job.clone(), below.clone());
            thread::spawn(move || {
                LATE.with(|_| ());
                Meter::count(7);
                let in_below = run(&below, || Meter::count(5), || Meter::count(6));
                let coroutine = run(&job, || Meter::count(8), || Meter::DONE.add(100));
                assert_eq!(Meter::counted(), (8, 8));
                std::mem::forget(in_below);
                if is_resumed {
                    LATE.set(Some(coroutine));
                } else {
                    std::mem::forget(coroutine);
                }
            })
        };
        worker.join().unwrap();
        job.run(|| assert_eq!(Meter::counted(), (8, 0)));
        below.run(|| assert_eq!(Meter::counted(), (5, 0)));
        job.run(|| assert_eq!(Meter::state().live_threads(), 0));
        assert_eq!(Meter::state().live_threads(), 0);
    }
    // Dropping a suspended coroutine unwinds it: it counts no more.
    assert_eq!(Meter::counted(), (14, 0));
}

#[test]
fn a_part_in_use_when_its_job_ends_is_in_that_job_when_the_use_ends() {
    meter!(Meter);

    let (first, second) = (Isolated::new(), Isolated::new());
    let mut using = Run::new(|yielder, ()| {
        Meter::SEEN.with_mut(|seen| {
            seen.push(1);
            yielder.suspend(());
            seen.push(2);
        });
    });
    let job = first.clone();
    let mut around = Run::new(move |yielder, ()| {
        job.run(|| yielder.suspend(()));
    });
    assert!(matches!(around.resume(()), CoroutineResult::Yield(())));
    assert!(matches!(using.resume(()), CoroutineResult::Yield(())));
    end(around);
    first.run(|| assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0], "in use"));
    second.run(|| end(using));
    second.run(|| assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0]));
    assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0]);
    first.run(|| assert_eq!(Meter::SEEN.take_parts(), [[1, 2]]));
}

#[test]
fn a_part_in_use_when_its_job_goes_is_dropped_when_the_use_ends() {
    meter!(Meter);

    let job = Isolated::new();
    let mut using = Run::new(|yielder, ()| {
        Meter::SEEN.with_mut(|seen| {
            seen.push(1);
            yielder.suspend(());
            seen.push(2);
        });
    });
    let mut around = Run::new({
        let job = job.clone();
        move |yielder, ()| job.run(|| yielder.suspend(()))
    });
    assert!(matches!(around.resume(()), CoroutineResult::Yield(())));
    assert!(matches!(using.resume(()), CoroutineResult::Yield(())));
    end(around);
    drop(job);
    end(using);
    assert_eq!(Meter::SEEN.take_parts(), [[0; 0]; 0]);
}
