//! States of every kind, under lints that nobody turns on all at once: the expansion gives no
//! cause for any of them. The manifest has the lints.

use core::num::ParseIntError;

use renamed::shared::{Gauge, Part, Peak, UpDown};
use renamed::{thread_local_state, Counter, Histogram};

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
    /// And on uses of names like this.
    _padding: u8,
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

/// States with types that are nearly too complex for clippy, which the types of their handles are not to
/// exceed, and with some that are, which is said of the fields alone.
#[thread_local_state(crate = ::renamed)]
pub struct Complex {
    /// A little more is too much.
    #[state(shared)]
    pub parts: Part<Vec<fn(&Self)>>,
    /// The same.
    pub handler: Option<fn(&Vec<Vec<u8>>)>,
    /// Too much.
    #[expect(clippy::type_complexity, reason = "a callback")]
    pub callback: Option<Box<dyn Fn(&Self) -> Result<Vec<u8>, String>>>,
}

/// The same with values that are given.
#[thread_local_state(crate = ::renamed, explicit)]
pub struct ComplexAndGiven {
    /// Too much.
    #[expect(clippy::type_complexity, reason = "a callback")]
    pub callback: Option<Box<dyn Fn(&Self) -> Result<Vec<u8>, String>>>,
    /// Made of the other.
    #[state(init = callback.is_some())]
    pub has_callback: bool,
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

/// A state with shared fields of every kind.
#[thread_local_state(crate = ::renamed, fork = reset)]
#[derive(Debug)]
pub struct Measured {
    /// Jobs done.
    #[state(shared)]
    pub done: Counter,
    /// Jobs begun and not done.
    #[state(shared)]
    pub in_flight: UpDown,
    /// Jobs that wait.
    #[state(shared)]
    pub queued: Gauge,
    /// The longest job.
    #[state(shared)]
    pub longest: Peak,
    /// How long jobs took.
    #[state(shared)]
    pub latency: Histogram,
    #[state(shared)]
    by_status: [[Counter; 2]; 3],
    #[state(shared)]
    words: Part<Vec<String>>,
    /// How many were done when this thread began.
    #[state(init = Measured::DONE.get())]
    pub before: u64,
}

/// A constant state with a shared field.
#[thread_local_state(crate = ::renamed, const, fork = keep)]
pub struct Numbered {
    /// A number.
    #[state(init = 4)]
    pub number: u64,
    #[state(shared)]
    count: Counter,
}

/// A state with shared fields that is given its values, and may fail.
#[thread_local_state(crate = ::renamed, explicit, error = ParseIntError, fork = reset)]
pub struct Fallible {
    /// Times that it was tried.
    #[state(shared)]
    pub tried: Counter,
    /// As text.
    pub text: String,
    /// As a number.
    #[state(init = {
        Fallible::TRIED.increment();
        text.parse()?
    })]
    pub number: u64,
    #[cfg(any())]
    #[state(shared)]
    gone: Counter,
    #[cfg_attr(all(), state(shared))]
    failed: Counter,
}

/// A type that is called like one of the shared ones.
pub mod own {
    use renamed::thread_local_state;

    /// Not shared.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct Counter(pub u64);

    /// A state with a field of it.
    #[thread_local_state(crate = ::renamed)]
    pub struct Worker {
        /// Not shared.
        pub done: Counter,
    }

    /// A state that is given one.
    #[thread_local_state(crate = ::renamed, explicit)]
    pub struct Given {
        /// Not shared.
        pub done: Counter,
    }
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

/// A state with shared fields in a function.
#[must_use]
pub fn calls() -> u64 {
    /// In a function.
    #[thread_local_state(crate = ::renamed, in_function, fork = reset)]
    struct Local {
        #[state(shared)]
        calls: Counter,
    }

    Local::CALLS.increment();
    Local::CALLS.total()
}

/// Uses the shared fields.
///
/// # Errors
///
/// None, unless a number is none.
pub fn use_shared() -> Result<u64, ParseIntError> {
    Measured::DONE.add(2);
    Measured::IN_FLIGHT.decrement();
    Measured::QUEUED.set(5);
    Measured::LONGEST.record(7);
    Measured::LATENCY.record(9);
    Measured::WORDS.with_mut(|words| words.push(String::from("here")));
    Measured::BY_STATUS.at(2).at(1).increment();
    Measured::with_state(|_| Measured::BY_STATUS.at(0).at(1).increment());
    Numbered::COUNT.increment();
    Numbered::with_state(|numbered| Numbered::COUNT.add(numbered.number));
    own::Worker::DONE.with_mut(|done| done.0 = 1);
    let given = own::Given::state().try_init_with(own::GivenInit {
        done: own::Counter(1),
    });
    let made = Fallible::state().try_init_with(FallibleInit {
        text: String::from("6"),
    });
    if made.is_err() || given.is_err() {
        Fallible::FAILED.increment();
    }
    Ok(Fallible::TRIED
        .total()
        .saturating_add(Numbered::COUNT.total())
        .saturating_add(Measured::with_state(|measured| measured.before)))
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
    let configured = Configured::state().try_init_with(ConfiguredInit {
        name: String::from("here"),
    });
    let read = Read::state().try_init_with(ReadInit {
        text: String::from("6"),
    });
    if configured.is_err() || read.is_err() {
        return Ok(0);
    }
    let more = renamed::borrow!(try Parsed::state()).0;
    Ok(Constant::PAIR.get()[0]
        .saturating_add(more)
        .saturating_add(Read::NUMBER.get())
        .saturating_add(Tried::NUMBER.get()?)
        .saturating_add(inner::Worker::JOBS.get()))
}

#[cfg(test)]
mod tests {
    use super::{calls, local, use_shared, use_them, Fallible, Made, Measured};

    #[test]
    fn they_work() {
        assert_eq!(use_them(), Ok(23), "4 + 5 + 6 + 7 + 1");
        assert_eq!((local(), local()), (1, 2), "one state for both calls");
        assert_eq!((calls(), calls()), (1, 2), "one counter for both calls");
        assert_eq!(use_shared(), Ok(8), "1 + 5 + 2");
        assert_eq!(Measured::state().live_threads(), 1, "this thread");
        assert_eq!(Fallible::FAILED.total(), 0, "nothing has failed");
        Made::with_state(|made| assert_eq!(made.name, "made", "the function's value"));
    }
}
