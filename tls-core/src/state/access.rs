//! The accessors: one test around the user's closure, and a cold path.
//!
//! The cold path initializes the value or joins other borrows. It does the whole operation and does not
//! return to the hot path. It is called in tail position, so the hot path saves no registers for it.
//!
//! These functions are compiled once for each closure that is passed to them. So they are few and short
//! and have no closures of their own, and everything that does not depend on the closure is elsewhere.

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

/// Whether accessors have a hot path. Without optimization it is as slow as the cold path, adds code for
/// each closure, and does not note where borrows begin.
pub(crate) const HAS_HOT_PATH: bool = !cfg!(debug_assertions);

/// Handles a failure as a plain accessor does: returns an initializer's error, and panics for all other
/// failures, which are mistakes.
///
/// # Safety
///
/// If the failure is [`Failure::Failed`], `error` holds the initializer's error, and is not read again.
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
        // SAFETY: the caller guarantees that the error has been written (`# Safety`).
        Failure::Failed => unsafe { error.assume_init_read() },
        Failure::Refused(refusal) => refusal::panic(
            Here::<S>::find().erase(),
            refusal,
            Request::to(portion, exclusive),
        ),
    }
}

/// Describes a failure as a `try_` accessor does.
///
/// # Safety
///
/// As for [`fail`].
#[cold]
#[inline(never)]
unsafe fn describe<S: ThreadLocalState>(
    failure: Failure,
    error: &MaybeUninit<S::Error>,
    portion: Portion,
    exclusive: bool,
) -> AccessError<S::Error> {
    match failure {
        // SAFETY: the caller guarantees that the error has been written (`# Safety`).
        Failure::Failed => AccessError::Init(refusal::init_error::<S>(unsafe {
            error.assume_init_read()
        })),
        Failure::Refused(refusal) => {
            let request = Request::to(portion, exclusive);
            refusal::refused(Here::<S>::find().erase(), refusal, request)
        }
    }
}

/// Borrows the target after initializing the value, or beside other borrows.
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
    // A borrow that joins the whole is a reader, or has taken everything.
    if !HAS_HOT_PATH || !T::IS_WHOLE {
        // SAFETY: the place is for this state's error.
        return unsafe { join_portion(slot, lens.portion(), exclusive, error) };
    }
    let joined = if exclusive {
        // SAFETY: the place is for this state's error.
        unsafe { take_or_make(slot, error) }?;
        Joined::Taken(FieldSet::ALL.taken(true))
    } else {
        if !here.header().loans.join_readers() {
            // SAFETY: the place is for this state's error.
            unsafe { read_or_make(slot, error) }?;
        }
        Joined::Reader
    };
    // SAFETY: the borrow has begun as `joined` says, and only this guest ends it.
    Ok(unsafe { Guest::new(slot, joined, lens.portion()) })
}

/// # Safety
///
/// As for [`init::initialize`].
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
    // With a hot path, the word would have been found free there.
    let joined = if !HAS_HOT_PATH && word.get().is_free() {
        let (lent, joined) = Joined::free(set, exclusive);
        word.set(lent);
        joined
    } else {
        // SAFETY: the caller guarantees that the place is valid for writes of the error (`# Safety`).
        unsafe { join_or_make(slot, set, exclusive, error) }?
    };
    // SAFETY: the borrow has begun as `joined` says, and only this guest ends it.
    Ok(unsafe { Guest::new(slot, joined, portion) })
}

/// # Safety
///
/// As for [`init::initialize`].
#[cfg_attr(not(debug_assertions), inline(always))]
unsafe fn join_or_make(
    slot: SlotRef,
    set: FieldSet,
    exclusive: bool,
    error: *mut (),
) -> Result<Joined, Failure> {
    if slot.word() == Word::UNINITIALIZED {
        // SAFETY: the caller guarantees that the place is valid for writes of the error (`# Safety`).
        unsafe { init::initialize(slot, error) }?;
        if exclusive || !set.is_all() {
            // Nothing borrows the value.
            let taken = set.taken(exclusive);
            slot.set_word(slot.word().without(taken));
            return Ok(Joined::Taken(taken));
        }
    }
    let joined = slot.header().loans.join(set, exclusive);
    joined.ok_or_else(|| Failure::Refused(refusal::refusal(slot)))
}

