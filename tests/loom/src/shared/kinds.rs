//! What the models need of the runtime's module of this name, line by line as it is there.

use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;

use crate::shared::histogram;
use crate::shared::local::{Place, Raw};
use crate::shared::part::{self, PartCell};
use crate::shared::primitive::AtomicU64;

/// Records a value in a histogram. Says whether there was one to record in.
///
/// # Safety
///
/// It is a histogram's.
pub(crate) unsafe fn record(raw: &Raw, value: u64) -> bool {
    let Some(words) = raw.get() else {
        return false;
    };
    let words = NonNull::slice_from_raw_parts(words.cast::<AtomicU64>(), histogram::WORDS);
    // SAFETY: the invariant of `Raw`: a histogram's raw points to its words.
    let words = unsafe { words.as_ref() };
    let add = |word: &AtomicU64, more: u64| {
        word.store(word.load(Relaxed).wrapping_add(more), Relaxed);
    };
    add(&words[histogram::bucket(value)], 1);
    add(&words[histogram::SUM], value);
    true
}

/// Calls a function with a thread's part.
///
/// # Safety
///
/// It is the place of a part of type `T`.
pub(crate) unsafe fn with_part<T, R, F>(place: Place, f: F) -> R
where
    T: Send + Default + 'static,
    F: FnOnce(&mut T) -> R,
{
    let raw = place.raw();
    if raw.get().is_none() {
        place.make_part(|| part::make::<T>(place.cell));
    }
    let f = match raw.get() {
        Some(own) => {
            // SAFETY: the invariant of `Raw`, and the caller's promise. While it is in use it is
            // not freed: see `registry::fold`.
            let own = unsafe { own.cast::<PartCell<T>>().as_ref() };
            match part::with_own(place.registry, place.cell, own, f) {
                Ok(result) => return result,
                Err(f) => f,
            }
        }
        None => f,
    };
    part::with_spare(place.registry, place.cell, f)
}
