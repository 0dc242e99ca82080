//! The slot: where a thread keeps one state.
//!
//! ```text
//!                       init fails or panics
//!                 ┌──────────────────────────────┐
//!                 ▼                              │
//!          Uninitialized ── first access ──▶ Initializing
//!                 ▲                              │ registered, linked into the thread's list
//!                 │                              ▼
//!                 └──────── reset ───────────  Alive ── its turn at exit ──▶ Destroyed
//! ```
//!
//! Not drawn: at exit a slot that is empty or being initialized is destroyed as well, and `with_fresh` puts a
//! value back.
//!
//! The slot's [`Word`] tells all of these apart, and what of a value that is alive is borrowed.

use std::cell::Cell;
use std::ptr;

use crate::state::loans::Loans;
#[cfg(debug_assertions)]
use crate::state::notes::Notes;
use crate::state::subject::Subject;
use crate::state::word::Word;

/// What the code that is not generic must know of a state: nearly all of it, so that little is
/// compiled once for each state.
pub struct Info {
    /// The whole, the whole to be removed, and each field.
    pub(crate) subjects: &'static [Subject],
    /// The list of its thread that a value is in, if any.
    pub(crate) list: Option<List>,
    /// Whether a forked child forgets its value.
    pub(crate) is_reset_by_fork: bool,
    /// Sees to it that the fork handler is registered, if the state asks for that: see `AtFork::install`.
    pub(crate) install: fn(),
    /// Where in its slot the header lies. The storage is where the slot begins.
    pub(crate) header: usize,
    pub(crate) turn: Turn,
    /// Makes a value in a slot's storage. If that fails, writes the error to the second place.
    ///
    /// # Invariants
    ///
    /// May be called with a storage of this state that is empty and with a place that is valid for writes
    /// of an error of this state. The storage is occupied if it returns [`Made::Yes`], and the error has been
    /// written if it returns [`Made::Failed`].
    pub(crate) make: unsafe fn(*mut (), *mut ()) -> Made,
    /// Drops the value in a slot's storage.
    ///
    /// # Invariants
    ///
    /// May be called with a storage of this state that is occupied by a value to which nothing refers. It
    /// is empty afterwards, also after a panic.
    pub(crate) clear: unsafe fn(*mut ()),
}

impl Info {
    /// The state's name.
    pub(crate) fn name(&self) -> &'static str {
        self.subjects.first().map_or("", Subject::state)
    }
}

/// What became of an initialization.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Yes,
    Failed,
    /// The state is not made without values.
    NotGiven,
}

/// Which list of a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Of values that are dropped when the thread exits.
    Dropped,
    /// Of values that need no drop, and are only forgotten by a forked child. A thread's exit leaves it
    /// alone where thread-locals are native: they can be used in any destructor.
    Forgotten,
}

by_form! {
    native {
        /// A state's place among the destructors of its thread's thread-locals, of other crates' too.
        ///
        /// The standard library calls its destructor, which is in `exit`, when the turn comes.
        pub struct Trigger {
            pub(crate) slot: Cell<Option<SlotRef>>,
        }

        impl Trigger {
            /// A trigger that has not been armed: all its bytes that matter are zero.
            #[must_use]
            #[expect(
                clippy::new_without_default,
                reason = "in the initial image of a thread-local"
            )]
            pub const fn new() -> Self {
                Self {
                    slot: Cell::new(None),
                }
            }
        }

        /// How a state's turn in its thread's exit comes.
        pub type Turn = &'static std::thread::LocalKey<Trigger>;
    }
    keys {
        /// How a state's turn in its thread's exit comes: with those of all others, the newest first.
        #[derive(Clone, Copy)]
        pub struct Turn;

        impl<T> Slot<T> {
            /// Returns `true` if nothing borrows the value, and none is being made.
            ///
            /// # Safety
            ///
            /// The pointer is one to a slot of this type.
            pub unsafe fn is_idle(slot: ptr::NonNull<()>) -> bool {
                // SAFETY: it is a slot, and only shared references to slots exist.
                let slot = unsafe { slot.cast::<Self>().as_ref() };
                let word = slot.header.loans.word.get();
                word.is_free() || !word.is_alive() && word != Word::INITIALIZING
            }
        }
    }
}

