//! The accessors: one test around the closure that the user gives, and a cold path.
//!
//! The cold path does not return to the hot one; it starts again from the beginning and is
//! called in tail position, so the hot path saves no registers for it. The hot path stands
//! whole inside the closure given to [`LocalKey::with`](std::thread::LocalKey::with),
//! because a helper around that is not inlined at lower optimization levels.

use std::panic::Location;
use std::ptr::NonNull;

use crate::error::AccessError;
use crate::slot::{Failure, Request, Slot};
use crate::state::ThreadLocalState;
use crate::word::Word;

/// What is accessed: a whole state, or one field of it.
///
/// # Safety
///
/// `project` stays within the value and within the part that `request` names, and if
/// `is_free` says so, the word has the write permission for that part.
pub(crate) unsafe trait Target<S>: Copy {
    type View;

    fn request(self, exclusive: bool, at: &'static Location<'static>) -> Request;

    /// Whether nothing borrows it: the one test.
    fn is_free(self, word: Word) -> bool;

    /// # Safety
    ///
    /// The place is that of a value.
    unsafe fn project(self, place: NonNull<S>) -> NonNull<Self::View>;
}

/// The whole state.
#[derive(Clone, Copy)]
pub(crate) struct Whole;

// SAFETY: a free word has every permission.
unsafe impl<S> Target<S> for Whole {
    type View = S;

    #[inline(always)]
    fn request(self, exclusive: bool, at: &'static Location<'static>) -> Request {
        Request::whole(exclusive, at)
    }

    #[inline(always)]
    fn is_free(self, word: Word) -> bool {
        word.is_free()
    }

    #[inline(always)]
    unsafe fn project(self, place: NonNull<S>) -> NonNull<S> {
        place
    }
}

/// Calls the closure with this thread's slot.
///
/// By way of `try_with`, because `LocalKey::with` is not `#[inline]`: at the lower optimization
/// levels it stays a function of its own. For the same reason a closure that does the whole
/// work is passed, and none that returns the slot, which all callers would share.
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

/// Returns the closure if the target is not free.
#[inline(always)]
fn hot<S, G, R, F>(target: G, f: F, at: &'static Location<'static>) -> Result<R, F>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
{
    with_slot::<S, _, _>(|slot| {
        let word = slot.header.word.get();
        if !target.is_free(word) {
            return Err(f);
        }
        let _borrow = slot.header.borrow::<S>(word, target.request(false, at));
        // SAFETY: a borrow is outstanding.
        let place = unsafe { slot.place() };
        // SAFETY: a borrow is outstanding, so there is a value.
        let view = unsafe { target.project(place) };
        // SAFETY: while this borrow is outstanding there is no exclusive one of the target.
        Ok(f(unsafe { view.as_ref() }))
    })
}

/// Returns the closure if the target is not free.
#[inline(always)]
fn hot_mut<S, G, R, F>(target: G, f: F, at: &'static Location<'static>) -> Result<R, F>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&mut G::View) -> R,
{
    with_slot::<S, _, _>(|slot| {
        let word = slot.header.word.get();
        if !target.is_free(word) {
            return Err(f);
        }
        let _borrow = slot.header.borrow::<S>(word, target.request(true, at));
        // SAFETY: a borrow is outstanding.
        let place = unsafe { slot.place() };
        // SAFETY: a borrow is outstanding, so there is a value.
        let mut view = unsafe { target.project(place) };
        // SAFETY: while this borrow is outstanding there is no other of the target.
        Ok(f(unsafe { view.as_mut() }))
    })
}

/// What is left to do if the target is not free: make the value, borrow once more beside
/// other shared borrows, or give up. Returns the closure if it gives up.
#[inline(always)]
fn cold<S, G, R, F>(
    target: G,
    f: F,
    at: &'static Location<'static>,
) -> Result<R, (F, Failure<S::Error>)>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
{
    with_slot::<S, _, _>(|slot| {
        let _borrow = match slot.acquire(target.request(false, at)) {
            Ok(borrow) => borrow,
            Err(failure) => return Err((f, failure)),
        };
        // SAFETY: a borrow is outstanding.
        let place = unsafe { slot.place() };
        // SAFETY: a borrow is outstanding, so there is a value.
        let view = unsafe { target.project(place) };
        // SAFETY: as in `hot`.
        Ok(f(unsafe { view.as_ref() }))
    })
}

/// As [`cold`].
#[inline(always)]
fn cold_mut<S, G, R, F>(
    target: G,
    f: F,
    at: &'static Location<'static>,
) -> Result<R, (F, Failure<S::Error>)>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&mut G::View) -> R,
{
    with_slot::<S, _, _>(|slot| {
        let _borrow = match slot.acquire(target.request(true, at)) {
            Ok(borrow) => borrow,
            Err(failure) => return Err((f, failure)),
        };
        // SAFETY: a borrow is outstanding.
        let place = unsafe { slot.place() };
        // SAFETY: a borrow is outstanding, so there is a value.
        let mut view = unsafe { target.project(place) };
        // SAFETY: as in `hot_mut`.
        Ok(f(unsafe { view.as_mut() }))
    })
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

/// What a plain accessor does with a failure: an initializer's error, which is the caller's
/// to handle, is returned; the others are mistakes.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn give_up<S: ThreadLocalState, R>(
    failure: Failure<S::Error>,
    request: Request,
) -> S::Output<R> {
    match describe::<S>(failure, request).into_init() {
        Ok(error) => S::__output(Err(error)),
        Err(refused) => panic(&refused),
    }
}

/// Panics with the text of an error, at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic(refused: &AccessError) -> ! {
    panic!("{refused}")
}

