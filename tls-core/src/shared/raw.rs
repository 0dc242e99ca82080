//! A thread's side of shared fields: where it finds its cells.
//!
//! A [`Local`] is a thread-local without drop glue. It has a pointer for every shared value, which is
//! null until the thread has registered, and again from the moment it retires. So one test on the hot
//! path is enough, and no pointer leads to a cell that has been given back.
//!
//! The locals that a thread has used form a list, by which the thread retires.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::Block;
use crate::shared::exit;
use crate::shared::histogram;
use crate::shared::primitive::{AtomicU64, thread_local};
use crate::shared::registry::Registry;
use crate::shared::snapshot::HistogramSnapshot;

/// A shared value, as its thread finds it: a pointer to the cell or, for histograms and parts, to the
/// data outside the block.
///
/// # Invariants
///
/// It is an element of a [`Local`]. If it is not null, it points to what the field's kind requires: an
/// [`AtomicU64`] in the thread's block that the local leads to, a histogram's words, or a part. These
/// stay in place until this is null again. Only this thread writes to cells and words; parts have locks.
pub(crate) struct Raw(Cell<Option<NonNull<()>>>);

impl Raw {
    const fn null() -> Self {
        Self(Cell::new(None))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<NonNull<()>> {
        self.0.get()
    }

    /// Returns the cell, if there is one.
    ///
    /// # Safety
    ///
    /// A value of the field's kind is stored in its cell.
    #[inline(always)]
    unsafe fn cell(&self) -> Option<&AtomicU64> {
        // SAFETY: the caller guarantees that the kind is one that is stored in its cell (`# Safety`), so
        // by the invariant of `Raw` this points to a cell.
        self.get()
            .map(|cell| unsafe { cell.cast::<AtomicU64>().as_ref() })
    }

    /// Sets the cell. Returns `false` if there is none.
    ///
    /// # Safety
    ///
    /// As for [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn set(&self, value: u64) -> bool {
        // SAFETY: the caller guarantees what `cell` requires (`# Safety`).
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(value, Relaxed)).is_some()
    }

    /// Adds to the cell. Returns `false` if there is none.
    ///
    /// Uses no read-modify-write instruction, because only this thread writes.
    ///
    /// # Safety
    ///
    /// As for [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn add(&self, count: u64) -> bool {
        // SAFETY: the caller guarantees what `cell` requires (`# Safety`).
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(cell.load(Relaxed).wrapping_add(count), Relaxed))
            .is_some()
    }

    /// Raises the cell to a value, if that is greater. Returns `false` if there is no cell.
    ///
    /// # Safety
    ///
    /// As for [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn raise(&self, value: u64) -> bool {
        // SAFETY: the caller guarantees what `cell` requires (`# Safety`).
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(cell.load(Relaxed).max(value), Relaxed))
            .is_some()
    }

    /// Returns the value of the cell, or zero if there is none.
    ///
    /// # Safety
    ///
    /// As for [`cell`](Self::cell).
    #[inline]
    pub(crate) unsafe fn load(&self) -> u64 {
        // SAFETY: the caller guarantees what `cell` requires (`# Safety`).
        let cell = unsafe { self.cell() };
        cell.map_or(0, |cell| cell.load(Relaxed))
    }

    /// Returns the words of a histogram, if its thread has recorded.
    ///
    /// # Safety
    ///
    /// The field's kind is `Histogram`.
    #[inline(always)]
    unsafe fn words(&self) -> Option<&[AtomicU64]> {
        self.get().map(|words| {
            let words = NonNull::slice_from_raw_parts(words.cast::<AtomicU64>(), histogram::WORDS);
            // SAFETY: the caller guarantees that the kind is `Histogram` (`# Safety`), so by the
            // invariant of `Raw` this points to its words.
            unsafe { words.as_ref() }
        })
    }

    /// Records a value in a histogram. Returns `false` if there are no words to record in.
    ///
    /// # Safety
    ///
    /// As for [`words`](Self::words).
    #[inline(always)]
    pub(crate) unsafe fn record(&self, value: u64) -> bool {
        // SAFETY: the caller guarantees what `words` requires (`# Safety`).
        let Some(words) = (unsafe { self.words() }) else {
            return false;
        };
        let add = |word: &AtomicU64, more: u64| {
            word.store(word.load(Relaxed).wrapping_add(more), Relaxed);
        };
        add(&words[histogram::bucket(value)], 1);
        add(&words[histogram::SUM], value);
        true
    }

    /// Returns the values of a histogram.
    ///
    /// # Safety
    ///
    /// As for [`words`](Self::words).
    pub(crate) unsafe fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        // SAFETY: the caller guarantees what `words` requires (`# Safety`).
        if let Some(words) = unsafe { self.words() } {
            snapshot.add(words.iter().map(|word| word.load(Relaxed)));
        }
        snapshot
    }
}

