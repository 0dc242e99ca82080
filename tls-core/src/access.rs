//! The accessors: one test around the closure that the user gives, and a cold path.
//!
//! The cold path does not return to the hot one; it starts again from the beginning and is
//! called in tail position, so the hot path saves no registers for it.
//!
//! These functions are compiled once for each closure that is passed to them. So they are few and
//! short, with no closures of their own, and all that does not depend on the closure is elsewhere.
//! Without optimization what is always inlined would be compiled there, too: so some is only then.
#![expect(
    clippy::ptr_as_ptr,
    reason = "`cast` is one more function to compile for each type"
)]

use std::mem::{self, MaybeUninit};
use std::panic::Location;

use crate::error::AccessError;
use crate::slot::{Borrow, Failure, Header, Request, Slot, Storage as _, Target, place};
use crate::state::ThreadLocalState;

/// Calls the closure with this thread's slot.
///
/// By way of `try_with`, because `LocalKey::with` is not `#[inline]`: at the lower optimization
/// levels it stays a function of its own.
#[inline(always)]
pub(crate) fn with_slot<S, R, F>(f: F) -> R
where
    S: ThreadLocalState,
    F: FnOnce(&Slot<S>) -> R,
{
    match S::__KEY.try_with(f) {
        Ok(result) => result,
        Err(_) => unreachable!("a slot has no drop glue, so it is always accessible"),
    }
}

/// This thread's slot. It may be referred to where it is called: the slot stays until the thread has
/// ended, and only shared references are made to it.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
fn slot<S: ThreadLocalState>() -> *const Slot<S> {
    match S::__KEY.try_with(|slot| &raw const *slot) {
        Ok(slot) => slot,
        Err(_) => unreachable!("a slot has no drop glue, so it is always accessible"),
    }
}

/// Whether this thread's value is to be forgotten.
pub(crate) fn is_stale<S: ThreadLocalState>() -> bool {
    with_slot::<S, _, _>(|slot| slot.header.word.get().is_stale())
}

/// Where a target lies.
///
/// # Safety
///
/// A borrow of the target is outstanding in this slot, whose value is on the heap if `on_heap` says so.
#[cfg_attr(debug_assertions, inline)]
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn locate(slot: *mut (), on_heap: bool, target: Target) -> *mut () {
    // SAFETY: borrowed means that there is a value.
    let place = unsafe { place(slot, on_heap) };
    // SAFETY: the target is a part of the value. Not by way of a reference to the value, to whose
    // other fields exclusive references may exist.
    unsafe { place.byte_add(target.offset) }
}

/// Borrows what is not free: makes the value, or borrows once more beside other shared borrows.
/// Returns an initializer's error, which is the caller's to handle; other failures are mistakes.
///
/// # Safety
///
/// `slot` is from [`slot`], and the result is not used beyond what is said there.
#[cold]
#[inline(never)]
#[track_caller]
unsafe fn acquire<'a, S: ThreadLocalState>(
    slot: *const Slot<S>,
    target: Target,
    exclusive: bool,
) -> Result<Borrow<'a, S::__AtFork>, S::Error> {
    let request = target.request(exclusive, Location::caller());
    let mut error = MaybeUninit::<S::Error>::uninit();
    // SAFETY: it is this state's slot, and its error.
    match unsafe {
        Header::acquire(
            slot as *mut (),
            S::__INFO,
            request,
            &raw mut error as *mut (),
        )
    } {
        Ok(borrow) => Ok(borrow),
        // SAFETY: the error has been written if this says so.
        Err(Failure::Init(())) => Err(unsafe { (&raw const error as *const S::Error).read() }),
        Err(Failure::Refused(refusal)) => {
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot).header };
            header.panic(refusal, S::__INFO, request)
        }
    }
}

/// As [`acquire`], with every failure.
///
/// # Safety
///
/// As [`acquire`].
#[cold]
#[inline(never)]
unsafe fn try_acquire<'a, S: ThreadLocalState>(
    slot: *const Slot<S>,
    request: Request,
) -> Result<Borrow<'a, S::__AtFork>, Failure<S::Error>> {
    let mut error = MaybeUninit::<S::Error>::uninit();
    // SAFETY: it is this state's slot, and its error.
    match unsafe {
        Header::acquire(
            slot as *mut (),
            S::__INFO,
            request,
            &raw mut error as *mut (),
        )
    } {
        Ok(borrow) => Ok(borrow),
        // SAFETY: the error has been written if this says so.
        Err(failure) => Err(unsafe { failure.with(&error) }),
    }
}