/// What [`with`] does if the target is not free.
///
/// The closure comes first, here and in its like: what it captures is often an argument of
/// the function around, and stays in its register.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn with_cold<S, G, R, F>(f: F, target: G) -> S::Output<R>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
{
    let at = Location::caller();
    match cold(target, f, at) {
        Ok(value) => S::__output(Ok(value)),
        Err((_, failure)) => give_up::<S, R>(failure, target.request(false, at)),
    }
}

#[inline(always)]
#[track_caller]
pub(crate) fn with<S, G, R, F>(target: G, f: F) -> S::Output<R>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
{
    match hot(target, f, Location::caller()) {
        Ok(value) => S::__output(Ok(value)),
        Err(f) => with_cold(f, target),
    }
}

/// Calls `f` on the target, and `then` on its result when the borrow has ended.
#[inline(always)]
#[track_caller]
pub(crate) fn with_mut<S, G, Q, R, F, H>(target: G, f: F, then: H) -> S::Output<R>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&mut G::View) -> Q,
    H: FnOnce(Q) -> R,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, G, Q, R, F, H>(f: F, target: G, then: H) -> S::Output<R>
    where
        S: ThreadLocalState,
        G: Target<S>,
        F: FnOnce(&mut G::View) -> Q,
        H: FnOnce(Q) -> R,
    {
        let at = Location::caller();
        match cold_mut(target, f, at) {
            Ok(value) => S::__output(Ok(then(value))),
            Err((_, failure)) => give_up::<S, R>(failure, target.request(true, at)),
        }
    }

    match hot_mut(target, f, Location::caller()) {
        Ok(value) => S::__output(Ok(then(value))),
        Err(f) => otherwise(f, target, then),
    }
}

#[inline(always)]
#[track_caller]
pub(crate) fn try_with<S, G, R, F>(target: G, f: F) -> Result<R, AccessError<S::Error>>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, G, R, F>(f: F, target: G) -> Result<R, AccessError<S::Error>>
    where
        S: ThreadLocalState,
        G: Target<S>,
        F: FnOnce(&G::View) -> R,
    {
        let at = Location::caller();
        cold(target, f, at)
            .map_err(|(_, failure)| describe::<S>(failure, target.request(false, at)))
    }

    match hot(target, f, Location::caller()) {
        Ok(value) => Ok(value),
        Err(f) => otherwise(f, target),
    }
}

#[inline(always)]
#[track_caller]
pub(crate) fn try_with_mut<S, G, R, F>(target: G, f: F) -> Result<R, AccessError<S::Error>>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&mut G::View) -> R,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, G, R, F>(f: F, target: G) -> Result<R, AccessError<S::Error>>
    where
        S: ThreadLocalState,
        G: Target<S>,
        F: FnOnce(&mut G::View) -> R,
    {
        let at = Location::caller();
        cold_mut(target, f, at)
            .map_err(|(_, failure)| describe::<S>(failure, target.request(true, at)))
    }

    match hot_mut(target, f, Location::caller()) {
        Ok(value) => Ok(value),
        Err(f) => otherwise(f, target),
    }
}

/// Runs the closure on a spare if the target cannot be had.
#[inline(always)]
#[track_caller]
pub(crate) fn with_or_else<S, G, R, F, P>(target: G, spare: P, f: F) -> S::Output<R>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&G::View) -> R,
    P: FnOnce() -> G::View,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, G, R, F, P>(f: F, target: G, spare: P) -> S::Output<R>
    where
        S: ThreadLocalState,
        G: Target<S>,
        F: FnOnce(&G::View) -> R,
        P: FnOnce() -> G::View,
    {
        S::__output(match cold(target, f, Location::caller()) {
            Ok(value) => Ok(value),
            Err((_, Failure::Init(error))) => Err(error),
            Err((f, Failure::Refused(_))) => Ok(f(&spare())),
        })
    }

    match hot(target, f, Location::caller()) {
        Ok(value) => S::__output(Ok(value)),
        Err(f) => otherwise(f, target, spare),
    }
}

/// Runs the closure on a spare if the target cannot be had.
#[inline(always)]
#[track_caller]
pub(crate) fn with_mut_or_else<S, G, R, F, P>(target: G, spare: P, f: F) -> S::Output<R>
where
    S: ThreadLocalState,
    G: Target<S>,
    F: FnOnce(&mut G::View) -> R,
    P: FnOnce() -> G::View,
{
    #[cold]
    #[inline(never)]
    #[track_caller]
    fn otherwise<S, G, R, F, P>(f: F, target: G, spare: P) -> S::Output<R>
    where
        S: ThreadLocalState,
        G: Target<S>,
        F: FnOnce(&mut G::View) -> R,
        P: FnOnce() -> G::View,
    {
        S::__output(match cold_mut(target, f, Location::caller()) {
            Ok(value) => Ok(value),
            Err((_, Failure::Init(error))) => Err(error),
            Err((f, Failure::Refused(_))) => Ok(f(&mut spare())),
        })
    }

    match hot_mut(target, f, Location::caller()) {
        Ok(value) => S::__output(Ok(value)),
        Err(f) => otherwise(f, target, spare),
    }
}

/// Calls the closure if there is a value and it can be read. Never makes one.
#[track_caller]
pub(crate) fn peek<S, R, F>(f: F) -> Option<R>
where
    S: ThreadLocalState,
    F: FnOnce(&S) -> R,
{
    let at = Location::caller();
    with_slot::<S, _, _>(|slot| {
        let _borrow = slot.header.try_borrow::<S>(Request::whole(false, at))?;
        // SAFETY: a borrow is outstanding.
        let place = unsafe { slot.place() };
        // SAFETY: while this borrow is outstanding there is no exclusive one.
        Some(f(unsafe { place.as_ref() }))
    })
}