/// [`join_or_make`] for an exclusive borrow of the whole.
///
/// # Safety
///
/// As for [`init::initialize`].
#[inline(never)]
unsafe fn take_or_make(slot: SlotRef, error: *mut ()) -> Result<(), Failure> {
    // SAFETY: the caller guarantees that the place is valid for writes of the error (`# Safety`).
    unsafe { join_or_make(slot, FieldSet::ALL, true, error) }.map(drop)
}

/// [`join_or_make`] for a shared borrow of the whole.
///
/// # Safety
///
/// As for [`init::initialize`].
#[inline(never)]
unsafe fn read_or_make(slot: SlotRef, error: *mut ()) -> Result<(), Failure> {
    // SAFETY: the caller guarantees that the place is valid for writes of the error (`# Safety`).
    unsafe { join_or_make(slot, FieldSet::ALL, false, error) }.map(drop)
}

/// Initializes the value if there is none, so that a macro's borrow of the target can begin. A shared
/// borrow beside others begins here.
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
    // SAFETY: the place is for this state's error.
    unsafe { prepare_portion(here.erase(), lens.portion(), exclusive, error) }
}

/// # Safety
///
/// As for [`init::initialize`].
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
        // SAFETY: the caller guarantees that the place is valid for writes of the error (`# Safety`).
        unsafe { init::initialize(slot, error) }?;
    }
    // (A value of which the parent has initialized part is marked, so its word is not free.)
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

/// Panics with an initializer's error, where a borrow cannot return it.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic_of_init<S: ThreadLocalState>(error: S::Error) -> ! {
    let error = refusal::init_error::<S>(error);
    panic!("`{}` could not be initialized: {error}", S::__INFO.name())
}

/// Defines an accessor: the same work on the hot path and on the cold one, and what it does when refused.
///
/// The cold function takes the closure first: what the closure captures is often an argument of the
/// calling function, and then stays in its register.
///
/// Without a [hot path](HAS_HOT_PATH) there is only the cold one.
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
            // Before the test, where the slot's address is known. After it, this would be one more
            // addition.
            let view = here.view(lens);
            if !Loan::<S, T, $exclusive>::can_begin(here, lens.target()) {
                return otherwise::<S, V, T, $($generic),*>($($arg,)* lens);
            }
            // SAFETY: `can_begin` has returned `true`.
            let loan = unsafe { Loan::<S, T, $exclusive>::begin(here, lens.target()) };
            // SAFETY: the loan borrows the target, and by the invariant of `Lens` there is a `V`.
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
                // SAFETY: the guest borrows the target, and by the invariant of `Lens` there is a `V`.
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

/// Defines the accessors for shared references or for exclusive references.
macro_rules! accessors {
    ($with:ident, $try_with:ident, $with_or_else:ident, $exclusive:literal $($mut:ident)?) => {
        accessor! {
            fn $with<R, F>(f: F) -> S::Output<R>
            where { F: FnOnce(&$($mut)? V) -> R, }
            borrow $exclusive as &$($mut)?;
            |view| S::__output(Ok(f(view))),
            |failure, error, portion| {
                // SAFETY: if this is `Failed`, the error has been written.
                S::__output(Err(unsafe { fail::<S>(failure, &error, portion, $exclusive) }))
            }
        }

        accessor! {
            fn $try_with<R, F>(f: F) -> Result<R, AccessError<S::Error>>
            where { F: FnOnce(&$($mut)? V) -> R, }
            borrow $exclusive as &$($mut)?;
            |view| Ok(f(view)),
            |failure, error, portion| {
                // SAFETY: if this is `Failed`, the error has been written.
                Err(unsafe { describe::<S>(failure, &error, portion, $exclusive) })
            }
        }

        accessor! {
            /// Calls the closure with a spare if the target cannot be accessed.
            fn $with_or_else<R, F, P>(f: F, spare: P) -> S::Output<R>
            where { F: FnOnce(&$($mut)? V) -> R, P: FnOnce() -> V, }
            borrow $exclusive as &$($mut)?;
            |view| S::__output(Ok(f(view))),
            |failure, error, _portion| S::__output(match failure {
                // SAFETY: this is `Failed`, so the error has been written.
                Failure::Failed => Err(unsafe { error.assume_init() }),
                Failure::Refused(_) => Ok(f(&$($mut)? spare())),
            })
        }
    };
}

