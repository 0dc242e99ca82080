//! The accessors: one test around the closure that the user gives, and a cold path.
//!
//! The cold path makes the value or joins other borrows. It does not return to the hot one; it does the whole
//! operation, and is called in tail position, so the hot path saves no registers for it.
//!
//! These functions are compiled once for each closure that is passed to them. So they are few and
//! short, with no closures of their own, and all that does not depend on the closure is elsewhere.

use std::mem::{self, MaybeUninit};

use crate::error::AccessError;
use crate::state::borrow::Guest;
use crate::state::contract::ThreadLocalState;
use crate::state::fill::Passed;
use crate::state::held::Joining;
use crate::state::here::{Here, Lens};
use crate::state::init::{self, Failure};
use crate::state::loan::Loan;
use crate::state::loans::Joined;
use crate::state::refusal::{self, Request};
use crate::state::slot::SlotRef;
use crate::state::stale;
use crate::state::target::{Portion, Target};
use crate::state::word::{FieldSet, Word};

/// Whether accessors have a hot path. Without optimization it is as slow as the cold one, and more to compile for
/// each closure; and what is borrowed there is not noted.
pub(crate) const HAS_HOT_PATH: bool = !cfg!(debug_assertions);

/// What a plain accessor does with a failure: an initializer's error is the caller's to handle, the
/// others are mistakes.
///
/// # Safety
///
/// If it is the initializer's failure, `error` holds its error, which is not read again.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) unsafe fn fail<S: ThreadLocalState>(
    failure: Failure,
    error: &MaybeUninit<S::Error>,
    portion: Portion,
    exclusive: bool,
) -> S::Error {
    match failure {
        // SAFETY: the error has been written.
        Failure::Failed => unsafe { error.assume_init_read() },
        Failure::Refused(refusal) => refusal::panic(
            Here::<S>::find().erase(),
            refusal,
            Request::to(portion, exclusive),
        ),
    }
}

/// What a `try_` accessor does with a failure.
///
/// # Safety
///
/// As [`fail`].
#[cold]
#[inline(never)]
unsafe fn describe<S: ThreadLocalState>(
    failure: Failure,
    error: &MaybeUninit<S::Error>,
    portion: Portion,
    exclusive: bool,
) -> AccessError<S::Error> {
    match failure {
        // SAFETY: the error has been written.
        Failure::Failed => AccessError::Init(refusal::init_error::<S>(unsafe {
            error.assume_init_read()
        })),
        Failure::Refused(refusal) => {
            let request = Request::to(portion, exclusive);
            refusal::refused(Here::<S>::find().erase(), refusal, request)
        }
    }
}

/// Borrows the target after making the value, or beside other borrows.
#[inline(always)]
#[cfg_attr(debug_assertions, track_caller)]
fn join<S, V, T>(
    here: Here<S>,
    lens: Lens<S, V, T>,
    exclusive: bool,
    error: &mut MaybeUninit<S::Error>,
) -> Result<Guest, Failure>
where
    S: ThreadLocalState,
    T: Target,
{
    let slot = here.erase();
    let error = error.as_mut_ptr().cast();
    // Who joins the whole is a reader, or has taken it.
    if !HAS_HOT_PATH || !T::IS_WHOLE {
        // SAFETY: it is the place of this state's error.
        return unsafe { join_portion(slot, lens.portion(), exclusive, error) };
    }
    let joined = if exclusive {
        // SAFETY: it is the place of this state's error.
        unsafe { take_or_make(slot, error) }?;
        Joined::Taken(FieldSet::ALL.taken(true))
    } else {
        if !here.header().loans.join_readers() {
            // SAFETY: it is the place of this state's error.
            unsafe { read_or_make(slot, error) }?;
        }
        Joined::Reader
    };
    // SAFETY: the borrow has begun as `joined` says, and only this guest ends it.
    Ok(unsafe { Guest::new(slot, joined, lens.portion()) })
}

/// # Safety
///
/// As [`init::initialize`].
#[inline(never)]
#[cfg_attr(debug_assertions, track_caller)]
unsafe fn join_portion(
    slot: SlotRef,
    portion: Portion,
    exclusive: bool,
    error: *mut (),
) -> Result<Guest, Failure> {
    let set = portion.set();
    let word = &slot.header().loans.word;
    // On a hot path it would have been found free already.
    let joined = if !HAS_HOT_PATH && word.get().is_free() {
        let (lent, joined) = Joined::free(set, exclusive);
        word.set(lent);
        joined
    } else {
        // SAFETY: it is the place of this state's error.
        unsafe { join_or_make(slot, set, exclusive, error) }?
    };
    // SAFETY: the borrow has begun as `joined` says, and only this guest ends it.
    Ok(unsafe { Guest::new(slot, joined, portion) })
}

