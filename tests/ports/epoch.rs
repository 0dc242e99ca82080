//! A participant in epoch-based reclamation, as `crossbeam-epoch`'s `LocalHandle`.
//!
//! A lock-free structure frees what it has unlinked when no thread can see it any more:
//! threads *pin* themselves while they look, and garbage waits until all that were pinned have
//! moved on. Each thread registers on its first pin and deregisters when it ends. Pinning
//! must work in destructors that run after that: then a participant is registered for the
//! occasion.
//!
//! What carries it: an initializer that registers, `Drop` of a field that deregisters, and
//! `with_or_else`, which registers the temporary one. A guard owns a share of its
//! participant, so it holds also when it outlives the state.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};

use tls_core::thread_local_state;

use crate::support::{at_exit, lock, on_thread, on_threads};

/// What a participant shows of itself: `None` unless pinned, or the epoch in which it was.
type Pinned = Arc<Mutex<Option<usize>>>;

type Garbage = Box<dyn FnOnce() + Send>;

/// One lock is enough for a model: who is pinned and who advances the epoch take turns.
struct Collector {
    epoch: usize,
    participants: Vec<Pinned>,
    garbage: Vec<(usize, Garbage)>,
}

static COLLECTOR: Mutex<Collector> = Mutex::new(Collector {
    epoch: 0,
    participants: Vec::new(),
    garbage: Vec::new(),
});

/// How many were ever registered.
static REGISTERED: AtomicUsize = AtomicUsize::new(0);

struct Participant {
    pinned: Pinned,
    guards: Cell<usize>,
}

impl Participant {
    fn register() -> Rc<Self> {
        let pinned = Pinned::default();
        lock(&COLLECTOR).participants.push(Arc::clone(&pinned));
        // Relaxed: read after the threads were joined.
        REGISTERED.fetch_add(1, Ordering::Relaxed);
        Rc::new(Self {
            pinned,
            guards: Cell::new(0),
        })
    }

    fn pin(self: &Rc<Self>) -> Guard {
        let guards = self.guards.get();
        if guards == 0 {
            let collector = lock(&COLLECTOR);
            *lock(&self.pinned) = Some(collector.epoch);
        }
        self.guards.set(guards + 1);
        Guard(Rc::clone(self))
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        lock(&COLLECTOR)
            .participants
            .retain(|other| !Arc::ptr_eq(other, &self.pinned));
    }
}

struct Guard(Rc<Participant>);

impl Guard {
    /// Calls a function when nobody who is pinned now is still.
    fn defer(&self, f: impl FnOnce() + Send + 'static) {
        debug_assert!(self.0.guards.get() > 0, "a guard keeps its thread pinned");
        let mut collector = lock(&COLLECTOR);
        let epoch = collector.epoch;
        collector.garbage.push((epoch, Box::new(f)));
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let guards = self.0.guards.get() - 1;
        self.0.guards.set(guards);
        if guards == 0 {
            *lock(&self.0.pinned) = None;
        }
    }
}

#[thread_local_state]
struct Local {
    #[state(init = Participant::register())]
    handle: Rc<Participant>,
}

fn with_handle<R>(f: impl FnOnce(&Rc<Participant>) -> R) -> R {
    Local::HANDLE.with_or_else(Participant::register, f)
}

fn pin() -> Guard {
    with_handle(Participant::pin)
}

fn is_pinned() -> bool {
    with_handle(|handle| handle.guards.get() > 0)
}

/// Advances the epoch if everyone pinned has seen the present one, and calls the functions
/// whose time has come. Says how many.
fn collect() -> usize {
    let ripe: Vec<_> = {
        let mut collector = lock(&COLLECTOR);
        let epoch = collector.epoch;
        let behind = |pinned: &Pinned| lock(pinned).is_some_and(|seen| seen != epoch);
        if !collector.participants.iter().any(behind) {
            collector.epoch += 1;
        }
        let epoch = collector.epoch;
        let garbage = mem::take(&mut collector.garbage);
        let (ripe, rest) = garbage.into_iter().partition(|(made, _)| made + 2 <= epoch);
        collector.garbage = rest;
        ripe
    };
    let count = ripe.len();
    for (_, f) in ripe {
        f();
    }
    count
}

