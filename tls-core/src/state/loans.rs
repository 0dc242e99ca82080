//! The borrows of a value: how they begin and end.
//!
//! A borrow gives back what it took. So borrows may end in any order (as those of stackful coroutines
//! do), and when all have ended, the word is free again.
//!
//! | borrow | begins if | takes |
//! |---|---|---|
//! | *exclusive*, of a field or of all | every `w` is free, and there are no readers | their `r` and `w` |
//! | *owner*: shared, of a field | its `w` is free, and there are no readers | the `w` |
//! | *reader*: shared, of the whole; or of a field, while there are readers | every `r` is there | – |
//! | *nested*: shared, of a field whose owner is outstanding | its `r` is there | – |
//!
//! Readers and nested borrows take nothing, but while they last, the `w` of the fields that they borrow
//! must stay out of the word. So when one begins, the word gets `G` or `N`, and every `w` is taken out of
//! the word. The set *withheld*, beside the word, then has each `w` that is not free. Owners that end
//! meanwhile give their `w` back there. The last reader or nested borrow puts every `w` that is free back
//! into the word.
//!
//! The common paths touch nothing but the word:
//!
//! - An exclusive borrow of the whole stores two constants.
//! - So does the first reader of a free value, if no other reader has joined meanwhile.
//! - An owner of a field of a free value puts back its `w`, if the word has neither `G` nor `N` when it
//!   ends.
//! - An exclusive borrow of a field puts back its `r` and `w` in any case. There are no readers, because
//!   they need its `r`. There may be nested borrows of *other* fields: then the word has `N` and this
//!   `w`, which is right, because the field is free. (An owner does not begin like this while there is
//!   `N`: a nested borrow might join it.)
//!
//! If nested borrows end in the reverse of the order in which they began, each restores the set of fields
//! that nested borrows rely on. If one ends out of order, this set only grows until all nested borrows
//! have ended. A field may then be refused longer than necessary, but is never lent when it must not be.
//!
//! A change that takes more than one store first takes every permission out of the word. A signal handler
//! that interrupts the change is refused, and sees nothing half done.
//!
//! No counter wraps around, because each outstanding borrow has a guard in memory, of at least one word.
//!
//! `tests/model` explores this file exhaustively.

use std::cell::Cell;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::compiler_fence;

use crate::state::word::{FieldSet, GROUPS, Permissions, Word};

/// The word of a value, and what does not fit into the word.
///
/// # Invariants
///
/// 1. A `w` in the word means that nothing borrows the field, and an `r` that nothing borrows it
///    exclusively. Each `w` has its `r` beside it.
/// 2. The word has `G` while there are readers, and then it has no `w`. It has `N` while there are nested
///    borrows, and then it has no `w` except of fields that, since the newest of them began, an exclusive
///    borrow has given back or [`lay_open`](Self::lay_open) has found free.
#[repr(C)]
pub(crate) struct Loans {
    pub(crate) word: Cell<Word>,
    beside: Beside,
}

/// What only cold paths change. All of it is zero while the word has neither `G` nor `N`, and while there
/// is one reader, which found the word free.
///
/// # Invariants
///
/// 1. `more_readers` is zero while the word has no `G`. While the word has `G`, `more_readers` is the
///    number of readers minus one, plus [`JOINED`](Loans::JOINED) if the first reader found something
///    withheld.
/// 2. `withheld` is every `w` that the last reader or nested borrow does not put into the word: those of
///    owners and of exclusive borrows, those in `handed_in`, and those that are in the word already.
/// 3. `nested` is the number of nested borrows. `relied_on` has the `w` of each field that one of them
///    borrows.
/// 4. `handed_in` is every `w` in `relied_on` whose owner has ended.
struct Beside {
    more_readers: Cell<isize>,
    withheld: Cell<Permissions>,
    nested: Cell<usize>,
    relied_on: Cell<Permissions>,
    handed_in: Cell<Permissions>,
    /// Whether a nested borrow has ended that was not the newest.
    is_disordered: Cell<bool>,
}

/// How a borrow has begun on the cold path, or by `peek`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Joined {
    /// The borrow has taken these permissions.
    Taken(Permissions),
    Reader,
    Nested(Depth),
}

impl Joined {
    /// Returns how a borrow of a free value begins, and the word that it leaves.
    #[inline(always)]
    pub(crate) fn free(set: FieldSet, exclusive: bool) -> (Word, Self) {
        if set.is_all() && !exclusive {
            (Word::READ, Self::Reader)
        } else {
            let taken = set.taken(exclusive);
            (Word::FREE.without(taken), Self::Taken(taken))
        }
    }
}