/// # Safety
///
/// As [`init::initialize`].
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn join_or_make(
    slot: SlotRef,
    set: FieldSet,
    exclusive: bool,
    error: *mut (),
) -> Result<Joined, Failure> {
    if slot.word() == Word::UNINITIALIZED {
        // SAFETY: the place is the one that the caller has for the error.
        unsafe { init::initialize(slot, error) }?;
        if exclusive || !set.is_all() {
            // It is free.
            let taken = set.taken(exclusive);
            slot.set_word(slot.word().without(taken));
            return Ok(Joined::Taken(taken));
        }
    }
    let joined = slot.header().loans.join(set, exclusive);
    joined.ok_or_else(|| Failure::Refused(refusal::refusal(slot)))
}

/// As [`join_or_make`], of the whole and exclusively.
///
/// # Safety
///
/// As [`init::initialize`].
#[inline(never)]
unsafe fn take_or_make(slot: SlotRef, error: *mut ()) -> Result<(), Failure> {
    // SAFETY: the place is the one that the caller has for the error.
    unsafe { join_or_make(slot, FieldSet::ALL, true, error) }.map(drop)
}

/// As [`join_or_make`], of the whole and shared.
///
/// # Safety
///
/// As [`init::initialize`].
#[inline(never)]
unsafe fn read_or_make(slot: SlotRef, error: *mut ()) -> Result<(), Failure> {
    // SAFETY: the place is the one that the caller has for the error.
    unsafe { join_or_make(slot, FieldSet::ALL, false, error) }.map(drop)
}

/// Makes the value if there is none, so that a macro's borrow of the target can begin. If it is a shared one beside others,
/// it begins here.
#[inline(always)]
pub(crate) fn prepare<S, V, T>(
    here: Here<S>,
    lens: Lens<S, V, T>,
    exclusive: bool,
    error: &mut MaybeUninit<S::Error>,
) -> Result<Joining, Failure>
where
    S: ThreadLocalState,
    T: Target,
{
    let error = error.as_mut_ptr().cast();
    // SAFETY: it is the place of this state's error.
    unsafe { prepare_portion(here.erase(), lens.portion(), exclusive, error) }
}

/// # Safety
///
/// As [`init::initialize`].
#[inline(never)]
unsafe fn prepare_portion(
    slot: SlotRef,
    portion: Portion,
    exclusive: bool,
    error: *mut (),
) -> Result<Joining, Failure> {
    let set = portion.set();
    let loans = &slot.header().loans;
    if slot.word() == Word::UNINITIALIZED {
        // SAFETY: the caller's promise.
        unsafe { init::initialize(slot, error) }?;
    }
    // (A value that was made by the parent, in part, is not quite free.)
    let is_free = if exclusive {
        loans.lay_open(set.taken(true))
    } else {
        slot.word().is_free()
    };
    if is_free {
        return Ok(Joining::FREE);
    }
    let joined = if exclusive {
        None
    } else {
        loans.join(set, false)
    };
    joined
        .map(Joining::begun)
        .ok_or_else(|| Failure::Refused(refusal::refusal(slot)))
}

/// Panics with an initializer's error, where a borrow has no way to return it.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic_of_init<S: ThreadLocalState>(error: S::Error) -> ! {
    let error = refusal::init_error::<S>(error);
    panic!("`{}` could not be initialized: {error}", S::__INFO.name())
}

