//! The subjects of accesses, as messages name them.

use std::fmt::{self, Display, Formatter};

use crate::state::word::{GROUPS, group};

/// The names of a state and of its fields.
pub struct Names {
    /// The name of the state.
    pub state: &'static str,
    /// The names of the fields, in the order of their numbers.
    pub fields: &'static [&'static str],
}

/// What an access asks for: a state or one of its fields.
pub struct Subject {
    names: &'static Names,
    extent: Extent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Whole,
    /// The whole, which is to be moved out of its slot.
    Removed,
    Field(u32),
}

impl Subject {
    /// The number of subjects of a state without fields: the whole, and the whole to be removed.
    pub(crate) const OF_STATE: usize = 2;

    /// Returns all subjects of a state with `COUNT - 2` fields: the whole, the whole to be removed, and
    /// each field.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a struct has no more fields"
    )]
    pub const fn all<const COUNT: usize>(names: &'static Names) -> [Self; COUNT] {
        let mut all = [const {
            Self {
                names: &Names {
                    state: "",
                    fields: &[],
                },
                extent: Extent::Whole,
            }
        }; COUNT];
        let mut number = 0;
        while number < COUNT {
            let extent = match number {
                0 => Extent::Whole,
                1 => Extent::Removed,
                _ => Extent::Field((number - Self::OF_STATE) as u32),
            };
            all[number] = Self { names, extent };
            number += 1;
        }
        all
    }

    pub(crate) fn state(&self) -> &'static str {
        self.names.state
    }

    /// Returns the name of the field, if the subject is a single field.
    pub(crate) fn field(&self) -> Option<&'static str> {
        match self.extent {
            Extent::Field(index) => self.names.fields.get(index as usize).copied(),
            _ => None,
        }
    }

    /// Returns the first and the last of the fields that share their borrow flags, if the subject is one
    /// of them.
    pub(crate) fn group(&self) -> Option<(&'static str, &'static str)> {
        let fields = self.names.fields;
        let Extent::Field(index) = self.extent else {
            return None;
        };
        let is_shared = group(index as usize) == GROUPS - 1 && fields.len() > GROUPS;
        let ends = fields.get(GROUPS - 1).copied().zip(fields.last().copied());
        ends.filter(|_| is_shared)
    }

    /// Returns `true` if the value is to be moved out of its slot.
    pub(crate) fn is_removed(&self) -> bool {
        self.extent == Extent::Removed
    }
}

/// Formats as `Worker`, or as `Worker::conn` if the subject is one field.
impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = self.state();
        match self.field() {
            Some(field) => write!(f, "`{state}::{field}`"),
            None => write!(f, "`{state}`"),
        }
    }
}
