//! A process's side of a state's shared fields.
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
//! A thread writes to the cells of its own block with plain loads and stores, and takes no lock for that.
//! Everything else happens under the registry's lock. A thread *registers*: it takes a block. It
//! *retires*: its cells are added to the rests and set to zero, and the block is free again. Readers
//! total. So a total counts every thread exactly once, as live or as exited.
//!
//! Under the lock there is no user code, no allocation and no free, because a global allocator may count
//! with this, and so that no thread waits for long. What is needed is allocated before, and what must be
//! freed is carried out.

use std::mem;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::{Block, Chunk, Extra, FIRST_BLOCKS, Live, MOST_BLOCKS, Owner};
use crate::shared::histogram;
use crate::shared::kept::Kept;
use crate::shared::layout::{Kind, Sharing};
use crate::shared::list::{Link, List};
use crate::shared::lock::{Guard, HolderIsGone, Lock};
use crate::shared::part_list::{self, ErasedPart, PartList, PartNode};
use crate::shared::primitive::AtomicU64;
use crate::shared::snapshot::HistogramSnapshot;

/// What exited threads have left of one cell, or of one word of a histogram.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    exited: u64,
    /// How much of the total has been taken.
    taken: u64,
}

impl Rest {
    const NONE: Self = Self {
        exited: 0,
        taken: 0,
    };
}

/// The registry of a state, or of a job for a state.
pub struct Registry<R: ?Sized = [Rest]> {
    pub(crate) sharing: &'static Sharing,
    /// Creates another registry of this size, for a job.
    twin: fn(&'static Sharing) -> Kept<Registry>,
    /// # Invariants
    ///
    /// If this is `Some`, the registry is a static.
    link: Option<Link<Registry>>,
    lock: Lock<Inner<R>>,
}

/// What the lock protects.
pub struct Inner<R: ?Sized = [Rest]> {
    chunks: Option<Box<Chunk>>,
    live: usize,
    parts: PartList,
    rests: R,
}

impl<const RESTS: usize> Registry<[Rest; RESTS]> {
    /// Returns the registry of a state, without threads.
    ///
    /// # Safety
    ///
    /// The registry becomes a static, and `RESTS` is the number of rests of the fields.
    #[cfg(not(tls_core_loom))]
    #[must_use]
    pub const unsafe fn new(sharing: &'static Sharing) -> Self {
        Self {
            sharing,
            twin: Self::make_twin,
            link: Some(Link::new()),
            lock: Lock::new(Inner::EMPTY),
        }
    }

    #[cfg(tls_core_loom)]
    pub(crate) fn new(sharing: &'static Sharing) -> Self {
        Self {
            sharing,
            twin: Self::make_twin,
            link: Some(Link::new()),
            lock: Lock::new(Inner::EMPTY),
        }
    }

    /// Creates a registry in place, because with histograms it is too large for the stack.
    fn make_twin(sharing: &'static Sharing) -> Kept<Registry> {
        let place = Kept::<Self>::zeros();
        let twin = place.as_ptr();
        // SAFETY: the memory is for a registry, and no other code knows it.
        let field = unsafe { &raw mut (*twin).sharing };
        // SAFETY: as above.
        unsafe { field.write(sharing) };
        // SAFETY: as above.
        let field = unsafe { &raw mut (*twin).twin };
        // SAFETY: as above.
        unsafe { field.write(Self::make_twin) };
        // SAFETY: as above.
        let field = unsafe { &raw mut (*twin).link };
        // SAFETY: as above.
        unsafe { field.write(None) };
        // Zeros are what `Lock::new(Inner::EMPTY)` returns: nobody holds the lock, there are no chunks
        // and no parts (`None` of a box is null), and all rests are zero. But they are not a model
        // checker's lock.
        #[cfg(tls_core_loom)]
        {
            // SAFETY: as above.
            let field = unsafe { &raw mut (*twin).lock };
            // SAFETY: as above.
            unsafe { field.write(Lock::new(Inner::EMPTY)) };
        }
        // SAFETY: the memory comes from `Kept::zeros`, has been filled with a registry, and has no other
        // owner.
        unsafe { Kept::from_raw(place as NonNull<Registry>) }
    }
}

impl<const RESTS: usize> Inner<[Rest; RESTS]> {
    const EMPTY: Self = Self {
        chunks: None,
        live: 0,
        parts: None,
        rests: [Rest::NONE; RESTS],
    };
}

/// What remains of a block that has retired. Dropped after the lock has been released.
pub(crate) struct Retired {
    _owner: Option<Owner>,
    _chunk: Option<Box<Chunk>>,
}

/// The registries that have been used.
static REGISTRIES: List<Registry> = List::new();

/// Returns the registries that have been used, the newest first.
pub(crate) fn registries() -> impl Iterator<Item = &'static Registry> {
    REGISTRIES.iter()
}

