//! Why an access is refused, and what is said of it.

use std::panic::Location;

use crate::error::{AccessError, InitError, Refusal, Site};
use crate::state::contract::ThreadLocalState;
use crate::state::list;
use crate::state::slot::{List, SlotRef};
use crate::state::target::Portion;
use crate::state::word::{GROUPS, Word, group};

/// Says why nothing can be done that needs the slot for itself, or that needs a value.
#[cold]
pub(crate) fn refusal(slot: SlotRef) -> Refusal {
    match slot.word() {
        Word::INITIALIZING => Refusal::Recursive,
        Word::DESTROYED => Refusal::Destroyed,
        _ if is_leaked(slot) => Refusal::Destroyed,
        _ => Refusal::Borrowed,
    }
}

/// Returns `true` if a value is alive that its thread's exit has leaked: `Header` 4.
pub(crate) fn is_leaked(slot: SlotRef) -> bool {
    slot.word().is_alive() && slot.info().list == Some(List::Dropped) && !list::holds(slot)
}

/// An access, as the cold paths see it.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) portion: Portion,
    pub(crate) exclusive: bool,
    pub(crate) at: &'static Location<'static>,
}

impl Request {
    /// Exclusive access to the whole, by the caller of the function that calls this.
    #[track_caller]
    pub(crate) fn whole() -> Self {
        Self {
            portion: Portion::WHOLE,
            exclusive: true,
            at: Location::caller(),
        }
    }
}

/// Describes a refusal.
#[cold]
#[inline(never)]
pub(crate) fn refused<E>(slot: SlotRef, refusal: Refusal, request: Request) -> AccessError<E> {
    let info = slot.info();
    let index = request.portion.index();
    let name = |index: usize| info.fields.get(index).copied();
    let mut site = Site {
        state: info.name,
        field: index.and_then(name),
        group: None,
        borrowed_at: None,
        accessed_at: None,
    };
    if refusal == Refusal::Borrowed {
        let shares_bits = |&index: &usize| group(index) == GROUPS - 1 && info.fields.len() > GROUPS;
        site.group = index
            .filter(shares_bits)
            .and_then(|_| name(GROUPS - 1).zip(info.fields.last().copied()));
        locate(&mut site, slot, request);
    }
    refusal.at(site)
}

/// Adds what is known of the borrow that conflicts.
#[cfg(debug_assertions)]
fn locate(site: &mut Site, slot: SlotRef, request: Request) {
    let notes = &slot.header().notes;
    site.borrowed_at = notes.conflict(slot.word(), request.portion, request.exclusive);
    site.accessed_at = Some(request.at);
}

#[cfg(not(debug_assertions))]
fn locate(_: &mut Site, _: SlotRef, request: Request) {
    let _ = (request.exclusive, request.at);
}

/// Describes the failure of an initializer.
pub(crate) fn init_error<S: ThreadLocalState>(error: S::Error) -> InitError<S::Error> {
    InitError {
        error,
        state: S::__INFO.name,
        source: S::__source,
    }
}

/// Panics with the text of a refusal, at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic(slot: SlotRef, refusal: Refusal, portion: Portion, exclusive: bool) -> ! {
    let request = Request {
        portion,
        exclusive,
        at: Location::caller(),
    };
    panic_with(&refused(slot, refusal, request))
}

/// Panics with the text of an error, at the caller's line.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn panic_with(refused: &AccessError) -> ! {
    panic!("{refused}")
}
