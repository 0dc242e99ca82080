//! States of every kind, under lints that nobody turns on all at once: the expansion gives no
//! cause for any of them. The manifest has the lints.

use core::num::ParseIntError;

use renamed::thread_local_state;

/// A state with a default, an expression and one that mentions another.
#[thread_local_state(crate = ::renamed)]
#[derive(Debug)]
pub struct Worker {
    /// How many.
    pub jobs: u64,
    /// Under which names.
    #[state(init = Vec::from([jobs.to_string()]))]
    pub names: Vec<String>,
    count: usize,
    /// Clippy has opinions on patterns that match it.
    pub nothing: (),
}

/// A state that may fail.
#[thread_local_state(crate = ::renamed, error = ParseIntError)]
pub struct Parsed(#[state(init = "5".parse::<u64>()?)] pub u64, u8);

/// A state that is given its values.
#[thread_local_state(crate = ::renamed, explicit)]
pub struct Configured {
    /// What it is called.
    pub name: String,
    /// In capitals.
    #[state(init = name.to_uppercase())]
    pub loud: String,
}

/// A state that is given its values and may fail.
#[thread_local_state(crate = ::renamed, explicit, error = ParseIntError)]
pub struct Read {
    /// As text.
    pub text: String,
    /// As a number.
    #[state(init = text.parse()?)]
    pub number: u64,
}

/// A state that a function makes.
#[thread_local_state(crate = ::renamed, init = make)]
pub struct Made {
    /// What it is called.
    pub name: String,
}

fn make() -> MadeInit {
    MadeInit {
        name: String::from("made"),
    }
}

/// A state that a function may fail to make.
#[thread_local_state(crate = ::renamed, init = try_make, error = ParseIntError)]
pub struct Tried {
    /// A number.
    pub number: u64,
}

fn try_make() -> Result<TriedInit, ParseIntError> {
    Ok(TriedInit {
        number: "7".parse()?,
    })
}

/// A constant state.
#[thread_local_state(crate = ::renamed, const)]
pub struct Constant {
    /// A number.
    #[state(init = 4)]
    pub number: u64,
    #[state(init = [*number; 2])]
    pair: [u64; 2],
}

/// A private state, of which no field is used.
#[thread_local_state(crate = ::renamed)]
struct Private {
    jobs: u64,
    names: Vec<String>,
}

pub(crate) mod inner {
    use renamed::thread_local_state;

    /// In a module.
    #[thread_local_state(crate = ::renamed)]
    pub(crate) struct Worker {
        pub(crate) jobs: u64,
        pub(super) files: u64,
        pub(in crate::inner) errors: u64,
    }

    pub(crate) fn fail() -> u64 {
        Worker::ERRORS.update(|errors| errors.saturating_add(1));
        Worker::ERRORS.get()
    }
}

/// A state in a function, with permission.
#[must_use]
pub fn local() -> u64 {
    /// In a function.
    #[thread_local_state(crate = ::renamed, in_function)]
    struct Local {
        jobs: u64,
    }

    Local::JOBS.update(|jobs| jobs.saturating_add(1));
    Local::JOBS.get()
}

/// Uses the states.
///
/// # Errors
///
/// None, unless a number is none.
pub fn use_them() -> Result<u64, ParseIntError> {
    Private::with_state(|_| ());
    inner::Worker::JOBS.set(1);
    inner::Worker::FILES.set(inner::fail());
    Worker::COUNT.set(Worker::with_state(|worker| worker.names.len()));
    let configured = Configured::init_state_with(ConfiguredInit {
        name: String::from("here"),
    });
    let read = Read::init_state_with(ReadInit {
        text: String::from("6"),
    })?;
    if configured.is_err() || read.is_err() {
        return Ok(0);
    }
    let more = Parsed::run_state(|parsed| Ok::<u64, ParseIntError>(parsed.0))?;
    Ok(Constant::PAIR.get()[0]
        .saturating_add(more)
        .saturating_add(Read::NUMBER.get()?)
        .saturating_add(Tried::NUMBER.get()?)
        .saturating_add(inner::Worker::JOBS.get()))
}

#[cfg(test)]
mod tests {
    use super::{local, use_them, Made};

    #[test]
    fn they_work() {
        assert_eq!(use_them(), Ok(23), "4 + 5 + 6 + 7 + 1");
        assert_eq!((local(), local()), (1, 2), "one state for both calls");
        Made::with_state(|made| assert_eq!(made.name, "made", "the function's value"));
    }
}