/// Empties all registries, in the child of a fork.
///
/// # Safety
///
/// This is the only thread of its process, and no guard of a registry is used again.
pub(crate) unsafe fn overwrite_all() {
    // SAFETY: the caller guarantees that this is the only thread (`# Safety`), and it adds nothing.
    unsafe { REGISTRIES.recover() };
    for registry in registries() {
        // SAFETY: the caller guarantees that this is the only thread, and that no guard is used again
        // (`# Safety`).
        unsafe { registry.overwrite() };
    }
}

impl Registry {
    /// Locks the registry, and lists it first if it has not been listed.
    pub(crate) fn lock(&self) -> Guard<'_, Inner> {
        if let Some(link) = &self.link {
            if !link.is_in() {
                self.list();
            }
        }
        loop {
            match self.lock.lock() {
                Ok(guard) => return guard,
                // SAFETY: `HolderIsGone` means that this is the only thread, and this thread holds no
                // guard here. Its writes to its blocks do no harm until the child handler takes the
                // blocks away or the process ends.
                Err(HolderIsGone) => unsafe { self.overwrite() },
            }
        }
    }

    /// Adds the registry to the list of those that a forked child resets, before it counts anything.
    #[cold]
    fn list(&self) {
        (self.sharing.install)();
        // SAFETY: only a registry that has a link comes here, and by the invariant of `link` it is a
        // static.
        let registry: &'static Self = unsafe { &*ptr::from_ref(self) };
        if let Some(link) = &registry.link {
            // SAFETY: the link is this registry's own, and there is one list.
            unsafe { REGISTRIES.add(registry, link) };
        }
    }

    /// Creates an empty registry for the same state.
    pub(crate) fn twin(&self) -> Kept<Self> {
        (self.twin)(self.sharing)
    }

    /// Returns this thread as the owner of a block, if it can still be one.
    pub(crate) fn owner(&self) -> Option<Owner> {
        let fields = self.sharing.fields;
        let cells = if fields.iter().any(|field| field.kind.has_extra()) {
            self.sharing.cells
        } else {
            0
        };
        Owner::current(cells)
    }

    /// Takes a block, with the value `first` in one of its cells: no reader finds the thread without what
    /// it has written.
    pub(crate) fn register(&self, owner: Owner, first: Option<(usize, u64)>) -> Block {
        let mut owner = Some(owner);
        let mut spare = None;
        loop {
            let (block, most) = {
                let mut inner = self.lock();
                let block = inner.claim(&mut owner, first).or_else(|| {
                    // Many threads that start at once each bring a chunk. Only a thread that still finds
                    // no free block adds its chunk. The others drop theirs after unlocking.
                    inner.add_chunk(spare.take()?);
                    inner.claim(&mut owner, first)
                });
                let is_first = inner.chunks.is_none();
                (block, if is_first { FIRST_BLOCKS } else { MOST_BLOCKS })
            };
            if let Some(block) = block {
                return block;
            }
            spare = Some(Box::new(Chunk::new(self.sharing.cells, most)));
        }
    }

    /// Gives a block back. What its thread has written stays in the totals.
    pub(crate) fn retire(&self, block: Block) -> Retired {
        let sharing = self.sharing;
        self.lock().retire(block, sharing)
    }

    /// Empties the registry, in the child of a fork, or at the end of a process if the thread that held
    /// the lock is gone.
    ///
    /// The content is forgotten and not freed, because other threads may have been changing it.
    ///
    /// # Safety
    ///
    /// This is the only thread of its process, and no guard of the registry is used again. (This thread
    /// may write to its blocks: they are not freed, and no longer count.)
    unsafe fn overwrite(&self) {
        // SAFETY: the caller guarantees that this is the only thread, and that no guard is used again
        // (`# Safety`).
        let inner = unsafe { self.lock.overwrite() };
        // SAFETY: nothing else accesses the value. If it is in the middle of a change, that is one of
        // single words, each of which is as before or as after the change.
        let inner = unsafe { &mut *inner };
        mem::forget(inner.chunks.take());
        mem::forget(inner.parts.take());
        inner.live = 0;
        // Rests that are zero are not written to, so that their pages stay shared with the parent.
        for rest in &mut inner.rests {
            if *rest != Rest::NONE {
                *rest = Rest::NONE;
            }
        }
    }
}

