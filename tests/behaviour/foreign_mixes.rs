//! Eight things of which each is a state or a foreign thread-local, in every mix: destructors that make
//! each other, and random programs. What happens does not depend on which is what: it is what happens
//! when all are the standard library's.

use std::cell::Cell;
use std::collections::BTreeMap;

use tls_core::{Counter, thread_local_state};

use crate::support::{note, noted, recorded, scaled};

/// How many things there are.
const THINGS: usize = 8;

thread_local! {
    /// Which of the thread's things are states: a bit for each.
    static MIX: Cell<u32> = const { Cell::new(0) };
    static AT_MAKE: Cell<fn(usize)> = const { Cell::new(|_| ()) };
    static AT_DROP: Cell<fn(usize)> = const { Cell::new(|_| ()) };
}

/// What each thing is, or has for a field.
struct Bell(usize);

impl Bell {
    fn make(number: usize) -> Self {
        note(format!("make {number}"));
        AT_MAKE.get()(number);
        Self(number)
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        note(format!("drop {}", self.0));
        AT_DROP.get()(self.0);
    }
}

#[derive(Debug)]
struct Failure;

struct State {
    touch: fn() -> bool,
    reset: fn() -> bool,
    with_fresh: fn(&dyn Fn()) -> bool,
}

macro_rules! things {
    ($($Name:ident $number:literal $make:ident ($($args:tt)*) { $($fields:tt)* })*) => {
        $(
            #[thread_local_state($($args)*)]
            struct $Name {
                #[state(init = Bell::make($number))]
                bell: Bell,
                $($fields)*
            }
        )*

        const STATES: [State; THINGS] = [
            $(State {
                touch: || things!(@$make $Name),
                reset: || $Name::state().try_reset().unwrap_or(false),
                with_fresh: |f| $Name::state().try_with_fresh(f).is_ok(),
            }),*
        ];

        const FOREIGN: [fn() -> bool; THINGS] = [
            $(|| {
                thread_local!(static KEY: Bell = Bell::make($number));
                KEY.try_with(|_| ()).is_ok()
            }),*
        ];
    };
    (@lazily $Name:ident) => { $Name::BELL.try_with(|_| ()).is_ok() };
    (@explicitly $Name:ident) => { $Name::give() };
}

