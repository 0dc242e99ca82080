//! A thread's side of shared fields: where it finds its cells.
//!
//! A [`Local`] is a thread-local without drop glue. It holds a pointer for every shared value, null
//! until the thread has registered and again from the moment it retires. So one test on the hot path
//! tells all, and nobody holds on to a cell that has been given back.
//!
//! The locals that a thread has used form a list, to retire them.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::{Block, Extra};
use crate::shared::exit;
use crate::shared::histogram;
use crate::shared::part_list::PartNode;
use crate::shared::primitive::{AtomicU64, thread_local};
use crate::shared::registry::Registry;
use crate::shared::snapshot::HistogramSnapshot;

/// A shared value, as its thread finds it: a pointer to the cell or, of histograms and parts, to
/// what is in the cell's place.
///
/// # Invariants
///
/// It is an element of a [`Local`]. If it is not null, it points to an [`AtomicU64`] in the thread's
/// block, to a histogram's words or to a part, as the field's kind says. That stays there until this
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
    /// The thread's block.
    block: Cell<Option<Block>>,
    /// The block was given back because the thread is exiting.
    is_retired: Cell<bool>,
    /// This thread is making something for this state. If the allocator counts with it, it has to
    /// do without.
    is_busy: Cell<bool>,
}

impl Head {
    /// Returns `true` if a block would still be given back.
    fn may_register(&self) -> bool {
        !self.is_retired.get() && exit::is_open()
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
fn locals() -> impl Iterator<Item = LocalLink> {
    std::iter::successors(NEWEST.with(Cell::get), |link| {
        link.head().next.get().map(LocalLink)
    })
}

impl LocalLink {
    #[inline(always)]
    fn head(&self) -> &Head {
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
    fn registry(self) -> Option<&'static Registry> {
        self.head().registry.get()
    }

    /// Puts it into the thread's list, if it is not there yet.
    fn bind(self, registry: &'static Registry) {
        let head = self.head();
        if head.registry.get().is_none() {
            head.next.set(NEWEST.with(Cell::get).map(|link| link.0));
            NEWEST.with(|newest| newest.set(Some(self)));
            head.registry.set(Some(registry));
        }
    }

    /// Registers the thread, if it is not registered and can be, with what it writes first.
    fn register(self, registry: &'static Registry, first: First<'_>) -> Registration {
        let head = self.head();
        if head.block.get().is_some() {
            return Registration::Old;
        }
        if !head.may_register() {
            return Registration::None;
        }
        self.bind(registry);
        let Some(_busy) = Busy::new(head) else {
            return Registration::None;
        };
        if !exit::guard(retire) {
            return Registration::None;
        }
        let Some(mut owner) = registry.owner() else {
            head.is_retired.set(true);
            return Registration::None;
        };
        let first = match first {
            First::Cell(cell, value) => Some((cell, value)),
            First::Extra(cell, extra) => {
                if let Some(empty) = owner.extra(cell) {
                    std::mem::swap(empty, extra);
                }
                None
            }
        };
        let block = registry.register(owner, first);
        head.block.set(Some(block));
        for field in registry.sharing.fields {
            if field.kind.has_extra() {
                // Made by its first use.
                continue;
            }
            for cell in field.cell..field.cell + field.len {
                // SAFETY: a field's cells are in the block.
                let place = unsafe { block.add(cell) };
                // SAFETY: and in the local.
                unsafe { self.raw(cell) }.0.set(Some(place.cast()));
            }
        }
        Registration::New
    }

    /// Makes what a histogram or a part has instead of a cell. Returns `true` if it is there.
    fn make_extra<T>(
        self,
        registry: &'static Registry,
        cell: usize,
        make: impl FnOnce() -> (Extra, NonNull<T>),
    ) -> bool {
        let head = self.head();
        if !head.may_register() {
            return false;
        }
        let (mut extra, place) = {
            let Some(_busy) = Busy::new(head) else {
                return false;
            };
            make()
        };
        // After that, because an allocator might fork.
        match self.register(registry, First::Extra(cell, &mut extra)) {
            Registration::None => return false,
            Registration::New => {}
            Registration::Old => {
                let Some(block) = head.block.get() else {
                    return false;
                };
                let mut inner = registry.lock();
                let Some(empty) = inner.extra(block, cell) else {
                    return false;
                };
                // What was there is dropped when the lock has been given back; it was `None`.
                std::mem::swap(empty, &mut extra);
            }
        }
        // SAFETY: the caller has named a cell of the local.
        unsafe { self.raw(cell) }.0.set(Some(place.cast()));
        true
    }

    /// Gives the thread's block back.
    fn retire(self) {
        let head = self.head();
        let (Some(registry), Some(block)) = (head.registry.get(), head.block.take()) else {
            return;
        };
        self.forget(registry);
        head.is_retired.set(true);
        drop(registry.retire(block));
    }

    /// Makes all pointers null.
    fn forget(self, registry: &'static Registry) {
        self.head().block.set(None);
        for cell in 0..registry.sharing.cells {
            // SAFETY: the local has as many cells as its registry's blocks.
            unsafe { self.raw(cell) }.0.set(None);
        }
    }
}

/// What a thread writes that registers for it.
enum First<'a> {
    /// A value in a cell that was zero.
    Cell(usize, u64),
    /// What a cell has outside its block, to be taken.
    Extra(usize, &'a mut Extra),
}

/// What became of a registration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Registration {
    /// The thread is registered now, and what it has written first is there.
    New,
    /// It was before.
    Old,
    /// It cannot be.
    None,
}

/// See [`Head::is_busy`].
struct Busy<'a>(&'a Head);

