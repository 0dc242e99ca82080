//! Everything that the expansion of shared fields might mention means something else here.

#![no_implicit_prelude]
#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals, unused_macros)]

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
struct SharedField;
struct Shared;
struct Shareable;
struct Registry;
struct Local;
struct Sharing;
struct Kind;
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
const cell: () = ();
const word: () = ();
const handle: () = ();
const registry: () = ();
const local: () = ();
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
    fn at(&self) -> () {}
    fn add(&self) -> () {}
    fn increment(&self) -> () {}
    fn deref(&self) -> () {}
    fn link(&self) -> () {}
    fn raw(&self) -> () {}
    fn end(&self) -> () {}
    fn start(&self) -> () {}
    fn total(&self) -> () {}
    fn live_threads() -> () {}
    const JOBS: () = ();
    const DONE: () = ();
}

impl<T: ?::core::marker::Sized> Blanket for T {}

#[::tls_core::thread_local_state]
struct Worker {
    #[state(shared)]
    done: ::tls_core::Counter,
    #[state(shared)]
    slot: ::tls_core::shared::UpDown,
    #[state(shared)]
    state: ::tls_core::shared::Gauge,
    #[state(shared)]
    value: ::tls_core::shared::Peak,
    #[state(shared)]
    cell: ::tls_core::Histogram,
    #[state(shared)]
    registry: [::tls_core::Counter; 3],
    #[state(shared)]
    local: ::tls_core::shared::Part<u64>,
    #[state(init = ::tls_core::shared::SharedField::get(Worker::DONE) + 1)]
    field: u64,
    Counter: Counter,
}

/// Not the one of a shared field.
#[derive(::core::default::Default)]
struct Counter;

#[::tls_core::thread_local_state(explicit, fork = reset)]
struct Explicit {
    #[state(shared)]
    shared: ::tls_core::Counter,
    jobs: u64,
    Counter: Counter,
}

#[::tls_core::thread_local_state(const)]
struct Constant {
    #[state(shared)]
    count: ::tls_core::Counter,
    #[state(init = 4)]
    jobs: u64,
}

/// Named like the type parameters of the generated functions.
mod parameters {
    #[derive(::core::fmt::Debug)]
    pub struct E;

    #[::tls_core::thread_local_state(error = E)]
    pub struct R {
        #[state(shared)]
        pub jobs: ::tls_core::Counter,
    }

    #[::tls_core::thread_local_state(in_function)]
    pub struct S {
        #[state(shared)]
        pub t: T,
    }

    pub type T = ::tls_core::Counter;
}

fn main() {
    Worker::DONE.increment();
    Worker::SLOT.add(-1);
    Worker::STATE.set(2);
    Worker::VALUE.record(3);
    Worker::CELL.record(4);
    Worker::REGISTRY.at(2).add(5);
    Worker::LOCAL.with_mut(|part| *part += 6);
    Worker::with_state(|worker| {
        ::core::assert!(worker.field == 2);
        ::tls_core::shared::SharedField::<Worker, ::tls_core::Counter>::add(Worker::DONE, worker.field);
        Worker::REGISTRY.at(0).increment();
    });
    ::core::assert!(Worker::DONE.total() == 3);
    ::core::assert!(Worker::REGISTRY.total()[2] == 5);
    ::core::assert!(Worker::state().live_threads() == 1);
    ::core::assert!(::core::matches!(
        Explicit::state().try_init_with(ExplicitInit { jobs: 1, Counter }),
        ::core::result::Result::Ok(())
    ));
    Explicit::with_state(|explicit| Explicit::SHARED.add(explicit.jobs));
    Constant::with_state(|constant| Constant::COUNT.add(constant.jobs));
    ::core::assert!(Constant::COUNT.get() == 4);
    parameters::R::JOBS.increment();
    parameters::S::T.increment();
}
