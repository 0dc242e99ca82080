//! The layout of a state's shared fields: in a thread's block of cells, and in the rests.

use std::marker::PhantomData;

use crate::shared::histogram;

/// The kind of a shared field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A `Counter`.
    Counter,
    /// An `UpDown`.
    UpDown,
    /// A `Gauge`.
    Gauge,
    /// A `Peak`.
    Peak,
    /// A `Histogram`.
    Histogram,
    /// A `Part`.
    Part,
}

impl Kind {
    /// Returns the number of rests that a value of this kind leaves when its thread exits.
    pub(crate) const fn rests(self) -> usize {
        match self {
            Self::Counter | Self::UpDown | Self::Peak => 1,
            Self::Histogram => histogram::WORDS,
            Self::Gauge | Self::Part => 0,
        }
    }

    /// Returns `true` if a value of this kind keeps its data outside the block.
    pub(crate) const fn has_extra(self) -> bool {
        matches!(self, Self::Histogram | Self::Part)
    }
}

/// The shape of a shared field of type `T`.
pub struct Shape<T> {
    kind: Kind,
    /// The number of values.
    len: usize,
    is_array: bool,
    marker: PhantomData<fn(T) -> T>,
}

impl<T> Shape<T> {
    pub(crate) const fn new(kind: Kind, len: usize, is_array: bool) -> Self {
        Self {
            kind,
            len,
            is_array,
            marker: PhantomData,
        }
    }

    /// Returns `true` if the description is that of a field of this shape.
    pub(crate) const fn is_that_of(&self, field: &SharedMeta) -> bool {
        self.kind as u8 == field.kind as u8 && self.len == field.len
    }
}

/// The description of a shared field, without its type.
#[derive(Clone, Copy)]
pub struct SharedMeta {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    /// The number of values.
    pub(crate) len: usize,
    pub(crate) is_array: bool,
    /// The number of the first cell. Each value has one cell.
    pub(crate) cell: usize,
    /// The number of the first rest.
    pub(crate) rest: usize,
}

impl SharedMeta {
    /// Describes a field that has not been laid out yet.
    #[must_use]
    pub const fn of<T>(name: &'static str, help: &'static str, shape: &Shape<T>) -> Self {
        Self::new(name, help, shape.kind, shape.len, shape.is_array)
    }

    pub(crate) const fn new(
        name: &'static str,
        help: &'static str,
        kind: Kind,
        len: usize,
        is_array: bool,
    ) -> Self {
        Self {
            name,
            help,
            kind,
            len,
            is_array,
            cell: 0,
            rest: 0,
        }
    }

    /// Returns the numbers of the cell and of the rest after the field's last ones.
    ///
    /// Saturates. A length that wraps around would pass for a short one, and a build without overflow
    /// checks would not notice.
    const fn end(&self) -> (usize, usize) {
        let rests = self.len.saturating_mul(self.kind.rests());
        (
            self.cell.saturating_add(self.len),
            self.rest.saturating_add(rests),
        )
    }
}

/// Lays out the fields, each after the one before it.
#[must_use]
pub const fn laid_out<const FIELDS: usize>(
    mut fields: [SharedMeta; FIELDS],
) -> [SharedMeta; FIELDS] {
    let mut next = (0, 0);
    let mut number = 0;
    while number < FIELDS {
        (fields[number].cell, fields[number].rest) = next;
        next = fields[number].end();
        number += 1;
    }
    fields
}

/// Returns the number of cells of fields that are laid out.
#[must_use]
pub const fn cells_of(fields: &[SharedMeta]) -> usize {
    match fields.last() {
        Some(last) => last.end().0,
        None => 0,
    }
}

/// Returns the number of rests of fields that are laid out.
#[must_use]
pub const fn rests_of(fields: &[SharedMeta]) -> usize {
    match fields.last() {
        Some(last) => last.end().1,
        None => 0,
    }
}

/// The shared fields of a state.
pub struct Sharing {
    pub(crate) state: &'static str,
    pub(crate) module: &'static str,
    /// # Invariants
    ///
    /// The fields are laid out.
    pub(crate) fields: &'static [SharedMeta],
    /// The number of cells in a block.
    pub(crate) cells: usize,
    /// Registers the fork handler, which resets the registry in a forked child, if that did not happen
    /// when the program was loaded.
    ///
    /// The handler uses the registry, so the registry cannot name the handler. The expansion uses both,
    /// and passes this function down.
    pub(crate) install: fn(),
}

impl Sharing {
    /// The most cells of a state. Each cell takes a pointer in the storage of every thread, whether the
    /// thread uses the state or not.
    const MOST_CELLS: usize = 1024;

    /// Describes the shared fields of a state.
    ///
    /// # Panics
    ///
    /// Panics if the fields have too many cells.
    #[must_use]
    #[track_caller]
    pub const fn new(
        state: &'static str,
        module: &'static str,
        fields: &'static [SharedMeta],
        install: fn(),
    ) -> Self {
        let cells = cells_of(fields);
        assert!(
            cells <= Self::MOST_CELLS,
            "a state has at most 1024 shared values, array elements included, because each takes \
             8 bytes in every thread; use shorter arrays, or a `Part<Vec<_>>`"
        );
        Self {
            state,
            module,
            fields,
            cells,
            install,
        }
    }

    /// Returns the number of the first of a cell's rests, if the cell leaves any.
    pub(crate) fn rest(&self, cell: usize) -> Option<usize> {
        self.fields.iter().find_map(|field| {
            let element = cell.checked_sub(field.cell)?;
            let rests = field.kind.rests();
            (element < field.len && rests > 0).then_some(field.rest + element * rests)
        })
    }
}

#[cfg(all(test, not(tls_core_loom)))]
mod tests {
    use super::*;

    const FIELDS: &[SharedMeta] = &laid_out([
        SharedMeta::new("counts", "", Kind::Counter, 2, true),
        SharedMeta::new("part", "", Kind::Part, 1, false),
        SharedMeta::new("times", "", Kind::Histogram, 2, true),
        SharedMeta::new("peak", "", Kind::Peak, 1, false),
    ]);

    #[test]
    fn a_cell_has_the_words_of_its_field_if_that_leaves_any() {
        let sharing = Sharing::new("State", "module", FIELDS, || {});
        let rests = histogram::WORDS;
        let expected = [
            Some(0),
            Some(1),
            None,
            Some(2),
            Some(2 + rests),
            Some(2 + 2 * rests),
            None,
        ];
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(|cell| sharing.rest(cell)),
            expected
        );
    }

    #[test]
    fn fields_lie_one_after_the_other() {
        assert_eq!(
            FIELDS.iter().map(|field| field.cell).collect::<Vec<_>>(),
            [0, 2, 3, 5]
        );
        assert_eq!(cells_of(FIELDS), 6);
        assert_eq!(rests_of(FIELDS), 3 + 2 * histogram::WORDS);
        assert_eq!((cells_of(&[]), rests_of(&[])), (0, 0));
    }

    #[test]
    fn arrays_whose_lengths_wrap_around_are_not_taken_for_short_ones() {
        for kind in [Kind::Counter, Kind::Histogram, Kind::Part] {
            let fields = laid_out([
                SharedMeta::new("first", "", kind, usize::MAX - 3, true),
                SharedMeta::new("second", "", kind, 8, true),
            ]);
            assert!(cells_of(&fields) > Sharing::MOST_CELLS, "{kind:?}");
            assert!(rests_of(&fields) >= kind.rests(), "{kind:?}");
        }
    }
}
