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
use crate::fork::generation::Forks;
use crate::state::contract::ThreadLocalState;
use crate::state::slot::{Failure, Header, Request, Slot, Storage as _, Target, place};

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
    unsafe { place.byte_add(target.offset()) }
}

/// What a plain accessor does with a failure: an initializer's error is the caller's to handle, the
/// others are mistakes.
///
/// # Safety
///
/// If it is the initializer's failure, `error` points to its error, which is not read again.
#[cold]
#[inline(never)]
#[track_caller]
unsafe fn fail<S: ThreadLocalState>(
    failure: Failure<()>,
    error: *const S::Error,
    target: Target,
    exclusive: bool,
) -> S::Error {
    match failure {
        // SAFETY: the caller's promise.
        Failure::Init(()) => unsafe { error.read() },
        Failure::Refused(refusal) => {
            // SAFETY: see `slot`.
            let header = unsafe { &(*slot::<S>()).header };
            header.panic(refusal, S::__INFO, target, exclusive)
        }
    }
}

/// Makes the value if there is none yet.
///
/// If the initializer fails, its error has been written to `error`.
fn ensure<S: ThreadLocalState>(
    slot: &Slot<S>,
    error: &mut MaybeUninit<S::Error>,
) -> Result<(), Failure<()>> {
    if slot.header.is_alive() {
        return Ok(());
    }
    let forks = Forks::<S::__AtFork>::now();
    // SAFETY: it is this state's slot, and its error.
    unsafe {
        Header::initialize(
            &raw const *slot as *mut (),
            S::__INFO,
            error.as_mut_ptr() as *mut (),
        )
    }?;
    slot.forget_after(forks);
    Ok(())
}

/// Makes the value if there is none yet, as a plain accessor.
#[track_caller]
pub(crate) fn init<S: ThreadLocalState>() -> Result<(), S::Error> {
    let mut error = MaybeUninit::<S::Error>::uninit();
    match with_slot::<S, _, _>(|slot| ensure(slot, &mut error)) {
        Ok(()) => Ok(()),
        // SAFETY: the error has been written if this says so.
        Err(failure) => Err(unsafe { fail::<S>(failure, error.as_ptr(), Target::WHOLE, false) }),
    }
}

/// Makes the value if there is none yet, or says why it cannot be made.
#[track_caller]
pub(crate) fn try_init<S: ThreadLocalState>() -> Result<(), AccessError<S::Error>> {
    let mut error = MaybeUninit::<S::Error>::uninit();
    match with_slot::<S, _, _>(|slot| ensure(slot, &mut error)) {
        Ok(()) => Ok(()),
        Err(failure) => {
            // SAFETY: the error has been written if this says so.
            let failure = unsafe { failure.with(&error) };
            let request = Request::whole(false, Location::caller());
            Err(describe::<S>(failure, request))
        }
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
                let request = target.request($exclusive, Location::caller());
                let mut error = MaybeUninit::<S::Error>::uninit();
                // SAFETY: it is this state's slot, and its error.
                let borrow = unsafe { Header::acquire::<S::__AtFork>(slot as *mut (), S::__INFO, request, error.as_mut_ptr() as *mut ()) };
                S::__output(match borrow {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    // SAFETY: the error has been written if this says so.
                    Err(failure) => Err(unsafe {
                        fail::<S>(failure, error.as_ptr(), target, $exclusive)
                    }),
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
                let mut error = MaybeUninit::<S::Error>::uninit();
                // SAFETY: it is this state's slot, and its error.
                let borrow = unsafe { Header::acquire::<S::__AtFork>(slot as *mut (), S::__INFO, request, error.as_mut_ptr() as *mut ()) };
                match borrow {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    Err(failure) => {
                        // SAFETY: the error has been written if this says so.
                        let failure = unsafe { failure.with(&error) };
                        Err(describe::<S>(failure, request))
                    }
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
                let mut error = MaybeUninit::<S::Error>::uninit();
                // SAFETY: it is this state's slot, and its error.
                let borrow = unsafe { Header::acquire::<S::__AtFork>(slot as *mut (), S::__INFO, request, error.as_mut_ptr() as *mut ()) };
                S::__output(match borrow {
                    Ok(_borrow) => {
                        // SAFETY: it is borrowed.
                        let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                        // SAFETY: no borrow that conflicts is outstanding.
                        Ok(f(unsafe { &$($mut)? *(view as *mut V) }))
                    }
                    // SAFETY: the error has been written if this says so.
                    Err(Failure::Init(())) => Err(unsafe { error.assume_init() }),
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
        let request = target.request(true, Location::caller());
        let mut error = MaybeUninit::<S::Error>::uninit();
        // SAFETY: it is this state's slot, and its error.
        let borrow = unsafe {
            Header::acquire::<S::__AtFork>(
                slot as *mut (),
                S::__INFO,
                request,
                error.as_mut_ptr() as *mut (),
            )
        };
        match borrow {
            Ok(_borrow) => {
                // SAFETY: it is borrowed.
                let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                // SAFETY: no borrow that conflicts is outstanding.
                Ok(mem::replace(unsafe { &mut *(view as *mut V) }, value))
            }
            // SAFETY: the error has been written if this says so.
            Err(failure) => Err(unsafe { fail::<S>(failure, error.as_ptr(), target, true) }),
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
        let request = target.request(false, Location::caller());
        let mut error = MaybeUninit::<S::Error>::uninit();
        // SAFETY: it is this state's slot, and its error.
        let borrow = unsafe {
            Header::acquire::<S::__AtFork>(
                slot as *mut (),
                S::__INFO,
                request,
                error.as_mut_ptr() as *mut (),
            )
        };
        S::__output(match borrow {
            Ok(_borrow) => {
                // SAFETY: it is borrowed.
                let view = unsafe { locate(slot as *mut (), S::__Storage::ON_HEAP, target) };
                // SAFETY: it is borrowed, and `V` is `Copy`, as the caller of `get` promises.
                Ok(unsafe { (view as *const V).read() })
            }
            // SAFETY: the error has been written if this says so.
            Err(failure) => Err(unsafe { fail::<S>(failure, error.as_ptr(), target, false) }),
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
