//! The word: all that an access must know, in one `u64`.
//!
//! ```text
//!  63 62           25 24 23 22 21 20 19 18              0
//! ┌─────┬─────────┬─────┬─────┬─────┬──┬─────────────────┐
//! │ w r │    …    │ w r │ w r │ w r │ F│ levels left     │
//! └─────┴─────────┴─────┴─────┴─────┴──┴─────────────────┘
//!  field 21         2     1     0       counts down
//! ```
//!
//! `r` says that the field may be read, `w` that it may be written. They are
//! *permissions*, so that zero, which is what fresh thread-local storage holds,
//! means "nothing is allowed": where there is no value, an access needs no test
//! of its own to find that out. All ones means "free". `F` is cleared if the process was
//! [forked](crate::fork) while something borrowed from a value that the child must not
//! inherit. Then every older borrow misses its compare, at no cost to others, and the one that
//! found all free sees to it that the value is forgotten.
//! The levels lie at the bottom because an exclusive borrow of everything, the
//! commonest that is not inlined away, then leaves a word of 20 bits, which is an
//! immediate operand and needs no register that lives across the closure.
//!
//! The lowest values are no borrows but say why there is no value:
//! [uninitialized](Word::UNINITIALIZED), [being initialized](Word::INITIALIZING),
//! [destroyed](Word::DESTROYED). A word with a value never gets there, because a few
//! levels are always left.
//!
//! # The protocol
//!
//! A borrow saves the word and stores a successor with one level less. When it
//! ends, it puts the saved word back *if the word still is that successor*, and
//! leaves it alone if not.
//!
//! Borrows that end in any order (stackful coroutines) are sound because of this
//! invariant: **outstanding borrows have distinct numbers of levels left, none
//! lower than the word's, and the word lacks every permission that any of them
//! took away.** A new borrow takes the next lower number. The word rises from a
//! level only through the one borrow that brought it there, and rises to the word
//! which that borrow had found. A borrow that ends while it is not the lowest
//! does not touch the word, so its permissions stay away for good: the state
//! stays borrowed, and is never unsound.
//!
//! It breaks if the levels wrap around. Only a borrow that finds its fields free
//! skips the check for levels, and it takes a `w` away that nothing else can
//! take before it is given back: at most [`GROUPS`] of those are in the word at a
//! time. Any other borrow needs [`Word::RESERVE`] levels, which is more.

/// The number of fields that have permission bits of their own.
///
/// In a struct of more fields, those from number `GROUPS - 1` on share the last pair.
pub(crate) const GROUPS: usize = 22;

/// The number of the bit that says whether the first field may be read.
const FIRST_GROUP: usize = u64::BITS as usize - 2 * GROUPS;

/// The bits of a field, of a group of fields or of all fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    read: u64,
}

impl Part {
    /// Every field.
    pub(crate) const WHOLE: Self = Self {
        read: 0x5555_5555_5550_0000,
    };

    /// The field of this number, with those it shares its bits with.
    #[inline(always)]
    pub(crate) const fn field(index: usize) -> Self {
        Self {
            read: 1 << (FIRST_GROUP + 2 * group(index)),
        }
    }

    #[inline(always)]
    pub(crate) const fn is_whole(self) -> bool {
        self.read == Self::WHOLE.read
    }

    #[inline(always)]
    const fn write(self) -> u64 {
        self.read << 1
    }
}

/// The number of the pair of bits that stands for a field.
#[inline(always)]
pub(crate) const fn group(index: usize) -> usize {
    if index < GROUPS { index } else { GROUPS - 1 }
}

/// What is allowed, and how many borrows are outstanding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Word(u64);

impl Word {
    /// There is no value yet.
    pub(crate) const UNINITIALIZED: Self = Self(0);

    /// A value is being made.
    pub(crate) const INITIALIZING: Self = Self(1);

    /// There was a value, or would be, but the thread is exiting.
    pub(crate) const DESTROYED: Self = Self(2);

    /// All is allowed: there is a value and nothing borrows from it.
    pub(crate) const FREE: Self = Self(u64::MAX);

    /// A nested borrow is refused when fewer levels than this are left.
    pub(crate) const RESERVE: u64 = 64;

    const LEVEL: u64 = 1;

    const LEVELS: u64 = (1 << 19) - 1;

    /// Clear if the value is to be forgotten.
    const KEPT: u64 = 1 << 19;

    /// Whether a shared borrow of this part is allowed.
    #[inline(always)]
    pub(crate) const fn may_read(self, part: Part) -> bool {
        self.0 & part.read == part.read
    }

    /// Whether an exclusive borrow of this part is allowed: nothing borrows it at all.
    #[inline(always)]
    pub(crate) const fn may_write(self, part: Part) -> bool {
        self.0 & part.write() == part.write()
    }

    /// Whether nothing is borrowed at all: one comparison.
    #[inline(always)]
    pub(crate) const fn is_free(self) -> bool {
        self.0 == Self::FREE.0
    }

    /// Whether nothing borrows this part: the accessors' one test.
    #[inline(always)]
    pub(crate) const fn lends(self, part: Part) -> bool {
        if part.is_whole() {
            self.is_free()
        } else {
            self.may_write(part)
        }
    }

    /// Whether a borrow of this part is allowed, a nested shared one included.
    #[inline]
    pub(crate) const fn allows(self, part: Part, exclusive: bool) -> bool {
        self.may_write(part) || (!exclusive && self.may_read(part) && self.has_levels())
    }

