//! A state of every form, for the list of what the attribute puts into a user's interface:
//! `states.txt`, which `tests/listing` compares.

use std::num::ParseIntError;

use tls_core::shared::{Gauge, Part, Peak, UpDown};
use tls_core::{Counter, Histogram, thread_local_state};

/// A state with nothing special.
#[thread_local_state]
#[derive(Debug)]
pub struct Plain {
    /// Public, like its handle.
    pub jobs: u64,
    /// Not public.
    pub(crate) names: Vec<String>,
}

/// A state that may fail.
#[thread_local_state(error = ParseIntError)]
pub struct Fallible(#[state(init = "5".parse()?)] pub u64);

/// A state that is given its values.
#[thread_local_state(explicit)]
pub struct Explicit {
    /// From outside.
    pub name: String,
    /// Made.
    #[state(init = name.len())]
    pub length: usize,
}

/// A state that is given its values and may fail.
#[thread_local_state(explicit, error = ParseIntError)]
pub struct ExplicitFallible {
    /// From outside.
    pub text: String,
    /// Made.
    #[state(init = text.parse()?)]
    pub number: u64,
}

/// A state that a function makes.
#[thread_local_state(init = make)]
pub struct Made {
    /// From the function.
    pub name: String,
}

fn make() -> MadeInit {
    MadeInit {
        name: String::from("made"),
    }
}

/// A state that a function may fail to make.
#[thread_local_state(init = try_make, error = ParseIntError)]
pub struct MadeFallible {
    /// From the function.
    pub number: u64,
}

fn try_make() -> Result<MadeFallibleInit, ParseIntError> {
    Ok(MadeFallibleInit {
        number: "7".parse()?,
    })
}

/// A constant state.
#[thread_local_state(const)]
pub struct Constant {
    /// A constant.
    #[state(init = 4)]
    pub number: u64,
}

/// A state with shared fields of every type.
#[thread_local_state(fork = reset)]
pub struct Measured {
    /// Adds.
    #[state(shared)]
    pub done: Counter,
    /// Adds and subtracts.
    #[state(shared)]
    pub in_flight: UpDown,
    /// Of live threads.
    #[state(shared)]
    pub queued: Gauge,
    /// The most.
    #[state(shared)]
    pub longest: Peak,
    /// All values.
    #[state(shared)]
    pub latency: Histogram,
    /// One for each index.
    #[state(shared)]
    pub by_status: [Counter; 3],
    /// Any type.
    #[state(shared)]
    pub words: Part<Vec<String>>,
    /// Not shared.
    pub before: u64,
}

/// Uses what is not public, which the compiler would miss otherwise.
#[must_use]
pub fn names() -> usize {
    Plain::NAMES.with(Vec::len)
}
