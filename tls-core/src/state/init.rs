//! Initialization: on the first access, or on request.

use std::mem::{self, MaybeUninit};

use crate::error::Refusal;
use crate::fork::generation::{self, AtFork as _};
use crate::state::contract::{FromValues, ThreadLocalState};
use crate::state::exit;
use crate::state::fill::Passed;
use crate::state::here::Here;
use crate::state::list;
use crate::state::refusal::refusal;
use crate::state::slot::{Info, List, Made, Slot, SlotRef, Turn};
use crate::state::stale;
use crate::state::storage::Storage as _;
use crate::state::subject::Subject;
use crate::state::word::Word;

/// Why an access fails. Small, because the first access returns it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused(Refusal),
    /// An initializer has failed, and its error has been written.
    Failed,
}

impl Info {
    /// Describes the state `S`.
    #[must_use]
    pub const fn new<S: ThreadLocalState>(
        subjects: &'static [Subject],
        explicit: bool,
        turn: Turn,
    ) -> Self {
        unsafe fn make<S: ThreadLocalState>(storage: *mut (), error: *mut ()) -> Made {
            // SAFETY: by the invariant of `Info::make` this is a storage of this state.
            let storage = unsafe { &*storage.cast::<S::__Storage>() };
            match storage.fill(S::__init) {
                Ok(()) => Made::Yes,
                Err(failed) => {
                    // SAFETY: by the invariant of `Info::make` the place is valid for writes of the
                    // error.
                    unsafe { error.cast::<S::Error>().write(failed) };
                    Made::Failed
                }
            }
        }

        unsafe fn not_given(_: *mut (), _: *mut ()) -> Made {
            Made::NotGiven
        }

        unsafe fn clear<S: ThreadLocalState>(storage: *mut ()) {
            // SAFETY: by the invariant of `Info::clear` this is a storage of this state.
            let storage = unsafe { &*storage.cast::<S::__Storage>() };
            // SAFETY: by the invariant of `Info::clear` the storage is occupied, and nothing refers to
            // the value.
            unsafe { storage.clear() };
        }

        Self {
            subjects,
            list: if mem::needs_drop::<S>() || S::__Storage::ON_HEAP {
                Some(List::Dropped)
            } else if S::__AtFork::IS_RESET {
                Some(List::Forgotten)
            } else {
                None
            },
            is_reset_by_fork: S::__AtFork::IS_RESET,
            install: S::__AtFork::install,
            header: mem::offset_of!(Slot<S::__Storage>, header),
            turn,
            make: if explicit { not_given } else { make::<S> },
            clear: clear::<S>,
        }
    }
}

/// An initialization in progress. Dropping this marks it as failed.
struct Making {
    /// # Invariants
    ///
    /// The slot's word is [`Word::INITIALIZING`], so by `Header` 3 the storage belongs to this
    /// initialization.
    slot: SlotRef,
    generation: u64,
}

impl Making {
    /// Sets [`Word::INITIALIZING`], or returns why the state cannot be initialized.
    #[inline]
    fn begin(slot: SlotRef) -> Result<Self, Refusal> {
        if slot.word() != Word::UNINITIALIZED {
            return Err(refusal(slot));
        }
        slot.set_word(Word::INITIALIZING);
        let mut generation = 0;
        if slot.info().is_reset_by_fork {
            (slot.info().install)();
            generation = generation::generation();
        }
        Ok(Self { slot, generation })
    }

    /// Sets [`Word::FREE`]. If the process has been forked meanwhile, also marks the value to be
    /// forgotten. If the state's turn in the thread's exit is over, drops the value instead, and sets
    /// [`Word::DESTROYED`].
    ///
    /// # Safety
    ///
    /// The storage is occupied by a value that nothing has seen yet.
    #[inline]
    unsafe fn complete(self) -> Result<(), Failure> {
        let Self { slot, generation } = self;
        mem::forget(self);
        let info = slot.info();
        if info.list.is_some_and(exit::is_ended) && !exit::arm(slot) {
            slot.set_word(Word::DESTROYED);
            // SAFETY: the caller guarantees that the storage is occupied by a value that nothing has seen
            // (`# Safety`). The new word ensures that nothing will see it.
            unsafe { (info.clear)(slot.storage()) };
            return Err(Failure::Refused(Refusal::Destroyed));
        }
        list::push(slot);
        slot.set_word(Word::FREE);
        if info.is_reset_by_fork && generation::generation() != generation {
            // The parent has initialized part of the value: it serves only the access that wanted it.
            slot.set_word(Word::FREE.stale());
        }
        Ok(())
    }
}

impl Drop for Making {
    #[inline]
    fn drop(&mut self) {
        self.slot.set_word(Word::UNINITIALIZED);
    }
}

/// Initializes the value with the state's own initializer. Fails if there is a value.
///
/// If this returns [`Failure::Failed`], the error has been written to the second place.
///
/// # Safety
///
/// The second place is valid for writes of the state's error.
#[inline(never)]
pub(crate) unsafe fn initialize(slot: SlotRef, error: *mut ()) -> Result<(), Failure> {
    let making = match Making::begin(slot) {
        Ok(making) => making,
        Err(refusal) => return Err(Failure::Refused(refusal)),
    };
    // SAFETY: by the invariant of `Making` the storage is this initialization's, and it is empty. The
    // caller guarantees that the place is valid for writes of the error (`# Safety`).
    match unsafe { (slot.info().make)(slot.storage(), error) } {
        // SAFETY: by the invariant of `Info::make` the storage is occupied now.
        Made::Yes => unsafe { making.complete() },
        Made::Failed => Err(Failure::Failed),
        Made::NotGiven => Err(Failure::Refused(Refusal::NotInitialized)),
    }
}

impl<S: ThreadLocalState> Here<S> {
    /// Initializes the value, which nothing borrows then. Fails if there is a value.
    #[inline]
    pub(crate) fn initialize(self, error: &mut MaybeUninit<S::Error>) -> Result<(), Failure> {
        // SAFETY: the place is for this state's error.
        unsafe { initialize(self.erase(), error.as_mut_ptr().cast()) }
    }

    /// Initializes the value if there is none.
    pub(crate) fn ensure(self, error: &mut MaybeUninit<S::Error>) -> Result<(), Failure> {
        if self.erase().word().is_alive() {
            return Ok(());
        }
        self.initialize(error)?;
        stale::settle(self.erase());
        Ok(())
    }
}

/// Why a value has not been initialized from given values.
pub(crate) enum NotMade<E> {
    /// The initialization was refused, and the values have not been taken.
    Refused(Refusal),
    Failed(E),
}

impl<S: FromValues> Here<S> {
    /// Initializes the value from given values.
    pub(crate) fn initialize_with(
        self,
        values: &mut Passed<S::Values>,
    ) -> Result<(), NotMade<S::InitError>> {
        let slot = self.erase();
        let making = match Making::begin(slot) {
            Ok(making) => making,
            Err(Refusal::Borrowed) => {
                return Err(NotMade::Refused(Refusal::AlreadyInitialized));
            }
            Err(refusal) => return Err(NotMade::Refused(refusal)),
        };
        let Some(values) = values.take() else {
            unreachable!("they have been passed and not taken");
        };
        let filled = self.storage().fill(|place| S::__fill(place, values));
        filled.map_err(NotMade::Failed)?;
        // If the thread's exit has passed the state meanwhile, the value is dropped, as by any other
        // exit.
        // SAFETY: `fill` has returned `Ok`, so the storage is occupied, and nothing has seen the value.
        let _ = unsafe { making.complete() };
        stale::settle(slot);
        Ok(())
    }
}