    /// Whether there is a value, borrowed or not.
    #[inline]
    pub(crate) const fn is_alive(self) -> bool {
        self.0 > Self::DESTROYED.0
    }

    /// The word of the same borrows, of a value that is to be forgotten when they end.
    #[must_use]
    pub(crate) const fn stale(self) -> Self {
        Self(self.0 & !Self::KEPT)
    }

    /// Whether the value is to be forgotten.
    pub(crate) const fn is_stale(self) -> bool {
        self.is_alive() && self.0 & Self::KEPT == 0
    }

    /// The word in the child of a fork, of a value that the child must not inherit:
    /// [uninitialized](Self::UNINITIALIZED) if the value is forgotten now.
    #[must_use]
    pub(crate) const fn forked(self) -> Self {
        if self.is_free() {
            Self::UNINITIALIZED
        } else {
            self.stale()
        }
    }

    /// The word when a borrow ends that finds this one, and not the one that it left: perhaps because
    /// the process was forked meanwhile. [Uninitialized](Self::UNINITIALIZED) if the value is forgotten
    /// now, `None` if the borrow is not the innermost.
    pub(crate) fn missed(self, found: Self, left: Self) -> Option<Self> {
        if !self.is_stale() || self != left.stale() {
            None
        } else if found.stale() == Self::FREE.stale() {
            // What it found was free: it is the outermost.
            Some(Self::UNINITIALIZED)
        } else {
            Some(found.stale())
        }
    }

    /// How many levels are left.
    #[inline]
    pub(crate) const fn levels(self) -> u64 {
        self.0 & Self::LEVELS
    }

    /// Whether one more *nested* borrow is possible.
    #[inline]
    pub(crate) const fn has_levels(self) -> bool {
        self.levels() >= Self::RESERVE
    }

    /// The successor when this part is borrowed shared.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn shared(self, part: Part) -> Self {
        Self((self.0 & !part.write()).wrapping_sub(Self::LEVEL))
    }

    /// The successor when this part is borrowed exclusively.
    #[inline(always)]
    #[must_use]
    pub(crate) const fn exclusive(self, part: Part) -> Self {
        Self((self.0 & !(part.write() | part.read)).wrapping_sub(Self::LEVEL))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_value_nothing_is_allowed_and_free_allows_everything() {
        let without = [Word::UNINITIALIZED, Word::INITIALIZING, Word::DESTROYED];
        for part in (0..60).map(Part::field).chain([Part::WHOLE]) {
            for word in without {
                assert!(!word.may_read(part) && !word.may_write(part));
            }
            assert!(Word::FREE.may_read(part) && Word::FREE.may_write(part));
        }
        assert!(
            without
                .iter()
                .all(|word| !word.is_free() && !word.is_alive())
        );
        assert!(Word::FREE.is_free() && Word::FREE.is_alive());
    }

    #[test]
    fn a_borrow_takes_the_permissions_of_its_part_and_no_others() {
        for index in 0..GROUPS {
            let part = Part::field(index);
            let shared = Word::FREE.shared(part);
            let exclusive = Word::FREE.exclusive(part);
            for other in 0..GROUPS {
                let same = other == index;
                assert_eq!(shared.may_write(Part::field(other)), !same);
                assert!(shared.may_read(Part::field(other)));
                assert_eq!(exclusive.may_write(Part::field(other)), !same);
                assert_eq!(exclusive.may_read(Part::field(other)), !same);
            }
            assert!(shared.may_read(Part::WHOLE) && !shared.may_write(Part::WHOLE));
            assert!(!exclusive.may_read(Part::WHOLE));
        }
    }

    #[test]
    fn whole_borrows_cover_every_field() {
        for index in 0..60 {
            let part = Part::field(index);
            assert!(Word::FREE.shared(Part::WHOLE).may_read(part));
            assert!(!Word::FREE.shared(Part::WHOLE).may_write(part));
            assert!(!Word::FREE.exclusive(Part::WHOLE).may_read(part));
        }
    }

    #[test]
    fn fields_beyond_the_bits_share_the_last_pair() {
        assert_eq!(Part::field(21), Part::field(59));
        assert_ne!(Part::field(20), Part::field(21));
    }

    #[test]
    fn a_stale_word_is_another_and_allows_the_same() {
        let mut word = Word::FREE;
        for index in 0..4 {
            word = if index % 2 == 0 {
                word.shared(Part::field(index))
            } else {
                word.exclusive(Part::field(index))
            };
            assert!(word.stale() != word && word.stale().is_alive());
            assert_eq!(word.stale().levels(), word.levels());
            for other in 0..GROUPS {
                let part = Part::field(other);
                assert_eq!(word.stale().may_read(part), word.may_read(part));
                assert_eq!(word.stale().may_write(part), word.may_write(part));
            }
        }
        assert!(!Word::FREE.stale().is_free());
    }

    #[test]
    fn half_a_million_levels_and_then_a_refusal_that_leaves_a_reserve() {
        let mut word = Word::FREE;
        let mut levels = 0_u32;
        while word.has_levels() {
            word = word.shared(Part::WHOLE);
            levels += 1;
        }
        assert!(levels >= 500_000, "{levels}");
        // Every group can still be borrowed by the unchecked way without a wrap-around.
        for index in 0..GROUPS {
            let next = word.shared(Part::field(index));
            assert_eq!(next.levels(), word.levels() - 1);
            word = next;
        }
        assert!(word.exclusive(Part::WHOLE).is_alive());
    }
}
