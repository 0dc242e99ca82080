//! A thread's side of shared fields: where it finds its cells.
//!
//! A [`Local`] is a thread-local without drop glue. It holds a pointer for every shared value, null
//! until the thread has registered and again from the moment it retires. So one test on the hot path
//! tells all, and nobody holds on to a cell that has been given back.
//!
//! The locals that a thread has used form a list, to retire them.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::Block;
use crate::shared::exit;
use crate::shared::histogram;
use crate::shared::primitive::{AtomicU64, thread_local};
use crate::shared::registry::Registry;
use crate::shared::snapshot::HistogramSnapshot;

/// A shared value, as its thread finds it: a pointer to the cell or, of histograms and parts, to
/// what is in the cell's place.
///
/// # Invariants
///
/// It is an element of a [`Local`]. If it is not null, it points to an [`AtomicU64`] in the block of its thread's
/// that the local leads to, to a histogram's words or to a part, as the field's kind says. That stays there until this
/// is null again. Only this thread writes to cells and words; parts have locks.
pub(crate) struct Raw(Cell<Option<NonNull<()>>>);

impl Raw {
    const fn null() -> Self {
        Self(Cell::new(None))
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> Option<NonNull<()>> {
        self.0.get()
    }

    /// The cell, if there is one.
    ///
    /// # Safety
    ///
    /// The field's kind is one that lives in its cell.
    #[inline(always)]
    unsafe fn cell(&self) -> Option<&AtomicU64> {
        // SAFETY: the invariant of `Raw`, and the caller's promise.
        self.get()
            .map(|cell| unsafe { cell.cast::<AtomicU64>().as_ref() })
    }

    /// Sets the cell. Returns `false` if there is none.
    ///
    /// # Safety
    ///
    /// As [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn set(&self, value: u64) -> bool {
        // SAFETY: this function asks for what `cell` asks for.
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(value, Relaxed)).is_some()
    }

    /// Adds to the cell. Returns `false` if there is none.
    ///
    /// Without a read-modify-write instruction: only this thread writes.
    ///
    /// # Safety
    ///
    /// As [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn add(&self, count: u64) -> bool {
        // SAFETY: this function asks for what `cell` asks for.
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(cell.load(Relaxed).wrapping_add(count), Relaxed))
            .is_some()
    }

    /// Raises the cell. Returns `false` if there is none.
    ///
    /// # Safety
    ///
    /// As [`cell`](Self::cell).
    #[inline(always)]
    pub(crate) unsafe fn raise(&self, value: u64) -> bool {
        // SAFETY: this function asks for what `cell` asks for.
        let cell = unsafe { self.cell() };
        cell.inspect(|cell| cell.store(cell.load(Relaxed).max(value), Relaxed))
            .is_some()
    }

    /// The value of the cell; zero if there is none.
    ///
    /// # Safety
    ///
    /// As [`cell`](Self::cell).
    #[inline]
    pub(crate) unsafe fn load(&self) -> u64 {
        // SAFETY: this function asks for what `cell` asks for.
        let cell = unsafe { self.cell() };
        cell.map_or(0, |cell| cell.load(Relaxed))
    }

    /// The words of a histogram, if its thread has recorded.
    ///
    /// # Safety
    ///
    /// The field's kind is `Histogram`.
    #[inline(always)]
    unsafe fn words(&self) -> Option<&[AtomicU64]> {
        self.get().map(|words| {
            let words = NonNull::slice_from_raw_parts(words.cast::<AtomicU64>(), histogram::WORDS);
            // SAFETY: the invariant of `Raw`: a histogram's raw points to its words.
            unsafe { words.as_ref() }
        })
    }

    /// Records a value in a histogram. Returns `false` if there are no words to record in.
    ///
    /// # Safety
    ///
    /// As [`words`](Self::words).
    #[inline(always)]
    pub(crate) unsafe fn record(&self, value: u64) -> bool {
        // SAFETY: this function asks for what `words` asks for.
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

    /// What is in a histogram.
    ///
    /// # Safety
    ///
    /// As [`words`](Self::words).
    pub(crate) unsafe fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        // SAFETY: this function asks for the same.
        if let Some(words) = unsafe { self.words() } {
            snapshot.add(words.iter().map(|word| word.load(Relaxed)));
        }
        snapshot
    }
}

/// The part of a [`Local`] whose type does not depend on the state.
pub(crate) struct Head {
    /// The next older local of the thread; means nothing if `registry` is `None`.
    next: Cell<Option<NonNull<Head>>>,
    /// `Some` if this is in the thread's list.
    registry: Cell<Option<&'static Registry>>,
    /// The thread's block: of the job that it is in, if it is in one.
    block: Cell<Option<Block>>,
    /// The block was given back because the thread is exiting.
    is_retired: Cell<bool>,
    /// This thread is making something for this state. If the allocator counts with it, it has to
    /// do without.
    is_busy: Cell<bool>,
}

impl Head {
    /// Returns `true` if a block would still be given back.
    pub(super) fn may_register(&self) -> bool {
        !self.is_retired.get() && exit::is_open() && !IS_CLOSED.with(Cell::get)
    }
}

/// A thread's place for the shared fields of one state.
#[repr(C)]
pub struct Local<const CELLS: usize> {
    head: Head,
    raws: [Raw; CELLS],
}

/// A [`Local`] of any size.
///
/// # Safety
///
/// Only `Local` implements this.
#[allow(
    unreachable_pub,
    reason = "a bound in a public trait, which Rust 1.85 does not count"
)]
pub unsafe trait Cells: 'static {
    #[doc(hidden)]
    fn link(&self) -> LocalLink;
}