things! {
    S0 0 lazily () {}
    S1 1 lazily (error = Failure) { number: u64 }
    S2 2 explicitly (explicit) { number: u64 }
    S3 3 lazily () { #[state(init = [3; 5000])] bytes: [u8; 5000] }
    S4 4 lazily (fork = reset) { number: u64 }
    S5 5 lazily () { #[state(shared)] made: Counter, #[state(init = S5::MADE.increment())] unit: () }
    S6 6 lazily (error = Failure, fork = reset) { #[state(init = [6; 5000])] bytes: [u8; 5000] }
    S7 7 lazily () { items: Vec<u32> }
}

impl S2 {
    fn give() -> bool {
        let made = Self::state().try_init_with(S2Init { number: 2 });
        made.is_ok() || Self::state().is_initialized()
    }
}

fn is_state(thing: usize) -> bool {
    MIX.get() >> thing & 1 == 1
}

/// Makes a thing if there is none. Returns whether there is one then.
fn touch(thing: usize) -> bool {
    if is_state(thing) {
        (STATES[thing].touch)()
    } else {
        FOREIGN[thing]()
    }
}

/// Drops a state's value. Does nothing to a foreign thing.
fn reset(thing: usize) -> bool {
    is_state(thing) && (STATES[thing].reset)()
}

/// Touches a state, and another thing, while its value is set aside. Does nothing with a foreign thing.
fn touch_fresh(thing: usize, other: usize) -> bool {
    let touch_both = || {
        note(format!("fresh {thing}: {}", touch(thing)));
        note(format!("beside {other}: {}", touch(other)));
    };
    is_state(thing) && (STATES[thing].with_fresh)(&touch_both)
}

fn events_of_mix(mix: u32, body: impl FnOnce() + Send + 'static) -> Vec<String> {
    recorded(move || {
        MIX.set(mix);
        body();
    })
}

/// Checks what is noted in every mix. The first is the standard library's own.
#[track_caller]
fn assert_in_every_mix(expected: &[String], body: fn()) {
    for mix in 0..1 << THINGS {
        assert_eq!(events_of_mix(mix, body), expected, "mix {mix:08b}");
    }
}

#[test]
fn things_are_dropped_in_the_reverse_order_of_registration() {
    let expected: Vec<_> = (0..THINGS).rev().map(|n| format!("drop {n}")).collect();
    assert_in_every_mix(&expected, || {
        assert!((0..THINGS).all(touch));
        assert!((0..THINGS).all(touch));
        noted();
    });
}

#[test]
fn a_destructor_finds_what_is_older_and_misses_what_is_newer() {
    let expected: Vec<_> = (0..THINGS).rev().map(|n| format!("drop {n}")).collect();
    assert_in_every_mix(&expected, || {
        assert!((0..THINGS).all(touch));
        AT_DROP.set(|thing| {
            for other in 0..THINGS {
                if touch(other) != (other < thing) {
                    note(format!("{thing} and {other}"));
                }
            }
        });
        noted();
    });
}

#[test]
fn what_an_initializer_uses_outlives_what_it_makes() {
    let expected: Vec<_> = (0..THINGS).map(|n| format!("drop {n}")).collect();
    assert_in_every_mix(&expected, || {
        AT_MAKE.set(|thing| assert!(thing + 1 == THINGS || touch(thing + 1)));
        AT_DROP.set(|thing| {
            if thing + 1 < THINGS && !touch(thing + 1) {
                note(format!("{thing} misses what it has used"));
            }
        });
        touch(0);
        noted();
    });
}

#[test]
fn a_chain_in_which_each_destructor_makes_the_next_is_dropped_link_by_link() {
    let link = |n| [format!("make {n}"), format!("drop {n}")];
    let upwards: Vec<_> = (0..THINGS).flat_map(link).collect();
    assert_in_every_mix(&upwards, || {
        AT_DROP.set(|thing| assert!(thing + 1 == THINGS || touch(thing + 1)));
        touch(0);
    });
    let downwards: Vec<_> = (0..THINGS).rev().flat_map(link).collect();
    assert_in_every_mix(&downwards, || {
        AT_DROP.set(|thing| assert!(thing == 0 || touch(thing - 1)));
        touch(THINGS - 1);
    });
}

#[test]
fn a_chain_of_destructors_ends_before_what_was_there_at_the_threads_end() {
    let events = [
        "drop 2", "make 3", "drop 3", "make 4", "drop 4", "drop 1", "make 5", "make 6", "drop 6",
        "make 7", "drop 7", "drop 5", "drop 0",
    ];
    assert_in_every_mix(&events.map(String::from), || {
        AT_DROP.set(|thing| match thing {
            1 => assert!(touch(5) && touch(6)),
            2 => assert!(touch(3)),
            3 => assert!(touch(4)),
            6 => assert!(touch(7)),
            _ => (),
        });
        assert!((0..3).all(touch));
        noted();
    });
}

#[derive(Clone, Copy)]
enum Step {
    Touch(usize),
    Reset(usize),
    TouchFresh(usize, usize),
}

/// When a part of a program runs.
#[derive(Clone, Copy)]
enum When {
    Body,
    Make(usize),
    Drop(usize),
}

/// Random programs: for each thing what its initializer and its destructor do, and what the thread does.
#[derive(Clone, Copy)]
struct Program {
    seed: u64,
    with_resets: bool,
}

impl Program {
    fn steps(self, when: When) -> Vec<Step> {
        let (part, count) = match when {
            When::Body => (0, 12),
            When::Make(thing) => (1 + thing as u64, 2),
            When::Drop(thing) => (100 + thing as u64, 4),
        };
        let mut random = self.seed.wrapping_mul(1000).wrapping_add(part);
        let mut below = |limit: usize| {
            // SplitMix64.
            random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = random;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            usize::try_from((word ^ (word >> 31)) >> 33).unwrap() % limit
        };
        let count = below(count + 1);
        let mut steps = Vec::new();
        for _ in 0..count {
            let thing = below(THINGS);
            let step = match when {
                // No initializer reaches itself.
                When::Make(maker) if thing <= maker => continue,
                When::Body | When::Drop(_) if self.with_resets => match below(6) {
                    0 => Step::Reset(thing),
                    1 => Step::TouchFresh(thing, below(THINGS)),
                    _ => Step::Touch(thing),
                },
                _ => Step::Touch(thing),
            };
            steps.push(step);
        }
        steps
    }
}

/// After so many parts of a program its thread does nothing more: values may be made and reset without end.
const PARTS: usize = 60;

thread_local! {
    static PROGRAM: Cell<Option<Program>> = const { Cell::new(None) };
    static PARTS_RUN: Cell<usize> = const { Cell::new(0) };
}

/// Runs a part of the thread's program.
fn run(when: When) {
    PARTS_RUN.set(PARTS_RUN.get() + 1);
    let Some(program) = PROGRAM.get().filter(|_| PARTS_RUN.get() <= PARTS) else {
        return;
    };
    for step in program.steps(when) {
        note(match step {
            Step::Touch(thing) => format!("touched {thing}: {}", touch(thing)),
            Step::Reset(thing) => format!("reset {thing}: {}", reset(thing)),
            Step::TouchFresh(thing, other) => {
                format!("aside {thing}: {}", touch_fresh(thing, other))
            }
        });
    }
}

fn events_of_program(mix: u32, program: Program) -> Vec<String> {
    events_of_mix(mix, move || {
        PROGRAM.set(Some(program));
        AT_MAKE.set(|thing| run(When::Make(thing)));
        AT_DROP.set(|thing| run(When::Drop(thing)));
        run(When::Body);
        note("end");
    })
}

/// The rule in another form: what is registered, which values there are, and what has gone.
struct Model {
    program: Program,
    mix: u32,
    parts_run: usize,
    events: Vec<String>,
    things: [Thing; THINGS],
    /// Which have been registered.
    has_place: [bool; THINGS],
    /// What the thread's end goes through, last to first.
    registered: Vec<usize>,
    /// The states' values: when they were made, and whose they are.
    values: BTreeMap<usize, usize>,
    made: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Thing {
    /// Has no value. May have been registered.
    Empty,
    Making,
    Made,
    Gone,
}

impl Model {
    fn events(mix: u32, program: Program) -> Vec<String> {
        let mut model = Self {
            program,
            mix,
            parts_run: 0,
            events: Vec::new(),
            things: [Thing::Empty; THINGS],
            has_place: [false; THINGS],
            registered: Vec::new(),
            values: BTreeMap::new(),
            made: 0,
        };
        model.run(When::Body);
        model.events.push("end".into());
        while let Some(turn) = model.registered.pop() {
            if model.is_state(turn) {
                while model.values.values().any(|&thing| thing == turn) {
                    let (_, newest) = model.values.pop_last().unwrap();
                    model.go(newest);
                }
                if model.things[turn] == Thing::Empty {
                    model.things[turn] = Thing::Gone;
                }
            } else {
                model.go(turn);
            }
        }
        model.events
    }

    fn is_state(&self, thing: usize) -> bool {
        self.mix >> thing & 1 == 1
    }

    fn go(&mut self, thing: usize) {
        self.things[thing] = Thing::Gone;
        self.dropped(thing);
    }

    fn dropped(&mut self, thing: usize) {
        self.events.push(format!("drop {thing}"));
        self.run(When::Drop(thing));
    }

    fn run(&mut self, when: When) {
        self.parts_run += 1;
        if self.parts_run > PARTS {
            return;
        }
        for step in self.program.steps(when) {
            let event = match step {
                Step::Touch(thing) => format!("touched {thing}: {}", self.touch(thing)),
                Step::Reset(thing) => format!("reset {thing}: {}", self.reset(thing)),
                Step::TouchFresh(thing, other) => {
                    format!("aside {thing}: {}", self.touch_fresh(thing, other))
                }
            };
            self.events.push(event);
        }
    }

    fn touch(&mut self, thing: usize) -> bool {
        if self.things[thing] != Thing::Empty {
            return self.things[thing] == Thing::Made;
        }
        self.things[thing] = Thing::Making;
        self.events.push(format!("make {thing}"));
        self.run(When::Make(thing));
        self.things[thing] = Thing::Made;
        // The first completion in the thread.
        if !std::mem::replace(&mut self.has_place[thing], true) {
            self.registered.push(thing);
        }
        if self.is_state(thing) {
            self.made += 1;
            self.values.insert(self.made, thing);
        }
        true
    }

    fn reset(&mut self, thing: usize) -> bool {
        if !self.is_state(thing) || self.take(thing).is_none() {
            return false;
        }
        self.dropped(thing);
        true
    }

    /// Takes a state's value out, if there is one, and returns when it was made.
    fn take(&mut self, thing: usize) -> Option<usize> {
        if self.things[thing] != Thing::Made {
            return None;
        }
        self.things[thing] = Thing::Empty;
        let made = *self.values.iter().find(|value| *value.1 == thing)?.0;
        self.values.remove(&made);
        Some(made)
    }

    fn touch_fresh(&mut self, thing: usize, other: usize) -> bool {
        if !self.is_state(thing) || self.things[thing] == Thing::Making {
            return false;
        }
        let old = self.take(thing);
        let there = self.touch(thing);
        self.events.push(format!("fresh {thing}: {there}"));
        let there = self.touch(other);
        self.events.push(format!("beside {other}: {there}"));
        let fresh = self.take(thing);
        if let Some(made) = old {
            self.things[thing] = Thing::Made;
            self.values.insert(made, thing);
        }
        if fresh.is_some() {
            self.dropped(thing);
        }
        true
    }
}

#[test]
fn random_programs_do_the_same_in_every_mix() {
    for seed in 0..scaled(60) as u64 {
        let program = Program {
            seed,
            with_resets: false,
        };
        let expected = events_of_program(0, program);
        for mix in [0xff, 0x55, 0xaa, 0x0f, 0xf0, 0x33, 0x81, 0x7e] {
            let events = events_of_program(mix, program);
            assert_eq!(events, expected, "seed {seed}, mix {mix:08b}");
        }
    }
}

#[test]
fn random_programs_with_resets_and_fresh_states_follow_the_rule() {
    for seed in 0..scaled(60) as u64 {
        for with_resets in [false, true] {
            let program = Program { seed, with_resets };
            for mix in [0, 0xff, 0x55, 0xaa, 0x0f, 0xf0, 0x33, 0x81, 0x7e] {
                let events = events_of_program(mix, program);
                let expected = Model::events(mix, program);
                assert_eq!(events, expected, "seed {seed}, mix {mix:08b}");
            }
        }
    }
}
