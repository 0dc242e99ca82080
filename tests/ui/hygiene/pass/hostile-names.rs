//! Everything that an expansion might mention means something else here.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types, non_upper_case_globals, unused_macros)]

mod core {}
mod std {}
mod alloc {}
mod tls_core {}
mod tls_macros {}

struct Result;
struct Option;
struct Some;
struct None;
struct Ok;
struct Err;
struct Vec;
struct String;
struct Box;
struct Field;
struct Slot;
struct Infallible;
struct bool;
struct usize;
struct u8;
struct str;
trait Default {}
trait Fn {}
trait FnOnce {}
trait From {}
trait Drop {}
trait Sized {}
trait ThreadLocalState {}

const f: () = ();
const s: () = ();
const slot: () = ();
const state: () = ();
const place: () = ();
const value: () = ();
const values: () = ();
const result: () = ();
const error: () = ();
const field: () = ();
const __tls: () = ();

macro_rules! thread_local { ($($t:tt)*) => { ::core::compile_error!("the user's macro"); } }
macro_rules! panic { ($($t:tt)*) => { ::core::compile_error!("the user's macro"); } }
macro_rules! unreachable { ($($t:tt)*) => { ::core::compile_error!("the user's macro"); } }

/// Adds methods of names that the expansion calls, to everything.
trait Blanket {
    fn with(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    // By reference: by value it breaks `std::thread_local!` itself.
    fn get(&self) -> () {}
    fn set(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn level(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn check(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn keep(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn source(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn write(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn write_str(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn unwrap(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn into(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn made(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn into_result(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn is_ok(self) -> ()
    where
        Self: ::core::marker::Sized,
    {
    }
    fn default() -> () {}
    fn clone(&self) -> () {}
    const JOBS: () = ();
}

impl<T: ?::core::marker::Sized> Blanket for T {}

#[::tls_core::thread_local_state]
struct Plain {
    jobs: u64,
    #[state(init = *jobs + 1)]
    next: u64,
    #[state(init = *next + *jobs)]
    slot: u64,
    state: R,
    value: F,
}

#[derive(::core::default::Default)]
struct R;
#[derive(::core::default::Default)]
struct F;
#[derive(::core::fmt::Debug)]
struct E;

#[::tls_core::thread_local_state(error = E)]
struct Fallible {
    #[state(init = fallible()?)]
    jobs: u64,
    place: u64,
}

fn fallible() -> ::core::result::Result<u64, E> {
    ::core::result::Result::Ok(1)
}

#[::tls_core::thread_local_state(explicit)]
struct Explicit {
    jobs: u64,
    #[state(init = *jobs)]
    values: u64,
}

#[::tls_core::thread_local_state(init = make)]
struct Given(u64);

fn make() -> GivenInit {
    GivenInit(4)
}

#[::tls_core::thread_local_state(init = try_make, error = E)]
struct TryGiven(u64);

fn try_make() -> ::core::result::Result<TryGivenInit, E> {
    ::core::result::Result::Ok(TryGivenInit(4))
}

#[::tls_core::thread_local_state(const)]
struct Constant {
    #[state(init = 1)]
    result: u64,
    #[state(init = 2)]
    error: u64,
}

/// Named like the type parameters of the generated functions.
mod parameters {
    #[derive(::core::fmt::Debug)]
    pub struct R;

    #[::tls_core::thread_local_state(error = R)]
    pub struct F {
        pub jobs: u64,
    }

    #[::tls_core::thread_local_state]
    pub struct E {
        pub jobs: u64,
    }
}

#[::tls_core::thread_local_state]
struct S {
    t: T,
}

#[derive(::core::default::Default)]
struct T;

fn main() {
    ::core::assert!(Plain::SLOT.get() == 1);
    Plain::with_state(|plain| ::core::assert!(plain.jobs + plain.next + plain.slot == 2));
    ::core::assert!(::core::matches!(Fallible::JOBS.get(), ::core::result::Result::Ok(1)));
    ::core::assert!(::core::matches!(
        Explicit::state().try_init_with(ExplicitInit { jobs: 1 }),
        ::core::result::Result::Ok(())
    ));
    ::core::assert!(Explicit::VALUES.get() == 1);
    ::core::assert!(Given::FIELD_0.get() == 4);
    ::core::assert!(::core::matches!(TryGiven::FIELD_0.get(), ::core::result::Result::Ok(4)));
    ::core::assert!(Constant::ERROR.get() == 2);
    parameters::E::JOBS.set(1);
    ::core::assert!(::core::matches!(parameters::F::JOBS.set(1), ::core::result::Result::Ok(())));
    S::T.with(|_| ());
}
