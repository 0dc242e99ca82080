//! A random generator that each thread seeds for itself, as `rand`'s `ThreadRng`.
//!
//! The generator is an `Rc`: a handle clones it out of the state once, and then draws without
//! asking for thread-local storage again. The `Rc` also keeps handles on their thread. After a
//! number of words the generator takes a new seed. Seeds come from the operating system,
//! which can fail; here a counter stands for it, and a switch for its failure.
//!
//! What carries it: `error = …` with `?` in the initializer, `with(Rc::clone)`, and a value
//! that may outlive its state because handles own a share of it. A `const` state is the
//! switch.

use std::cell::Cell;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;

use portable_atomic::AtomicU64;
use tls_core::{AccessError, thread_local_state};

use crate::support::{at_exit, on_thread, on_threads};

/// After how many words a generator takes a new seed.
const SHARE: u32 = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NoEntropy;

#[thread_local_state(const)]
struct Outage {
    #[state(init = false)]
    now: bool,
}

/// Never the same twice, nor zero.
fn seed() -> Result<u64, NoEntropy> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    if Outage::NOW.get() {
        return Err(NoEntropy);
    }
    // Relaxed: only that the numbers differ matters. An odd factor is a bijection.
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Ok(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// An xorshift generator.
#[derive(Clone, Copy)]
struct Core {
    state: u64,
    left: u32,
    seeds: u32,
}

impl Core {
    fn seeded() -> Result<Self, NoEntropy> {
        Ok(Self {
            state: seed()?,
            left: SHARE,
            seeds: 1,
        })
    }

    fn next(&mut self) -> u64 {
        if self.left == 0 {
            // Without a new seed the old stream goes on.
            if let Ok(state) = seed() {
                self.state ^= state;
                self.seeds += 1;
            }
            self.left = SHARE;
        }
        self.left -= 1;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

#[thread_local_state(error = NoEntropy)]
struct Random {
    #[state(init = Rc::new(Cell::new(Core::seeded()?)))]
    core: Rc<Cell<Core>>,
}

#[derive(Clone)]
struct ThreadRng(Rc<Cell<Core>>);

impl ThreadRng {
    fn next(&self) -> u64 {
        let mut core = self.0.get();
        let word = core.next();
        self.0.set(core);
        word
    }
}

/// The thread's generator.
fn rng() -> Result<ThreadRng, NoEntropy> {
    Random::CORE.with(|core| ThreadRng(Rc::clone(core)))
}

/// The thread's generator, or at the end of the thread one of the caller's own.
fn rng_or_own() -> Result<ThreadRng, NoEntropy> {
    // A spare could not say that there is no seed for it.
    match Random::CORE.try_with(Rc::clone) {
        Ok(core) => Ok(ThreadRng(core)),
        Err(AccessError::Init(failed)) => Err(failed.into_inner()),
        Err(_) => Ok(ThreadRng(Rc::new(Cell::new(Core::seeded()?)))),
    }
}

#[test]
fn the_handles_of_a_thread_draw_from_one_stream() {
    let kept = rng().unwrap();
    let mut copy = kept.0.get();
    let words = [
        kept.next(),
        rng().unwrap().next(),
        kept.clone().next(),
        kept.next(),
    ];
    assert_eq!(words, [copy.next(), copy.next(), copy.next(), copy.next()]);
    // The handle borrows nothing from the state.
    Random::with_state_mut(|random| {
        assert_eq!(kept.next(), copy.next());
        assert!(Rc::ptr_eq(&random.core, &kept.0));
    })
    .unwrap();
}

#[test]
fn every_thread_has_a_stream_of_its_own() {
    let streams = on_threads(4, |_| {
        let rng = rng().unwrap();
        (0..1000).map(|_| rng.next()).collect::<Vec<_>>()
    });
    let distinct: HashSet<u64> = streams.iter().flatten().copied().collect();
    assert_eq!(distinct.len(), 4000);
}

#[test]
fn a_generator_takes_a_new_seed_after_its_share_of_words_and_goes_on_if_there_is_none() {
    Random::state().with_fresh(|| {
        let rng = rng().unwrap();
        let draw = || (0..SHARE).for_each(|_| _ = rng.next());
        draw();
        assert_eq!(rng.0.get().seeds, 1);
        draw();
        assert_eq!(rng.0.get().seeds, 2);
        Outage::NOW.scope(true, draw);
        assert_eq!(rng.0.get().seeds, 2);
        draw();
        assert_eq!(rng.0.get().seeds, 3);
    });
}

#[test]
fn a_thread_that_gets_no_seed_is_told_so_and_may_try_again() {
    Random::state().with_fresh(|| {
        Outage::NOW.scope(true, || {
            assert_eq!(rng().err(), Some(NoEntropy));
            assert_eq!(rng_or_own().err(), Some(NoEntropy));
            assert!(!Random::state().is_initialized());
        });
        rng().unwrap().next();
        on_thread(|| rng().unwrap().next());
    });
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_handle_outlives_the_state_and_destructors_draw_words_too() {
    let (sender, report) = mpsc::channel();
    on_thread(move || {
        let kept = Rc::new(Cell::new(None::<ThreadRng>));
        let slot = Rc::clone(&kept);
        at_exit(move || {
            let kept = slot.take().expect("put there by the thread");
            let last = Rc::strong_count(&kept.0) == 1;
            let destroyed = matches!(
                Random::CORE.try_with(|_| ()),
                Err(AccessError::Destroyed(_))
            );
            let mut copy = kept.0.get();
            let continues = kept.next() == copy.next();
            let own = rng_or_own().is_ok_and(|own| !Rc::ptr_eq(&own.0, &kept.0));
            sender.send((last, destroyed, continues, own)).unwrap();
        });
        kept.set(rng().ok());
        assert!(rng_or_own().unwrap().next() != 0);
    });
    assert_eq!(report.recv(), Ok((true, true, true, true)));
}
