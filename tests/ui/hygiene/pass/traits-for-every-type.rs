//! Traits of the user's with methods of the names that the expansion's own types have.

#![forbid(unsafe_code)]
#![deny(warnings)]
#![allow(dead_code)]

use std::cell::Cell;

use tls_core::{Counter, thread_local_state};

/// What is found before a method that takes `&mut self`.
trait ByReference {
    fn wrote(&self) {
        panic!("the user's method");
    }
    fn complete(&self) {
        panic!("the user's method");
    }
}

impl<T: ?Sized> ByReference for T {}

/// What is found before a method that takes `&self`.
trait ByValue: Sized {
    fn end(self) {
        panic!("the user's method");
    }
    fn try_with(self) {
        panic!("the user's method");
    }
    fn words(self) {
        panic!("the user's method");
    }
}

impl<T> ByValue for T {}

thread_local! {
    static DROPS: Cell<u32> = const { Cell::new(0) };
}

struct Noted;

impl Drop for Noted {
    fn drop(&mut self) {
        DROPS.set(DROPS.get() + 1);
    }
}

#[thread_local_state(error = std::num::ParseIntError)]
struct Worker {
    #[state(init = Noted)]
    first: Noted,
    #[state(shared)]
    done: Counter,
    #[state(init = Noted)]
    second: Noted,
    #[state(shared)]
    failed: Counter,
    #[state(init = "many".parse()?)]
    third: u32,
}

fn main() {
    assert!(Worker::state().init().is_err());
    // What had been made was dropped.
    assert_eq!(DROPS.get(), 2);
    Worker::DONE.increment();
    Worker::FAILED.add(2);
    assert_eq!((Worker::DONE.total(), Worker::FAILED.total()), (1, 2));
}
