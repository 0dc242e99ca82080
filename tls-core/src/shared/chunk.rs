//! Blocks of cells, side by side, and the threads that own them.
//!
//! Free blocks are zero, so that a sum need not know which blocks are free.

use std::panic::catch_unwind;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::Thread;

use crate::shared::part_list::{ErasedPart, PartNode};
use crate::shared::primitive::AtomicU64;
use crate::shared::snapshot::HistogramSnapshot;

/// The thread that owns a block.
pub(crate) struct Owner {
    pub(crate) thread: Thread,
    /// One for every cell, or none if no field needs any.
    extras: Box<[Extra]>,
}

impl Owner {
    /// Returns this thread as an owner, with room for the extras of `cells` cells. Returns `None` if the
    /// standard library does not know the thread any more.
    pub(crate) fn current(cells: usize) -> Option<Self> {
        // `current` panics in a destructor of a key that runs after the standard library's own, and there
        // is no other way to ask.
        let thread = catch_unwind(std::thread::current).ok()?;
        Some(Self {
            thread,
            extras: std::iter::repeat_with(|| Extra::None).take(cells).collect(),
        })
    }

    /// Returns what a cell has outside its block, if there is room for that.
    pub(crate) fn extra(&mut self, cell: usize) -> Option<&mut Extra> {
        self.extras.get_mut(cell)
    }
}

/// What does not fit into a cell.
pub(crate) enum Extra {
    None,
    Histogram(Buckets),
    Part(Box<PartNode>),
}

impl Extra {
    /// Returns where the data is, if there is any.
    pub(crate) fn place(&self) -> Option<NonNull<()>> {
        match self {
            Self::None => None,
            Self::Histogram(buckets) => Some(NonNull::from(&buckets[..]).cast()),
            Self::Part(node) => Some(NonNull::from(&*node.part).cast()),
        }
    }
}

/// A histogram's words. They are in an `Arc`, because their thread keeps a pointer to them while the
/// `Arc` moves.
pub(crate) type Buckets = Arc<[AtomicU64]>;

/// The number of blocks of the first chunk, which is small because most programs have few threads, and
/// the most blocks of a later chunk. That number is large because a processor reads ahead well in long
/// rows: with chunks of 64 blocks, a total of 2,048 threads took half as long again. In a model both are
/// small, so that there is a second chunk.
pub(crate) const FIRST_BLOCKS: usize = if cfg!(tls_core_loom) { 1 } else { 64 };
pub(crate) const MOST_BLOCKS: usize = if cfg!(tls_core_loom) { 2 } else { 1024 };

/// The most lines of a chunk. A chunk has fewer blocks if these are large.
const LINES: usize = 1024;

/// The number of cells in a line.
const LINE: usize = if cfg!(tls_core_loom) {
    2
} else if cfg!(any(target_arch = "aarch64", target_arch = "powerpc64")) {
    16
} else {
    8
};

/// A cache line.
///
/// Not the 128 bytes that would also keep x86's prefetcher away from a neighbor. A total reads the lines
/// of all threads in sequence, where the prefetcher helps.
#[cfg_attr(
    any(target_arch = "aarch64", target_arch = "powerpc64"),
    repr(align(128))
)]
#[cfg_attr(
    not(any(target_arch = "aarch64", target_arch = "powerpc64")),
    repr(align(64))
)]
struct Line([AtomicU64; LINE]);

/// An allocation of blocks, side by side.
// What a total needs comes first, in one cache line.
#[repr(C)]
pub(crate) struct Chunk {
    pub(crate) next: Option<Box<Chunk>>,
    /// The number of blocks that have an owner.
    pub(crate) live: usize,
    /// A bit for each block that has an owner.
    masks: [u64; MOST_BLOCKS.div_ceil(MASK)],
    /// # Invariants
    ///
    /// There are as many lines as the blocks have, and at least one. The lines of a block without an
    /// owner are zero, and nothing writes to them.
    lines: Box<[Line]>,
    lines_of_block: usize,
    /// The owners of the blocks, by number.
    pub(crate) owners: Box<[Option<Owner>]>,
}

