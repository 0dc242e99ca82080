//! Every combination of arguments that goes together.

#![deny(warnings)]

use std::collections::HashMap;
use std::fmt;
use std::io;

use tls_core::thread_local_state;

#[thread_local_state]
struct Plain {
    jobs: u64,
    names: HashMap<String, u64>,
    #[state(init = 3)]
    limit: u8,
}

#[thread_local_state()]
struct EmptyList {
    jobs: u64,
}

#[thread_local_state(error = io::Error,)]
struct Fallible {
    #[state(init = open(1)?,)]
    conn: u64,
    #[state(init = { if *conn > 5 { return Err(io::Error::other("no")); } conn + 1 })]
    more: u64,
    rest: u64,
}

fn open(value: u64) -> io::Result<u64> {
    Ok(value)
}

#[thread_local_state(init = make_given)]
struct Given {
    name: String,
    #[state(init = name.len())]
    length: usize,
}

fn make_given() -> GivenInit {
    GivenInit { name: String::from("given") }
}

mod pool {
    use super::TryGivenInit;

    pub(super) fn make() -> Result<TryGivenInit, super::Broken> {
        Ok(TryGivenInit { name: String::from("maybe") })
    }

    pub(super) fn always() -> super::SureInit {
        super::SureInit { name: String::from("sure") }
    }
}

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("broken")
    }
}

#[thread_local_state(init = pool::make, error = Broken)]
struct TryGiven {
    name: String,
}

#[thread_local_state(init = pool::always, error = Broken)]
struct Sure {
    name: String,
}

#[thread_local_state(explicit)]
struct Explicit {
    name: String,
    #[state(init = name.clone() + "!")]
    loud: String,
}

#[thread_local_state(explicit, error = Broken)]
struct TryExplicit {
    name: String,
    #[state(init = name.chars().next().ok_or(Broken)?)]
    first: char,
}

#[thread_local_state(explicit)]
struct ExplicitTuple(u64, #[state(init = 5)] u8, String);

#[thread_local_state(const)]
struct Constant {
    #[state(init = 4)]
    jobs: u64,
    #[state(init = Vec::new())]
    names: Vec<String>,
    #[state(init = *jobs + 1)]
    more: u64,
}

#[thread_local_state(const)]
struct ConstantTuple(#[state(init = 4)] u64, #[state(init = [1, 2])] [u8; 2]);

#[thread_local_state(fork = keep)]
struct Keeping {
    jobs: u64,
}

#[thread_local_state(crate = ::tls_core)]
struct WithPath {
    jobs: u64,
}

#[thread_local_state(const, in_function, fork = keep, crate = tls_core)]
struct Everything {
    #[state(init = 1)]
    jobs: u64,
}

#[thread_local_state(error = Box<dyn std::error::Error + Send + Sync>)]
struct Boxed {
    #[state(init = "5".parse::<u64>()?)]
    jobs: u64,
}

#[thread_local_state(error = String)]
struct Text {
    #[state(init = Err(String::from("no"))?)]
    jobs: u64,
}

fn main() {
    assert_eq!(Plain::LIMIT.get(), 3);
    Plain::NAMES.with(|names| assert!(names.is_empty()));
    Plain::with_state(|plain| assert_eq!(plain.jobs, 0));
    EmptyList::JOBS.set(1);

    assert_eq!(Fallible::MORE.get().unwrap(), 2);
    Fallible::with_state(|state| assert_eq!(state.conn + state.rest, 1)).unwrap();
    let sum = || -> Result<u64, Box<dyn std::error::Error>> {
        let state = tls_core::borrow!(try Fallible::state());
        Ok(state.conn + "5".parse::<u64>()?)
    };
    assert_eq!(sum().unwrap(), 6);
    assert_eq!(tls_core::borrow_mut!(Fallible::state()).rest, 0);

    assert_eq!(Given::LENGTH.get(), 5);
    Given::with_state(|given| assert_eq!(given.name.len(), given.length));
    assert!(Given::state().try_init_with(GivenInit { name: String::new() }).is_err());
    TryGiven::with_state(|state| assert_eq!(state.name, "maybe")).unwrap();
    Sure::with_state(|state| assert_eq!(state.name, "sure")).unwrap();

    assert!(Explicit::state().try_with(|_| ()).is_err());
    Explicit::state().init_with(ExplicitInit { name: String::from("hey") });
    Explicit::with_state(|state| assert_eq!(state.name.clone() + "!", state.loud));
    let empty = TryExplicitInit { name: String::new() };
    assert_eq!(format!("{empty:?}"), "TryExplicitInit { .. }");
    assert!(TryExplicit::state().try_init_with(empty).is_err());
    TryExplicit::state().init_with(TryExplicitInit { name: String::from("x") }).unwrap();
    TryExplicit::with_state(|state| assert_eq!(state.name.chars().next(), Some(state.first)));
    ExplicitTuple::state().init_with(ExplicitTupleInit(7, String::from("a")));
    ExplicitTuple::with_state(|state| assert_eq!((state.0, state.1, &*state.2), (7, 5, "a")));
    assert_eq!(ExplicitTuple::FIELD_0.get(), 7);

    Constant::with_state_mut(|state| state.names.push(String::new()));
    assert_eq!(Constant::MORE.get(), 5);
    Constant::with_state(|state| assert_eq!(state.jobs + 1, state.more));
    assert_eq!((ConstantTuple::FIELD_0.get(), ConstantTuple::FIELD_1.get()), (4, [1, 2]));
    ConstantTuple::with_state(|state| assert_eq!((state.0, state.1[0]), (4, 1)));

    Keeping::JOBS.set(1);
    WithPath::JOBS.set(1);
    Everything::JOBS.set(1);
    for jobs in [
        Keeping::with_state(|state| state.jobs),
        WithPath::with_state(|state| state.jobs),
        Everything::with_state(|state| state.jobs),
        EmptyList::with_state(|state| state.jobs),
    ] {
        assert_eq!(jobs, 1);
    }
    Boxed::with_state(|state| assert_eq!(state.jobs, 5)).unwrap();
    assert_eq!(Text::with_state(|state| state.jobs).unwrap_err(), "no");
}
