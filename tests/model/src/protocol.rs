//! What a slot does with its word.
//!
//! The provided methods are the runtime's. Most are functions of its `word.rs`; the comment at each of
//! the others names the function that it mirrors. Protocols that are wrong replace one of them.

use crate::word::{Part, Word};

/// Each method is a transition of the word, or the test before one.
pub(crate) trait Protocol {
    /// The accessors' one test.
    fn lends(&self, word: Word, part: Part) -> bool {
        word.lends(part)
    }

    /// The test of `Header::try_borrow`.
    fn allows(&self, word: Word, part: Part, exclusive: bool) -> bool {
        word.allows(part, exclusive)
    }

    /// The test of `access::get`, which borrows nothing.
    fn reads(&self, word: Word, part: Part) -> bool {
        word.may_read(part)
    }

    /// The word that a borrow leaves: `Header::borrow`.
    fn borrowed(&self, found: Word, part: Part, exclusive: bool) -> Word {
        if exclusive {
            found.exclusive(part)
        } else {
            found.shared(part)
        }
    }

    /// The word when a borrow of this has ended: `Borrow::drop`. `None` if it is left alone. Of a state
    /// that is kept by forks the second part is not compiled.
    fn ended(&self, word: Word, found: Word, left: Word, is_reset_by_fork: bool) -> Option<Word> {
        if word == left {
            Some(found)
        } else if is_reset_by_fork {
            word.missed(found, left)
        } else {
            None
        }
    }

    /// The word in a forked child: `Header::forget`, which is called for what stands in a list, that is,
    /// for what is alive.
    fn forked(&self, word: Word) -> Word {
        word.forked()
    }

    /// The word of a value that is made, in part, by the parent: `Header::borrow_new`.
    fn made_by_parent(&self, word: Word) -> Word {
        word.stale()
    }

    /// The test of `Making::begin`.
    fn may_make(&self, word: Word) -> bool {
        word == Word::UNINITIALIZED
    }

    /// The test of `Slot::evict`, for a reset and for what is set aside.
    fn may_evict(&self, word: Word) -> bool {
        word == Word::FREE
    }

    /// The test of `Header::tear_down`: whether the value is dropped and not leaked.
    fn may_drop(&self, word: Word) -> bool {
        word.is_free()
    }

    /// The least number of levels that has to be left for a nested shared borrow.
    fn reserve(&self) -> u64 {
        Word::RESERVE
    }
}

/// The protocol of the runtime.
pub(crate) struct Runtime;

impl Protocol for Runtime {}

/// With another reserve of levels.
pub(crate) struct Reserve(pub(crate) u64);

impl Protocol for Reserve {
    fn allows(&self, word: Word, part: Part, exclusive: bool) -> bool {
        word.may_write(part)
            || (!exclusive && word.may_read(part) && word.levels() >= self.reserve())
    }

    fn reserve(&self) -> u64 {
        self.0
    }
}
