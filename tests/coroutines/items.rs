//! What is in the states: items that own memory, and a record of all that are there and of all
//! references to them.

use std::cell::Cell;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::stage;

/// Of a thread. It outlives the thread, whose last destructors write to it.
#[derive(Default)]
pub(crate) struct Record(Mutex<Entries>);

#[derive(Default)]
pub(crate) struct Entries {
    next: u64,
    /// The items that have been made and not dropped.
    pub(crate) alive: Vec<u64>,
    /// The references that exist.
    references: Vec<Reference>,
    /// Items that lie on the stack of a coroutine which has not ended.
    pub(crate) held: Vec<(u64, Vec<u64>)>,
    /// What must not happen.
    pub(crate) errors: Vec<String>,
    /// A borrow has ended before one that began later.
    pub(crate) is_out_of_order: bool,
    /// Whether there is a value that cannot be accessed when all that comes late is over, where its turn comes then.
    pub(crate) is_stuck_late: Option<bool>,
    /// How often something was lent.
    pub(crate) lent: usize,
    /// How often something was refused.
    pub(crate) refused: usize,
}

struct Reference {
    id: u64,
    start: usize,
    end: usize,
    is_exclusive: bool,
    /// Whether it is of a borrow, and not of a spare.
    is_borrow: bool,
}

impl Record {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

thread_local! {
    // No drop glue: accessible in every destructor.
    static RECORD: Cell<Option<&'static Record>> = const { Cell::new(None) };

    /// The next item that is dropped suspends its coroutine.
    static SUSPENDS_ITEM: Cell<bool> = const { Cell::new(false) };
}

/// Has this thread write to a record.
pub(crate) fn record_to(record: &'static Record) {
    RECORD.set(Some(record));
}

pub(crate) fn is_recorded() -> bool {
    RECORD.get().is_some()
}

fn entries<R>(f: impl FnOnce(&mut Entries) -> R) -> R {
    let record = RECORD.get().expect("a thread with a record");
    f(&mut record.lock())
}

/// Notes what must not happen.
pub(crate) fn error(text: impl Into<String>) {
    let text = text.into();
    entries(|entries| entries.errors.push(text));
}

pub(crate) fn count_refusal() {
    entries(|entries| entries.refused += 1);
}

pub(crate) fn note_stuck(is_stuck: bool) {
    entries(|entries| entries.is_stuck_late = Some(is_stuck));
}

fn next(entries: &mut Entries) -> u64 {
    entries.next += 1;
    entries.next
}

/// Owns memory, whose content says whose it is.
pub(crate) struct Item {
    serial: u64,
    memory: Box<[u64; 4]>,
}

/// What is in an item.
pub(crate) type Content = (u64, [u64; 4]);

impl Item {
    pub(crate) fn new() -> Self {
        let serial = entries(|entries| {
            let serial = next(entries);
            entries.alive.push(serial);
            serial
        });
        Self {
            serial,
            memory: Box::new([serial; 4]),
        }
    }

    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    pub(crate) fn content(&self) -> Content {
        if self
            .memory
            .iter()
            .any(|&word| word % 1_000_000 != self.serial)
        {
            error(format!("item {} holds {:?}", self.serial, self.memory));
        }
        (self.serial, *self.memory)
    }

    /// Changes the content.
    pub(crate) fn change(&mut self) -> Content {
        for word in &mut *self.memory {
            *word += 1_000_000;
        }
        self.content()
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        // Also if the coroutine that this suspends is never resumed but unwound.
        let _gone = Gone(self.serial);
        self.content();
        let _dropped = watch(&raw const *self, true, false);
        if !std::thread::panicking() && SUSPENDS_ITEM.take() {
            let _held = hold(vec![self.serial]);
            stage::pause();
            self.content();
        }
        *self.memory = [u64::MAX; 4];
    }
}

/// Takes an item off the record when this is dropped.
struct Gone(u64);

impl Drop for Gone {
    fn drop(&mut self) {
        let serial = self.0;
        entries(
            |entries| match entries.alive.iter().position(|&alive| alive == serial) {
                Some(index) => _ = entries.alive.swap_remove(index),
                None => entries.errors.push(format!("{serial} is dropped twice")),
            },
        );
    }
}

/// Has the next item that is dropped by the function suspend its coroutine.
pub(crate) fn suspending_an_item<R>(f: impl FnOnce() -> R) -> R {
    SUSPENDS_ITEM.set(true);
    let result = f();
    SUSPENDS_ITEM.set(false);
    result
}

/// A reference that exists until this is dropped.
pub(crate) struct Watch(u64);

/// Notes a reference, or that something is changed; nothing else may refer to the same memory at the
/// same time.
pub(crate) fn watch<T>(place: *const T, is_exclusive: bool, is_borrow: bool) -> Watch {
    let start = place.addr();
    entries(|entries| {
        let id = next(entries);
        let reference = Reference {
            id,
            start,
            end: start + size_of::<T>(),
            is_exclusive,
            is_borrow,
        };
        // What is dropped, and was borrowed before by who drops it, is not told apart; but nobody
        // drops here what is behind a reference.
        if let Some(other) = entries.references.iter().find(|other| {
            reference.start < other.end
                && other.start < reference.end
                && (is_exclusive || other.is_exclusive)
        }) {
            let text = format!(
                "{start:x}..{:x}, exclusive: {is_exclusive}, conflicts with {:x}..{:x}, \
                 exclusive: {}",
                reference.end, other.start, other.end, other.is_exclusive
            );
            entries.errors.push(text);
        }
        entries.references.push(reference);
        entries.lent += usize::from(is_borrow);
        Watch(id)
    })
}

/// Notes a borrow without a reference that could be looked at.
pub(crate) fn watch_order() -> Watch {
    watch(std::ptr::null::<()>(), false, true)
}

impl Drop for Watch {
    fn drop(&mut self) {
        entries(|entries| {
            let references = &mut entries.references;
            let index = references.iter().position(|other| other.id == self.0);
            let Some(index) = index else { return };
            let reference = references.remove(index);
            let has_later = references[index..].iter().any(|later| later.is_borrow);
            entries.is_out_of_order |= reference.is_borrow && has_later;
        });
    }
}

/// Items that lie on the stack of a coroutine until this is dropped.
pub(crate) struct Held(u64);

pub(crate) fn hold(serials: Vec<u64>) -> Held {
    entries(|entries| {
        let id = next(entries);
        entries.held.push((id, serials));
        Held(id)
    })
}

impl Drop for Held {
    fn drop(&mut self) {
        entries(|entries| entries.held.retain(|(id, _)| *id != self.0));
    }
}
