//! How a thread takes its blocks and gives them back.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::Extra;
use crate::shared::exit;
use crate::shared::histogram;
use crate::shared::job::{self, Home};
use crate::shared::part_list::PartNode;
use crate::shared::primitive::AtomicU64;
use crate::shared::raw::{Busy, LocalRef, Raw, locals};
use crate::shared::registry::Registry;

impl LocalRef {
    /// Registers the thread, with what it writes first, if it is not registered and can be.
    fn register(self, registry: &'static Registry, first: First<'_>) -> Registration {
        let head = self.head();
        if self.block().is_some() {
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
        let home = Home::of(registry);
        let Some(mut owner) = home.owner() else {
            self.set_retired();
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
        let block = home.register(owner, first);
        if !Home::of(registry).is(&home) {
            // An allocator has switched to another coroutine, which is in a job of its own.
            drop(home.retire(block));
            return Registration::None;
        }
        self.attach(&home, block);
        Registration::New
    }

    /// Creates what a histogram or a part has outside the block. Returns `true` if it is there now.
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
        // Only now, because an allocator might fork.
        match self.register(registry, First::Extra(cell, &mut extra)) {
            Registration::None => return false,
            Registration::New => {}
            Registration::Old => {
                let Some(block) = self.block() else {
                    return false;
                };
                let home = Home::of(registry);
                let mut inner = home.lock();
                let Some(empty) = inner.extra(block, cell) else {
                    return false;
                };
                // The old content is dropped after the lock has been released. It was `None`.
                std::mem::swap(empty, &mut extra);
            }
        }
        // SAFETY: the cell is that of a `LocalCell`, and `place` is that of the extra that has just been
        // created for it.
        unsafe { self.set(cell, place.cast()) };
        true
    }

    /// Gives the thread's block back.
    fn retire(self) {
        let (Some(registry), Some(block)) = (self.registry(), self.detach()) else {
            return;
        };
        self.set_retired();
        drop(Home::of(registry).retire(block));
    }
}

/// What a thread writes first, which is why it registers.
enum First<'a> {
    /// A value, in a cell that was zero.
    Cell(usize, u64),
    /// What a cell has outside its block. It is taken.
    Extra(usize, &'a mut Extra),
}

/// The outcome of a registration.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Registration {
    /// The thread is registered now, and what it writes first has been written.
    New,
    /// The thread was registered before.
    Old,
    /// The thread cannot be registered.
    None,
}

/// Gives this thread's blocks back.
pub(crate) fn retire() {
    // From the beginning every time, because the allocator may count what is freed meanwhile, with the
    // fields of another state.
    while let Some(local) = locals().find(|local| local.block().is_some()) {
        local.retire();
    }
    job::leave_all();
}

/// Arranges for this thread to give its blocks back and leave its jobs when it ends.
pub(crate) fn guard() {
    exit::guard(retire);
}

/// A shared value of this thread, as the cold paths find it.
///
/// # Invariants
///
/// `local` is this thread's local of the registry's state, and both have this cell.
#[derive(Clone, Copy)]
pub(crate) struct LocalCell {
    pub(crate) local: LocalRef,
    pub(crate) registry: &'static Registry,
    pub(crate) cell: usize,
}

impl LocalCell {
    /// Returns the value, as its thread finds it.
    pub(crate) fn raw(&self) -> &Raw {
        // SAFETY: by the invariant of `LocalCell` the local has this cell.
        unsafe { self.local.raw(self.cell) }
    }

    /// Returns the registry that counts for this thread now.
    pub(crate) fn home(&self) -> Home {
        Home::of(self.registry)
    }

    /// Adds to a cell that does not exist yet, or no longer exists.
    pub(crate) fn add(self, count: u64) {
        // SAFETY: the kinds that come here are stored in their cells.
        if !self.write_first(count, |raw| unsafe { raw.add(count) }) {
            let sharing = self.registry.sharing;
            // A gauge leaves nothing.
            if let Some(rest) = sharing.rest(self.cell) {
                self.home().lock().add_exited(rest, count);
            }
        }
    }

    /// Raises a cell that does not exist yet, or no longer exists.
    pub(crate) fn raise(self, value: u64) {
        // SAFETY: the kinds that come here are stored in their cells.
        if !self.write_first(value, |raw| unsafe { raw.raise(value) }) {
            if let Some(rest) = self.registry.sharing.rest(self.cell) {
                self.home().lock().raise_exited(rest, value);
            }
        }
    }

    /// Sets a cell that does not exist yet. Does nothing in a thread that can no longer register.
    pub(crate) fn set(self, value: u64) {
        // SAFETY: the kinds that come here are stored in their cells.
        self.write_first(value, |raw| unsafe { raw.set(value) });
    }

    /// Registers with this value in the cell, or writes if the thread is registered. Returns `false` if
    /// it cannot be registered.
    fn write_first(self, value: u64, write: impl FnOnce(&Raw) -> bool) -> bool {
        match self
            .local
            .register(self.registry, First::Cell(self.cell, value))
        {
            Registration::New => true,
            Registration::Old => write(self.raw()),
            Registration::None => false,
        }
    }

    /// Records a value in a histogram whose words do not exist yet, or no longer exist.
    pub(crate) fn record(self, value: u64) {
        let is_there = self.local.make_extra(self.registry, self.cell, || {
            let words = std::iter::repeat_with(|| AtomicU64::new(0)).take(histogram::WORDS);
            let buckets: Arc<[AtomicU64]> = words.collect();
            buckets[histogram::bucket(value)].store(1, Relaxed);
            buckets[histogram::SUM].store(value, Relaxed);
            let place = NonNull::from(&buckets[..]).cast::<AtomicU64>();
            (Extra::Histogram(buckets), place)
        });
        if !is_there {
            if let Some(rest) = self.registry.sharing.rest(self.cell) {
                let home = self.home();
                let mut inner = home.lock();
                inner.add_exited(rest + histogram::bucket(value), 1);
                inner.add_exited(rest + histogram::SUM, value);
            }
        }
    }

    /// Registers a part. Returns `true` if the thread has a part now.
    pub(crate) fn make_part<T>(self, make: impl FnOnce() -> (Box<PartNode>, NonNull<T>)) -> bool {
        self.local.make_extra(self.registry, self.cell, || {
            let (node, place) = make();
            (Extra::Part(node), place)
        })
    }
}
