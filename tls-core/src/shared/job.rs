//! Jobs: registries of their own, for the threads that are in them.
//!
//! A thread keeps a stack of the jobs that it is in. Its locals lead to its blocks in the job on top, or, without
//! one, in the process's registries; the blocks of the others are set aside. They are exchanged when a job is entered
//! or left, so a write costs the same in a job as outside.

use std::cell::Cell;
use std::mem;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use std::sync::{Arc, Weak};

use crate::fork::generation;
use crate::shared::chunk::Block;
use crate::shared::kept::Kept;
use crate::shared::primitive::{AtomicPtr, thread_local};
use crate::shared::raw::{LocalLink, locals};
use crate::shared::registry::{self, Registry};

/// What is counted in a job: a registry for every state that a thread in it has written to or totaled.
pub(crate) struct Job {
    /// # Invariants
    ///
    /// Null, or from [`Kept::into_raw`]. So is the older one of each. None goes before the job does.
    newest: AtomicPtr<Twin>,
}

/// A job's registry for one state.
struct Twin {
    older: *mut Twin,
    /// What it is in the place of.
    of: &'static Registry,
    /// The process that it belongs to.
    generation: u64,
    registry: Kept<Registry>,
}

// SAFETY: the twins are shared only, but for `older`, which is not written to once the twin is in the list; and
// registries are for all threads.
unsafe impl Send for Job {}

// SAFETY: as above.
unsafe impl Sync for Job {}

impl Job {
    pub(crate) fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The twins of this process, the newest first.
    fn twins(&self) -> impl Iterator<Item = &Twin> {
        // Acquire: pairs with the release in `registry`.
        self.twins_from(self.newest.load(Acquire))
    }

    /// Those from one on.
    #[expect(clippy::unused_self, reason = "they are there as long as this is")]
    fn twins_from(&self, twin: *mut Twin) -> impl Iterator<Item = &Twin> {
        // SAFETY: the invariant of `newest`.
        let find = |twin: *mut Twin| unsafe { twin.as_ref() };
        // What is a parent's may be in the midst of a change for ever.
        std::iter::successors(find(twin), move |twin| find(twin.older))
            .take_while(|twin| twin.generation == generation::generation())
    }

    fn find<'a>(mut twins: impl Iterator<Item = &'a Twin>, of: &Registry) -> Option<&'a Registry> {
        let twin = twins.find(|twin| ptr::addr_eq(twin.of, of))?;
        Some(&twin.registry)
    }

    /// The registry for a state.
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
            // Release: whoever finds the twin finds what is in it.
            match self.newest.compare_exchange(newest, place, AcqRel, Acquire) {
                Ok(_) => {
                    let place = twin.into_raw();
                    // SAFETY: it is in the list now, and stays there as long as the job.
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
        let mut next = NonNull::new(self.newest.load(Acquire));
        while let Some(twin) = next {
            // SAFETY: the invariant of `newest`, and the job goes.
            let twin = unsafe { Kept::from_raw(twin) };
            next = NonNull::new(twin.older);
            if twin.generation != generation::generation() || generation::is_handler_due() {
                // The parent's: nobody may free what other threads may have been changing.
                mem::forget(twin);
            }
        }
    }
}

/// The registry that counts for a state, outside or in a job.
pub(crate) struct Home {
    /// # Invariants
    ///
    /// A static, or one of the job's.
    registry: NonNull<Registry>,
    job: Option<Arc<Job>>,
}

impl Deref for Home {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        // SAFETY: by the invariant it is there as long as the job, which this owns with others.
        unsafe { self.registry.as_ref() }
    }
}

impl Home {
    /// The one for this thread, now.
    pub(crate) fn of(registry: &'static Registry) -> Self {
        Self::within(current(), registry)
    }

    /// The one for who is in this job.
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

    /// The job, for what must not keep it.
    pub(crate) fn job(&self) -> Option<Weak<Job>> {
        self.job.as_ref().map(Arc::downgrade)
    }
}

/// The registries in use, outside or in this thread's job, the newest first.
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

/// A thread's stay in a job, or outside of all.
struct Stay {
    job: Option<Arc<Job>>,
    /// Its blocks, while its locals lead to those of another stay.
    blocks: Cell<Blocks>,
}

/// # Invariants
///
/// Each local's block is one of the stay's, and is given back by it alone.
type Blocks = Vec<(LocalLink, Block)>;

impl Stay {
    fn new(job: Option<Arc<Job>>) -> Rc<Self> {
        Rc::new(Self {
            job,
            blocks: Cell::default(),
        })
    }

    fn home(&self, link: LocalLink) -> Option<Home> {
        Some(Home::within(self.job.clone(), link.registry()?))
    }

    /// Gives the blocks back that are set aside.
    fn retire(&self) {
        for (link, block) in self.blocks.take() {
            if let Some(home) = self.home(link) {
                drop(home.retire(block));
            }
        }
    }

    /// As [`retire`](Self::retire), and the thread takes no others.
    fn retire_for_good(&self) {
        let blocks = self.blocks.take();
        for (link, _) in &blocks {
            link.set_retired();
        }
        self.blocks.set(blocks);
        self.retire();
    }
}

/// That a thread has entered and not left.
struct Entry {
    /// Of no other in the thread.
    number: u64,
    stay: Rc<Stay>,
    below: Option<Box<Entry>>,
}