/// The head of a [`Local`], whose type does not depend on the state.
pub(crate) struct Head {
    /// The next older local of the thread. Meaningless if `registry` is `None`.
    next: Cell<Option<NonNull<Head>>>,
    /// The state's registry, if this local is in the thread's list.
    registry: Cell<Option<&'static Registry>>,
    /// The thread's block. While the thread is in a job, its block there.
    block: Cell<Option<Block>>,
    /// Whether the block was given back because the thread is exiting.
    is_retired: Cell<bool>,
    /// Whether this thread is allocating something for this state. An allocator that counts with the
    /// state does without it then.
    is_busy: Cell<bool>,
}

impl Head {
    /// Returns `true` if a block that the thread takes would be given back.
    pub(super) fn may_register(&self) -> bool {
        !self.is_retired.get() && exit::is_open() && !IS_CLOSED.with(Cell::get)
    }
}

/// A thread's pointers to its cells of one state.
#[repr(C)]
pub struct Local<const CELLS: usize> {
    head: Head,
    raws: [Raw; CELLS],
}

/// A [`Local`] of any size.
///
/// # Safety
///
/// Only `Local` implements this trait.
#[allow(
    unreachable_pub,
    reason = "a bound in a public trait, which Rust 1.85 does not count"
)]
pub unsafe trait Cells: 'static {
    #[doc(hidden)]
    fn local(&self) -> LocalRef;
}

/// A pointer to a local's head, with permission to access the whole local.
///
/// # Invariants
///
/// 1. It points to the [`Head`] of a [`Local`] in this thread's thread-local storage. A local has no drop
///    glue, so it stays valid as long as the thread runs. (Under keys: until the thread's table ends.)
///    The reference stays on the thread: it is not `Send`, and the list that it is kept in is the thread's
///    own.
/// 2. Only shared references to locals exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LocalRef(NonNull<Head>);

impl<const CELLS: usize> Local<CELLS> {
    /// Returns a thread's local before its first use. All its bytes are zero.
    ///
    /// # Safety
    ///
    /// The local becomes the initial value of one thread-local, that of a registry whose blocks have
    /// `CELLS` cells.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self::with(false)
    }

    /// Returns the local of a thread that no longer counts. Nothing writes to it.
    #[must_use]
    pub const fn retired() -> Self {
        Self::with(true)
    }

    const fn with(is_retired: bool) -> Self {
        Self {
            head: Head {
                next: Cell::new(None),
                registry: Cell::new(None),
                block: Cell::new(None),
                is_retired: Cell::new(is_retired),
                is_busy: Cell::new(false),
            },
            raws: [const { Raw::null() }; CELLS],
        }
    }
}

// SAFETY: this is `Local`.
unsafe impl<const CELLS: usize> Cells for Local<CELLS> {
    #[inline(always)]
    fn local(&self) -> LocalRef {
        LocalRef(NonNull::from(self).cast())
    }
}

thread_local! {
    /// The newest of the locals that this thread has used. No drop glue, so it stays accessible.
    static NEWEST: Cell<Option<LocalRef>> = const { Cell::new(None) };
}

/// Returns the locals that this thread has used, newest first.
pub(crate) fn locals() -> impl Iterator<Item = LocalRef> {
    std::iter::successors(NEWEST.with(Cell::get), |local| {
        local.head().next.get().map(LocalRef)
    })
}

impl LocalRef {
    #[inline(always)]
    pub(super) fn head(&self) -> &Head {
        // SAFETY: by invariant 1 of `LocalRef` the local is there, and by invariant 2 only shared
        // references to it exist.
        unsafe { self.0.as_ref() }
    }

