//! Every sequence of operations up to a length.

use std::collections::HashSet;
use std::fmt::{self, Debug, Formatter};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use crate::machine::{Machine, Operation, Setting, Violation};
use crate::protocol::Protocol;

/// What has been seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Explored {
    /// That differ.
    pub(crate) states: usize,
    /// From one to another, or to the same.
    pub(crate) transitions: usize,
    /// Of operations that change nothing: refused, for the most part.
    pub(crate) refusals: usize,
}

/// A sequence that ends in what must not happen.
pub(crate) struct Found {
    pub(crate) violation: Violation,
    operations: Vec<Operation>,
    before: Machine,
}

impl Debug for Found {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            violation,
            operations,
            before,
        } = self;
        write!(
            f,
            "{violation:?} after {operations:?}; before that {before:#?}"
        )
    }
}

/// How many steps the sequences have: more by the environment, for a full run.
pub(crate) fn depth() -> usize {
    const LEAST: usize = 4;
    std::env::var("TLS_STATE_MODEL_DEPTH")
        .ok()
        .and_then(|depth| depth.parse().ok())
        .map_or(LEAST, |depth: usize| depth.max(LEAST))
}

/// Tries all operations in all states that can be reached in less than `depth` steps. The
/// shortest sequence that goes wrong is found first.
pub(crate) fn explore(
    start: &Machine,
    protocol: &impl Protocol,
    setting: &Setting,
    depth: usize,
) -> Result<Explored, Found> {
    let mut explored = Explored {
        states: 1,
        transitions: 0,
        refusals: 0,
    };
    let mut seen = Seen::default();
    seen.insert(print_of(start));
    let mut states = vec![(start.clone(), Vec::new())];
    for step in 1..=depth {
        let mut next_states = Vec::new();
        for (state, operations) in &states {
            for operation in state.operations(setting) {
                let sequence = || {
                    let mut sequence = operations.clone();
                    sequence.push(operation);
                    sequence
                };
                let next = match state.step(operation, protocol, setting) {
                    Ok(Some(next)) => next,
                    Ok(None) => {
                        explored.refusals += 1;
                        continue;
                    }
                    Err(violation) => {
                        return Err(Found {
                            violation,
                            operations: sequence(),
                            before: state.clone(),
                        });
                    }
                };
                explored.transitions += 1;
                if seen.insert(print_of(&next)) {
                    explored.states += 1;
                    if step < depth {
                        next_states.push((next, sequence()));
                    }
                }
            }
        }
        states = next_states;
    }
    Ok(explored)
}

/// States by 128 bits of each: two that differ in none of them are not to be expected.
type Seen = HashSet<u128, BuildHasherDefault<Lower>>;

fn print_of(machine: &Machine) -> u128 {
    let mut print = Print(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    machine.hash(&mut print);
    print.0
}

/// Multiplies everything into a number.
struct Print(u128);

impl Print {
    fn add(&mut self, number: u64) {
        let mixed =
            (self.0 ^ u128::from(number)).wrapping_mul(0x0fc9_4e3b_f4e9_ab32_8664_58cd_56f5_e605);
        self.0 = mixed ^ (mixed >> 67);
    }
}

impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.add(byte.into());
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.add(number as u64);
    }

    fn finish(&self) -> u64 {
        unreachable!("the whole of it is used")
    }
}

/// Takes the lower half of what is mixed already.
#[derive(Default)]
struct Lower(u64);

impl Hasher for Lower {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are put into the set")
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
