//! What the process knows of a state's shared fields.
//!
//! ```text
//!  Registry (a static for each state)
//!  ├─ chunks ─▶ Chunk: up to 1,024 blocks, side by side, one for each thread that has written
//!  │              block: a cell for every shared value, padded to cache lines
//!  │              owner: the thread, and what does not fit into a cell
//!  ├─ rests:  what exited threads have left, and what has been taken
//!  └─ parts:  the `Part`s of exited threads
//! ```
//!
//! A thread writes to the cells of its own block, with plain loads and stores, and never locks for
//! that. All else happens under the registry's lock: a thread *registers* (takes a block),
//! *retires* (its cells are added to the rests and set to zero, the block is free again), and
//! readers total. So a total counts every thread exactly once, as live or as exited.
//!
//! Under the lock there is no user code, no allocation and no free: a global allocator may count
//! with this, and whoever waits does not wait long. What has to be made is made before; what has
//! to be freed is carried out.
//!
//! Free blocks are zero, so that sums need not know which blocks are free.

use std::any::Any;
use std::mem;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::Thread;

use crate::shared::histogram::{self, HistogramSnapshot};
use crate::shared::list::{Link, List};
use crate::shared::lock::{Guard, HolderIsGone, Lock};
use crate::shared::primitive::AtomicU64;

/// What the code that is not generic must know of a state's shared fields.
pub struct Sharing {
    pub(crate) state: &'static str,
    pub(crate) module: &'static str,
    pub(crate) fields: &'static [SharedMeta],
    /// The number of cells of a block.
    pub(crate) cells: usize,
    /// Sees to it that a forked child resets the registry, where that did not happen when the program was
    /// loaded.
    ///
    /// What does it knows this module, so this one cannot know it: the expansion, above both, hands it
    /// down.
    install: fn(),
}

/// What the code that is not generic must know of a shared field.
pub struct SharedMeta {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    /// The number of cells, and whether that is the length of an array.
    pub(crate) len: usize,
    pub(crate) is_array: bool,
    /// The number of the first cell.
    pub(crate) cell: usize,
    /// The number of the first [`Rest`].
    pub(crate) word: usize,
}

impl SharedMeta {
    /// Describes a field of `len` values of one kind.
    #[must_use]
    pub const fn new(
        name: &'static str,
        help: &'static str,
        (kind, len, is_array): (Kind, usize, bool),
        (cell, word): (usize, usize),
    ) -> Self {
        Self {
            name,
            help,
            kind,
            len,
            is_array,
            cell,
            word,
        }
    }

    /// The number of the cell after the last, and of the word.
    ///
    /// The greatest number if it is beyond that: arrays of lengths that wrap around are too long for
    /// [`Sharing::new`], which would not see it, and without debug assertions nobody else would.
    #[must_use]
    pub const fn end(&self) -> (usize, usize) {
        let words = self.len.saturating_mul(self.kind.words());
        (
            self.cell.saturating_add(self.len),
            self.word.saturating_add(words),
        )
    }
}

/// What a shared field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Counter`](crate::Counter).
    Counter,
    /// See [`UpDown`](crate::UpDown).
    UpDown,
    /// See [`Gauge`](crate::Gauge).
    Gauge,
    /// See [`Peak`](crate::Peak).
    Peak,
    /// See [`Histogram`](crate::Histogram).
    Histogram,
    /// See [`Part`](crate::Part).
    Part,
}

impl Kind {
    /// The number of [`Rest`]s that one of this kind needs.
    pub(crate) const fn words(self) -> usize {
        match self {
            Self::Counter | Self::UpDown | Self::Peak => 1,
            Self::Histogram => histogram::WORDS,
            Self::Gauge | Self::Part => 0,
        }
    }

    /// Whether one of this kind keeps its data outside its block.
    pub(crate) const fn has_extra(self) -> bool {
        matches!(self, Self::Histogram | Self::Part)
    }
}

impl Sharing {
    /// The most cells of a state. Each takes a pointer of every thread's storage, whether the thread
    /// uses the state or not.
    const MOST_CELLS: usize = 1024;

