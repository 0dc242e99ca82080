//! Making a state and dropping it, when that is asked for and not the consequence of an
//! access.

use std::panic::Location;

use crate::error::AccessError;
use crate::state::access;
use crate::state::contract::ThreadLocalState;
use crate::state::fill::Place;

/// Makes the value from given ones, or hands them back.
///
/// # Safety
///
/// `init` keeps to the contract of [`ThreadLocalState::__init`].
pub(crate) unsafe fn init_with<S: ThreadLocalState, V>(
    values: V,
    init: fn(Place<S>, V) -> Result<(), S::Error>,
) -> S::Output<Result<(), V>> {
    S::__output(access::with_slot::<S, _, _>(|slot| {
        // SAFETY: passed on.
        unsafe { slot.initialize_with(values, init) }
    }))
}

#[track_caller]
pub(crate) fn try_reset<S: ThreadLocalState>() -> Result<bool, AccessError> {
    let at = Location::caller();
    access::with_slot::<S, _, _>(|slot| slot.reset(at))
}

#[track_caller]
pub(crate) fn reset<S: ThreadLocalState>() -> bool {
    match try_reset::<S>() {
        Ok(existed) => existed,
        Err(refused) => access::panic(&refused),
    }
}

/// Runs a function while this thread's value is set aside.
#[track_caller]
pub(crate) fn with_fresh<S: ThreadLocalState, R, F: FnOnce() -> R>(f: F) -> R {
    let at = Location::caller();
    let result = access::with_slot::<S, _, _>(|slot| {
        let _aside = slot.set_aside(at)?;
        Ok(f())
    });
    match result {
        Ok(result) => result,
        Err(refused) => access::panic(&refused),
    }
}