thread_local! {
    /// The newest entry of this thread; null if there is none. No drop glue: it stays accessible.
    ///
    /// # Invariants
    ///
    /// From [`Box::into_raw`]. Borrowed only by what runs no code of the user's (who may count in an allocator),
    /// and taken out by what changes it. The last one below is outside of all jobs.
    static TOP: Cell<*mut Entry> = const { Cell::new(ptr::null_mut()) };
}

thread_local! {
    /// The number of the newest entry.
    static NUMBER: Cell<u64> = const { Cell::new(0) };
}

fn take_top() -> Option<Box<Entry>> {
    let top = TOP.with(|top| top.replace(ptr::null_mut()));
    // SAFETY: the invariant.
    (!top.is_null()).then(|| unsafe { Box::from_raw(top) })
}

fn set_top(entry: Box<Entry>) {
    let entry = Box::into_raw(entry);
    TOP.with(|top| top.set(entry));
    if TOP.with(Cell::get) != entry {
        // Under keys, when the thread's table has gone. It is in no job then.
        // SAFETY: nobody else has it.
        drop(unsafe { Box::from_raw(entry) });
    }
}

/// The job that this thread is in.
fn current() -> Option<Arc<Job>> {
    let top = TOP.with(Cell::get);
    // SAFETY: the invariant.
    unsafe { top.as_ref() }?.stay.job.clone()
}

/// An empty list with room for all blocks that this thread has where it is. Nothing may allocate between this and
/// the exchange.
fn room() -> Blocks {
    let mut room = Vec::new();
    loop {
        let needed = locals().filter(|link| link.block().is_some()).count();
        if room.capacity() >= needed {
            return room;
        }
        // An allocator may count meanwhile, which takes one more.
        room.reserve(needed);
    }
}

/// Sets this thread's blocks aside, and leads its locals to those of another stay. Returns what is to be freed.
fn exchange(from: &Rc<Stay>, to: &Rc<Stay>, mut room: Blocks) -> Blocks {
    if Rc::ptr_eq(from, to) {
        return room;
    }
    for link in locals() {
        if let Some(block) = link.detach() {
            room.push((link, block));
        }
    }
    let unused = from.blocks.replace(room);
    let mut blocks = to.blocks.take();
    for (link, block) in blocks.drain(..) {
        if let Some(home) = to.home(link) {
            link.attach(&home, block);
            link.find_extras(&home);
        }
    }
    drop(unused);
    blocks
}

/// Enters a job. Returns the number of the entry.
pub(crate) fn enter(job: &Arc<Job>) -> u64 {
    let number = NUMBER.with(|last| {
        last.set(last.get() + 1);
        last.get()
    });
    let entry = |number, job| {
        Box::new(Entry {
            number,
            stay: Stay::new(job),
            below: None,
        })
    };
    let mut entered = entry(number, Some(Arc::clone(job)));
    let mut outside = Some(entry(0, None));
    let room = room();
    // From here on no code of the user's runs, until the stack is whole again.
    let Some(top) = take_top().or_else(|| outside.take()) else {
        return number;
    };
    let unused_stay = top
        .find(job)
        .map(|stay| mem::replace(&mut entered.stay, stay));
    let unused = exchange(&top.stay, &entered.stay, room);
    entered.below = Some(top);
    set_top(entered);
    drop((outside, unused_stay, unused));
    number
}

/// Takes an entry back, wherever in the stack it is, if it still is.
pub(crate) fn leave(number: u64) {
    let room = room();
    // As in `enter`.
    let Some(mut top) = take_top() else { return };
    let mut unused = Vec::new();
    let left = if top.number == number {
        if let Some(below) = top.below.take() {
            unused = exchange(&top.stay, &below.stay, room);
            set_top(below);
        }
        Some(top)
    } else {
        let left = top.remove(number);
        set_top(top);
        left
    };
    drop(unused);
    if let Some(left) = left {
        if Rc::strong_count(&left.stay) == 1 {
            left.stay.retire();
        }
    }
    let top = TOP.with(Cell::get);
    // SAFETY: the invariant of `TOP`.
    if unsafe { top.as_ref() }.is_some_and(|top| top.below.is_none()) {
        drop(take_top());
    }
}

impl Entry {
    fn find(&self, job: &Arc<Job>) -> Option<Rc<Stay>> {
        let entries = std::iter::successors(Some(self), |entry| entry.below.as_deref());
        let mut stays = entries.map(|entry| &entry.stay);
        stays
            .find(|stay| stay.job.as_ref().is_some_and(|it| Arc::ptr_eq(it, job)))
            .map(Rc::clone)
    }

    /// Takes an entry below this one out.
    fn remove(&mut self, number: u64) -> Option<Box<Entry>> {
        let mut above = self;
        while above.below.as_ref()?.number != number {
            above = above.below.as_mut()?;
        }
        let mut entry = above.below.take()?;
        above.below = entry.below.take();
        Some(entry)
    }
}

/// Leaves all jobs, and gives all blocks back that are set aside, at the end of the thread.
pub(crate) fn leave_all() {
    let mut next = take_top();
    while let Some(mut entry) = next {
        next = entry.below.take();
        entry.stay.retire_for_good();
    }
}

/// Forgets the jobs that this thread is in, in the child of a fork.
pub(crate) fn forget() {
    TOP.with(|top| top.set(ptr::null_mut()));
}