    /// Returns a shared value.
    ///
    /// # Safety
    ///
    /// The local has more than `cell` cells.
    #[inline(always)]
    pub(crate) unsafe fn raw(&self, cell: usize) -> &Raw {
        // SAFETY: the cells follow the head, because `Local` is `repr(C)` and both have the alignment of
        // a pointer. The pointer has permission for the whole local.
        let first = unsafe { self.0.add(1) }.cast::<Raw>();
        // SAFETY: the caller guarantees that the local has more than `cell` cells (`# Safety`).
        let raw = unsafe { first.add(cell) };
        // SAFETY: by invariants 1 and 2 of `LocalRef`, as in `head`.
        unsafe { raw.as_ref() }
    }

    /// Returns the registry, if the local is in the thread's list.
    pub(crate) fn registry(self) -> Option<&'static Registry> {
        self.head().registry.get()
    }

    /// Puts the local into the thread's list, if it is not there yet.
    pub(super) fn bind(self, registry: &'static Registry) {
        let head = self.head();
        if head.registry.get().is_none() {
            head.next.set(NEWEST.with(Cell::get).map(|local| local.0));
            NEWEST.with(|newest| newest.set(Some(self)));
            head.registry.set(Some(registry));
        }
    }

    /// Returns this thread's block, if it has one.
    pub(crate) fn block(self) -> Option<Block> {
        self.head().block.get()
    }

    /// Makes the local lead to a block's cells. [`find_extras`](Self::find_extras) does that for
    /// histograms and parts.
    pub(crate) fn attach(self, registry: &Registry, block: Block) {
        self.head().block.set(Some(block));
        for field in registry.sharing.fields {
            if field.kind.has_extra() {
                continue;
            }
            for cell in field.cell..field.cell + field.len {
                // SAFETY: the cells of a field are in the block.
                let place = unsafe { block.add(cell) };
                // SAFETY: the registry is that of the local, which has a pointer for each cell of a
                // block. The place is that of the cell.
                unsafe { self.set(cell, place.cast()) };
            }
        }
    }

    /// Makes the local lead to what its block has outside.
    pub(crate) fn find_extras(self, registry: &Registry) {
        let Some(block) = self.block() else { return };
        for field in registry.sharing.fields {
            if !field.kind.has_extra() {
                continue;
            }
            let mut inner = registry.lock();
            for cell in field.cell..field.cell + field.len {
                if let Some(place) = inner.extra(block, cell).and_then(|extra| extra.place()) {
                    // SAFETY: as in `attach`. The place is that of the cell's extra.
                    unsafe { self.set(cell, place) };
                }
            }
        }
    }

    /// Makes the local lead to a cell, or to what the cell has outside the block.
    ///
    /// # Safety
    ///
    /// The local has more than `cell` cells. The place is as the invariant of [`Raw`] requires.
    pub(crate) unsafe fn set(self, cell: usize, place: NonNull<()>) {
        // SAFETY: the caller guarantees that the local has more than `cell` cells (`# Safety`).
        unsafe { self.raw(cell) }.0.set(Some(place));
    }

    /// Detaches the local from its block, by setting all pointers to null.
    pub(crate) fn detach(self) -> Option<Block> {
        let block = self.head().block.take()?;
        self.forget();
        Some(block)
    }

    /// Marks the thread as one that no longer registers.
    pub(crate) fn set_retired(self) {
        self.head().is_retired.set(true);
    }

    fn forget(self) {
        self.head().block.set(None);
        let Some(registry) = self.registry() else {
            return;
        };
        for cell in 0..registry.sharing.cells {
            // SAFETY: the local has as many pointers as its registry's blocks have cells.
            let raw = unsafe { self.raw(cell) };
            raw.0.set(None);
        }
    }
}

/// Forgets this thread's blocks, in the child of a fork.
pub(crate) fn forget_blocks() {
    for local in locals() {
        local.forget();
    }
}

thread_local! {
    /// Whether this thread is giving blocks back, and takes none meanwhile.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// While this exists, the thread takes no blocks. What is freed while blocks are given back then counts
/// in the rests.
pub(crate) struct Closed(bool);

impl Closed {
    pub(crate) fn new() -> Self {
        Self(IS_CLOSED.with(|is_closed| is_closed.replace(true)))
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        IS_CLOSED.with(|is_closed| is_closed.set(self.0));
    }
}

/// Sets [`Head::is_busy`] until it is dropped.
pub(super) struct Busy<'a>(&'a Head);

impl<'a> Busy<'a> {
    pub(super) fn new(head: &'a Head) -> Option<Self> {
        // Lazily, because dropping it would set the flag to false.
        (!head.is_busy.replace(true)).then(|| Self(head))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
    }
}