/// How a shared borrow of a field has begun, in one word.
///
/// The lowest two bits say how. For a nested borrow, the next 30 bits are the fields whose `w` are in its
/// `relied_on`. The upper half is its `nested`, or [`u32::MAX`] if that is more: the borrow then counts
/// as ended out of order.
#[derive(Clone, Copy)]
pub(crate) struct Compact(u64);

impl Compact {
    pub(crate) const OWNER: Self = Self(0);
    const READER: u64 = 1;
    const NESTED: u64 = 2;

    pub(crate) fn new(joined: Joined) -> Self {
        match joined {
            Joined::Taken(_) => Self::OWNER,
            Joined::Reader => Self(Self::READER),
            Joined::Nested(Depth { nested, relied_on }) => {
                let nested = u32::try_from(nested).unwrap_or(u32::MAX);
                let bits = u64::from(nested) << 32 | Self::NESTED;
                Self(fields().fold(bits, |bits, (bit, set)| {
                    let is_relied_on = !relied_on.and(set.write()).is_empty();
                    bits | u64::from(is_relied_on) << bit
                }))
            }
        }
    }

    /// Returns what this was made of, for a borrow of these fields.
    pub(crate) fn expand(self, set: FieldSet) -> Joined {
        match self.0 & 0b11 {
            0 => Joined::Taken(set.write()),
            Self::READER => Joined::Reader,
            _ => Joined::Nested(Depth {
                nested: match u32::try_from(self.0 >> 32) {
                    Ok(nested) if nested != u32::MAX => nested as usize,
                    _ => usize::MAX,
                },
                relied_on: fields().fold(Permissions::NONE, |relied_on, (bit, set)| {
                    if self.0 >> bit & 1 == 0 {
                        relied_on
                    } else {
                        relied_on.or(set.write())
                    }
                }),
            }),
        }
    }
}

/// Returns the fields that have bits of their own, with the numbers of their bits in a [`Compact`].
fn fields() -> impl Iterator<Item = (usize, FieldSet)> {
    (0..GROUPS).map(|index| (index + 2, FieldSet::field(index)))
}

/// What a nested borrow found when it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Depth {
    /// The number of nested borrows, including this one.
    nested: usize,
    relied_on: Permissions,
}

impl Loans {
    /// Makes `more_readers` negative for any number of readers. So if `more_readers` is zero, the last
    /// reader leaves a free value.
    pub(crate) const JOINED: isize = isize::MIN / 2;

    /// Returns the loans of a value that nothing borrows, with this word.
    pub(crate) const fn new(word: Word) -> Self {
        Self {
            word: Cell::new(word),
            beside: Beside {
                more_readers: Cell::new(0),
                withheld: Cell::new(Permissions::NONE),
                nested: Cell::new(0),
                relied_on: Cell::new(Permissions::NONE),
                handed_in: Cell::new(Permissions::NONE),
                is_disordered: Cell::new(false),
            },
        }
    }

    /// Called by a reader. Returns `true` if it is the only one, and the value is free when it ends.
    #[inline(always)]
    pub(crate) fn is_only_reader(&self) -> bool {
        self.beside.more_readers.get() == 0
    }

    /// Tells the compiler that there is no reader but the one that begins. Where the compiler sees all of
    /// the body, it can then remove the test at the borrow's end.
    ///
    /// # Safety
    ///
    /// The word is free.
    #[inline(always)]
    pub(crate) unsafe fn assume_no_readers(&self) {
        // SAFETY: the caller guarantees that the word is free (`# Safety`), so it has no `G`. By
        // invariant 1 of `Beside`, `more_readers` is zero.
        unsafe { std::hint::assert_unchecked(self.is_only_reader()) };
    }

    /// Returns `true` if the `w` of these fields are in the word. For a single field.
    #[inline(always)]
    pub(crate) fn has_write(&self, set: FieldSet) -> bool {
        let bit = set.write().lowest();
        self.byte(bit / 8) & (1 << (bit % 8)) != 0
    }

    /// Returns `true` while there are readers or nested borrows. A `w` that is given back meanwhile goes
    /// beside the word.
    #[inline(always)]
    pub(crate) fn withholds(&self) -> bool {
        self.byte(0) & Word::WITHHOLDS != 0
    }