impl Inner {
    /// Returns the number of threads that own a block.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    fn chunks(&self) -> impl Iterator<Item = &Chunk> {
        std::iter::successors(self.chunks.as_deref(), |chunk| chunk.next.as_deref())
    }

    /// Returns the first chunk for which the function returns `true`.
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

    /// Adds a chunk at the end. Blocks are taken from the front, so the last chunks become empty first.
    fn add_chunk(&mut self, chunk: Box<Chunk>) {
        let mut last = &mut self.chunks;
        while let Some(chunk) = last {
            last = &mut chunk.next;
        }
        *last = Some(chunk);
    }

    /// Takes a free block, if there is one.
    fn claim(&mut self, owner: &mut Option<Owner>, first: Option<(usize, u64)>) -> Option<Block> {
        let chunk = self.find_chunk(|chunk| !chunk.is_full())?;
        let block = chunk.claim()?;
        if let Some((cell, value)) = first {
            chunk.cell(block, cell).store(value, Relaxed);
        }
        chunk.owners[block] = owner.take();
        let first = chunk.first_cell(block);
        self.live += 1;
        Some(first)
    }

    /// Returns what a cell of a block has outside the block.
    pub(crate) fn extra(&mut self, block: Block, cell: usize) -> Option<&mut Extra> {
        let chunk = self.find_chunk(|chunk| chunk.position(block).is_some())?;
        let block = chunk.position(block)?;
        chunk.owners[block].as_mut()?.extra(cell)
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
        // The loop goes on after the block's chunk, to see whether another chunk is empty.
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
                            .and_then(|owner| owner.extra(field.cell + element));
                        let rest = field.rest + element * field.kind.rests();
                        fold(field.kind, cell, extra, &mut rests[rest..], parts);
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
        // One empty chunk is kept, so that a thread that comes and goes does not always need a new one,
        // unless the other chunks have enough blocks.
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

    /// Returns the sum of a cell over live threads.
    pub(crate) fn sum_live(&self, cell: usize, _word: usize) -> u64 {
        self.chunks()
            .map(|chunk| chunk.sum(cell))
            .fold(0, u64::wrapping_add)
    }

    /// Returns the sum of a cell over live and exited threads.
    pub(crate) fn sum(&self, cell: usize, rest: usize) -> u64 {
        self.sum_live(cell, rest)
            .wrapping_add(self.rests[rest].exited)
    }

    /// Returns the greatest value of a cell over live and exited threads.
    pub(crate) fn greatest(&self, cell: usize, rest: usize) -> u64 {
        self.chunks()
            .flat_map(|chunk| chunk.column(cell))
            .fold(self.rests[rest].exited, u64::max)
    }

    /// Returns what exited threads have left there.
    pub(crate) fn exited(&self, rest: usize) -> u64 {
        self.rests[rest].exited
    }

    /// Returns what exited threads have left of a value that counts live threads only: nothing.
    #[expect(clippy::unused_self, reason = "in the place of `exited`")]
    pub(crate) fn nothing(&self, _word: usize) -> u64 {
        0
    }

    /// Adds a histogram's values of exited threads.
    pub(crate) fn add_exited_histogram(&self, rest: usize, to: &mut HistogramSnapshot) {
        let exited = &self.rests[rest..rest + histogram::WORDS];
        to.add(exited.iter().map(|rest| rest.exited));
    }

    /// Adds a histogram's values of live and exited threads.
    pub(crate) fn add_histogram(&self, cell: usize, rest: usize, to: &mut HistogramSnapshot) {
        self.add_exited_histogram(rest, to);
        for thread in self.threads() {
            thread.add_histogram(cell, to);
        }
    }

    /// Returns what of the total has not been taken yet, and marks it as taken.
    pub(crate) fn take(&mut self, rest: usize, total: u64) -> u64 {
        let taken = mem::replace(&mut self.rests[rest].taken, total);
        total.wrapping_sub(taken)
    }

    /// Returns the threads that own a block.
    pub(crate) fn threads(&self) -> impl Iterator<Item = Live<'_>> {
        self.chunks().flat_map(Chunk::threads)
    }

    /// Adds to what exited threads have left.
    pub(crate) fn add_exited(&mut self, rest: usize, count: u64) {
        let exited = &mut self.rests[rest].exited;
        *exited = exited.wrapping_add(count);
    }

    /// Raises what exited threads have left to a value, if that is greater.
    pub(crate) fn raise_exited(&mut self, rest: usize, value: u64) {
        let exited = &mut self.rests[rest].exited;
        *exited = (*exited).max(value);
    }

    /// Adds a part to those of exited threads.
    pub(crate) fn add_part(&mut self, node: Box<PartNode>) {
        part_list::push(&mut self.parts, node);
    }

    /// Returns exited threads' parts of one field.
    pub(crate) fn exited_parts(&self, cell: usize) -> impl Iterator<Item = &Arc<dyn ErasedPart>> {
        part_list::of(cell, &self.parts)
    }

    /// Moves exited threads' parts of one field to `taken`.
    pub(crate) fn take_exited_parts(&mut self, cell: usize, taken: &mut PartList) {
        part_list::move_of(cell, &mut self.parts, taken);
    }
}