accessors!(with, try_with, with_or_else, false);
accessors!(with_mut, try_with_mut, with_mut_or_else, true mut);

accessor! {
    /// [`with_mut`], for a result that is used after the borrow has ended.
    fn replace<>(value: V) -> Result<V, S::Error>
    where {}
    borrow true as &mut;
    |view| Ok(mem::replace(view, value)),
    |failure, error, portion| {
        // SAFETY: if this is `Failed`, the error has been written.
        Err(unsafe { fail::<S>(failure, &error, portion, true) })
    }
}

accessor! {
    /// [`replace`], for a value that lies elsewhere: without optimization, this moves nothing.
    fn exchange<>(value: &mut Passed<V>) -> Result<(), S::Error>
    where {}
    borrow true as &mut;
    |view| {
        value.exchange(view);
        Ok(())
    },
    |failure, error, portion| {
        // SAFETY: if this is `Failed`, the error has been written.
        Err(unsafe { fail::<S>(failure, &error, portion, true) })
    }
}

accessor! {
    /// [`exchange`], with an error that describes a failure.
    fn try_exchange<>(value: &mut Passed<V>) -> Result<(), AccessError<S::Error>>
    where {}
    borrow true as &mut;
    |view| {
        value.exchange(view);
        Ok(())
    },
    |failure, error, portion| {
        // SAFETY: if this is `Failed`, the error has been written.
        Err(unsafe { describe::<S>(failure, &error, portion, true) })
    }
}

/// Copies a field out. Unlike [`with`], this requires only that the field may be read: no other code runs
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
                // SAFETY: nothing refers to a value that has just been initialized, and by the invariant
                // of `Lens` there is a `V`. The caller of `get` guarantees that it is `Copy`
                // (`# Safety`).
                let value = unsafe { here.view(lens).read() };
                stale::settle(here.erase());
                Ok(value)
            }
            // SAFETY: if this is `Failed`, the error has been written.
            Err(failure) => Err(unsafe { fail::<S>(failure, &error, lens.portion(), false) }),
        })
    }

    let here = Here::<S>::find();
    let word = here.header().loans.word.get();
    if !word.has(lens.portion().set().read()) {
        return otherwise::<S, V>(lens);
    }
    // SAFETY: an `r` in the word means that no borrow of the field is exclusive (`Loans` 1) and that
    // there is a value (`Header` 1). By the invariant of `Lens` there is a `V`, and the caller guarantees
    // that it is `Copy` (`# Safety`).
    S::__output(Ok(unsafe { here.view(lens).read() }))
}

/// Calls the closure if there is a value and it can be read. Never initializes a value.
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
    // SAFETY: the guest borrows the whole. So by `Header` 1 there is an `S`, and by `Loans` 1 nothing
    // borrows it exclusively.
    Ok(Some(f(unsafe { &*here.view(Lens::WHOLE) })))
}

/// Returns why the whole cannot be read, or `None` if there is no value.
#[cold]
fn not_there<R>(slot: SlotRef) -> Result<Option<R>, AccessError> {
    if slot.word() == Word::UNINITIALIZED {
        return Ok(None);
    }
    let request = Request::to(Portion::WHOLE, false);
    Err(refusal::refused(slot, refusal::refusal(slot), request))
}

/// Initializes the value if there is none, and fails as a plain accessor does.
#[track_caller]
pub(crate) fn init<S: ThreadLocalState>() -> Result<(), S::Error> {
    let mut error = MaybeUninit::uninit();
    match Here::<S>::find().ensure(&mut error) {
        Ok(()) => Ok(()),
        // SAFETY: if this is `Failed`, the error has been written.
        Err(failure) => Err(unsafe { fail::<S>(failure, &error, Portion::WHOLE, false) }),
    }
}

/// Initializes the value if there is none, or returns why it cannot be initialized.
pub(crate) fn try_init<S: ThreadLocalState>() -> Result<(), AccessError<S::Error>> {
    let mut error = MaybeUninit::uninit();
    match Here::<S>::find().ensure(&mut error) {
        Ok(()) => Ok(()),
        // SAFETY: if this is `Failed`, the error has been written.
        Err(failure) => Err(unsafe { describe::<S>(failure, &error, Portion::WHOLE, false) }),
    }
}
