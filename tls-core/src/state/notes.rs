//! Where borrows began, for the text of a panic: with debug assertions only.

use std::cell::UnsafeCell;
use std::panic::Location;

use crate::state::target::Portion;
use crate::state::word::{FieldSet, GROUPS, Word, group};

/// The caller of an accessor.
pub(crate) type Caller = &'static Location<'static>;

/// One place for each group of fields, and one for the whole.
///
/// Kept by value: what is borrowed may outlive the frame that borrowed it.
pub(crate) struct Notes(UnsafeCell<[Option<Caller>; GROUPS + 1]>);

/// What a note has overwritten.
#[derive(Clone, Copy)]
pub(crate) struct Note(Option<Caller>);

impl Notes {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new([None; GROUPS + 1]))
    }

    #[inline(always)]
    fn replace(&self, number: usize, at: Option<Caller>) -> Option<Caller> {
        // SAFETY: a reference that ends here, and `Notes` is not `Sync`.
        let place = unsafe { &mut (*self.0.get())[number] };
        std::mem::replace(place, at)
    }

    fn get(&self, number: usize) -> Option<Caller> {
        // SAFETY: as in `replace`.
        unsafe { (*self.0.get())[number] }
    }

    /// The number of the place for borrows of a portion.
    #[inline(always)]
    fn number(portion: Portion) -> usize {
        match portion.index() {
            Some(index) => group(index),
            None => GROUPS,
        }
    }

    /// Notes where a portion is borrowed, or that it is not.
    #[inline(always)]
    pub(crate) fn set(&self, portion: Portion, at: Option<Caller>) {
        // SAFETY: `Notes` is not `Sync`, and there is no reference to what is in it.
        unsafe { (*self.0.get())[Self::number(portion)] = at };
    }

    /// Notes where a portion is borrowed.
    #[inline(always)]
    pub(crate) fn note(&self, portion: Portion, at: Caller) -> Note {
        Note(self.replace(Self::number(portion), Some(at)))
    }

    /// Restores what the note of a portion has overwritten.
    #[inline(always)]
    pub(crate) fn restore(&self, portion: Portion, note: Note) {
        self.replace(Self::number(portion), note.0);
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