    /// Describes the shared fields of a state.
    ///
    /// # Panics
    ///
    /// If they are too many.
    #[must_use]
    #[track_caller]
    pub const fn new(
        state: &'static str,
        module: &'static str,
        fields: &'static [SharedMeta],
        cells: usize,
        install: fn(),
    ) -> Self {
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

    /// The first word of what exited threads have left of a cell, if they leave any.
    pub(crate) fn word(&self, cell: usize) -> Option<usize> {
        self.fields.iter().find_map(|field| {
            let element = cell.checked_sub(field.cell)?;
            let words = field.kind.words();
            (element < field.len && words > 0).then_some(field.word + element * words)
        })
    }
}

/// What exited threads have left in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    exited: u64,
    /// What of the total has been taken.
    taken: u64,
}

impl Rest {
    const NONE: Self = Self {
        exited: 0,
        taken: 0,
    };
}

/// The thread that has a block.
pub(crate) struct Owner {
    pub(crate) thread: Thread,
    /// One for every cell, or none if no field needs them.
    extras: Box<[Extra]>,
}

/// What does not fit into a cell.
pub(crate) enum Extra {
    None,
    Histogram(Buckets),
    Part(Box<PartNode>),
}

/// A histogram's words. In an `Arc` because its thread keeps a pointer to them while they move.
pub(crate) type Buckets = Arc<[AtomicU64]>;

/// A place for one thread's `Part` in the list of the exited ones.
pub(crate) struct PartNode {
    pub(crate) part: Arc<dyn ErasedPart>,
    pub(crate) cell: usize,
    next: Option<Box<PartNode>>,
}

impl PartNode {
    pub(crate) fn new(cell: usize, part: Arc<dyn ErasedPart>) -> Self {
        Self {
            part,
            cell,
            next: None,
        }
    }

    /// Separates this from the rest of its list.
    pub(crate) fn split(self) -> (Arc<dyn ErasedPart>, Option<Box<Self>>) {
        (self.part, self.next)
    }
}

/// A `Part`'s value, of whatever type.
pub(crate) trait ErasedPart: Any + Send + Sync {
    /// Called when its thread retires. Says whether it may be collected: not if the thread is
    /// using it; then the use leaves the value when it ends, if it ever does.
    fn retire(&self) -> bool;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

/// The blocks of the first chunk, few because most programs have few threads, and the most of a later one.
/// Those are many because a processor that reads ahead does well with long rows: with chunks of 64
/// a total of 2,048 threads took half as long again. In a model they are few, so that it comes to
/// a second chunk.
const FIRST_BLOCKS: usize = if cfg!(tls_core_loom) { 1 } else { 64 };
const MOST_BLOCKS: usize = if cfg!(tls_core_loom) { 2 } else { 1024 };

/// The most lines of a chunk, which has fewer blocks if these are large.
const LINES: usize = 1024;

/// Cells to a line.
const LINE: usize = if cfg!(tls_core_loom) {
    2
} else if cfg!(any(target_arch = "aarch64", target_arch = "powerpc64")) {
    16
} else {
    8
};

/// A cache line.
///
/// Not the 128 bytes that keep x86's prefetcher off a neighbour, too: a total reads the lines of
/// all threads in sequence, and then the prefetcher is welcome.
#[cfg_attr(
    any(target_arch = "aarch64", target_arch = "powerpc64"),
    repr(align(128))
)]
#[cfg_attr(
    not(any(target_arch = "aarch64", target_arch = "powerpc64")),
    repr(align(64))
)]
struct Line([AtomicU64; LINE]);

/// Blocks, side by side.
// What a total needs comes first, in one cache line.
#[repr(C)]
pub(crate) struct Chunk {
    next: Option<Box<Chunk>>,
    /// How many blocks have an owner.
    live: usize,
    /// Which have one.
    masks: [u64; MOST_BLOCKS.div_ceil(MASK)],
    /// # Invariants
    ///
    /// As many as its blocks have, and not none. Those of a block without an owner are zero, and
    /// nobody writes to them.
    lines: Box<[Line]>,
    lines_of_block: usize,
    /// One for each block.
    owners: Box<[Option<Owner>]>,
}

