//! How often a value that is passed, or that an initializer makes, lies on the stack: without optimization each
//! move leaves a copy.
#![cfg(all(target_os = "linux", not(miri)))]
#![expect(clippy::large_stack_arrays, reason = "they are what is measured")]

use std::ffi::c_void;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::num::ParseIntError;
use std::ptr;

use tls_core::thread_local_state;

use crate::support::scale;

const SIZE: usize = 256 << 10;

type Bytes = [u8; SIZE];

/// For the frames, beside the values in them.
const ALLOWANCE: usize = 16 << 10;

/// The stack that a function needs on a thread of its own. Its memory is filled before; what has changed of it
/// is what has been used.
fn stack_of(body: fn()) -> usize {
    const FILL: u8 = 0xA5;
    const LENGTH: usize = 32 * SIZE;

    extern "C" fn start(body: *mut c_void) -> *mut c_void {
        // SAFETY: what the thread is started with.
        let body = unsafe { *body.cast::<fn()>() };
        body();
        ptr::null_mut()
    }

    let mut memory = vec![FILL; LENGTH + 4096];
    let stack = memory.as_mut_ptr();
    let stack = stack.wrapping_add(stack.align_offset(4096));
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let attributes = attributes.as_mut_ptr();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    let argument = (&raw const body).cast_mut().cast();
    // SAFETY: they are valid for writes.
    assert_eq!(unsafe { libc::pthread_attr_init(attributes) }, 0);
    // SAFETY: they have been made, and the memory is there for longer than the thread.
    let set = unsafe { libc::pthread_attr_setstack(attributes, stack.cast(), LENGTH) };
    assert_eq!(set, 0);
    // SAFETY: the attributes have been made, and the function outlives the thread.
    let made = unsafe { libc::pthread_create(thread.as_mut_ptr(), attributes, start, argument) };
    assert_eq!(made, 0);
    // SAFETY: it has been made.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: nobody else joins it.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
    // SAFETY: they have been made.
    assert_eq!(unsafe { libc::pthread_attr_destroy(attributes) }, 0);
    let unused = memory.iter().take_while(|&&byte| byte == FILL).count();
    LENGTH - unused.min(LENGTH)
}

/// That of the function itself.
fn used_by(body: fn()) -> usize {
    stack_of(body).saturating_sub(stack_of(|| ()))
}

/// Fails if the function needs more than this many values' size, and what another one needs.
#[track_caller]
fn assert_values_beside(most: usize, other: fn(), body: fn()) {
    // An instrumented stack frame is larger.
    if scale() > 1 {
        return;
    }
    let (used, beside) = (used_by(body), used_by(other));
    assert!(
        used <= most * SIZE + beside + ALLOWANCE,
        "{used} bytes of stack are not {most} times {SIZE} and {beside}"
    );
}

#[track_caller]
fn assert_values(most: usize, body: fn()) {
    assert_values_beside(most, || (), body);
}

#[thread_local_state(explicit)]
struct Session {
    bytes: Bytes,
}

#[thread_local_state(explicit, error = ParseIntError)]
struct Parsed {
    text: String,
    bytes: Bytes,
    #[state(init = text.parse()?)]
    number: u8,
}

/// Two of these sizes are the caller's: an array, and the struct with it.
#[test]
fn values_that_are_passed_lie_there_once_more() {
    assert_values(4, || {
        Session::state().init_with(SessionInit { bytes: [1; SIZE] });
    });
    assert_values(4, || {
        let values = ParsedInit {
            text: "7".to_owned(),
            bytes: [1; SIZE],
        };
        assert_eq!(Parsed::state().init_with(values), Ok(()));
    });
}

/// And one is that of the values which the result may hand back.
#[test]
fn those_that_may_be_handed_back_lie_there_twice_more() {
    assert_values(5, || {
        let values = SessionInit { bytes: [1; SIZE] };
        assert!(Session::state().try_init_with(values).is_ok());
    });
}

#[thread_local_state(init = values)]
struct Made {
    bytes: Bytes,
}

fn values() -> MadeInit {
    MadeInit { bytes: [1; SIZE] }
}

#[thread_local_state(init = values_or_error, error = ParseIntError)]
struct MadeOrFailed {
    bytes: Bytes,
}

fn values_or_error() -> Result<MadeOrFailedInit, ParseIntError> {
    let bytes = ["1".parse()?; SIZE];
    Ok(MadeOrFailedInit { bytes })
}

#[test]
fn what_a_function_makes_for_the_whole_lies_there_a_few_times() {
    assert_values(5, || Made::state().init());
    assert_values(7, || assert_eq!(MadeOrFailed::state().init(), Ok(())));
}

#[thread_local_state]
struct Plain {
    #[state(init = [1; SIZE])]
    bytes: Bytes,
}

#[thread_local_state(error = ParseIntError)]
struct Fallible {
    #[state(init = make()?)]
    bytes: Bytes,
}

fn make() -> Result<Bytes, ParseIntError> {
    Ok(["1".parse()?; SIZE])
}

#[test]
fn what_an_initializer_makes_lies_there_once() {
    assert_values(1, || Plain::state().init());
}

/// `let value = make()?` itself is four of these sizes.
#[test]
fn what_an_initializer_makes_with_a_question_mark_lies_there_once_more_than_by_hand() {
    fn by_hand() -> Result<(), ParseIntError> {
        let bytes = make()?;
        black_box(&bytes);
        Ok(())
    }
    assert_values_beside(
        1,
        || assert_eq!(by_hand(), Ok(())),
        || assert_eq!(Fallible::state().init(), Ok(())),
    );
}

#[test]
fn what_a_field_is_set_to_lies_there_a_few_times() {
    assert_values(5, || Plain::BYTES.set([2; SIZE]));
    assert_values(5, || {
        assert_eq!(
            Plain::BYTES.scope([2; SIZE], || Plain::BYTES.with(|it| it[9])),
            2
        );
    });
    assert_values(7, || {
        let old = Plain::BYTES.replace([2; SIZE]);
        assert_eq!(black_box(&old)[9], 1);
    });
}