/// The number of blocks in a mask.
const MASK: usize = u64::BITS as usize;

/// The first cell of a block; the others follow it. The cells stay in place until the block retires.
pub(crate) type Block = NonNull<AtomicU64>;

/// A block that has an owner.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    chunk: &'a Chunk,
    block: usize,
    owner: &'a Owner,
}

impl Chunk {
    /// Creates a chunk with free blocks of `cells` cells each, and not more than `most` blocks.
    pub(crate) fn new(cells: usize, most: usize) -> Self {
        let lines_of_block = cells.div_ceil(LINE).max(1);
        let blocks = (LINES / lines_of_block).clamp(1, most);
        let line = || Line(std::array::from_fn(|_| AtomicU64::new(0)));
        Self {
            next: None,
            live: 0,
            masks: [0; MOST_BLOCKS.div_ceil(MASK)],
            lines: std::iter::repeat_with(line)
                .take(blocks * lines_of_block)
                .collect(),
            lines_of_block,
            owners: std::iter::repeat_with(|| None).take(blocks).collect(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.live == self.owners.len()
    }

    /// Returns the number of blocks up to the last one that has an owner.
    fn used(&self) -> usize {
        let mut masks = self.masks.iter().enumerate();
        masks
            .rfind(|(_, mask)| **mask != 0)
            .map_or(0, |(index, mask)| {
                (index + 1) * MASK - mask.leading_zeros() as usize
            })
    }

    /// Takes a free block. Returns its number, or `None` if there is none.
    pub(crate) fn claim(&mut self) -> Option<usize> {
        if self.is_full() {
            return None;
        }
        let index = self.masks.iter().position(|mask| *mask != u64::MAX)?;
        let bit = self.masks[index].trailing_ones() as usize;
        self.masks[index] |= 1 << bit;
        self.live += 1;
        Some(index * MASK + bit)
    }

    /// Gives a block back.
    pub(crate) fn release(&mut self, block: usize) {
        self.masks[block / MASK] &= !(1 << (block % MASK));
        self.live -= 1;
    }

    /// Returns the number of a block, if it is in this chunk.
    pub(crate) fn position(&self, block: Block) -> Option<usize> {
        let offset = block.addr().get().checked_sub(self.lines.as_ptr().addr())?;
        let number = offset / (self.lines_of_block * size_of::<Line>());
        (number < self.owners.len()).then_some(number)
    }

    /// Returns where a block begins, with permission to access all its cells.
    pub(crate) fn first_cell(&self, block: usize) -> Block {
        let lines = self.lines_of_block;
        NonNull::from(&self.lines[block * lines..][..lines]).cast()
    }

    pub(crate) fn cell(&self, block: usize, cell: usize) -> &AtomicU64 {
        &self.lines[block * self.lines_of_block + cell / LINE].0[cell % LINE]
    }

    /// Returns the sum of one cell over all blocks.
    #[inline]
    pub(crate) fn sum(&self, cell: usize) -> u64 {
        let add = |sum: u64, line: &Line| sum.wrapping_add(line.0[cell % LINE].load(Relaxed));
        if self.lines_of_block == 1 {
            // The most common case, in which a total does little else. Four sums at a time, which do not
            // wait for one another, in two rows, both of which a processor reads ahead.
            let used = &self.lines[..self.used()];
            let half = used.len() / 4 * 2;
            let (left, rest) = used.split_at(half);
            let (right, rest) = rest.split_at(half);
            let rest = rest.iter().fold(0, add);
            let (lefts, rights) = (left.chunks_exact(2), right.chunks_exact(2));
            let sums = lefts.zip(rights).fold([0; 4], |sums, (left, right)| {
                [
                    add(sums[0], &left[0]),
                    add(sums[1], &right[0]),
                    add(sums[2], &left[1]),
                    add(sums[3], &right[1]),
                ]
            });
            return sums.into_iter().fold(rest, u64::wrapping_add);
        }
        self.column(cell).fold(0, u64::wrapping_add)
    }

    /// Returns the threads that own a block.
    pub(crate) fn threads(&self) -> impl Iterator<Item = Live<'_>> {
        (0..self.used()).filter_map(move |block| {
            let owner = self.owners[block].as_ref()?;
            Some(Live {
                chunk: self,
                block,
                owner,
            })
        })
    }

    /// Returns one cell of every block that may have an owner.
    #[inline]
    pub(crate) fn column(&self, cell: usize) -> impl Iterator<Item = u64> {
        self.lines
            .iter()
            .skip(cell / LINE)
            .step_by(self.lines_of_block)
            .take(self.used())
            // Relaxed, here and wherever cells are read. What must be seen was published by something
            // else (a join, a channel, the lock), and a cell never seems to go back.
            .map(move |line| line.0[cell % LINE].load(Relaxed))
    }
}

impl Live<'_> {
    pub(crate) fn thread(&self) -> &Thread {
        &self.owner.thread
    }

