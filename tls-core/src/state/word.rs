//! The word: what may be accessed of a value, in one `u64`.
//!
//! ```text
//!  63 62                 5 4   3   2   1   0
//! ┌─────┬─────────┬─────┬───┬───┬───┬───┬───┐
//! │ w r │    …    │ w r │   │ A │ K │ N │ G │
//! └─────┴─────────┴─────┴───┴───┴───┴───┴───┘
//!  field 29              0
//! ```
//!
//! `r` permits reading a field, and `w` permits writing it. These bits are *permissions*. Fresh
//! thread-local storage is zero and permits nothing, so an access needs no separate test of whether there
//! is a value. Each `w` in the word has its `r` beside it.
//!
//! | bit | set while |
//! |---|---|
//! | `A` | there is a value |
//! | `K` | the value is kept; clear if it is the parent's, in the child of a [fork](crate::fork) |
//! | `N` | nested shared borrows of single fields are outstanding |
//! | `G` | shared borrows of the whole value are outstanding: it has a group of readers |
//!
//! Without `A` the word says why there is no value: [uninitialized](Word::UNINITIALIZED), [being
//! initialized](Word::INITIALIZING), [destroyed](Word::DESTROYED). None of these has `G`.
//! [`loans`](crate::state::loans) describes how the bits change.

/// The number of fields that have permission bits of their own.
///
/// In a struct of more fields, those from number `GROUPS - 1` on share the last pair.
pub(crate) const GROUPS: usize = 30;

/// The number of the first field's `r`.
const FIRST: usize = u64::BITS as usize - 2 * GROUPS;

/// The number of a field's pair of bits.
#[inline(always)]
pub(crate) const fn group(index: usize) -> usize {
    if index < GROUPS { index } else { GROUPS - 1 }
}

/// A set of fields: one field with those that share its bits, or all fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSet {
    /// The `r` of each field.
    read: u64,
}

impl FieldSet {
    /// Every field.
    pub(crate) const ALL: Self = Self {
        read: 0x5555_5555_5555_5550,
    };

    /// The field of this number, with those that share its bits.
    #[inline(always)]
    pub(crate) const fn field(index: usize) -> Self {
        Self {
            read: 1 << (FIRST + 2 * group(index)),
        }
    }

    #[inline(always)]
    pub(crate) const fn is_all(self) -> bool {
        self.read == Self::ALL.read
    }

    /// Returns the permissions to read.
    #[inline(always)]
    pub(crate) const fn read(self) -> Permissions {
        Permissions(self.read)
    }

    /// Returns the permissions to write.
    #[inline(always)]
    pub(crate) const fn write(self) -> Permissions {
        Permissions(self.read << 1)
    }

    /// Returns what a borrow takes if it finds the fields free.
    #[inline(always)]
    pub(crate) const fn taken(self, exclusive: bool) -> Permissions {
        if exclusive {
            Permissions(self.read | self.read << 1)
        } else {
            self.write()
        }
    }
}

/// Some of a word's permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Permissions(u64);

impl Permissions {
    pub(crate) const NONE: Self = Self(0);

    /// Returns the permissions that are in both sets.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Returns the number of the lowest bit.
    #[inline(always)]
    pub(crate) const fn lowest(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// Returns `true` if there are none.
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the permissions that are in either set.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn or(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Returns the permissions of `self` that are not in `others`.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

/// The word of a slot: what may be accessed of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word(u64);

impl Word {
    /// There is no value yet.
    pub(crate) const UNINITIALIZED: Self = Self(0);

    /// A value is being initialized.
    pub(crate) const INITIALIZING: Self = Self(Self::NESTED);

    /// The state's turn in the thread's exit has come, and there is no value any more.
    pub(crate) const DESTROYED: Self = Self(Self::KEPT);

    /// There is a value, and nothing borrows from it.
    ///
    /// As a number it is small and negative, so it fits into an immediate operand of one byte.
    pub(crate) const FREE: Self = Self(!(Self::GROUP | Self::NESTED));

    /// There is a value, and all of it is borrowed exclusively.
    pub(crate) const TAKEN: Self = Self(Self::ALIVE | Self::KEPT);

    /// There is a value, and all that borrows from it are shared borrows of the whole.
    pub(crate) const READ: Self = Self(FieldSet::ALL.read | Self::ALIVE | Self::KEPT | Self::GROUP);

    /// The bits of the lowest byte of which at least one is set while there are readers or nested
    /// borrows. A `w` that is given back meanwhile goes beside the word.
    pub(crate) const WITHHOLDS: u8 = 0b11;

    const GROUP: u64 = 1;
    const NESTED: u64 = 1 << 1;
    const KEPT: u64 = 1 << 2;
    const ALIVE: u64 = 1 << 3;

    /// Returns `true` if all of these permissions are there.
    #[inline(always)]
    pub(crate) const fn has(self, permissions: Permissions) -> bool {
        self.0 & permissions.0 == permissions.0
    }

    /// Returns `true` if nothing is borrowed: one comparison.
    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0 == Self::FREE.0
    }

    /// Returns `true` if there is a value, borrowed or not.
    #[inline(always)]
    pub(crate) const fn is_alive(self) -> bool {
        self.0 & Self::ALIVE != 0
    }

    /// Returns `true` if there are readers: shared borrows of the whole.
    #[inline(always)]
    pub(crate) const fn has_readers(self) -> bool {
        self.0 & Self::GROUP != 0
    }

    /// Returns `true` if there is a value of which nested borrows are outstanding.
    #[inline]
    pub(crate) const fn has_nested(self) -> bool {
        self.0 & (Self::NESTED | Self::ALIVE) == Self::NESTED | Self::ALIVE
    }

    /// Returns `true` while the value has readers or nested borrows. A `w` that is given back meanwhile
    /// goes beside the word.
    #[inline(always)]
    pub(crate) const fn withholds(self) -> bool {
        self.0 & Self::WITHHOLDS as u64 != 0
    }

    /// Returns the permissions of this word.
    #[inline]
    pub(crate) const fn permissions(self) -> Permissions {
        Permissions(self.0 & (FieldSet::ALL.read | FieldSet::ALL.read << 1))
    }

    /// Returns the word with these permissions.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn with(self, permissions: Permissions) -> Self {
        Self(self.0 | permissions.0)
    }

    /// Returns the word without these permissions.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn without(self, permissions: Permissions) -> Self {
        Self(self.0 & !permissions.0)
    }