/// A pointer to a local's head, with permission to access the whole.
///
/// # Invariants
///
/// 1. It points to the [`Head`] of a [`Local`] in this thread's thread-local storage. That has no drop
///    glue, so it stays what it is as long as the thread runs (under keys, until its table ends). The link stays
///    on the thread: it is not `Send`, and the list that it is kept in is the thread's own.
/// 2. There are only shared references to locals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LocalLink(NonNull<Head>);

impl<const CELLS: usize> Local<CELLS> {
    /// A thread's local before its first use. All its bytes are zero.
    ///
    /// # Safety
    ///
    /// It becomes the initial value of one thread-local, that of a registry whose blocks have
    /// `CELLS` cells.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self::with(false)
    }

    /// The local of a thread that counts no more. Nobody writes to it.
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

// SAFETY: it is `Local`.
unsafe impl<const CELLS: usize> Cells for Local<CELLS> {
    #[inline(always)]
    fn link(&self) -> LocalLink {
        LocalLink(NonNull::from(self).cast())
    }
}

thread_local! {
    /// The newest of the locals that this thread has used. No drop glue: it stays accessible.
    static NEWEST: Cell<Option<LocalLink>> = const { Cell::new(None) };
}

/// The locals that this thread has used.
pub(crate) fn locals() -> impl Iterator<Item = LocalLink> {
    std::iter::successors(NEWEST.with(Cell::get), |link| {
        link.head().next.get().map(LocalLink)
    })
}

impl LocalLink {
    #[inline(always)]
    pub(super) fn head(&self) -> &Head {
        // SAFETY: by the invariants the local is there, and only shared references to it exist.
        unsafe { self.0.as_ref() }
    }

    /// A shared value.
    ///
    /// # Safety
    ///
    /// The local has more than `cell` cells.
    #[inline(always)]
    pub(crate) unsafe fn raw(&self, cell: usize) -> &Raw {
        // SAFETY: the cells follow the head, because `Local` is `repr(C)` and both have the
        // alignment of a pointer. The link has permission for the whole, by invariant 1.
        let first = unsafe { self.0.add(1) }.cast::<Raw>();
        // SAFETY: the caller promises that the local has this cell.
        let raw = unsafe { first.add(cell) };
        // SAFETY: as in `head`.
        unsafe { raw.as_ref() }
    }

    /// The registry of a local in the list.
    pub(crate) fn registry(self) -> Option<&'static Registry> {
        self.head().registry.get()
    }

    /// Puts it into the thread's list, if it is not there yet.
    pub(super) fn bind(self, registry: &'static Registry) {
        let head = self.head();
        if head.registry.get().is_none() {
            head.next.set(NEWEST.with(Cell::get).map(|link| link.0));
            NEWEST.with(|newest| newest.set(Some(self)));
            head.registry.set(Some(registry));
        }
    }

    /// This thread's block, if it has one.
    pub(crate) fn block(self) -> Option<Block> {
        self.head().block.get()
    }

    /// Leads to a block's cells from now on. Where a histogram or a part is, [`find_extras`](Self::find_extras) says.
    pub(crate) fn attach(self, registry: &Registry, block: Block) {
        self.head().block.set(Some(block));
        for field in registry.sharing.fields {
            if field.kind.has_extra() {
                continue;
            }
            for cell in field.cell..field.cell + field.len {
                // SAFETY: a field's cells are in the block.
                let place = unsafe { block.add(cell) };
                // SAFETY: and in the local, whose registry it is.
                unsafe { self.set(cell, place.cast()) };
            }
        }
    }

    /// Leads to what its block has outside.
    pub(crate) fn find_extras(self, registry: &Registry) {
        let Some(block) = self.block() else { return };
        for field in registry.sharing.fields {
            if !field.kind.has_extra() {
                continue;
            }
            let mut inner = registry.lock();
            for cell in field.cell..field.cell + field.len {
                if let Some(place) = inner.extra(block, cell).and_then(|extra| extra.place()) {
                    // SAFETY: as in `attach`.
                    unsafe { self.set(cell, place) };
                }
            }
        }
    }

    /// Leads to the cell, or to what it has outside the block.
    ///
    /// # Safety
    ///
    /// The local has more than `cell` cells. The place is as the invariant of [`Raw`] says.
    pub(crate) unsafe fn set(self, cell: usize, place: NonNull<()>) {
        // SAFETY: the caller's promise.
        unsafe { self.raw(cell) }.0.set(Some(place));
    }

    /// Lets go of the block: makes all pointers null.
    pub(crate) fn detach(self) -> Option<Block> {
        let block = self.head().block.take()?;
        self.forget();
        Some(block)
    }

    /// Says that the thread registers no more.
    pub(crate) fn set_retired(self) {
        self.head().is_retired.set(true);
    }

    fn forget(self) {
        self.head().block.set(None);
        let Some(registry) = self.registry() else {
            return;
        };
        for cell in 0..registry.sharing.cells {
            // SAFETY: the local has as many cells as its registry's blocks.
            let raw = unsafe { self.raw(cell) };
            raw.0.set(None);
        }
    }
}

/// Forgets this thread's blocks, in the child of a fork.
pub(crate) fn forget_blocks() {
    for link in locals() {
        link.forget();
    }
}

thread_local! {
    /// This thread is giving blocks back, and takes none meanwhile.
    static IS_CLOSED: Cell<bool> = const { Cell::new(false) };
}

/// While there is one, this thread takes no blocks: what is freed while others are given back goes to what exited threads have
/// left.
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

/// See [`Head::is_busy`].
pub(super) struct Busy<'a>(&'a Head);

impl<'a> Busy<'a> {
    pub(super) fn new(head: &'a Head) -> Option<Self> {
        // Lazily: dropped, it would set the flag to false.
        (!head.is_busy.replace(true)).then(|| Self(head))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
    }
}