/// Describes a failure.
#[cold]
#[inline(never)]
fn describe<S: ThreadLocalState>(
    failure: Failure<S::Error>,
    request: Request,
) -> AccessError<S::Error> {
    with_slot::<S, _, _>(|slot| slot.describe(failure, request))
}

/// What a plain accessor does with a failure: an initializer's error is returned.
#[track_caller]
pub(crate) fn give_up<S: ThreadLocalState>(
    failure: Failure<S::Error>,
    request: Request,
) -> S::Error {
    match failure {
        Failure::Init(error) => error,
        Failure::Refused(refusal) => {
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot::<S>()).header };
            header.panic(refusal, S::__INFO, request)
        }
    }
}

/// Panics with the text of an error, at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic(refused: &AccessError) -> ! {
    panic!("{refused}")
}

/// The accessors for shared references, and those for exclusive ones.
macro_rules! accessors {
    ($with:ident, $try_with:ident, $with_or_else:ident, $exclusive:literal $($mut:ident)?) => {
        #[inline(always)]
        #[track_caller]
        pub(crate) fn $with<S, V, R, F>(target: Target, f: F) -> S::Output<R>
        where
            S: ThreadLocalState,
            F: FnOnce(&$($mut)? V) -> R,
        {
            // The closure comes first: what it captures is often an argument of the function
            // around, and stays in its register.
            #[cold]
            #[inline(never)]
            #[track_caller]
            fn otherwise<S, V, R, F>(f: F, target: Target) -> S::Output<R>
            where
                S: ThreadLocalState,
                F: FnOnce(&$($mut)? V) -> R,
            {
                let slot = slot::<S>();
                // SAFETY: see `slot`.
                S::__output(match unsafe { acquire::<S>(slot, target, $exclusive) } {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    Err(error) => Err(error),
                })
            }

            let slot = slot::<S>();
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot).header };
            let Some(_borrow) = header.lend::<S::__AtFork>(target, $exclusive, Location::caller())
            else {
                return otherwise::<S, V, R, F>(f, target);
            };
            // SAFETY: it is borrowed.
            let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
            // SAFETY: no borrow that conflicts is outstanding.
            S::__output(Ok(f(unsafe { &$($mut)? *(view as *mut V) })))
        }

        #[inline(always)]
        #[track_caller]
        pub(crate) fn $try_with<S, V, R, F>(
            target: Target,
            f: F,
        ) -> Result<R, AccessError<S::Error>>
        where
            S: ThreadLocalState,
            F: FnOnce(&$($mut)? V) -> R,
        {
            #[cold]
            #[inline(never)]
            #[track_caller]
            fn otherwise<S, V, R, F>(f: F, target: Target) -> Result<R, AccessError<S::Error>>
            where
                S: ThreadLocalState,
                F: FnOnce(&$($mut)? V) -> R,
            {
                let slot = slot::<S>();
                let request = target.request($exclusive, Location::caller());
                // SAFETY: see `slot`.
                match unsafe { try_acquire::<S>(slot, request) } {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    Err(failure) => Err(describe::<S>(failure, request)),
                }
            }

            let slot = slot::<S>();
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot).header };
            let Some(_borrow) = header.lend::<S::__AtFork>(target, $exclusive, Location::caller())
            else {
                return otherwise::<S, V, R, F>(f, target);
            };
            // SAFETY: it is borrowed.
            let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
            // SAFETY: no borrow that conflicts is outstanding.
            Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
        }

        /// Runs the closure on a spare if the target cannot be had.
        #[inline(always)]
        #[track_caller]
        pub(crate) fn $with_or_else<S, V, R, F, P>(target: Target, spare: P, f: F) -> S::Output<R>
        where
            S: ThreadLocalState,
            F: FnOnce(&$($mut)? V) -> R,
            P: FnOnce() -> V,
        {
            #[cold]
            #[inline(never)]
            #[track_caller]
            fn otherwise<S, V, R, F, P>(f: F, target: Target, spare: P) -> S::Output<R>
            where
                S: ThreadLocalState,
                F: FnOnce(&$($mut)? V) -> R,
                P: FnOnce() -> V,
            {
                let slot = slot::<S>();
                let request = target.request($exclusive, Location::caller());
                // SAFETY: see `slot`.
                S::__output(match unsafe { try_acquire::<S>(slot, request) } {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    Err(Failure::Init(error)) => Err(error),
                    Err(Failure::Refused(_)) => Ok(f(&$($mut)? spare())),
                })
            }

            let slot = slot::<S>();
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot).header };
            let Some(_borrow) = header.lend::<S::__AtFork>(target, $exclusive, Location::caller())
            else {
                return otherwise::<S, V, R, F, P>(f, target, spare);
            };
            // SAFETY: it is borrowed.
            let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
            // SAFETY: no borrow that conflicts is outstanding.
            S::__output(Ok(f(unsafe { &$($mut)? *(view as *mut V) })))
        }
    };
}

