//! States of every size and alignment.

use std::hint::black_box;
use std::thread;

use tls_core::{ThreadLocalState, thread_local_state};

use crate::support::{note, noted, on_thread, recorded};

/// Notes its end. Has no size itself.
#[derive(Default)]
struct Bell;

impl Drop for Bell {
    fn drop(&mut self) {
        note("bell");
    }
}

#[thread_local_state]
struct Nothing {
    bell: Bell,
    unit: (),
}

#[test]
fn a_state_without_a_size_is_made_and_dropped_like_any_other() {
    let events = recorded(|| {
        assert!(!Nothing::state().is_initialized());
        Nothing::with_state_mut(|state| state.unit = ());
        assert_eq!(Nothing::UNIT.get(), ());
        Nothing::BELL.with_mut(|_| Nothing::UNIT.with_mut(|()| ()));
        assert!(Nothing::state().reset());
        assert_eq!(noted(), ["bell"]);
        Nothing::state().with_fresh(|| Nothing::with_state(|_| ()));
        assert_eq!(noted(), ["bell"]);
        Nothing::with_state(|_| ());
    });
    assert_eq!(size_of::<Nothing>(), 0);
    assert_eq!(events, ["bell"]);
}

#[derive(Default)]
#[repr(align(64))]
struct Align64(u8);

#[derive(Default)]
#[repr(align(4096))]
struct Align4096(u8);

macro_rules! aligned {
    ($($Name:ident($($args:tt)*) $part:ident)*) => {
        $(#[thread_local_state($($args)*)]
        struct $Name {
            #[state(init = $part(5))]
            aligned: $part,
            #[state(init = 6)]
            other: u8,
            #[state(init = Bell)]
            bell: Bell,
        })*
    };
}

aligned! {
    Lazy64() Align64
    Lazy4096() Align4096
    Const64(const) Align64
    Const4096(const) Align4096
    Fallible64(error = String) Align64
    Fallible4096(error = String) Align4096
}

/// Uses a state in a few ways and checks the alignment each time.
macro_rules! check_alignment {
    ($Name:ident, $align:literal, |$output:ident| $plain:expr) => {{
        fn check() {
            fn plain<R>($output: <$Name as ThreadLocalState>::Output<R>) -> R {
                $plain
            }
            let aligned = |state: &$Name| assert_eq!((&raw const *state).addr() % $align, 0);
            plain($Name::with_state(aligned));
            plain($Name::ALIGNED.with_mut(|part| {
                assert_eq!((&raw const *part).addr() % $align, 0);
                part.0 += 1;
            }));
            $Name::state().with_fresh(|| plain($Name::with_state(aligned)));
            plain($Name::with_state(|state| {
                aligned(state);
                assert_eq!((state.aligned.0, state.other), (6, 6));
            }));
            assert!($Name::state().reset());
            plain($Name::with_state(aligned));
        }
        // Each thread places its storage anew.
        for _ in 0..4 {
            assert_eq!(recorded(check), ["bell"; 3]);
        }
    }};
}

#[test]
fn a_state_aligned_to_64_is() {
    check_alignment!(Lazy64, 64, |output| output);
    check_alignment!(Const64, 64, |output| output);
    check_alignment!(Fallible64, 64, |output| output.unwrap());
}

#[test]
fn a_state_aligned_to_4096_is() {
    check_alignment!(Lazy4096, 4096, |output| output);
    check_alignment!(Const4096, 4096, |output| output);
    check_alignment!(Fallible4096, 4096, |output| output.unwrap());
}

const MEBIBYTE: usize = 1 << 20;

#[thread_local_state]
struct Large {
    #[state(init = [1; MEBIBYTE])]
    bytes: [u8; MEBIBYTE],
    tail: Vec<u8>,
}

#[thread_local_state(const)]
struct LargeConstant {
    #[state(init = [1; MEBIBYTE])]
    bytes: [u8; MEBIBYTE],
}

