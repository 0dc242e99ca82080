//! Why an access is refused, and how the refusal is reported.

use std::panic::Location;

use crate::error::{AccessError, InitError, Panic, Refusal, Site};
use crate::state::contract::ThreadLocalState;
use crate::state::list;
use crate::state::slot::{Info, List, SlotRef};
use crate::state::subject::Subject;
use crate::state::target::Portion;
use crate::state::word::Word;

/// Returns why an access that needs a value, or the slot for itself, is refused.
#[cold]
pub(crate) fn refusal(slot: SlotRef) -> Refusal {
    match slot.word() {
        Word::INITIALIZING => Refusal::Recursive,
        Word::DESTROYED => Refusal::Destroyed,
        _ if is_leaked(slot) => Refusal::Destroyed,
        _ => Refusal::Borrowed,
    }
}

/// Returns `true` if the thread's exit has leaked the value and it is still alive: see `Header` 4.
pub(crate) fn is_leaked(slot: SlotRef) -> bool {
    slot.word().is_alive() && slot.info().list == Some(List::Dropped) && !list::holds(slot)
}

/// An access, as the cold paths see it.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) portion: Portion,
    pub(crate) exclusive: bool,
    /// Whether the value is to be moved out of its slot.
    pub(crate) removes: bool,
}

impl Request {
    pub(crate) fn to(portion: Portion, exclusive: bool) -> Self {
        Self {
            portion,
            exclusive,
            removes: false,
        }
    }

    /// The request of what needs the slot for itself.
    pub(crate) const REMOVAL: Self = Self {
        portion: Portion::WHOLE,
        exclusive: true,
        removes: true,
    };
}

impl Info {
    /// Returns the subject of an access to this portion.
    pub(crate) fn subject(&self, portion: Portion) -> &'static Subject {
        &self.subjects[portion.index().map_or(0, |index| index + Subject::OF_STATE)]
    }
}

/// Describes a refusal.
#[cold]
#[inline(never)]
pub(crate) fn refused<E>(slot: SlotRef, refusal: Refusal, request: Request) -> AccessError<E> {
    let info = slot.info();
    let subject = if request.removes {
        &info.subjects[1]
    } else {
        info.subject(request.portion)
    };
    let borrowed_at = match refusal {
        Refusal::Borrowed => borrowed_at(slot, request),
        _ => None,
    };
    refusal.at(Site {
        subject,
        borrowed_at,
    })
}

/// Returns where the borrow that conflicts began, if that is known.
#[cfg(debug_assertions)]
fn borrowed_at(slot: SlotRef, request: Request) -> Option<&'static Location<'static>> {
    let notes = &slot.header().notes;
    notes.conflict(slot.word(), request.portion, request.exclusive)
}

#[cfg(not(debug_assertions))]
fn borrowed_at(_: SlotRef, request: Request) -> Option<&'static Location<'static>> {
    let _ = request.exclusive;
    None
}

/// Describes the failure of an initializer.
pub(crate) fn init_error<S: ThreadLocalState>(error: S::Error) -> InitError<S::Error> {
    InitError::new(error, S::__FAILURE)
}

/// Panics with the text of a refusal, at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic(slot: SlotRef, refusal: Refusal, request: Request) -> ! {
    let error = refused(slot, refusal, request);
    panic!("{}", Panic::new(&error, Location::caller()))
}