fn participants() -> usize {
    lock(&COLLECTOR).participants.len()
}

/// The collector is the process's, so the tests that count take turns, and only threads that
/// they wait for take part.
fn alone(f: impl FnOnce()) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = lock(&TURN);
    assert_eq!(participants(), 0);
    f();
    assert_eq!(participants(), 0, "all have deregistered");
}

#[test]
fn a_thread_stays_pinned_until_its_last_guard_goes() {
    alone(|| {
        on_thread(|| {
            assert!(!is_pinned());
            let outer = pin();
            let inner = pin();
            let seen = *lock(&outer.0.pinned);
            drop(outer);
            assert!(is_pinned());
            // Guards taken within an access to the handle count as well.
            with_handle(|handle| drop((pin(), handle.pin())));
            assert_eq!(*lock(&inner.0.pinned), seen);
            drop(inner);
            assert!(!is_pinned());
            assert_eq!(participants(), 1);
        });
    });
}

#[test]
fn a_thread_takes_part_from_its_first_pin_to_its_end() {
    const THREADS: usize = 8;
    alone(|| {
        for round in 1..=3 {
            let before = REGISTERED.load(Ordering::Relaxed);
            let step = Arc::new(Barrier::new(THREADS));
            let counts = on_threads(THREADS, move |_| {
                let none = participants();
                step.wait();
                for _ in 0..100 {
                    drop(pin());
                }
                step.wait();
                let all = participants();
                step.wait();
                (none, all)
            });
            assert_eq!(counts, [(0, THREADS); THREADS], "round {round}");
            assert_eq!(participants(), 0);
            assert_eq!(REGISTERED.load(Ordering::Relaxed) - before, THREADS);
        }
    });
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_destructor_pins_through_a_temporary_participant_after_the_state_is_gone() {
    alone(|| {
        let before = REGISTERED.load(Ordering::Relaxed);
        let (sender, report) = mpsc::channel();
        on_thread(move || {
            at_exit(move || {
                let gone = Local::HANDLE.try_with(|_| ()).is_err();
                let without = participants();
                let guard = pin();
                // The guard keeps the temporary participant.
                let pinned = lock(&guard.0.pinned).is_some();
                let with = participants();
                // Another one, so it is not pinned; gone when this returns.
                let other = is_pinned();
                drop(guard);
                let after = participants();
                sender
                    .send((gone, pinned, other, [without, with, after]))
                    .unwrap();
            });
            drop(pin());
        });
        assert_eq!(report.recv(), Ok((true, true, false, [0, 1, 0])));
        assert_eq!(REGISTERED.load(Ordering::Relaxed) - before, 3);
    });
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_guard_that_outlives_the_state_keeps_the_thread_pinned() {
    alone(|| {
        let (sender, report) = mpsc::channel();
        on_thread(move || {
            let kept = Rc::new(RefCell::new(None));
            let slot = Rc::clone(&kept);
            at_exit(move || {
                let gone = Local::HANDLE.try_with(|_| ()).is_err();
                let with = participants();
                slot.take();
                sender.send((gone, with, participants())).unwrap();
            });
            *kept.borrow_mut() = Some(pin());
        });
        assert_eq!(report.recv(), Ok((true, 1, 0)));
    });
}

#[test]
fn deferred_work_waits_for_every_thread_that_was_pinned() {
    alone(|| {
        let (freed, is_freed) = mpsc::channel();
        let (unpin, may_unpin) = mpsc::channel::<()>();
        let (pinned, is_pinned) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            let guard = pin();
            pinned.send(()).unwrap();
            may_unpin.recv().unwrap();
            drop(guard);
        });
        is_pinned.recv().unwrap();
        on_thread(move || {
            // It pins in turn, here and on whichever thread it is called.
            pin().defer(move || {
                drop(pin());
                freed.send(()).unwrap();
            });
            assert_eq!((0..5).map(|_| collect()).sum::<usize>(), 0);
        });
        assert!(is_freed.try_recv().is_err());
        unpin.send(()).unwrap();
        reader.join().unwrap();
        on_thread(|| assert_eq!((0..5).map(|_| collect()).sum::<usize>(), 1));
        assert!(is_freed.try_recv().is_ok());
    });
}
