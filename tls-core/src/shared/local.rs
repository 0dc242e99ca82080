//! How a thread gets its blocks, and gives them back.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::chunk::Extra;
use crate::shared::exit;
use crate::shared::histogram;
use crate::shared::job::{self, Home};
use crate::shared::part_list::PartNode;
use crate::shared::primitive::AtomicU64;
use crate::shared::raw::{Busy, LocalLink, Raw, locals};
use crate::shared::registry::Registry;

impl LocalLink {
    /// Registers the thread, if it is not registered and can be, with what it writes first.
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
            // An allocator has switched to another coroutine, in a job of its own.
            drop(home.retire(block));
            return Registration::None;
        }
        self.attach(&home, block);
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
                let Some(block) = self.block() else {
                    return false;
                };
                let home = Home::of(registry);
                let mut inner = home.lock();
                let Some(empty) = inner.extra(block, cell) else {
                    return false;
                };
                // What was there is dropped when the lock has been given back; it was `None`.
                std::mem::swap(empty, &mut extra);
            }
        }
        // SAFETY: it is the cell of a `Place`, and what has just been made for it.
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

/// Gives this thread's blocks back.
pub(crate) fn retire() {
    // From the beginning every time: what is freed on the way may be counted by the allocator, with
    // the fields of another state.
    while let Some(link) = locals().find(|link| link.block().is_some()) {
        link.retire();
    }
    job::leave_all();
}

/// Has this thread's blocks given back when it ends, and its jobs left.
pub(crate) fn guard() {
    exit::guard(retire);
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

    /// The registry that counts for this thread now.
    pub(crate) fn home(&self) -> Home {
        Home::of(self.registry)
    }

    /// Adds to a cell that is not there yet, or no more.
    pub(crate) fn add(self, count: u64) {
        // SAFETY: the kinds that come here live in their cells.
        if !self.write_first(count, |raw| unsafe { raw.add(count) }) {
            let sharing = self.registry.sharing;
            // Of a gauge nothing stays.
            if let Some(word) = sharing.word(self.cell) {
                self.home().lock().add_exited(word, count);
            }
        }
    }

    /// Raises a cell that is not there yet, or no more.
    pub(crate) fn raise(self, value: u64) {
        // SAFETY: the kinds that come here live in their cells.
        if !self.write_first(value, |raw| unsafe { raw.raise(value) }) {
            if let Some(word) = self.registry.sharing.word(self.cell) {
                self.home().lock().raise_exited(word, value);
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
                let home = self.home();
                let mut inner = home.lock();
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