/// Moves what a thread has written to one cell into the rests.
fn fold(
    kind: Kind,
    cell: &AtomicU64,
    extra: Option<&mut Extra>,
    rests: &mut [Rest],
    parts: &mut PartList,
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
                    part_list::push(parts, node);
                } else {
                    // The use refers to the part.
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
    use crate::shared::layout::{SharedMeta, laid_out};

    /// How many blocks each chunk of a registry has.
    fn chunks(registry: &'static Registry) -> Vec<usize> {
        let inner = registry.lock();
        inner.chunks().map(|chunk| chunk.owners.len()).collect()
    }

    #[test]
    fn one_empty_chunk_is_kept_unless_the_others_are_less_than_half_full() {
        static SHARING: Sharing = {
            const FIELDS: &[SharedMeta] =
                &laid_out([SharedMeta::new("jobs", "", Kind::Counter, 1, false)]);
            Sharing::new("State", "module", FIELDS, || {})
        };
        // SAFETY: it is a static, and its one field has one cell and one rest.
        static REGISTRY: Registry<[Rest; 1]> = unsafe { Registry::new(&SHARING) };
        let registry: &'static Registry = &REGISTRY;
        let register = |blocks: usize| {
            let register = || registry.register(registry.owner().unwrap(), None);
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
}