    /// Returns a byte of the word, counted from the lowest. So a test is one instruction on memory, and
    /// the change of the word that follows is another.
    #[inline(always)]
    fn byte(&self, number: u32) -> u8 {
        let number = if cfg!(target_endian = "little") {
            number
        } else {
            7 - number
        };
        let bytes = self.word.as_ptr().cast::<u8>();
        // SAFETY: the number is that of a bit divided by eight, or zero, so it is less than eight.
        let byte = unsafe { bytes.add(number as usize) };
        // SAFETY: the byte is in the cell, to whose content nothing refers.
        unsafe { byte.read() }
    }

    /// Joins the readers, if there are any.
    #[inline(always)]
    pub(crate) fn join_readers(&self) -> bool {
        let has_readers = self.word.get().has_readers();
        if has_readers {
            let more = &self.beside.more_readers;
            more.set(more.get() + 1);
        }
        has_readers
    }

    /// Ends the borrow of a reader.
    #[inline(always)]
    pub(crate) fn end_reader(&self) {
        let more = self.beside.more_readers.get() - 1;
        self.beside.more_readers.set(more);
        if more < 0 {
            self.end_joined_or_last_reader(more);
        }
    }

    #[cold]
    #[inline(never)]
    fn end_joined_or_last_reader(&self, more: isize) {
        if more != -1 && more != Self::JOINED - 1 {
            return;
        }
        let word = self.begin_change();
        self.beside.more_readers.set(0);
        // If there are no readers, a signal handler has ended the borrow meanwhile.
        self.end_change(if word.has_readers() {
            self.leave(word.with_readers(false))
        } else {
            word
        });
    }

    /// Takes every permission out of the word. Returns the word as it was.
    fn begin_change(&self) -> Word {
        let word = self.word.get();
        let nothing = word.without(FieldSet::ALL.taken(true));
        self.word
            .set(nothing.with_readers(false).with_nested(false));
        // This store comes before those that follow.
        compiler_fence(SeqCst);
        word
    }

    /// Sets the word, after everything beside it has been changed.
    fn end_change(&self, word: Word) {
        compiler_fence(SeqCst);
        self.word.set(word);
    }

    /// Begins a borrow whose fields are not free in the word, if it can begin.
    pub(crate) fn join(&self, set: FieldSet, exclusive: bool) -> Option<Joined> {
        let word = self.word.get();
        if exclusive {
            return self.take(set.taken(true));
        }
        if self.join_readers() {
            return Some(Joined::Reader);
        }
        if !word.has(set.read()) {
            return None;
        }
        if set.is_all() {
            let word = self.begin_change();
            let word = self.enter(word);
            if !self.beside.withheld.get().is_empty() {
                self.beside.more_readers.set(Self::JOINED);
            }
            self.end_change(word.with_readers(true));
            return Some(Joined::Reader);
        }
        let joined = self.take(set.write());
        Some(joined.unwrap_or_else(|| Joined::Nested(self.nest(set.write()))))
    }

    /// Takes permissions, if they are free and there are no readers.
    fn take(&self, taken: Permissions) -> Option<Joined> {
        let word = self.word.get();
        if word.has(taken) {
            self.word.set(word.without(taken));
            return Some(Joined::Taken(taken));
        }
        let write = taken.and(FieldSet::ALL.write());
        let withheld = self.beside.withheld.get();
        let is_free = word.has_nested() && !word.has_readers() && withheld.and(write).is_empty();
        is_free.then(|| {
            let word = self.begin_change();
            self.beside.withheld.set(withheld.or(write));
            self.end_change(word.without(taken));
            Joined::Taken(taken)
        })
    }

    /// Puts the `w` of these fields into the word, if nothing borrows any of them and there are no
    /// readers. Returns `true` if the permissions are in the word.
    ///
    /// An exclusive borrow can then begin and end in the word alone.
    pub(crate) fn lay_open(&self, taken: Permissions) -> bool {
        let word = self.word.get();
        if word.has(taken) {
            return true;
        }
        let write = taken.and(FieldSet::ALL.write());
        let withheld = self.beside.withheld.get();
        let is_free = word.has_nested() && !word.has_readers() && withheld.and(write).is_empty();
        if is_free {
            let word = self.begin_change();
            self.beside.withheld.set(withheld.or(write));
            self.end_change(word.with(write));
        }
        is_free
    }

    /// Ends a borrow that has begun with [`join`](Self::join).
    pub(crate) fn end(&self, joined: Joined) {
        match joined {
            Joined::Taken(taken) => self.give_back(taken),
            Joined::Reader => self.end_reader(),
            Joined::Nested(depth) => self.end_nested(depth),
        }
    }