/// Blocks to a mask.
const MASK: usize = u64::BITS as usize;

/// The first cell of a block; the others follow. They stay where they are until the block retires.
pub(crate) type Block = NonNull<AtomicU64>;

/// A block that has an owner.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    chunk: &'a Chunk,
    block: usize,
    owner: &'a Owner,
}

impl Chunk {
    fn new(lines_of_block: usize, most: usize) -> Self {
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

    fn is_full(&self) -> bool {
        self.live == self.owners.len()
    }

    /// The blocks up to the last one that has an owner.
    fn used(&self) -> usize {
        let mut masks = self.masks.iter().enumerate();
        masks
            .rfind(|(_, mask)| **mask != 0)
            .map_or(0, |(index, mask)| {
                (index + 1) * MASK - mask.leading_zeros() as usize
            })
    }

    /// Takes a free block, if there is one. Returns its number.
    fn claim(&mut self) -> Option<usize> {
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
    fn release(&mut self, block: usize) {
        self.masks[block / MASK] &= !(1 << (block % MASK));
        self.live -= 1;
    }

    /// The number of a block, if it is in this chunk.
    fn position(&self, block: Block) -> Option<usize> {
        let offset = block.addr().get().checked_sub(self.lines.as_ptr().addr())?;
        let number = offset / (self.lines_of_block * size_of::<Line>());
        (number < self.owners.len()).then_some(number)
    }

    /// Where a block begins, with permission to access all its cells.
    fn first_cell(&self, block: usize) -> Block {
        let lines = self.lines_of_block;
        NonNull::from(&self.lines[block * lines..][..lines]).cast()
    }

    fn cell(&self, block: usize, cell: usize) -> &AtomicU64 {
        &self.lines[block * self.lines_of_block + cell / LINE].0[cell % LINE]
    }

    /// The sum of one cell of all blocks.
    #[inline]
    fn sum(&self, cell: usize) -> u64 {
        let add = |sum: u64, line: &Line| sum.wrapping_add(line.0[cell % LINE].load(Relaxed));
        if self.lines_of_block == 1 {
            // The most common case, and a total is not much else: four sums at a time, which do not
            // wait for one another, in two rows, which a processor reads ahead of both.
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

    /// One cell of all blocks that may have an owner.
    #[inline]
    fn column(&self, cell: usize) -> impl Iterator<Item = u64> {
        self.lines
            .iter()
            .skip(cell / LINE)
            .step_by(self.lines_of_block)
            .take(self.used())
            // Relaxed, here and wherever cells are read: what has to be seen was published by
            // something else (a join, a channel, the lock), and a cell never seems to go back.
            .map(move |line| line.0[cell % LINE].load(Relaxed))
    }
}

/// A state's registry.
pub struct Registry<R: ?Sized = [Rest]> {
    pub(crate) sharing: &'static Sharing,
    link: Link<Registry>,
    lock: Lock<Inner<R>>,
}

/// What the lock protects.
pub struct Inner<R: ?Sized = [Rest]> {
    chunks: Option<Box<Chunk>>,
    live: usize,
    parts: Option<Box<PartNode>>,
    rests: R,
}

impl<const WORDS: usize> Registry<[Rest; WORDS]> {
    /// The registry of a state without threads.
    ///
    /// # Safety
    ///
    /// It is a static, and `WORDS` and the numbers in `sharing` agree: the cells and words of the
    /// fields follow one another, and there are as many as they say.
    #[cfg(not(tls_core_loom))]
    #[must_use]
    pub const unsafe fn new(sharing: &'static Sharing) -> Self {
        Self {
            sharing,
            link: Link::new(),
            lock: Lock::new(Inner::EMPTY),
        }
    }

    #[cfg(tls_core_loom)]
    pub(crate) fn new(sharing: &'static Sharing) -> Self {
        Self {
            sharing,
            link: Link::new(),
            lock: Lock::new(Inner::EMPTY),
        }
    }
}

impl<const WORDS: usize> Inner<[Rest; WORDS]> {
    const EMPTY: Self = Self {
        chunks: None,
        live: 0,
        parts: None,
        rests: [Rest::NONE; WORDS],
    };
}

/// What is left of a block that has retired: to be dropped when the lock has been given back.
pub(crate) struct Retired {
    _owner: Option<Owner>,
    _chunk: Option<Box<Chunk>>,
}

/// The registries that have been used.
static REGISTRIES: List<Registry> = List::new();

/// The registries that have been used, the newest first.
pub(crate) fn registries() -> impl Iterator<Item = &'static Registry> {
    REGISTRIES.iter()
}

/// Empties all registries, in the child of a fork.
///
/// # Safety
///
/// See [`Registry::overwrite`].
pub(crate) unsafe fn overwrite_all() {
    // SAFETY: the caller's promise.
    unsafe { REGISTRIES.recover() };
    for registry in registries() {
        // SAFETY: the caller's promise.
        unsafe { registry.overwrite() };
    }
}

impl Registry {
    /// Locks.
    pub(crate) fn lock(&'static self) -> Guard<'static, Inner> {
        if !self.link.is_in() {
            self.list();
        }
        loop {
            match self.lock.lock() {
                Ok(guard) => return guard,
                // SAFETY: there is no other thread, says the error. What this one has of blocks it
                // writes to, which does no harm, until the child handler takes it away.
                Err(HolderIsGone) => unsafe { self.overwrite() },
            }
        }
    }

    /// Adds itself to the list of those that a forked child resets, before anything is in it.
    #[cold]
    fn list(&'static self) {
        (self.sharing.install)();
        // SAFETY: it is this one's link, and there is one list.
        unsafe { REGISTRIES.add(self, &self.link) };
    }

    /// Makes the owner that this thread will be.
    pub(crate) fn owner(&self) -> Owner {
        let fields = self.sharing.fields;
        let cells = if fields.iter().any(|field| field.kind.has_extra()) {
            self.sharing.cells
        } else {
            0
        };
        Owner {
            thread: std::thread::current(),
            extras: std::iter::repeat_with(|| Extra::None).take(cells).collect(),
        }
    }

    /// Takes a block.
    pub(crate) fn register(&'static self, owner: Owner) -> Block {
        let lines_of_block = self.sharing.cells.div_ceil(LINE).max(1);
        let mut owner = Some(owner);
        let mut spare = None;
        loop {
            let (block, most) = {
                let mut inner = self.lock();
                let block = inner.claim(&mut owner).or_else(|| {
                    // Many threads that start at once each bring a chunk; only those add theirs
                    // that still find none. The others drop it when they have unlocked.
                    inner.add_chunk(spare.take()?);
                    inner.claim(&mut owner)
                });
                let is_first = inner.chunks.is_none();
                (block, if is_first { FIRST_BLOCKS } else { MOST_BLOCKS })
            };
            if let Some(block) = block {
                return block;
            }
            spare = Some(Box::new(Chunk::new(lines_of_block, most)));
        }
    }

    /// Gives a block back. What its thread has written stays in the totals.
    pub(crate) fn retire(&'static self, block: Block) -> Retired {
        let sharing = self.sharing;
        self.lock().retire(block, sharing)
    }

    /// Empties it, in the child of a fork.
    ///
    /// What it held is forgotten: nobody may free what other threads may have been changing.
    ///
    /// # Safety
    ///
    /// This is the only thread of its process, and no guard of the registry is used again. (Blocks that
    /// this thread has may be written to: they are not freed. They count for nobody.)
    unsafe fn overwrite(&self) {
        // SAFETY: passed on.
        let inner = unsafe { self.lock.overwrite() };
        // SAFETY: nothing else accesses it. A change that it is in the midst of is one of single
        // words, each of which is as before or as after.
        let inner = unsafe { &mut *inner };
        mem::forget(inner.chunks.take());
        mem::forget(inner.parts.take());
        inner.live = 0;
        // Those that are zero are not written to, so that their pages stay shared with the parent.
        for rest in &mut inner.rests {
            if *rest != Rest::NONE {
                *rest = Rest::NONE;
            }
        }
    }
}

impl Inner {
    /// How many threads have a block.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        std::iter::successors(self.chunks.as_deref(), |chunk| chunk.next.as_deref())
    }

    /// Goes through the chunks, which can be changed.
    fn find_chunk(&mut self, is_it: impl Fn(&Chunk) -> bool) -> Option<&mut Chunk> {
        let mut next = self.chunks.as_deref_mut();
        while let Some(chunk) = next {
            if is_it(chunk) {
                return Some(chunk);
            }
            next = chunk.next.as_deref_mut();
        }
        None
    }

    /// At the end, because blocks are taken from the front: then the last chunks empty first.
    fn add_chunk(&mut self, chunk: Box<Chunk>) {
        let mut last = &mut self.chunks;
        while let Some(chunk) = last {
            last = &mut chunk.next;
        }
        *last = Some(chunk);
    }

    /// Takes a free block, if there is one.
    fn claim(&mut self, owner: &mut Option<Owner>) -> Option<Block> {
        let chunk = self.find_chunk(|chunk| !chunk.is_full())?;
        let block = chunk.claim()?;
        chunk.owners[block] = owner.take();
        let first = chunk.first_cell(block);
        self.live += 1;
        Some(first)
    }

    /// The extras of a block.
    pub(crate) fn extra(&mut self, block: Block, cell: usize) -> Option<&mut Extra> {
        let chunk = self.find_chunk(|chunk| chunk.position(block).is_some())?;
        let block = chunk.position(block)?;
        chunk.owners[block].as_mut()?.extras.get_mut(cell)
    }

    fn retire(&mut self, block: Block, sharing: &Sharing) -> Retired {
        let Inner {
            chunks,
            live,
            parts,
            rests,
        } = self;
        let mut empty_chunks = 0;
        let mut blocks = 0;
        let mut next = chunks;
        let mut retired = None;
        // Past the chunk of the block, too, to see whether there is another that is empty.
        while let Some(chunk) = next {
            if let (None, Some(block)) = (&retired, chunk.position(block)) {
                let mut owner = chunk.owners[block].take();
                chunk.release(block);
                *live -= 1;
                for field in sharing.fields {
                    for element in 0..field.len {
                        let cell = chunk.cell(block, field.cell + element);
                        let extra = owner
                            .as_mut()
                            .and_then(|owner| owner.extras.get_mut(field.cell + element));
                        let word = field.word + element * field.kind.words();
                        fold(field.kind, cell, extra, &mut rests[word..], parts);
                    }
                }
                retired = Some(owner);
            }
            if chunk.live == 0 {
                empty_chunks += 1;
            } else {
                blocks += chunk.owners.len();
            }
            next = &mut chunk.next;
        }
        // One empty chunk is kept, so that a thread that comes and goes does not always need
        // another; unless the others have blocks enough.
        let is_spare = empty_chunks > 1 || (empty_chunks == 1 && *live < blocks / 2);
        let chunk = is_spare.then(|| self.take_empty_chunk()).flatten();
        Retired {
            _owner: retired.flatten(),
            _chunk: chunk,
        }
    }

    fn take_empty_chunk(&mut self) -> Option<Box<Chunk>> {
        let mut next = &mut self.chunks;
        while next.as_ref()?.live != 0 {
            next = &mut next.as_mut()?.next;
        }
        let mut chunk = next.take()?;
        *next = chunk.next.take();
        Some(chunk)
    }

    /// The sum of a cell over live threads.
    pub(crate) fn sum_live(&self, cell: usize, _word: usize) -> u64 {
        self.chunks()
            .map(|chunk| chunk.sum(cell))
            .fold(0, u64::wrapping_add)
    }

    /// The sum of a cell over live threads and exited ones.
    pub(crate) fn sum(&self, cell: usize, word: usize) -> u64 {
        self.sum_live(cell, word)
            .wrapping_add(self.rests[word].exited)
    }

    /// The greatest value of a cell over live threads and exited ones.
    pub(crate) fn greatest(&self, cell: usize, word: usize) -> u64 {
        self.chunks()
            .flat_map(|chunk| chunk.column(cell))
            .fold(self.rests[word].exited, u64::max)
    }

    /// Adds a histogram's values over live threads and exited ones.
    pub(crate) fn add_histogram(&self, cell: usize, word: usize, to: &mut HistogramSnapshot) {
        let exited = &self.rests[word..word + histogram::WORDS];
        to.add(exited.iter().map(|rest| rest.exited));
        for thread in self.threads() {
            thread.add_histogram(cell, to);
        }
    }

    /// Returns what of the total has not been taken yet, and counts it as taken.
    pub(crate) fn take(&mut self, word: usize, total: u64) -> u64 {
        let taken = mem::replace(&mut self.rests[word].taken, total);
        total.wrapping_sub(taken)
    }

    /// The threads that have a block.
    pub(crate) fn threads(&self) -> impl Iterator<Item = Live<'_>> {
        self.chunks().flat_map(|chunk| {
            (0..chunk.used()).filter_map(move |block| {
                let owner = chunk.owners[block].as_ref()?;
                Some(Live {
                    chunk,
                    block,
                    owner,
                })
            })
        })
    }

    /// Adds to what exited threads have left.
    pub(crate) fn add_exited(&mut self, word: usize, count: u64) {
        let exited = &mut self.rests[word].exited;
        *exited = exited.wrapping_add(count);
    }

    /// Raises what exited threads have left.
    pub(crate) fn raise_exited(&mut self, word: usize, value: u64) {
        let exited = &mut self.rests[word].exited;
        *exited = (*exited).max(value);
    }

    /// Adds a part to those of exited threads.
    pub(crate) fn add_part(&mut self, node: Box<PartNode>) {
        push(&mut self.parts, node);
    }

    /// Moves the exited threads' parts of one field to `taken`.
    pub(crate) fn take_exited_parts(&mut self, cell: usize, taken: &mut Option<Box<PartNode>>) {
        let mut next = &mut self.parts;
        while let Some(node) = next {
            if node.cell == cell {
                let rest = node.next.take();
                let node = mem::replace(next, rest);
                if let Some(node) = node {
                    push(taken, node);
                }
            } else {
                next = &mut next
                    .as_mut()
                    .expect("it is `Some`, as the loop has seen")
                    .next;
            }
        }
    }
}

impl Live<'_> {
    pub(crate) fn thread(&self) -> &Thread {
        &self.owner.thread
    }

    /// The value of a cell.
    pub(crate) fn load(&self, cell: usize) -> u64 {
        self.chunk.cell(self.block, cell).load(Relaxed)
    }

    /// Adds the values of a histogram, if there are any yet.
    pub(crate) fn add_histogram(&self, cell: usize, to: &mut HistogramSnapshot) {
        if let Some(Extra::Histogram(buckets)) = self.owner.extras.get(cell) {
            to.add(buckets.iter().map(|bucket| bucket.load(Relaxed)));
        }
    }

    /// The part, if there is one yet.
    pub(crate) fn part(&self, cell: usize) -> Option<Arc<dyn ErasedPart>> {
        match self.owner.extras.get(cell) {
            Some(Extra::Part(node)) => Some(Arc::clone(&node.part)),
            _ => None,
        }
    }
}

fn push(list: &mut Option<Box<PartNode>>, mut node: Box<PartNode>) {
    node.next = list.take();
    *list = Some(node);
}

/// Moves what a thread has written into one cell to what exited threads have left.
fn fold(
    kind: Kind,
    cell: &AtomicU64,
    extra: Option<&mut Extra>,
    rests: &mut [Rest],
    parts: &mut Option<Box<PartNode>>,
) {
    let value = cell.load(Relaxed);
    cell.store(0, Relaxed);
    match (kind, extra) {
        (Kind::Counter | Kind::UpDown, _) => rests[0].exited = rests[0].exited.wrapping_add(value),
        (Kind::Peak, _) => rests[0].exited = rests[0].exited.max(value),
        (Kind::Histogram, Some(Extra::Histogram(buckets))) => {
            for (rest, bucket) in rests.iter_mut().zip(buckets.iter()) {
                rest.exited = rest.exited.wrapping_add(bucket.load(Relaxed));
            }
        }
        (Kind::Part, Some(extra)) => {
            if let Extra::Part(node) = mem::replace(extra, Extra::None) {
                if node.part.retire() {
                    push(parts, node);
                } else {
                    // The use refers to it.
                    mem::forget(node);
                }
            }
        }
        _ => {}
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
        let mut chunk = Chunk::new(1, 130);
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
        let chunk = Chunk::new(2, 3);
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

    const FIELDS: &[SharedMeta] = {
        let counts = SharedMeta::new("counts", "", (Kind::Counter, 2, true), (0, 0));
        let part = SharedMeta::new("part", "", (Kind::Part, 1, false), counts.end());
        let times = SharedMeta::new("times", "", (Kind::Histogram, 2, true), part.end());
        let peak = SharedMeta::new("peak", "", (Kind::Peak, 1, false), times.end());
        &[counts, part, times, peak]
    };

    #[test]
    fn a_cell_has_the_words_of_its_field_if_that_leaves_any() {
        let sharing = Sharing::new("State", "module", FIELDS, 6, || {});
        let words = histogram::WORDS;
        let expected = [
            Some(0),
            Some(1),
            None,
            Some(2),
            Some(2 + words),
            Some(2 + 2 * words),
            None,
        ];
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6].map(|cell| sharing.word(cell)),
            expected
        );
    }

