//! Parts: values of any type, one for each thread, that are collected.

use std::any::Any;
use std::mem;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use crate::fork::generation;
use crate::shared::job::{Home, Job};
use crate::shared::local::LocalCell;
use crate::shared::lock::{Guard, Lock};
use crate::shared::part_list::{self, ErasedPart, PartNode};
use crate::shared::primitive::AtomicBool;
use crate::shared::registry::Registry;

/// One thread's value of a `Part` field.
struct PartCell<T> {
    /// `None` before the first use and after the value has been taken.
    value: Lock<Option<T>>,
    /// Whether the thread is using the part. Written by that thread only.
    is_in_use: AtomicBool,
    /// The job that the thread was in when the part was created.
    job: Option<Weak<Job>>,
    /// Whether the thread has retired while it was using the part: in a suspended coroutine, or in an
    /// access from which the process exits. The part may then stay locked forever.
    is_abandoned: AtomicBool,
}

impl<T: Send + 'static> ErasedPart for PartCell<T> {
    fn retire(&self) -> bool {
        let is_in_use = self.is_in_use.load(Relaxed);
        // The use sees this before it ends, because both are on the same thread.
        self.is_abandoned.store(is_in_use, Relaxed);
        !is_in_use
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl<T> PartCell<T> {
    fn new(value: Option<T>, job: Option<Weak<Job>>) -> Self {
        Self {
            value: Lock::new(value),
            job,
            is_in_use: AtomicBool::new(false),
            is_abandoned: AtomicBool::new(false),
        }
    }

    /// Returns the value, unless other code holds it. Does not wait, because that code may be the user's
    /// function.
    fn try_value(&self) -> Option<Guard<'_, Option<T>>> {
        self.value.lock_unless(|| true)
    }
}

/// Marks a part as in use until it is dropped.
struct Use<'a>(&'a AtomicBool);

impl<'a> Use<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Relaxed);
        Self(flag)
    }
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        self.0.store(false, Relaxed);
    }
}

/// Calls a function with this thread's part, or with a new part if that is in use.
///
/// # Safety
///
/// The place is that of a part of type `T`.
pub(crate) unsafe fn with<T, R, F>(place: LocalCell, f: F) -> R
where
    T: Send + Default + 'static,
    F: FnOnce(&mut T) -> R,
{
    let raw = place.raw();
    if raw.get().is_none() {
        place.make_part(|| make::<T>(place));
    }
    let f = match raw.get() {
        Some(own) => {
            // SAFETY: the caller guarantees that this is the place of a part of type `T` (`# Safety`), so
            // by the invariant of `Raw` it points to a `PartCell<T>`. While this part is in use it is not
            // freed: see `registry::fold`, and a forked child frees nothing.
            let own = unsafe { own.cast::<PartCell<T>>().as_ref() };
            match with_own(place, own, f) {
                Ok(result) => return result,
                Err(f) => f,
            }
        }
        None => f,
    };
    with_spare(place, f)
}

/// Creates this thread's part of a field.
fn make<T: Send + 'static>(place: LocalCell) -> (Box<PartNode>, NonNull<PartCell<T>>) {
    let part = Arc::new(PartCell::<T>::new(None, place.home().job()));
    let raw = NonNull::from(&*part);
    (Box::new(PartNode::new(place.cell, part)), raw)
}

/// Calls a function with a thread's own part. Returns the function instead if the part is in use further
/// up the stack, or if other code collects or reads it.
fn with_own<T, R, F>(place: LocalCell, part: &PartCell<T>, f: F) -> Result<R, F>
where
    T: Send + Default + 'static,
    F: FnOnce(&mut T) -> R,
{
    let Some(value) = part.try_value() else {
        return Err(f);
    };
    let mut own = Own {
        place,
        part,
        value,
        _in_use: Use::new(&part.is_in_use),
    };
    Ok(f(own.value.get_or_insert_with(T::default)))
}

/// A thread's own part, in use.
struct Own<'a, T: Send + 'static> {
    place: LocalCell,
    part: &'a PartCell<T>,
    value: Guard<'a, Option<T>>,
    _in_use: Use<'a>,
}