    /// Returns the value of a cell.
    pub(crate) fn load(&self, cell: usize) -> u64 {
        self.chunk.cell(self.block, cell).load(Relaxed)
    }

    /// Adds the values of a histogram, if there are any yet.
    pub(crate) fn add_histogram(&self, cell: usize, to: &mut HistogramSnapshot) {
        if let Some(Extra::Histogram(buckets)) = self.owner.extras.get(cell) {
            to.add(buckets.iter().map(|bucket| bucket.load(Relaxed)));
        }
    }

    /// Returns the part, if there is one yet.
    pub(crate) fn part(&self, cell: usize) -> Option<Arc<dyn ErasedPart>> {
        match self.owner.extras.get(cell) {
            Some(Extra::Part(node)) => Some(Arc::clone(&node.part)),
            _ => None,
        }
    }
}

#[cfg(all(test, not(tls_core_loom)))]
mod tests {
    use super::*;

    /// What a chunk has: how many blocks with an owner, and how many up to the last of them.
    fn live_and_used(chunk: &Chunk) -> (usize, usize) {
        (chunk.live, chunk.used())
    }

    #[test]
    fn the_first_free_block_is_taken_and_a_full_chunk_has_none() {
        let mut chunk = Chunk::new(LINE, 130);
        assert_eq!(live_and_used(&chunk), (0, 0));
        for block in 0..130 {
            assert!(!chunk.is_full());
            assert_eq!(chunk.claim(), Some(block));
            assert_eq!(live_and_used(&chunk), (block + 1, block + 1));
        }
        assert!(chunk.is_full());
        assert_eq!(chunk.claim(), None);
        for (block, used) in [(1, 130), (64, 130), (129, 129), (128, 128), (127, 127)] {
            chunk.release(block);
            assert_eq!(chunk.used(), used);
        }
        assert_eq!(chunk.live, 125);
        for block in [1, 64, 127, 128, 129] {
            assert_eq!(chunk.claim(), Some(block));
        }
        assert_eq!(chunk.claim(), None);
    }

    #[test]
    fn a_block_is_found_in_its_chunk_and_nowhere_else() {
        let chunk = Chunk::new(2 * LINE, 3);
        for block in 0..3 {
            let first = chunk.first_cell(block);
            assert_eq!(chunk.position(first), Some(block));
            assert_eq!(first, NonNull::from(chunk.cell(block, 0)));
            let second_line = &chunk.lines[2 * block + 1].0;
            assert!(std::ptr::eq(
                chunk.cell(block, LINE),
                &raw const second_line[0]
            ));
        }
        let all = chunk.lines.as_ptr_range();
        let block = |line: *const Line| NonNull::new(line.cast_mut()).unwrap().cast();
        assert_eq!(chunk.position(block(all.end)), None);
        assert_eq!(chunk.position(block(all.start.wrapping_sub(1))), None);
    }
}
