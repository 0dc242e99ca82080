//! Jobs: registries apart from the process's own, for the threads that are in them.
//!
//! A thread keeps a stack of the jobs that it is in. Its locals lead to its blocks in the job on top or,
//! without a job, in the process's registries. Its other blocks are set aside. They are exchanged when a
//! job is entered or left, so a write costs the same in a job as outside.
//!
//! All of this is in the system allocator's memory. So a counting allocator sees in a job only what the
//! job does, and no user code runs while the stack is changed.

use std::cell::Cell;
use std::mem;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Weak};

use crate::fork::generation;
use crate::shared::chunk::Block;
use crate::shared::kept::Kept;
use crate::shared::primitive::{AtomicPtr, thread_local};
use crate::shared::raw::{self, LocalRef, locals};
use crate::shared::registry::{self, Registry};

/// A job: a registry for every state that a thread in the job has written to or totaled.
pub(crate) struct Job {
    /// # Invariants
    ///
    /// Null, or from [`Kept::into_raw`]. So is the older twin of each. All exist as long as the job.
    newest: AtomicPtr<Twin>,
}

/// A job's registry for one state.
struct Twin {
    older: *mut Twin,
    /// The process's registry of the state.
    of: &'static Registry,
    /// The generation of the process that it belongs to.
    generation: u64,
    registry: Kept<Registry>,
}

// SAFETY: threads share the twins. Nothing writes to `older` once a twin is in the list, and a `Registry`
// is `Send` and `Sync`.
unsafe impl Send for Job {}

// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    pub(crate) fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Returns the twins of this process, the newest first.
    fn twins(&self) -> impl Iterator<Item = &Twin> {
        // Acquire: pairs with the release in `registry`.
        self.twins_from(self.newest.load(Acquire))
    }

    /// Returns the twins from `twin` on.
    #[expect(clippy::unused_self, reason = "they are there as long as this is")]
    fn twins_from(&self, twin: *mut Twin) -> impl Iterator<Item = &Twin> {
        // SAFETY: by the invariant of `newest` this is null or a twin that exists as long as the job.
        let find = |twin: *mut Twin| unsafe { twin.as_ref() };
        // A parent's twin may be in the middle of a change forever.
        std::iter::successors(find(twin), move |twin| find(twin.older))
            .take_while(|twin| twin.generation == generation::generation())
    }

    fn find<'a>(mut twins: impl Iterator<Item = &'a Twin>, of: &Registry) -> Option<&'a Registry> {
        let twin = twins.find(|twin| ptr::addr_eq(twin.of, of))?;
        Some(&twin.registry)
    }

    /// Returns the job's registry for a state.
    fn registry(&self, of: &'static Registry) -> &Registry {
        let mut newest = self.newest.load(Acquire);
        let mut made = None;
        loop {
            if let Some(found) = Self::find(self.twins_from(newest), of) {
                return found;
            }
            let mut twin = made.take().unwrap_or_else(|| {
                (of.sharing.install)();
                Kept::new(Twin {
                    older: ptr::null_mut(),
                    of,
                    generation: generation::generation(),
                    registry: of.twin(),
                })
            });
            twin.older = newest;
            let place = twin.place().as_ptr();
            // Release: a thread that finds the twin finds its content.
            match self.newest.compare_exchange(newest, place, AcqRel, Acquire) {
                Ok(_) => {
                    let place = twin.into_raw();
                    // SAFETY: the twin is in the list now, so by the invariant of `newest` it exists as
                    // long as the job.
                    return unsafe { &place.as_ref().registry };
                }
                Err(other) => {
                    newest = other;
                    made = Some(twin);
                }
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        drop(Twins(self.newest.load(Acquire)));
    }
}

/// The twins of a job that is dropped, from one on.
struct Twins(*mut Twin);

impl Drop for Twins {
    fn drop(&mut self) {
        let Some(twin) = NonNull::new(self.0) else {
            return;
        };
        // SAFETY: by the invariant of `newest` it comes from `into_raw`. The job is being dropped, so
        // nothing else owns it.
        let twin = unsafe { Kept::from_raw(twin) };
        // Dropped after this twin, also if one of its parts panics.
        let _others = Self(twin.older);
        if twin.generation != generation::generation() || generation::is_handler_due() {
            // The parent's twin: it is not freed, because other threads may have been changing it.
            mem::forget(twin);
        } else {
            drop(twin);
        }
    }
}

/// The registry that counts for a state, outside jobs or in one.
pub(crate) struct Home {
    /// # Invariants
    ///
    /// A static, or a registry of the job's.
    registry: NonNull<Registry>,
    job: Option<Arc<Job>>,
}

impl Deref for Home {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        // SAFETY: by the invariant of `registry` it exists as long as the job, which `self.job` keeps.
        unsafe { self.registry.as_ref() }
    }
}

