//! Nested shared borrows, deeper than anyone should.

use std::sync::Mutex;
use std::thread;

use tls_core::{AccessError, thread_local_state};

use crate::support::{lock, scaled};

#[thread_local_state]
struct Deep {
    number: u64,
    items: Vec<u64>,
}

/// Goes down until it is refused or deep enough. Returns how deep it got.
fn descend<F>(access: &F, depth: usize, enough: usize) -> usize
where
    F: Fn(&mut dyn FnMut()) -> Result<(), AccessError>,
{
    if depth == enough {
        return depth;
    }
    let mut deepest = depth;
    let _ = access(&mut || deepest = descend(access, depth + 1, enough));
    deepest
}

fn whole(f: &mut dyn FnMut()) -> Result<(), AccessError> {
    Deep::state().try_with(|_| f())
}

fn field(f: &mut dyn FnMut()) -> Result<(), AccessError> {
    Deep::NUMBER.try_with(|_| f())
}

fn mixed(f: &mut dyn FnMut()) -> Result<(), AccessError> {
    Deep::state()
        .peek(|_| Deep::ITEMS.try_with(|_| f()))
        .ok()
        .flatten()
        .unwrap()
}

fn on_deep_stack(f: fn()) {
    // One at a time: without optimizations a level takes two kilobytes.
    static ONE: Mutex<()> = Mutex::new(());
    let _one = lock(&ONE);
    // Address space; memory is taken as it is touched.
    let stack = if size_of::<usize>() == 8 {
        2 << 30
    } else {
        512 << 20
    };
    thread::Builder::new()
        .stack_size(stack)
        .spawn(f)
        .unwrap()
        .join()
        .unwrap();
}

fn assert_free() {
    Deep::state().try_with_mut(|deep| deep.number += 1).unwrap();
    Deep::NUMBER.try_with_mut(|number| *number += 1).unwrap();
    Deep::ITEMS.try_with_mut(Vec::clear).unwrap();
    assert!(Deep::state().reset());
}

#[test]
fn nested_shared_borrows_have_no_limit_but_the_stack() {
    on_deep_stack(|| {
        let enough = scaled(500_000);
        Deep::ITEMS.with(|_| ());
        assert_eq!(descend(&whole, 0, enough), enough);
        assert_free();
        assert_eq!(descend(&field, 0, enough), enough);
        assert_free();
        Deep::ITEMS.with(|_| ());
        assert_eq!(descend(&mixed, 0, enough / 2), enough / 2);
        assert_free();
    });
}

/// A borrow of one field beside its owner's is counted apart from those of the whole.
#[test]
fn nested_borrows_of_fields_and_of_the_whole_are_all_given_back() {
    on_deep_stack(|| {
        let enough = scaled(100_000);
        let alternating = |f: &mut dyn FnMut()| {
            Deep::NUMBER.try_with(|_| {
                Deep::NUMBER.try_with(|_| Deep::state().try_with(|_| Deep::ITEMS.try_with(|_| f())))
            })???
        };
        assert_eq!(descend(&alternating, 0, enough), enough);
        assert_free();
    });
}