/// A slot's place in its thread's list.
pub(crate) struct Node {
    /// # Invariants
    ///
    /// If the slot is in a list, `older` is its older neighbour there, and `newer` the newer one unless it is
    /// the newest. Otherwise both are `None`.
    pub(crate) older: Cell<Option<SlotRef>>,
    pub(crate) newer: Cell<Option<SlotRef>>,
    /// The number of the initialization that made the slot's present value. Unique in its
    /// thread, and rising.
    pub(crate) birth: Cell<u64>,
}

/// The part of a slot that does not depend on the state's type.
///
/// # Invariants
///
/// 1. The word is alive only while the slot's storage is occupied by a value that is whole.
/// 2. Then it follows the protocol of [`loans`](crate::state::loans). So a reference to the value exists
///    only while the word says so, and none exists while it is [`Word::FREE`].
/// 3. While the word is [`Word::INITIALIZING`], only the initialization that set it writes to the storage.
/// 4. `node` is in the list that [`Info::list`] names exactly while the word is alive, and in none if that
///    is `None`. (Transitions change the two one after the other.) One exception: a value that was borrowed when
///    its turn came at the thread's exit is leaked. It is in no list and stays alive until `with_fresh` or a
///    fork's mark finds it free.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) loans: Loans,
    pub(crate) node: Node,
    #[cfg(debug_assertions)]
    pub(crate) notes: Notes,
}

/// A thread's place for one state.
///
/// It has no drop glue on purpose: the standard library then keeps no record of its own for
/// the thread-local, and tests nothing on access.
///
/// The storage comes first: a reference to the value is then the slot's address, with nothing
/// to add to it.
#[repr(C)]
pub struct Slot<T> {
    pub(crate) storage: T,
    pub(crate) header: Header,
}

impl<T> Slot<T> {
    pub(crate) const fn with(storage: T, word: Word) -> Self {
        Self {
            storage,
            header: Header {
                loans: Loans::new(word),
                node: Node {
                    older: Cell::new(None),
                    newer: Cell::new(None),
                    birth: Cell::new(0),
                },
                #[cfg(debug_assertions)]
                notes: Notes::new(),
            },
        }
    }
}

/// This thread's slot of a state: the wall between raw pointers and the code that deals in slots.
///
/// # Invariants
///
/// 1. `header` points to the header of the slot of the state that `info` describes, in the thread-local
///    storage of the thread that has this. It stays there until the thread runs no more code or, under keys, until its table
///    ends, and for good if the value is borrowed then or being made.
/// 2. The pointer has permission to access the whole slot, to which only shared references exist.
///
/// A raw pointer keeps it on its thread.
#[derive(Clone, Copy)]
pub(crate) struct SlotRef {
    header: *const Header,
    info: &'static Info,
}

impl PartialEq for SlotRef {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.header, other.header)
    }
}

impl SlotRef {
    /// # Safety
    ///
    /// The slot is the current thread's slot of the state that `info` describes, in its thread-local storage,
    /// and the pointer has permission to access all of it.
    #[inline(always)]
    pub(crate) const unsafe fn new<T>(slot: *const Slot<T>, info: &'static Info) -> Self {
        Self {
            // SAFETY: it points to a slot.
            header: unsafe { &raw const (*slot).header },
            info,
        }
    }

    #[inline(always)]
    pub(crate) const fn info(self) -> &'static Info {
        self.info
    }

    #[inline(always)]
    pub(crate) const fn header(&self) -> &Header {
        // SAFETY: the invariants: it is there, and only shared references to it exist.
        unsafe { &*self.header }
    }

    #[inline(always)]
    pub(crate) fn word(self) -> Word {
        self.header().loans.word.get()
    }

    #[inline(always)]
    pub(crate) fn set_word(self, word: Word) {
        self.header().loans.word.set(word);
    }

    /// Where the slot's storage lies, with permission to access it.
    #[inline(always)]
    pub(crate) const fn storage(self) -> *mut () {
        // SAFETY: the slot begins there, and by invariant 2 the pointer may access all of it.
        unsafe { self.header.byte_sub(self.info.header) }
            .cast::<()>()
            .cast_mut()
    }
}