impl Home {
    /// Returns the registry that counts for this thread now.
    pub(crate) fn of(registry: &'static Registry) -> Self {
        Self::within(current(), registry)
    }

    /// Returns the registry that counts in this job, or outside jobs.
    pub(crate) fn within(job: Option<Arc<Job>>, registry: &'static Registry) -> Self {
        Self {
            registry: NonNull::from(match &job {
                Some(job) => job.registry(registry),
                None => registry,
            }),
            job,
        }
    }

    /// Returns `true` if both are the same registry.
    pub(crate) fn is(&self, other: &Self) -> bool {
        ptr::addr_eq(self.registry.as_ptr(), other.registry.as_ptr())
    }

    /// Returns the job, for what must not keep it alive.
    pub(crate) fn job(&self) -> Option<Weak<Job>> {
        self.job.as_ref().map(Arc::downgrade)
    }
}

/// Returns the registries in use, outside jobs or in this thread's job, the newest first.
pub(crate) fn registries() -> Vec<Home> {
    match current() {
        None => registry::registries()
            .map(|registry| Home::within(None, registry))
            .collect(),
        Some(job) => {
            let home = |twin: &Twin| Home {
                registry: twin.registry.place(),
                job: Some(Arc::clone(&job)),
            };
            job.twins().map(home).collect()
        }
    }
}

/// A thread's stay in a job, or outside of all jobs.
struct Stay {
    /// The number of entries that refer to it.
    entries: Cell<usize>,
    job: Option<Arc<Job>>,
    /// The stay's blocks, while the thread's locals lead to those of another stay.
    blocks: Cell<Blocks>,
}

/// Blocks that are set aside.
///
/// # Invariants
///
/// Each block is one of the stay's, and only the stay gives it back.
type Blocks = Option<Kept<Saved>>;

struct Saved {
    local: LocalRef,
    block: Block,
    next: Blocks,
}

/// Takes the blocks out, one by one.
fn each(blocks: Blocks) -> impl Iterator<Item = (LocalRef, Block)> {
    let mut next = blocks;
    std::iter::from_fn(move || {
        let mut saved = next.take()?;
        next = saved.next.take();
        Some((saved.local, saved.block))
    })
}

impl Stay {
    fn home(&self, local: LocalRef) -> Option<Home> {
        Some(Home::within(self.job.clone(), local.registry()?))
    }

    /// Makes the thread's locals lead to these blocks.
    fn resume(&self) {
        for (local, block) in each(self.blocks.take()) {
            if let Some(home) = self.home(local) {
                local.attach(&home, block);
                local.find_extras(&home);
            }
        }
    }

    /// Sets aside the blocks that the thread's locals lead to.
    fn suspend(&self) {
        for local in locals() {
            if let Some(block) = local.detach() {
                let next = self.blocks.take();
                self.blocks
                    .set(Some(Kept::new(Saved { local, block, next })));
            }
        }
    }

    /// Gives the blocks back that are set aside.
    fn retire(&self) {
        for (local, block) in each(self.blocks.take()) {
            if let Some(home) = self.home(local) {
                drop(home.retire(block));
            }
        }
    }
}

/// An entry's stay.
///
/// # Invariants
///
/// From [`Kept::into_raw`], and counted in `entries`. All are on one thread.
struct StayRef(NonNull<Stay>);

impl StayRef {
    fn new(job: Option<Arc<Job>>) -> Self {
        let stay = Stay {
            entries: Cell::new(1),
            job,
            blocks: Cell::new(None),
        };
        Self(Kept::new(stay).into_raw())
    }

    /// Returns `true` if no other entry refers to the stay.
    fn is_last(&self) -> bool {
        self.entries.get() == 1
    }

    fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Deref for StayRef {
    type Target = Stay;

    fn deref(&self) -> &Stay {
        // SAFETY: by the invariant of `StayRef` the stay exists as long as its entries.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for StayRef {
    fn clone(&self) -> Self {
        self.entries.set(self.entries.get() + 1);
        Self(self.0)
    }
}

impl Drop for StayRef {
    fn drop(&mut self) {
        if self.is_last() {
            // SAFETY: by the invariant of `StayRef` it comes from `into_raw`, and no other entry refers
            // to it.
            drop(unsafe { Kept::from_raw(self.0) });
        } else {
            self.entries.set(self.entries.get() - 1);
        }
    }
}

/// One entry of a thread into a job, until the thread leaves.
struct Entry {
    /// Unique in its thread.
    number: u64,
    stay: StayRef,
    below: Option<Kept<Entry>>,
}

thread_local! {
    /// The newest entry of this thread, or null if there is none. No drop glue, so it stays accessible.
    ///
    /// # Invariants
    ///
    /// From [`Kept::into_raw`]. Borrowed only by code that runs no user code, and taken out by code that
    /// changes it. The last entry below it is outside of all jobs.
    static TOP: Cell<*mut Entry> = const { Cell::new(ptr::null_mut()) };
}

thread_local! {
    /// The number of the newest entry.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

fn take_top() -> Option<Kept<Entry>> {
    let top = TOP.with(|top| top.replace(ptr::null_mut()));
    // SAFETY: by the invariant of `TOP` this comes from `into_raw`, and it has just been taken out.
    NonNull::new(top).map(|top| unsafe { Kept::from_raw(top) })
}

fn set_top(entry: Kept<Entry>) {
    let entry = entry.into_raw();
    TOP.with(|top| top.set(entry.as_ptr()));
    if TOP.with(Cell::get) != entry.as_ptr() {
        // Under keys, if the thread's table has ended. The thread is in no job then.
        // SAFETY: `entry` comes from `into_raw`, and has not been stored.
        drop(unsafe { Kept::from_raw(entry) });
    }
}

/// Returns the job that this thread is in.
fn current() -> Option<Arc<Job>> {
    let top = TOP.with(Cell::get);
    // SAFETY: by the invariant of `TOP` this is null or an entry. Cloning an `Arc` runs no user code.
    unsafe { top.as_ref() }?.stay.job.clone()
}

/// Enters a job. Returns the number of the entry.
pub(crate) fn enter(job: &Arc<Job>) -> u64 {
    let number = NUMBER.with(|last| {
        last.set(last.get() + 1);
        last.get()
    });
    let top = take_top().unwrap_or_else(|| {
        Kept::new(Entry {
            number: 0,
            stay: StayRef::new(None),
            below: None,
        })
    });
    let stay = top.find(job);
    let stay = stay.unwrap_or_else(|| StayRef::new(Some(Arc::clone(job))));
    if !stay.is(&top.stay) {
        top.stay.suspend();
        stay.resume();
    }
    set_top(Kept::new(Entry {
        number,
        stay,
        below: Some(top),
    }));
    number
}

/// Removes an entry, wherever in the stack it is, if it is still there.
pub(crate) fn leave(number: u64) {
    retire_if_last(number);
    let Some(mut top) = take_top() else { return };
    let mut left = None;
    if top.number == number {
        if let Some(below) = top.below.take() {
            if !below.stay.is(&top.stay) {
                top.stay.suspend();
                below.stay.resume();
            }
            // Without a job there is no stack.
            if below.below.is_some() {
                set_top(below);
            }
        }
        left = Some(top);
    } else {
        left = top.remove(number).or(left);
        set_top(top);
    }
    if let Some(left) = left {
        if left.stay.is_last() {
            left.stay.retire();
        }
    }
}

/// Gives back the blocks of the newest entry, if it has this number and its thread leaves the job with
/// it. What is freed meanwhile still counts in the job.
fn retire_if_last(number: u64) {
    let top = TOP.with(Cell::get);
    // SAFETY: by the invariant of `TOP` this is null or an entry. No user code runs until the reference
    // has ended.
    let is_last =
        unsafe { top.as_ref() }.is_some_and(|top| top.number == number && top.stay.is_last());
    if is_last {
        let _closed = raw::Closed::new();
        while let Some(local) = locals().find(|local| local.block().is_some()) {
            if let (Some(registry), Some(block)) = (local.registry(), local.detach()) {
                drop(Home::of(registry).retire(block));
            }
        }
    }
}

impl Entry {
    fn find(&self, job: &Arc<Job>) -> Option<StayRef> {
        let entries = std::iter::successors(Some(self), |entry| entry.below.as_deref());
        let mut stays = entries.map(|entry| &entry.stay);
        stays
            .find(|stay| stay.job.as_ref().is_some_and(|it| Arc::ptr_eq(it, job)))
            .cloned()
    }

    /// Takes an entry that is below this one out of the stack.
    fn remove(&mut self, number: u64) -> Option<Kept<Entry>> {
        let mut above = self;
        while above.below.as_ref()?.number != number {
            above = above.below.as_mut()?;
        }
        let mut entry = above.below.take()?;
        above.below = entry.below.take();
        Some(entry)
    }
}

/// Leaves all jobs at the end of the thread, and gives back all blocks that are set aside.
pub(crate) fn leave_all() {
    let mut next = take_top();
    while let Some(mut entry) = next {
        next = entry.below.take();
        let blocks = entry.stay.blocks.take();
        for saved in std::iter::successors(blocks.as_deref(), |saved| saved.next.as_deref()) {
            saved.local.set_retired();
        }
        entry.stay.blocks.set(blocks);
        entry.stay.retire();
    }
}

/// Forgets the jobs that this thread is in, in the child of a fork.
pub(crate) fn forget() {
    TOP.with(|top| top.set(ptr::null_mut()));
}
