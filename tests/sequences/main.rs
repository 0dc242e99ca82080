//! Random programs through the public functions, held against a model.
//!
//! A program is a tree: what runs inside of an access, of a poll, of an initializer and of a destructor is a
//! program, too, and any of them may panic. Guards and futures are kept from one operation to another; futures
//! that may are polled on other threads, too. Thread-locals that are not states use states, and states use them.
//! `real` runs a program on a thread, until that has ended. `model` says what must happen: which access is refused
//! and why, what is seen, what is made and what is dropped, and when. Both write down events, which have to be the
//! same.
//!
//! `PROPTEST_CASES` is how many programs are tried, and `PROPTEST_RNG_SEED` chooses others.

mod kinds;
mod model;
mod program;
mod real;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::resume_unwind;
use std::thread;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// How many programs are tried, and which: by the environment more, for a full run.
fn config() -> Config {
    let number = |variable| std::env::var(variable).ok()?.parse().ok();
    let cases = number("PROPTEST_CASES").and_then(|cases| u32::try_from(cases).ok());
    Config {
        cases: cases.unwrap_or(200),
        rng_seed: RngSeed::Fixed(number("PROPTEST_RNG_SEED").unwrap_or(1)),
        // No file: what fails is printed, and becomes a test by itself.
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}

#[test]
fn programs_do_what_the_model_says() {
    // Programs are trees, and so are the strategies that make them.
    let thread = thread::Builder::new().stack_size(real::STACK);
    let thread = thread.spawn(check_programs).unwrap();
    if let Err(payload) = thread.join() {
        resume_unwind(payload);
    }
}

fn check_programs() {
    let seen = RefCell::new(BTreeMap::<&str, usize>::new());
    TestRunner::new(config())
        .run(&program::programs(), |program| {
            let expected = model::events(&program);
            let events = real::events(&program);
            for event in &events {
                *seen.borrow_mut().entry(event.name()).or_default() += 1;
            }
            prop_assert!(events == expected, "{}", compared(&events, &expected));
            Ok(())
        })
        .unwrap_or_else(|failed| panic!("{failed}"));
    let seen = seen.into_inner();
    println!("{} events: {seen:?}", seen.values().sum::<usize>());
    if config().cases < 200 {
        return;
    }
    // All that can happen did.
    for name in program::Event::NAMES {
        assert!(seen.contains_key(name), "never {name}: {seen:?}");
    }
}

/// What happened, up to where it differs from what should.
fn compared(events: &[program::Event], expected: &[program::Event]) -> String {
    let mut text = String::new();
    let same = events.iter().zip(expected).take_while(|(a, b)| a == b);
    let same = same.count();
    for event in &events[..same] {
        let _ = writeln!(text, "  {event:?}");
    }
    let _ = writeln!(text, "then {:?}", events.get(same));
    let _ = writeln!(text, "but should {:?}", expected.get(same));
    text
}