impl<T: Send + 'static> Drop for Own<'_, T> {
    /// Leaves the value to collectors, if the thread has retired meanwhile.
    fn drop(&mut self) {
        if self.part.is_abandoned.load(Relaxed) {
            let home = match &self.part.job {
                None => Some(Home::within(None, self.place.registry)),
                Some(job) => job
                    .upgrade()
                    .map(|job| Home::within(Some(job), self.place.registry)),
            };
            // Nobody collects the parts of a job that has been dropped.
            if let (Some(value), Some(home)) = (self.value.take(), home) {
                leave(&home, self.place.cell, value);
            }
        }
    }
}

/// Leaves a value to collectors.
fn leave<T: Send + 'static>(home: &Home, cell: usize, value: T) {
    let part = Arc::new(PartCell::new(Some(value), home.job()));
    // Allocated before the lock is taken.
    let node = Box::new(PartNode::new(cell, part));
    home.lock().add_part(node);
}

/// Calls a function with a part that the thread has no place for, and leaves the part to collectors.
fn with_spare<T, R, F>(place: LocalCell, f: F) -> R
where
    T: Send + Default + 'static,
    F: FnOnce(&mut T) -> R,
{
    struct Spare<T: Send + 'static> {
        home: Home,
        cell: usize,
        value: Option<T>,
        generation: u64,
    }

    impl<T: Send + 'static> Drop for Spare<T> {
        fn drop(&mut self) {
            let value = self.value.take();
            if self.generation != generation::generation() {
                // The value is the parent's.
                mem::forget(value);
            } else if let Some(value) = value {
                leave(&self.home, self.cell, value);
            }
        }
    }

    let mut spare = Spare {
        home: place.home(),
        cell: place.cell,
        value: None,
        generation: generation::generation(),
    };
    f(spare.value.insert(T::default()))
}

/// Moves out all parts of a field that are not in use.
pub(crate) fn take_all<T: Send + 'static>(registry: &Registry, cell: usize) -> Vec<T> {
    // In a forked child, a handler of the user's that runs before this crate's must not take (and drop)
    // parts of the parent. This crate's handler forgets all parts, including the child's.
    if generation::is_handler_due() {
        return Vec::new();
    }
    let mut exited = None;
    let mut live = Vec::new();
    loop {
        let needed = {
            let mut inner = registry.lock();
            if live.capacity() >= inner.live() {
                inner.take_exited_parts(cell, &mut exited);
                live.extend(inner.threads().filter_map(|thread| thread.part(cell)));
                break;
            }
            inner.live()
        };
        // Usually allocates room for more threads than now, because it does so without the lock.
        live.reserve(needed.next_power_of_two());
    }

    let mut taken = Vec::new();
    for part in live {
        if let Some(mut value) = of_type::<T>(part).try_value() {
            taken.extend(value.take());
        }
    }
    while let Some(node) = part_list::pop(&mut exited) {
        let part = of_type::<T>(Arc::clone(&node.part));
        let value = part.try_value().map(|mut value| value.take());
        match value {
            Some(value) => taken.extend(value),
            // Other code reads the part.
            None => registry.lock().add_part(node),
        }
    }
    taken
}

/// Calls a function with each part of a field that is not in use.
pub(crate) fn fold_all<T, A, F>(registry: &Registry, cell: usize, init: A, mut f: F) -> A
where
    T: Send + 'static,
    F: FnMut(A, &T) -> A,
{
    // As in `take_all`.
    if generation::is_handler_due() {
        return init;
    }
    let mut parts = Vec::new();
    loop {
        let needed = {
            let inner = registry.lock();
            let needed = inner.live() + inner.exited_parts(cell).count();
            if parts.capacity() >= needed {
                parts.extend(inner.exited_parts(cell).map(Arc::clone));
                parts.extend(inner.threads().filter_map(|thread| thread.part(cell)));
                break;
            }
            needed
        };
        parts.reserve(needed.next_power_of_two());
    }
    parts.into_iter().fold(init, |folded, part| {
        let part = of_type::<T>(part);
        match part.try_value().as_deref() {
            Some(Some(value)) => f(folded, value),
            _ => folded,
        }
    })
}

fn of_type<T: Send + 'static>(part: Arc<dyn ErasedPart>) -> Arc<PartCell<T>> {
    match part.into_any().downcast() {
        Ok(part) => part,
        Err(_) => unreachable!("a cell holds parts of one type"),
    }
}
