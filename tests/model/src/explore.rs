//! Every sequence of operations.

use std::fmt::{self, Debug, Formatter};

use crate::known::{Operation, Setting, Violation};
use crate::machine::Machine;
use crate::print::{Seen, print_of};
use crate::protocol::Protocol;

/// What has been seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Explored {
    /// That differ.
    pub(crate) states: usize,
    /// From one to another, or to the same.
    pub(crate) transitions: usize,
    /// Of operations that change nothing: refused, for the most part.
    pub(crate) refusals: usize,
    /// Operations in the longest sequence to a state that no shorter one leads to.
    pub(crate) steps: usize,
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
            "{violation:?} after {operations:?}; before the last of them {before:#?}"
        )
    }
}

/// How much more may be outstanding at a time than usual: by the environment, for a full run.
pub(crate) fn more() -> usize {
    std::env::var("TLS_STATE_MODEL_MORE")
        .ok()
        .and_then(|more| more.parse().ok())
        .unwrap_or(0)
}

/// Tries all operations in all states that can be reached. The shortest sequence that goes wrong is found
/// first.
pub(crate) fn explore(protocol: &impl Protocol, setting: &Setting) -> Result<Explored, Found> {
    let start = Machine::new();
    let mut explored = Explored::default();
    let mut seen = Seen::default();
    seen.insert(print_of(&start));
    // What has led to each state: the number of the state before, and an operation.
    let mut trail = vec![None];
    let mut states = vec![(start, 0)];
    while !states.is_empty() {
        let mut next_states = Vec::new();
        for (state, number) in states {
            for operation in state.operations(setting) {
                let next = match state.step(operation, protocol, setting) {
                    Ok(Some(next)) => next,
                    Ok(None) => {
                        explored.refusals += 1;
                        continue;
                    }
                    Err(violation) => {
                        return Err(Found {
                            violation,
                            operations: sequence(&trail, number, operation),
                            before: state,
                        });
                    }
                };
                explored.transitions += 1;
                if seen.insert(print_of(&next)) {
                    next_states.push((next, trail.len()));
                    trail.push(Some((number, operation)));
                }
            }
        }
        explored.steps += usize::from(!next_states.is_empty());
        states = next_states;
    }
    explored.states = trail.len();
    Ok(explored)
}

/// The operations that lead to a state, and one more.
fn sequence(
    trail: &[Option<(usize, Operation)>],
    mut number: usize,
    last: Operation,
) -> Vec<Operation> {
    let mut operations = vec![last];
    while let Some((before, operation)) = trail[number] {
        operations.push(operation);
        number = before;
    }
    operations.reverse();
    operations
}
