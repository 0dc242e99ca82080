//! A block of random words for each thread, as behind `rand`'s `ThreadRng`, drawn from in destructors.
//!
//! The generator makes a block of words at a time, from a seed that it has from the operating system, and wipes
//! them when it ends. What ends with a thread draws, too: a pool shuffles what it closes, a client waits
//! for a random time, a map that is made on the way is hashed with random keys. `rand`'s own handle panics
//! when the thread-local has gone, and a destructor may be the first on its thread to draw.
//!
//! What carries it: fields that are borrowed together by `with_state_mut`, a first use in any destructor, `Drop`
//! of a field, and `try_with_mut` where a word without a block is made in another way.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};

use portable_atomic::AtomicU64;
use tls_core::thread_local_state;

use crate::support::{at_exit, on_thread, on_threads};

const BLOCK: usize = 16;

/// Never the same twice.
fn seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    // Relaxed: only that the numbers differ matters. An odd factor is a bijection.
    NEXT.fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A bijection of words.
fn scramble(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Words that nobody has seen yet.
struct Block {
    words: [u64; BLOCK],
    /// Where one tells that it has been wiped.
    wiped: Option<Sender<&'static str>>,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.words.fill(0);
        if let Some(wiped) = &self.wiped {
            wiped.send("wiped").expect("somebody listens");
        }
    }
}

#[thread_local_state]
struct Random {
    #[state(init = seed())]
    seed: u64,
    #[state(init = 0)]
    drawn: u64,
    #[state(init = Block { words: [0; BLOCK], wiped: None })]
    block: Block,
}

impl Random {
    fn next(&mut self) -> u64 {
        let at = usize::try_from(self.drawn % BLOCK as u64).expect("less than a block");
        if at == 0 {
            for (number, word) in (self.drawn..).zip(&mut self.block.words) {
                *word = scramble(self.seed ^ number.rotate_right(16));
            }
        }
        self.drawn += 1;
        std::mem::take(&mut self.block.words[at])
    }
}

/// How many words were made without a block.
static SINGLE: AtomicUsize = AtomicUsize::new(0);

/// The thread's next word. Where its generator has gone, a word with a seed of its own.
fn random() -> u64 {
    Random::state()
        .try_with_mut(Random::next)
        .unwrap_or_else(|_| {
            // Relaxed: read when the threads have been joined.
            SINGLE.fetch_add(1, Ordering::Relaxed);
            scramble(seed())
        })
}

/// The thread's seed, and how many words were drawn from it.
fn stream() -> Option<(u64, u64)> {
    let stream = Random::state().peek(|random| (random.seed, random.drawn));
    stream.ok().flatten()
}

fn tell_when_wiped(wiped: &Sender<&'static str>) {
    Random::BLOCK.with_mut(|block| block.wiped = Some(wiped.clone()));
}

thread_local! {
    /// Of another crate, which closes what it has in a random order.
    static POOL: Pool = const { Pool(RefCell::new(Vec::new())) };
}

struct Pool(RefCell<Vec<Box<dyn FnOnce()>>>);

impl Drop for Pool {
    fn drop(&mut self) {
        let mut rest = self.0.take();
        while !rest.is_empty() {
            let at = random() % rest.len() as u64;
            rest.swap_remove(usize::try_from(at).expect("less than the length"))();
        }
    }
}

fn close_with_thread(f: impl FnOnce() + 'static) {
    POOL.with(|pool| pool.0.borrow_mut().push(Box::new(f)));
}

#[test]
#[cfg_attr(
    tls_core_keys,
    ignore = "under keys states go before or after other thread-locals"
)]
fn a_foreign_destructor_may_be_the_first_to_draw_and_its_generator_is_wiped() {
    let (sender, report) = mpsc::channel();
    on_thread(move || {
        at_exit({
            let sender = sender.clone();
            move || {
                // Made for the pool, and wiped before the next older destructor.
                let has_gone = stream().is_none();
                sender
                    .send(if has_gone { "gone" } else { "there" })
                    .unwrap();
                random();
            }
        });
        for _ in 0..3 {
            let sender = sender.clone();
            close_with_thread(move || {
                if stream().is_some_and(|(_, drawn)| drawn == 1) {
                    tell_when_wiped(&sender);
                }
                sender.send("closed").unwrap();
            });
        }
        assert_eq!(stream(), None, "the thread itself has drawn nothing");
    });
    let events: Vec<_> = report.iter().collect();
    assert_eq!(events, ["closed", "closed", "closed", "wiped", "gone"]);
}

#[test]
fn a_destructor_that_runs_before_the_end_of_the_generator_goes_on_with_its_stream() {
    let (sender, report) = mpsc::channel();
    on_thread(move || {
        for _ in 0..BLOCK + 3 {
            random();
        }
        let before = stream();
        assert_eq!(before.map(|(_, drawn)| drawn), Some(BLOCK as u64 + 3));
        close_with_thread(move || {
            let (seed, drawn) = before.unwrap();
            // One word was for the order in which to close.
            let goes_on = stream() == Some((seed, drawn + 1));
            let word = random();
            sender
                .send(goes_on && word == scramble(seed ^ (drawn + 1).rotate_right(16)))
                .unwrap();
        });
    });
    assert_eq!(report.recv(), Ok(true));
}

#[test]
fn no_word_is_drawn_twice_whichever_destructors_draw() {
    const THREADS: usize = 4;
    const EACH: usize = 2 * BLOCK + 5;
    let (sender, report) = mpsc::channel();
    let single = SINGLE.load(Ordering::Relaxed);
    on_threads(THREADS, move |number| {
        let draw = |sender: Sender<u64>| {
            move || {
                for _ in 0..EACH {
                    sender.send(random()).unwrap();
                }
            }
        };
        // After the generator's end, except in the threads that draw here for the first time.
        at_exit(draw(sender.clone()));
        if number % 2 == 0 {
            draw(sender.clone())();
            // Before its end.
            close_with_thread(draw(sender.clone()));
        }
    });
    let words: Vec<_> = report.iter().collect();
    assert_eq!(words.len(), THREADS * EACH + THREADS / 2 * 2 * EACH);
    let distinct: HashSet<_> = words.iter().collect();
    assert_eq!(distinct.len(), words.len());
    let single = SINGLE.load(Ordering::Relaxed) - single;
    // In the others each of these words had a seed of its own. Other tests may have made some as well.
    // Under keys the generator may end later.
    assert!(
        single >= THREADS / 2 * EACH || cfg!(tls_core_keys),
        "{single}"
    );
}