#[thread_local_state(error = std::num::ParseIntError)]
struct LargeFallible {
    #[state(init = "1".parse()?)]
    first: u8,
    #[state(init = [*first; MEBIBYTE])]
    bytes: [u8; MEBIBYTE],
}

fn on_two_mebibytes(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(2 * MEBIBYTE)
        .spawn(f)
        .unwrap()
        .join()
        .unwrap();
}

#[test]
fn a_state_of_a_mebibyte_is_made_on_a_stack_of_two() {
    on_two_mebibytes(|| {
        Large::with_state_mut(|large| {
            large.bytes[MEBIBYTE - 1] = 2;
            large.tail.push(3);
        });
        assert_eq!(
            Large::BYTES.with(|bytes| (bytes[0], bytes[MEBIBYTE - 1])),
            (1, 2)
        );
        assert!(Large::state().reset());
        assert_eq!(Large::BYTES.with(|bytes| bytes[MEBIBYTE - 1]), 1);
    });
}

#[test]
fn a_fallible_state_of_a_mebibyte_is_made_on_a_stack_of_two() {
    on_two_mebibytes(|| {
        let last = LargeFallible::with_state(|large| large.bytes[MEBIBYTE - 1]);
        assert_eq!(last, Ok(1));
    });
}

#[test]
fn a_const_state_of_a_mebibyte_is_made_on_a_stack_of_two() {
    on_two_mebibytes(|| {
        assert_eq!(LargeConstant::BYTES.with(|bytes| bytes[MEBIBYTE - 1]), 1);
    });
}

#[test]
fn a_thread_that_does_not_use_a_large_state_keeps_its_stack() {
    #[inline(never)]
    #[expect(clippy::large_stack_arrays, reason = "to fill the stack")]
    fn use_stack() -> u8 {
        let mut bytes = [0_u8; MEBIBYTE * 18 / 10];
        black_box(&mut bytes);
        bytes[black_box(5)]
    }
    // An instrumented stack frame is larger.
    if crate::support::scale() > 1 {
        return;
    }
    on_two_mebibytes(|| assert_eq!(use_stack(), 0));
    assert!(!Large::state().is_initialized());
}

macro_rules! sized {
    ($($Name:ident $size:literal)*) => {
        $(#[thread_local_state]
        struct $Name {
            #[state(init = [1; $size])]
            bytes: [u8; $size],
        })*
    };
}

// Around the size from which values are kept on the heap.
sized!(Size1 1 Size1023 1023 Size1024 1024 Size1025 1025 Size5000 5000);

#[test]
fn states_on_both_sides_of_the_heap_limit_behave_alike() {
    macro_rules! check {
        ($($Name:ident)*) => {
            $(on_thread(|| {
                let address = $Name::with_state(|state| (&raw const *state).addr());
                $Name::BYTES.with_mut(|bytes| *bytes.last_mut().unwrap() = 2);
                $Name::state().with_fresh(|| {
                    assert_eq!($Name::with_state(|state| *state.bytes.last().unwrap()), 1);
                });
                assert_eq!($Name::with_state(|state| *state.bytes.last().unwrap()), 2);
                assert_eq!($Name::with_state(|state| (&raw const *state).addr()), address);
                assert!($Name::state().reset());
                assert_eq!($Name::with_state(|state| *state.bytes.last().unwrap()), 1);
            });)*
        };
    }
    check!(Size1 Size1023 Size1024 Size1025 Size5000);
}

#[thread_local_state(error = String)]
struct LargeFailing {
    #[state(init = vec![1; 100])]
    first: Vec<u8>,
    #[state(init = [2; 5000])]
    bytes: [u8; 5000],
    #[state(init = Err(String::from("no"))?)]
    last: u8,
}

#[test]
fn the_memory_of_a_large_value_whose_initializer_fails_is_given_back() {
    on_thread(|| {
        for _ in 0..10 {
            assert_eq!(
                LargeFailing::with_state(|state| state.last),
                Err("no".into())
            );
        }
    });
}
