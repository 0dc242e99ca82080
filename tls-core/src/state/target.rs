//! The targets of accesses: what of a value is accessed.

use crate::state::word::FieldSet;

/// The whole of a value, or one field of it.
// Two numbers and no more, because these are passed in registers. Neither the type nor its functions are
// generic, because without optimization every instance of a generic one is compiled.
#[derive(Clone, Copy)]
pub struct Portion {
    /// The offset in the value and, in the upper half, the number of the field, if this is a field.
    offset_and_index: u64,
    set: FieldSet,
}

impl Portion {
    pub(crate) const WHOLE: Self = Self {
        offset_and_index: 0,
        set: FieldSet::ALL,
    };

    /// Returns the field of this number.
    ///
    /// # Panics
    ///
    /// Panics if the field lies beyond four gibibytes.
    pub(crate) const fn field(offset: usize, index: usize) -> Self {
        let (offset, number) = (offset as u64, index as u64);
        assert!(
            offset <= u32::MAX as u64 && number < u32::MAX as u64,
            "a state is limited to four gibibytes"
        );
        Self {
            offset_and_index: offset | number << 32,
            set: FieldSet::field(index),
        }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    pub(crate) const fn offset(self) -> usize {
        self.offset_and_index as u32 as usize
    }

    /// Returns the number of the field, if this is a field.
    #[inline(always)]
    pub(crate) const fn index(self) -> Option<usize> {
        if self.set.is_all() {
            None
        } else {
            Some((self.offset_and_index >> 32) as u32 as usize)
        }
    }

    #[inline(always)]
    pub(crate) const fn set(self) -> FieldSet {
        self.set
    }
}

/// What an accessor is called on. The type says whether it is the whole, so that what follows from this
/// is constant.
pub trait Target: Copy {
    const IS_WHOLE: bool;

    fn portion(self) -> Portion;
}

/// The whole value.
#[derive(Clone, Copy)]
pub struct Whole;

impl Target for Whole {
    const IS_WHOLE: bool = true;

    #[inline(always)]
    fn portion(self) -> Portion {
        Portion::WHOLE
    }
}

/// A field.
impl Target for Portion {
    const IS_WHOLE: bool = false;

    #[inline(always)]
    fn portion(self) -> Portion {
        self
    }
}