    /// Gives back what an owner or an exclusive borrow took.
    pub(crate) fn give_back(&self, taken: Permissions) {
        let word = self.word.get();
        if !word.withholds() {
            return self.word.set(word.with(taken));
        }
        let word = self.begin_change();
        let write = FieldSet::ALL.write();
        let Beside {
            withheld,
            relied_on,
            handed_in,
            ..
        } = &self.beside;
        let relied_on = relied_on.get();
        handed_in.set(handed_in.get().or(taken.and(relied_on)));
        withheld.set(withheld.get().without(taken.without(relied_on)));
        self.end_change(word.with(taken.without(write)));
    }

    /// Withholds every `w` that is not in the word. Returns the word without any `w`.
    fn enter(&self, word: Word) -> Word {
        let write = FieldSet::ALL.write();
        let free = word.permissions().and(write);
        let withheld = &self.beside.withheld;
        withheld.set(if word.withholds() {
            withheld.get().without(free)
        } else {
            write.without(free)
        });
        word.without(write)
    }

    /// Returns the word with every `w` that is free, unless there still are readers or nested borrows.
    fn leave(&self, word: Word) -> Word {
        if word.withholds() {
            return word;
        }
        let withheld = self.beside.withheld.replace(Permissions::NONE);
        word.with(FieldSet::ALL.write().without(withheld))
    }

    /// Begins a nested borrow.
    fn nest(&self, write: Permissions) -> Depth {
        let word = self.begin_change();
        let word = self.enter(word);
        let nested = self.beside.nested.get() + 1;
        self.beside.nested.set(nested);
        let relied_on = self.beside.relied_on.get();
        self.beside.relied_on.set(relied_on.or(write));
        self.end_change(word.with_nested(true));
        Depth { nested, relied_on }
    }

    /// Ends a nested borrow.
    fn end_nested(&self, depth: Depth) {
        let Beside {
            nested,
            relied_on,
            handed_in,
            withheld,
            is_disordered,
            ..
        } = &self.beside;
        let word = self.begin_change();
        let count = nested.get();
        nested.set(count - 1);
        if count == 1 {
            is_disordered.set(false);
            relied_on.set(Permissions::NONE);
        } else if depth.nested != count {
            is_disordered.set(true);
        } else if !is_disordered.get() {
            relied_on.set(depth.relied_on);
        }
        let freed = handed_in.get().without(relied_on.get());
        handed_in.set(handed_in.get().without(freed));
        withheld.set(withheld.get().without(freed));
        self.end_change(if count == 1 {
            self.leave(word.with_nested(false))
        } else {
            word
        });
    }

    /// Returns a copy, and what is beside the word, in the order of the fields.
    #[cfg(test)]
    #[allow(dead_code, reason = "for `tests/model`")]
    pub(crate) fn snapshot(
        &self,
    ) -> (
        Self,
        (isize, Permissions, usize, Permissions, Permissions, bool),
    ) {
        let Beside {
            more_readers,
            withheld,
            nested,
            relied_on,
            handed_in,
            is_disordered,
        } = &self.beside;
        let copy = Self {
            word: self.word.clone(),
            beside: Beside {
                more_readers: more_readers.clone(),
                withheld: withheld.clone(),
                nested: nested.clone(),
                relied_on: relied_on.clone(),
                handed_in: handed_in.clone(),
                is_disordered: is_disordered.clone(),
            },
        };
        let beside = (
            more_readers.get(),
            withheld.get(),
            nested.get(),
            relied_on.get(),
            handed_in.get(),
            is_disordered.get(),
        );
        (copy, beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_borrow_is_what_it_was_made_of() {
        let set = FieldSet::field(7);
        let nested = |nested, relied_on| Joined::Nested(Depth { nested, relied_on });
        let some = FieldSet::field(0).write().or(FieldSet::field(29).write());
        for joined in [
            Joined::Taken(set.write()),
            Joined::Reader,
            nested(1, Permissions::NONE),
            nested(2, some),
            nested(u32::MAX as usize - 1, FieldSet::ALL.write()),
        ] {
            assert_eq!(Compact::new(joined).expand(set), joined);
        }
        for many in [u32::MAX as usize, u32::MAX as usize + 1] {
            let expanded = Compact::new(nested(many, some)).expand(set);
            assert_eq!(expanded, nested(usize::MAX, some), "out of order");
        }
    }
}