accessors!(with, try_with, with_or_else, false);
accessors!(with_mut, try_with_mut, with_mut_or_else, true mut);

/// As [`with_mut`], for what has to be done with the result when the borrow has ended.
#[inline(always)]
#[track_caller]
pub(crate) fn replace<S, V>(target: Target, value: V) -> Result<V, S::Error>
where
    S: ThreadLocalState,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, V>(value: V, target: Target) -> Result<V, S::Error>
    where
        S: ThreadLocalState,
    {
        let slot = slot::<S>();
        // SAFETY: see `slot`.
        match unsafe { acquire::<S>(slot, target, true) } {
            Ok(_borrow) => {
                // SAFETY: it is borrowed.
                let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                // SAFETY: no borrow that conflicts is outstanding.
                Ok(mem::replace(unsafe { &mut *(view as *mut V) }, value))
            }
            Err(error) => Err(error),
        }
    }

    let slot = slot::<S>();
    // SAFETY: see `slot`.
    let header = unsafe { &(*slot).header };
    let Some(_borrow) = header.lend::<S::__AtFork>(target, true, Location::caller()) else {
        return otherwise::<S, V>(value, target);
    };
    // SAFETY: it is borrowed.
    let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
    // SAFETY: no borrow that conflicts is outstanding.
    Ok(mem::replace(unsafe { &mut *(view as *mut V) }, value))
}

/// Copies a field out. Unlike [`with`] this asks for no more than that it may be read: no code runs
/// meanwhile, so nothing is borrowed.
///
/// # Safety
///
/// `V` is `Copy`.
#[inline(always)]
#[track_caller]
pub(crate) unsafe fn get<S, V>(target: Target) -> S::Output<V>
where
    S: ThreadLocalState,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, V>(target: Target) -> S::Output<V>
    where
        S: ThreadLocalState,
    {
        let slot = slot::<S>();
        // SAFETY: see `slot`.
        S::__output(match unsafe { acquire::<S>(slot, target, false) } {
            Ok(_borrow) => {
                // SAFETY: it is borrowed.
                let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                // SAFETY: it is borrowed, and `V` is `Copy`, as the caller of `get` promises.
                Ok(unsafe { (view as *const V).read() })
            }
            Err(error) => Err(error),
        })
    }

    let slot = slot::<S>();
    // SAFETY: see `slot`.
    let header = unsafe { &(*slot).header };
    if !header.word.get().may_read(target.part()) {
        return otherwise::<S, V>(target);
    }
    // SAFETY: readable means that there is a value.
    let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
    // SAFETY: no exclusive reference exists while the field may be read. `V` is `Copy`, the
    // caller promises.
    S::__output(Ok(unsafe { (view as *const V).read() }))
}

/// Calls the closure if there is a value and it can be read. Never makes one.
#[inline(always)]
#[track_caller]
pub(crate) fn peek<S, R, F>(f: F) -> Option<R>
where
    S: ThreadLocalState,
    F: FnOnce(&S) -> R,
{
    let slot = slot::<S>();
    let request = Request::whole(false, Location::caller());
    // SAFETY: see `slot`.
    let header = unsafe { &(*slot).header };
    let _borrow = header.try_borrow::<S::__AtFork>(request)?;
    // SAFETY: it is borrowed.
    let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, Target::WHOLE) };
    // SAFETY: no borrow that conflicts is outstanding.
    Some(f(unsafe { &*(view as *const S) }))
}