    /// How many blocks each chunk of a registry has.
    fn chunks(registry: &'static Registry) -> Vec<usize> {
        let inner = registry.lock();
        inner.chunks().map(|chunk| chunk.owners.len()).collect()
    }

    #[test]
    fn one_empty_chunk_is_kept_unless_the_others_are_less_than_half_full() {
        static SHARING: Sharing = {
            const FIELDS: &[SharedMeta] = &[SharedMeta::new(
                "jobs",
                "",
                (Kind::Counter, 1, false),
                (0, 0),
            )];
            Sharing::new("State", "module", FIELDS, 1, || {})
        };
        // SAFETY: it is a static, and its one field has one cell and one word.
        static REGISTRY: Registry<[Rest; 1]> = unsafe { Registry::new(&SHARING) };
        let registry: &'static Registry = &REGISTRY;
        let register = |blocks: usize| {
            let register = || registry.register(registry.owner());
            std::iter::repeat_with(register)
                .take(blocks)
                .collect::<Vec<Block>>()
        };
        let retire = |blocks: &[Block]| {
            for block in blocks {
                registry.retire(*block);
            }
        };

        let first = register(64);
        assert_eq!(chunks(registry), [64]);
        let second = register(1024);
        assert_eq!(chunks(registry), [64, 1024]);
        let third = register(1);
        assert_eq!(chunks(registry), [64, 1024, 1024]);
        retire(&third);
        assert_eq!(chunks(registry), [64, 1024, 1024], "one empty");
        retire(&first);
        assert_eq!(chunks(registry), [1024, 1024], "of two, one is kept");
        retire(&second[..512]);
        assert_eq!(chunks(registry), [1024, 1024], "half full");
        retire(&second[512..513]);
        assert_eq!(chunks(registry), [1024], "less than half full");
        retire(&second[513..]);
        assert_eq!(chunks(registry), [1024], "the only one is kept");
        assert_eq!(registry.lock().live(), 0);
        let again = register(1);
        assert_eq!(chunks(registry), [1024]);
        assert_eq!(registry.lock().live(), 1);
        retire(&again);
    }

    #[test]
    fn arrays_whose_lengths_wrap_around_are_not_taken_for_short_ones() {
        for kind in [Kind::Counter, Kind::Histogram, Kind::Part] {
            let first = SharedMeta::new("first", "", (kind, usize::MAX - 3, true), (0, 0));
            let second = SharedMeta::new("second", "", (kind, 8, true), first.end());
            let (cells, words) = second.end();
            assert!(cells > Sharing::MOST_CELLS, "{kind:?}: {cells}");
            assert!(words >= kind.words(), "{kind:?}: {words}");
        }
    }
}