    /// Returns the word with or without `G`.
    #[must_use]
    pub(crate) const fn with_readers(self, readers: bool) -> Self {
        Self((self.0 & !Self::GROUP) | (readers as u64 * Self::GROUP))
    }

    /// Returns the word with or without `N`.
    #[must_use]
    pub(crate) const fn with_nested(self, nested: bool) -> Self {
        Self((self.0 & !Self::NESTED) | (nested as u64 * Self::NESTED))
    }

    /// Returns the word with the same borrows, of a value that is to be forgotten when they end.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn stale(self) -> Self {
        Self(self.0 & !Self::KEPT)
    }

    /// Returns `true` if there is a value that is to be forgotten.
    #[inline(always)]
    pub(crate) const fn is_stale(self) -> bool {
        self.0 & (Self::ALIVE | Self::KEPT) == Self::ALIVE
    }

    /// Returns `true` if there is a value that is to be forgotten, and nothing borrows it any more.
    #[inline(always)]
    pub(crate) const fn is_over(self) -> bool {
        self.0 == Self::FREE.0 & !Self::KEPT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> impl Iterator<Item = FieldSet> {
        (0..60).map(FieldSet::field).chain([FieldSet::ALL])
    }

    #[test]
    fn without_a_value_nothing_is_allowed_and_free_allows_everything() {
        let without = [Word::UNINITIALIZED, Word::INITIALIZING, Word::DESTROYED];
        for set in sets() {
            for word in without {
                assert!(!word.has(set.read()) && !word.has(set.write()));
            }
            assert!(Word::FREE.has(set.read()) && Word::FREE.has(set.write()));
        }
        for word in without {
            assert!(
                !word.is_free()
                    && !word.is_alive()
                    && !word.has_readers()
                    && !word.has_nested()
                    && !word.is_stale()
            );
        }
        assert!(Word::FREE.is_free() && Word::FREE.is_alive() && !Word::FREE.withholds());
    }

    #[test]
    fn taken_allows_nothing_and_read_only_reading() {
        for set in sets() {
            assert!(!Word::TAKEN.has(set.read()) && !Word::TAKEN.has(set.write()));
            assert!(Word::READ.has(set.read()) && !Word::READ.has(set.write()));
        }
        assert!(Word::TAKEN.is_alive() && !Word::TAKEN.withholds());
        assert!(Word::READ.is_alive() && Word::READ.has_readers() && !Word::READ.has_nested());
        let all = FieldSet::ALL.taken(true);
        assert_eq!(Word::FREE.without(all), Word::TAKEN);
        assert_eq!(Word::TAKEN.with(all), Word::FREE);
        let write = FieldSet::ALL.write();
        assert_eq!(Word::FREE.without(write).with_readers(true), Word::READ);
    }

    #[test]
    fn a_field_has_permissions_of_its_own() {
        for index in 0..GROUPS {
            for exclusive in [false, true] {
                let word = Word::FREE.without(FieldSet::field(index).taken(exclusive));
                for other in 0..GROUPS {
                    let set = FieldSet::field(other);
                    assert_eq!(word.has(set.write()), other != index);
                    assert_eq!(word.has(set.read()), other != index || !exclusive);
                }
                assert!(!word.has(FieldSet::ALL.write()));
                assert_eq!(word.has(FieldSet::ALL.read()), !exclusive);
            }
        }
    }

    #[test]
    fn fields_beyond_the_bits_share_the_last_pair() {
        assert_eq!(FieldSet::field(29), FieldSet::field(59));
        assert_ne!(FieldSet::field(28), FieldSet::field(29));
    }

    #[test]
    fn a_stale_word_is_another_and_allows_the_same() {
        for word in [Word::FREE, Word::TAKEN, Word::READ] {
            assert!(word.stale() != word && word.stale().is_stale() && !word.is_stale());
            assert!(!word.stale().is_free());
            assert_eq!(word.stale().permissions(), word.permissions());
            assert_eq!(word.stale().is_over(), word == Word::FREE);
            assert!(!word.is_over());
        }
    }
}