impl<'a> Busy<'a> {
    fn new(head: &'a Head) -> Option<Self> {
        // Lazily: dropped, it would set the flag to false.
        (!head.is_busy.replace(true)).then(|| Self(head))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.is_busy.set(false);
    }
}

/// Gives this thread's blocks back.
pub(crate) fn retire() {
    // From the beginning every time: what is freed on the way may be counted by the allocator, with
    // the fields of another state.
    while let Some(link) = locals().find(|link| link.head().block.get().is_some()) {
        link.retire();
    }
}

/// Forgets this thread's blocks, in the child of a fork.
pub(crate) fn forget_blocks() {
    for link in locals() {
        if let Some(registry) = link.registry() {
            link.forget(registry);
        }
    }
}

/// A shared value of this thread, for the cold paths.
///
/// # Invariants
///
/// The link is that of the local that belongs to the registry, and both have this cell.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) link: LocalLink,
    pub(crate) registry: &'static Registry,
    pub(crate) cell: usize,
}

impl Place {
    /// The value, as its thread finds it.
    pub(crate) fn raw(&self) -> &Raw {
        // SAFETY: the invariant of `Place`.
        unsafe { self.link.raw(self.cell) }
    }

    /// Adds to a cell that is not there yet, or no more.
    pub(crate) fn add(self, count: u64) {
        // SAFETY: the kinds that come here live in their cells.
        if !self.write_first(count, |raw| unsafe { raw.add(count) }) {
            let sharing = self.registry.sharing;
            // Of a gauge nothing stays.
            if let Some(word) = sharing.word(self.cell) {
                self.registry.lock().add_exited(word, count);
            }
        }
    }

    /// Raises a cell that is not there yet, or no more.
    pub(crate) fn raise(self, value: u64) {
        // SAFETY: the kinds that come here live in their cells.
        if !self.write_first(value, |raw| unsafe { raw.raise(value) }) {
            if let Some(word) = self.registry.sharing.word(self.cell) {
                self.registry.lock().raise_exited(word, value);
            }
        }
    }

    /// Sets a cell that is not there yet. Of a thread that is exiting nothing stays.
    pub(crate) fn set(self, value: u64) {
        // SAFETY: the kinds that come here live in their cells.
        self.write_first(value, |raw| unsafe { raw.set(value) });
    }

    /// Registers with this value in the cell, or writes if the thread is registered. Returns `false` if it cannot be.
    fn write_first(self, value: u64, write: impl FnOnce(&Raw) -> bool) -> bool {
        match self
            .link
            .register(self.registry, First::Cell(self.cell, value))
        {
            Registration::New => true,
            Registration::Old => write(self.raw()),
            Registration::None => false,
        }
    }

    /// Records a value in a histogram that has no words yet, or no more.
    pub(crate) fn record(self, value: u64) {
        let is_there = self.link.make_extra(self.registry, self.cell, || {
            let words = std::iter::repeat_with(|| AtomicU64::new(0)).take(histogram::WORDS);
            let buckets: Arc<[AtomicU64]> = words.collect();
            buckets[histogram::bucket(value)].store(1, Relaxed);
            buckets[histogram::SUM].store(value, Relaxed);
            let place = NonNull::from(&buckets[..]).cast::<AtomicU64>();
            (Extra::Histogram(buckets), place)
        });
        if !is_there {
            if let Some(word) = self.registry.sharing.word(self.cell) {
                let mut inner = self.registry.lock();
                inner.add_exited(word + histogram::bucket(value), 1);
                inner.add_exited(word + histogram::SUM, value);
            }
        }
    }

    /// Registers a part. Returns `true` if the thread has it now.
    pub(crate) fn make_part<T>(self, make: impl FnOnce() -> (Box<PartNode>, NonNull<T>)) -> bool {
        self.link.make_extra(self.registry, self.cell, || {
            let (node, place) = make();
            (Extra::Part(node), place)
        })
    }
}
