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
//! Not drawn: at exit, an uninitialized slot is destroyed as well, and so is a slot whose initialization
//! completes after its turn. `with_fresh` puts a value back.
//!
//! The slot's [`Word`] distinguishes all of these, and says what of a live value is borrowed.

use std::cell::Cell;
use std::ptr;

use crate::state::loans::Loans;
#[cfg(debug_assertions)]
use crate::state::notes::Notes;
use crate::state::subject::Subject;
use crate::state::word::Word;

/// What non-generic code must know of a state. Nearly all code works with it, so that little is compiled
/// for each state.
pub struct Info {
    /// The subjects of accesses: the whole, the whole to be removed, and each field.
    pub(crate) subjects: &'static [Subject],
    /// The list of the thread that the slot is in while it has a value, if any.
    pub(crate) list: Option<List>,
    /// Whether a forked child forgets the value.
    pub(crate) is_reset_by_fork: bool,
    /// Registers the fork handler, if the state asks for it: see `AtFork::install`.
    pub(crate) install: fn(),
    /// The offset of the header in the slot. The storage is at the start of the slot.
    pub(crate) header: usize,
    pub(crate) turn: Turn,
    /// Initializes a value in a slot's storage. If that fails, writes the error to the second place.
    ///
    /// # Invariants
    ///
    /// May be called with a storage of this state that is empty, and with a place that is valid for
    /// writes of an error of this state. The storage is occupied if this returns [`Made::Yes`], and the
    /// error has been written if this returns [`Made::Failed`].
    pub(crate) make: unsafe fn(*mut (), *mut ()) -> Made,
    /// Drops the value in a slot's storage.
    ///
    /// # Invariants
    ///
    /// May be called with a storage of this state that is occupied by a value to which nothing refers.
    /// The storage is empty afterwards, also after a panic.
    pub(crate) clear: unsafe fn(*mut ()),
}

impl Info {
    /// Returns the name of the state.
    pub(crate) fn name(&self) -> &'static str {
        self.subjects.first().map_or("", Subject::state)
    }
}

/// The outcome of an initialization.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Made {
    Yes,
    Failed,
    /// The state is `explicit`, so it is initialized only from given values.
    NotGiven,
}

/// One of a thread's lists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// The values that are dropped when the thread exits.
    Dropped,
    /// The values that need no drop, and that only a forked child forgets. Where thread-locals are
    /// native, a thread's exit leaves this list alone, because these values can be used in any
    /// destructor.
    Forgotten,
}

by_form! {
    native {
        /// A state's place among the destructors of its thread's thread-locals, including those of other
        /// crates.
        ///
        /// When the state's turn comes, the standard library calls its destructor, which is in `exit`.
        pub struct Trigger {
            pub(crate) slot: Cell<Option<SlotRef>>,
        }

        impl Trigger {
            /// Returns a trigger that has not been armed. All its bytes that matter are zero.
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
        /// How a state's turn in its thread's exit comes: together with all other states, the newest
        /// first.
        #[derive(Clone, Copy)]
        pub struct Turn;

        impl<T> Slot<T> {
            /// Returns `true` if nothing borrows the value and none is being initialized.
            ///
            /// # Safety
            ///
            /// The pointer is to a slot of this type.
            pub unsafe fn is_idle(slot: ptr::NonNull<()>) -> bool {
                // SAFETY: the caller guarantees that the pointer is to a slot (`# Safety`), and only
                // shared references to slots exist.
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
    /// If the slot is in a list, `older` is its older neighbor there, and `newer` its newer neighbor,
    /// unless the slot is the newest. Otherwise both are `None`.
    pub(crate) older: Cell<Option<SlotRef>>,
    pub(crate) newer: Cell<Option<SlotRef>>,
    /// The number of the initialization that produced the slot's present value. Unique in its thread, and
    /// rising.
    pub(crate) birth: Cell<u64>,
}

/// The part of a slot that does not depend on the state's type.
///
/// # Invariants
///
/// 1. The word is alive only while the slot's storage is occupied by a completely initialized value.
/// 2. While it is alive, the word follows the protocol of [`loans`](crate::state::loans). So a reference
///    to the value exists only while the word says so, and none exists while the word is [`Word::FREE`].
/// 3. While the word is [`Word::INITIALIZING`], only the initialization that set it writes to the
///    storage.
/// 4. `node` is in the list that [`Info::list`] names exactly while the word is alive, and in no list if
///    that is `None`. (Transitions change the word and the list one after the other.) One exception: a
///    value that was borrowed when its turn came at the thread's exit is leaked. Its node is in no list,
///    and the word stays alive until `reset`, `with_fresh` or a fork's mark finds the value free.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) loans: Loans,
    pub(crate) node: Node,
    #[cfg(debug_assertions)]
    pub(crate) notes: Notes,
}

/// A thread's storage for one state.
///
/// A slot deliberately has no drop glue. So the standard library keeps no record of its own for the
/// thread-local, and tests nothing on access.
///
/// The storage comes first, so that a reference to the value is the slot's address, with nothing added.
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

/// A pointer to this thread's slot of a state: the wall between raw pointers and the code that uses
/// slots.
///
/// # Invariants
///
/// 1. `header` points to the header of the slot of the state that `info` describes, in the thread-local
///    storage of the thread that has this. The header stays there until the thread runs no more code.
///    (Under keys: until the thread's table ends, or forever if the value is borrowed or being
///    initialized then.)
/// 2. The pointer has permission to access the whole slot, to which only shared references exist.
///
/// Not `Send`, because of the raw pointer, so it stays on its thread.
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
    /// `slot` is the current thread's slot of the state that `info` describes, in its thread-local
    /// storage, and the pointer has permission to access all of it.
    #[inline(always)]
    pub(crate) const unsafe fn new<T>(slot: *const Slot<T>, info: &'static Info) -> Self {
        Self {
            // SAFETY: the caller guarantees that the pointer is to a slot (`# Safety`).
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
        // SAFETY: by invariant 1 of `SlotRef` the header is there, and by invariant 2 only shared
        // references to it exist.
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

    /// Returns a pointer to the slot's storage, with permission to access it.
    #[inline(always)]
    pub(crate) const fn storage(self) -> *mut () {
        // SAFETY: by `Info::header` the slot begins there, and by invariant 2 of `SlotRef` the pointer
        // may access all of it.
        unsafe { self.header.byte_sub(self.info.header) }
            .cast::<()>()
            .cast_mut()
    }
}
