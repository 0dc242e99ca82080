//! A list of statics, which grows and never shrinks.
//!
//! The list runs through the statics' own links, so adding neither allocates nor fails. Reading it takes
//! no lock, also in a forked child.

use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicPtr};

use crate::shared::lock::Lock;

/// A list of statics, newest first.
pub(crate) struct List<T: ?Sized + Sync + 'static> {
    /// Held by the thread that adds.
    adding: Lock<()>,
    /// # Invariants
    ///
    /// Null, or a pointer to a `&'static Link` that is in this list. So is the older link of each entry.
    newest: AtomicPtr<Link<T>>,
}

/// A static, and the link of the next older one.
type Entry<T> = (&'static T, Option<&'static Link<T>>);

/// A static's place in a list.
pub(crate) struct Link<T: ?Sized + 'static> {
    /// # Invariants
    ///
    /// Once this is true, the link is in the list for good. (It may be in the list before, if a fork has
    /// made the thread that was adding it vanish. [`List::recover`] mends that.)
    is_in: AtomicBool,
    /// # Invariants
    ///
    /// Written only by the thread that holds [`List::adding`] of the link's one list, and not once the
    /// link is in that list.
    entry: UnsafeCell<Option<Entry<T>>>,
}

// SAFETY: by the invariant of `entry` it is read only while the link is in the list, and is not written
// then. It holds references to a `T` that threads may share.
unsafe impl<T: ?Sized + Sync> Sync for Link<T> {}

impl<T: ?Sized> Link<T> {
    pub(crate) const fn new() -> Self {
        Self {
            is_in: AtomicBool::new(false),
            entry: UnsafeCell::new(None),
        }
    }

    /// Returns `true` if the link is known to be in its list.
    #[inline]
    pub(crate) fn is_in(&self) -> bool {
        // Acquire: pairs with the release in `List::add`.
        self.is_in.load(Acquire)
    }

    /// # Safety
    ///
    /// The link is in a list.
    unsafe fn entry(&self) -> Option<Entry<T>> {
        // SAFETY: the caller guarantees that the link is in a list (`# Safety`), so by the invariant of
        // `entry` nothing writes to it.
        unsafe { *self.entry.get() }
    }
}

impl<T: ?Sized + Sync> List<T> {
    pub(crate) const fn new() -> Self {
        Self {
            adding: Lock::new(()),
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Adds a static, if it is not in the list yet.
    ///
    /// # Safety
    ///
    /// The link is added to no other list and with no other static.
    #[cold]
    pub(crate) unsafe fn add(&self, value: &'static T, link: &'static Link<T>) {
        let _adding = loop {
            match self.adding.lock() {
                Ok(guard) => break guard,
                // SAFETY: the thread that held the lock is gone, so this is the only thread. It has added
                // nothing yet.
                Err(_) => unsafe { self.recover() },
            }
        };
        if !link.is_in.load(Relaxed) {
            let entry = Some((value, self.newest()));
            // SAFETY: by the invariant of `entry`: this thread holds `adding`, and the link is not in the
            // list.
            unsafe { *link.entry.get() = entry };
            // Release: a thread that finds the link, also in a forked child, finds its entry.
            self.newest.store(ptr::from_ref(link).cast_mut(), Release);
            link.is_in.store(true, Release);
        }
    }

    /// Returns the statics, newest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static T> {
        let mut next = self.newest();
        std::iter::from_fn(move || {
            // SAFETY: by the invariant of `newest` the link is in the list.
            let (value, older) = unsafe { next?.entry() }?;
            next = older;
            Some(value)
        })
    }

    /// Completes a list to which a thread may have been adding that is gone.
    ///
    /// # Safety
    ///
    /// This is the only thread of its process, and it is adding nothing.
    pub(crate) unsafe fn recover(&self) {
        // SAFETY: the caller guarantees that this is the only thread and that it is adding nothing
        // (`# Safety`). The lock has no value.
        unsafe { self.adding.overwrite() };
        let mut next = self.newest();
        while let Some(link) = next {
            // The thread may have vanished after putting the link into the list and before setting this.
            link.is_in.store(true, Relaxed);
            // SAFETY: by the invariant of `newest` the link is in the list.
            next = unsafe { link.entry() }.and_then(|(_, older)| older);
        }
    }

    /// Returns the newest link.
    fn newest(&self) -> Option<&'static Link<T>> {
        // Acquire: pairs with the release in `add`, so that the entry is seen.
        let newest = self.newest.load(Acquire);
        // SAFETY: by the invariant of `newest` this is null or a static link.
        unsafe { newest.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Item {
        number: u32,
        link: Link<Item>,
    }

    impl Item {
        const fn new(number: u32) -> Self {
            Self {
                number,
                link: Link::new(),
            }
        }
    }

    #[test]
    fn each_is_in_the_list_once_the_newest_first() {
        static LIST: List<Item> = List::new();
        static ITEMS: [Item; 3] = [const { Item::new(0) }, Item::new(1), Item::new(2)];
        assert_eq!(LIST.iter().count(), 0);
        for index in [1, 0, 1, 2, 0] {
            // SAFETY: it is this one's link, and there is one list.
            unsafe { LIST.add(&ITEMS[index], &ITEMS[index].link) };
            assert!(ITEMS[index].link.is_in());
        }
        let numbers: Vec<u32> = LIST.iter().map(|item| item.number).collect();
        assert_eq!(numbers, [2, 0, 1]);
    }

    #[test]
    fn one_that_a_vanished_thread_was_adding_is_in_the_list_once() {
        static LIST: List<Item> = List::new();
        static ITEM: Item = Item::new(7);
        // SAFETY: it is this one's link, and there is one list.
        unsafe { LIST.add(&ITEM, &ITEM.link) };
        // As if the thread had vanished before its last step.
        ITEM.link.is_in.store(false, Relaxed);
        std::mem::forget(LIST.adding.lock());
        // SAFETY: nobody else knows this list.
        unsafe { LIST.recover() };
        assert!(ITEM.link.is_in());
        // SAFETY: it is this one's link, and there is one list.
        unsafe { LIST.add(&ITEM, &ITEM.link) };
        assert_eq!(LIST.iter().count(), 1);
    }
}