/// An accessor: the same work on the hot path and on the cold one, and what it does when refused.
///
/// The cold function takes the closure first: what that captures is often an argument of the function
/// around, and stays in its register.
///
/// Without a [hot path](HAS_HOT_PATH) the cold one is all there is.
macro_rules! accessor {
    (
        $(#[$doc:meta])*
        fn $name:ident<$($generic:ident),*>($($arg:ident: $ty:ty),*) -> $out:ty
        where { $($bounds:tt)* }
        borrow $exclusive:literal as &$($mut:ident)?;
        |$view:ident| $work:expr, |$failure:ident, $error:ident, $portion:ident| $refused:expr
    ) => {
        $(#[$doc])*
        #[cfg_attr(not(debug_assertions), inline(always))]
        #[cfg_attr(debug_assertions, inline)]
        #[track_caller]
        pub(crate) fn $name<S, V, T, $($generic),*>(lens: Lens<S, V, T>, $($arg: $ty),*) -> $out
        where
            S: ThreadLocalState,
            T: Target,
            $($bounds)*
        {
            #[cold]
            #[inline(never)]
            #[track_caller]
            fn otherwise<S, V, T, $($generic),*>($($arg: $ty,)* lens: Lens<S, V, T>) -> $out
            where
                S: ThreadLocalState,
                T: Target,
                $($bounds)*
            {
                let here = Here::<S>::find();
                accessor!(@cold here lens $exclusive $($mut)?; |$view| $work, |$failure, $error, $portion| $refused)
            }

            let here = Here::<S>::find();
            if !HAS_HOT_PATH {
                return accessor!(
                    @cold here lens $exclusive $($mut)?;
                    |$view| $work, |$failure, $error, $portion| $refused
                );
            }
            // Before the test, in which the slot's address is known: one more addition otherwise.
            let view = here.view(lens);
            if !Loan::<S, T, $exclusive>::can_begin(here, lens.target()) {
                return otherwise::<S, V, T, $($generic),*>($($arg,)* lens);
            }
            // SAFETY: it can.
            let loan = unsafe { Loan::<S, T, $exclusive>::begin(here, lens.target()) };
            // SAFETY: it is borrowed, and there is a `V`, by the invariant of `Lens`.
            let $view = unsafe { &$($mut)? *view };
            let result = $work;
            loan.end();
            result
        }
    };
    (
        @cold $here:ident $lens:ident $exclusive:literal $($mut:ident)?;
        |$view:ident| $work:expr, |$failure:ident, $error:ident, $portion:ident| $refused:expr
    ) => {{
        let mut $error = MaybeUninit::<S::Error>::uninit();
        match join($here, $lens, $exclusive, &mut $error) {
            Ok(guest) => {
                // SAFETY: it is borrowed, and there is a `V`, by the invariant of `Lens`.
                let $view = unsafe { &$($mut)? *$here.view($lens) };
                let result = $work;
                if T::IS_WHOLE && HAS_HOT_PATH {
                    guest.end::<S::__AtFork>();
                } else {
                    drop(guest);
                }
                result
            }
            Err($failure) => {
                let $portion = $lens.portion();
                $refused
            }
        }
    }};
}

/// The accessors for shared references, and those for exclusive ones.
macro_rules! accessors {
    ($with:ident, $try_with:ident, $with_or_else:ident, $exclusive:literal $($mut:ident)?) => {
        accessor! {
            fn $with<R, F>(f: F) -> S::Output<R>
            where { F: FnOnce(&$($mut)? V) -> R, }
            borrow $exclusive as &$($mut)?;
            |view| S::__output(Ok(f(view))),
            |failure, error, portion| {
                // SAFETY: the error has been written if this says so.
                S::__output(Err(unsafe { fail::<S>(failure, &error, portion, $exclusive) }))
            }
        }

        accessor! {
            fn $try_with<R, F>(f: F) -> Result<R, AccessError<S::Error>>
            where { F: FnOnce(&$($mut)? V) -> R, }
            borrow $exclusive as &$($mut)?;
            |view| Ok(f(view)),
            |failure, error, portion| {
                // SAFETY: the error has been written if this says so.
                Err(unsafe { describe::<S>(failure, &error, portion, $exclusive) })
            }
        }

        accessor! {
            /// Runs the closure on a spare if the target cannot be accessed.
            fn $with_or_else<R, F, P>(f: F, spare: P) -> S::Output<R>
            where { F: FnOnce(&$($mut)? V) -> R, P: FnOnce() -> V, }
            borrow $exclusive as &$($mut)?;
            |view| S::__output(Ok(f(view))),
            |failure, error, _portion| S::__output(match failure {
                // SAFETY: the error has been written if this says so.
                Failure::Failed => Err(unsafe { error.assume_init() }),
                Failure::Refused(_) => Ok(f(&$($mut)? spare())),
            })
        }
    };
}

accessors!(with, try_with, with_or_else, false);
accessors!(with_mut, try_with_mut, with_mut_or_else, true mut);

accessor! {
    /// As [`with_mut`], for what has to be done with the result when the borrow has ended.
    fn replace<>(value: V) -> Result<V, S::Error>
    where {}
    borrow true as &mut;
    |view| Ok(mem::replace(view, value)),
    |failure, error, portion| {
        // SAFETY: the error has been written if this says so.
        Err(unsafe { fail::<S>(failure, &error, portion, true) })
    }
}

accessor! {
    /// As [`replace`], of what lies elsewhere: without optimization that moves nothing.
    fn exchange<>(value: &mut Passed<V>) -> Result<(), S::Error>
    where {}
    borrow true as &mut;
    |view| {
        value.exchange(view);
        Ok(())
    },
    |failure, error, portion| {
        // SAFETY: the error has been written if this says so.
        Err(unsafe { fail::<S>(failure, &error, portion, true) })
    }
}

accessor! {
    /// As [`exchange`], and says why it was not done.
    fn try_exchange<>(value: &mut Passed<V>) -> Result<(), AccessError<S::Error>>
    where {}
    borrow true as &mut;
    |view| {
        value.exchange(view);
        Ok(())
    },
    |failure, error, portion| {
        // SAFETY: the error has been written if this says so.
        Err(unsafe { describe::<S>(failure, &error, portion, true) })
    }
}

/// Copies a field out. Unlike [`with`] this asks for no more than that it may be read: no code runs
/// meanwhile, so nothing is borrowed.
///
/// # Safety
///
/// `V` is `Copy`.
#[inline(always)]
#[track_caller]
pub(crate) unsafe fn get<S, V>(lens: Lens<S, V, Portion>) -> S::Output<V>
where
    S: ThreadLocalState,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S: ThreadLocalState, V>(lens: Lens<S, V, Portion>) -> S::Output<V> {
        let here = Here::<S>::find();
        let mut error = MaybeUninit::uninit();
        S::__output(match here.initialize(&mut error) {
            Ok(()) => {
                // SAFETY: nothing refers to a value that has just been made, and there is a `V`, by the
                // invariant of `Lens`. It is `Copy`, as the caller of `get` says.
                let value = unsafe { here.view(lens).read() };
                stale::settle(here.erase());
                Ok(value)
            }
            // SAFETY: the error has been written if this says so.
            Err(failure) => Err(unsafe { fail::<S>(failure, &error, lens.portion(), false) }),
        })
    }

    let here = Here::<S>::find();
    let word = here.header().loans.word.get();
    if !word.has(lens.portion().set().read()) {
        return otherwise::<S, V>(lens);
    }
    // SAFETY: an `r` in the word means that no borrow of the field is exclusive (`Loans` 1) and that there is a
    // value (`Header` 1); a `V` is there by the invariant of `Lens`, and it is `Copy`.
    S::__output(Ok(unsafe { here.view(lens).read() }))
}

/// Calls the closure if there is a value and it can be read. Never makes one.
#[inline]
#[track_caller]
pub(crate) fn peek<S, R, F>(f: F) -> Result<Option<R>, AccessError>
where
    S: ThreadLocalState,
    F: FnOnce(&S) -> R,
{
    let here = Here::<S>::find();
    let slot = here.erase();
    let portion = Portion::WHOLE;
    let Some(joined) = here.header().loans.join(portion.set(), false) else {
        return not_there(slot);
    };
    // SAFETY: the borrow has begun as `joined` says, and only this guest ends it.
    let _loan = unsafe { Guest::new(slot, joined, portion) };
    // SAFETY: by `Header` 1 there is an `S`, and by `Loans` 1 nothing borrows it exclusively.
    Ok(Some(f(unsafe { &*here.view(Lens::WHOLE) })))
}

/// Says why the whole cannot be read, or that there is just no value.
#[cold]
fn not_there<R>(slot: SlotRef) -> Result<Option<R>, AccessError> {
    if slot.word() == Word::UNINITIALIZED {
        return Ok(None);
    }
    let request = Request::to(Portion::WHOLE, false);
    Err(refusal::refused(slot, refusal::refusal(slot), request))
}

/// Makes the value if there is none yet, as a plain accessor.
#[track_caller]
pub(crate) fn init<S: ThreadLocalState>() -> Result<(), S::Error> {
    let mut error = MaybeUninit::uninit();
    match Here::<S>::find().ensure(&mut error) {
        Ok(()) => Ok(()),
        // SAFETY: the error has been written if this says so.
        Err(failure) => Err(unsafe { fail::<S>(failure, &error, Portion::WHOLE, false) }),
    }
}

/// Makes the value if there is none yet, or says why it cannot be made.
pub(crate) fn try_init<S: ThreadLocalState>() -> Result<(), AccessError<S::Error>> {
    let mut error = MaybeUninit::uninit();
    match Here::<S>::find().ensure(&mut error) {
        Ok(()) => Ok(()),
        // SAFETY: the error has been written if this says so.
        Err(failure) => Err(unsafe { describe::<S>(failure, &error, Portion::WHOLE, false) }),
    }
}
