//! Where borrows began, for the text of a panic: with debug assertions only.

use std::cell::UnsafeCell;
use std::panic::Location;

use crate::state::target::Portion;
use crate::state::word::{FieldSet, GROUPS, Word, group};

/// The caller of an accessor.
pub(crate) type Caller = &'static Location<'static>;

/// A place in the source for each group of fields, and one for the whole.
///
/// The places are kept by value, because a borrow may outlive the frame that began it.
pub(crate) struct Notes(UnsafeCell<[Option<Caller>; GROUPS + 1]>);

/// The number of a note, and the place that it has overwritten.
pub(crate) struct Note {
    number: usize,
    overwritten: Option<Caller>,
}

impl Notes {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new([None; GROUPS + 1]))
    }

    #[inline(always)]
    fn get(&self, number: usize) -> Option<Caller> {
        // SAFETY: as in `set`: no reference to the content exists.
        unsafe { (*self.0.get())[number] }
    }

    #[inline(always)]
    fn set(&self, number: usize, at: Option<Caller>) {
        // SAFETY: `Notes` is not `Sync`, and no reference to the content outlives a call of `get` or
        // `set`.
        unsafe { (*self.0.get())[number] = at };
    }

    /// Notes where a portion is borrowed.
    #[inline(always)]
    pub(crate) fn note(&self, portion: Portion, at: Caller) -> Note {
        let number = match portion.index() {
            Some(index) => group(index),
            None => GROUPS,
        };
        let overwritten = self.get(number);
        self.set(number, Some(at));
        Note {
            number,
            overwritten,
        }
    }

    /// Restores what a note has overwritten.
    #[inline(always)]
    pub(crate) fn restore(&self, note: &Note) {
        self.set(note.number, note.overwritten);
    }

    /// Returns where a borrow began that conflicts with an access.
    pub(crate) fn conflict(&self, word: Word, portion: Portion, exclusive: bool) -> Option<Caller> {
        let note = |number: usize| self.get(number);
        let whole = note(GROUPS);
        match portion.index() {
            Some(index) => note(group(index)).or(whole),
            None => whole.or_else(|| {
                let conflicts = |&index: &usize| {
                    let set = FieldSet::field(index);
                    !word.has(set.read()) || (exclusive && !word.has(set.write()))
                };
                (0..GROUPS).filter(conflicts).find_map(note)
            }),
        }
    }
}
