//! What is known of a slot, whatever its word says.

use crate::state::loans::Joined;
use crate::state::word::{FieldSet, group};

/// What a machine is a model of.
#[derive(Clone, Copy)]
pub(crate) struct Setting {
    /// The numbers of the fields that are accessed, beside the whole.
    pub(crate) fields: &'static [usize],
    /// How much may have begun and not ended at a time.
    pub(crate) most: usize,
    pub(crate) scope: Scope,
    pub(crate) is_reset_by_fork: bool,
    pub(crate) needs_drop: bool,
    /// Whether there are borrows without a closure, too.
    pub(crate) lends: bool,
    /// What is looked for, if not all.
    pub(crate) only: Option<Violation>,
}

/// What is tried.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Accesses and, of a state that is reset by them, forks.
    Borrows,
    /// Also resets, values that are set aside, and the thread's exit.
    Everything,
}

impl Setting {
    pub(crate) fn targets(&self) -> impl Iterator<Item = Target> {
        let fields = self.fields.iter().copied().map(Target::Field);
        std::iter::once(Target::Whole).chain(fields)
    }

    /// Whether a value is in a list of its thread: `Info::list`.
    pub(crate) fn has_list(&self) -> bool {
        self.needs_drop || self.is_reset_by_fork
    }

    /// Fails unless this holds, or if nobody looks for it.
    pub(crate) fn require(&self, condition: bool, violation: Violation) -> Result<(), Violation> {
        if condition || self.only.is_some_and(|only| only != violation) {
            Ok(())
        } else {
            Err(violation)
        }
    }
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// Two references exclude each other.
    Conflict,
    /// A value is dropped, moved, forgotten or overwritten while it is borrowed.
    Dangling,
    /// What the compiler is told without a test does not hold.
    Assumed,
    /// A forked child drops what is the parent's.
    ParentDropped,
    /// A forked child keeps what is the parent's, although nothing borrows it.
    ParentKept,
    /// A value is forgotten without a fork.
    Forgotten,
    /// Something is refused without a conflict.
    Refused,
    /// All borrows have ended, and the word is not free, or something is left beside it.
    NotFree,
    /// What was set aside is not put back.
    NotPutBack,
    /// A scope does not restore a field that is free.
    NotRestored,
    /// A value to which nothing refers is not dropped at the thread's exit.
    Leaked,
    /// The word, or the list, says something else than is the case.
    Confused,
    /// What is beside the word is not what the outstanding borrows have left there.
    Beside,
}

/// What is accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Whole,
    Field(usize),
}

impl Target {
    pub(crate) fn set(self) -> FieldSet {
        match self {
            Self::Whole => FieldSet::ALL,
            Self::Field(number) => FieldSet::field(number),
        }
    }

    /// Whether references to both refer to the same memory.
    pub(crate) fn overlaps(self, other: Self) -> bool {
        match (self, other) {
            (Self::Field(number), Self::Field(other)) => number == other,
            _ => true,
        }
    }

    /// Whether both are documented to be borrowed together: the fields from number 29 on are.
    pub(crate) fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::Field(number), Self::Field(other)) => group(number) == group(other),
            _ => true,
        }
    }
}

/// The value that the slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Life {
    Uninitialized,
    Initializing,
    Alive {
        /// In a forked child: the value is the parent's, and such values are reset.
        is_inherited: bool,
        /// It was borrowed when its turn came at the thread's exit.
        is_leaked: bool,
    },
    Destroyed,
}

impl Life {
    pub(crate) const NEW: Self = Self::Alive {
        is_inherited: false,
        is_leaked: false,
    };

    pub(crate) fn is_alive(self) -> bool {
        matches!(self, Self::Alive { .. })
    }

    pub(crate) fn is_inherited(self) -> bool {
        matches!(
            self,
            Self::Alive {
                is_inherited: true,
                ..
            }
        )
    }

    pub(crate) fn is_leaked(self) -> bool {
        matches!(
            self,
            Self::Alive {
                is_leaked: true,
                ..
            }
        )
    }
}

/// How a borrow ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Guard {
    /// `borrow::Loan`.
    Loan,
    /// `borrow::Guest`.
    Guest(Joined),
    /// `held::Held`.
    Held(Joined),
}

/// A borrow that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Borrow {
    pub(crate) target: Target,
    pub(crate) is_exclusive: bool,
    pub(crate) guard: Guard,
    /// Of another value than the one that the slot holds now: dangling.
    pub(crate) is_of_gone: bool,
}

/// What follows an initialization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Then {
    Nothing,
    /// A field is copied out: `access::get`.
    Copied,
    Borrow(Target, bool),
    Lend(Target, bool),
}

/// What has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pending {
    Borrow(Borrow),
    /// An initializer runs.
    Making {
        then: Then,
        is_forked: bool,
    },
    /// A value, if there was one, is set aside.
    Aside {
        has_value: bool,
        is_forked: bool,
    },
}

/// The turn of the state in the thread's exit: `slot::Trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Turn {
    /// No value has been made in this thread.
    NotRegistered,
    Registered,
    /// Values that are newer are being dropped, or this one.
    Now,
    Over,
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Borrows, exclusively or shared. Makes the value if there is none.
    Access(Target, bool),
    /// The same, until a block ends.
    Lend(Target, bool),
    /// Borrows the whole shared, if there is a value.
    Peek,
    /// Copies a field out, and makes the value before if there is none.
    Copy,
    /// Makes the value, if there is none.
    Init,
    /// Ends what has begun. An initializer succeeds.
    End(usize),
    /// Ends a borrow by a panic, if that is not the same.
    Unwind(usize),
    /// An initializer fails.
    Fail(usize),
    Reset,
    SetAside,
    Fork,
    /// The thread exits, and the turn of this state comes.
    BeginTurn,
    /// The turn of this state, or of an older one, comes to this value.
    TearDown,
    /// The turn is over.
    EndTurn,
}
