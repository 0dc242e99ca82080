//! Thread-locals under one key of the operating system, for all states together.
//!
//! ```text
//!  key ──▶ Table of this thread
//!          ├─ ends:    what is called when the thread ends
//!          └─ entries: [ null, entry, entry, null, … ]      by the numbers that the statics have
//!                               │
//!                               ▼
//!                              Entry: an image of the static's initial value, made on first use
//! ```
//!
//! When the thread ends, the key's destructor calls what was asked for with [`at_end`], until nothing is left
//! to do, while all entries can be accessed. Then the table is freed, and [`GONE`] is left in its
//! place. It stays for as long as the system calls destructors of keys (not in `elsewhere`); what is accessed from
//! then on is what the static says of that. If a thread first comes here after the last call, it makes a table
//! that nothing frees.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::platform::of::Of;

/// Keeps what is written for keys.
macro_rules! by_form {
    (native { $($native:item)* } keys { $($keys:item)* }) => { $($keys)* };
}

/// The table under a key of POSIX.
#[cfg(unix)]
mod key {
    use std::ffi::c_void;

    use crate::platform::key::Key;

    use super::{GONE, Table, end, round};

    // SAFETY: it is set to tables of this thread, and to the mark.
    static KEY: Key = unsafe { Key::new(destroy) };

    /// This thread's table: null if there is none yet.
    #[inline(always)]
    pub(super) fn get() -> *mut Table {
        KEY.get().cast()
    }

    /// Sets this thread's table.
    pub(super) fn set(table: *mut Table) {
        KEY.set(table.cast());
    }

    unsafe extern "C" fn destroy(table: *mut c_void) {
        match round(table.cast()) {
            // Found by what is called now.
            None => {
                set(table.cast());
                end();
            }
            // It has gone, which stays to be seen in the next round, too.
            Some(round) => {
                if let Some(next) = GONE.get(round + 1) {
                    set((&raw const next.0).cast_mut());
                }
            }
        }
    }
}

/// The table in a place of thread-local storage, which Windows empties when the thread has ended, and calls no
/// destructor for. A thread-local of the standard library has one instead.
#[cfg(windows)]
mod key {
    use std::ffi::{c_int, c_void};
    use std::ptr;
    use std::sync::atomic::AtomicU32;
    use std::sync::atomic::Ordering::{AcqRel, Acquire};

    use crate::platform::fail::fail;

    use super::{Table, end, gone};

    // Not worth a dependency that every user would build.
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn TlsAlloc() -> u32;
        fn TlsFree(place: u32) -> c_int;
        fn TlsGetValue(place: u32) -> *mut c_void;
        fn TlsSetValue(place: u32, value: *const c_void) -> c_int;
    }

    /// One more than the number of the place, which is never given back. Zero until there is one, which is not the
    /// greatest number.
    static PLACE: AtomicU32 = AtomicU32::new(0);

    std::thread_local! {
        static OWNER: Owner = const { Owner };
    }

    /// Ends the table when it is dropped.
    struct Owner;

    impl Drop for Owner {
        fn drop(&mut self) {
            let table = get();
            // The standard library may make it anew.
            if !table.is_null() && !ptr::eq(table, gone()) {
                end();
            }
        }
    }

    #[inline(always)]
    fn place() -> u32 {
        match PLACE.load(Acquire) {
            0 => make_place(),
            place => place - 1,
        }
    }

    #[cold]
    #[inline(never)]
    fn make_place() -> u32 {
        // SAFETY: may be called at any time.
        let made = unsafe { TlsAlloc() };
        if made == u32::MAX {
            fail("no place for thread-local storage is left");
        }
        match PLACE.compare_exchange(0, made + 1, AcqRel, Acquire) {
            Ok(_) => made,
            Err(faster) => {
                // SAFETY: it has just been made, and is not used.
                unsafe { TlsFree(made) };
                faster - 1
            }
        }
    }

    /// This thread's table: null if there is none yet.
    #[inline(always)]
    pub(super) fn get() -> *mut Table {
        // SAFETY: the place is never given back.
        unsafe { TlsGetValue(place()) }.cast()
    }

    /// Sets this thread's table.
    pub(super) fn set(table: *mut Table) {
        // SAFETY: the place is never given back.
        if unsafe { TlsSetValue(place(), table.cast()) } == 0 {
            fail("no memory for thread-local storage is left");
        }
        // SAFETY: it is this thread's table, or a mark.
        let is_owned = unsafe { &(*table).is_owned };
        if !is_owned.get() {
            // Before Rust 1.93 the owner's registration calls the program's allocator, which may come here: that must not
            // register a second owner, which would be dropped at once. And nothing is done to the table after it.
            is_owned.set(true);
            let _ = OWNER.try_with(|_| ());
        }
    }
}

/// Where there is no more than the standard library, which finds keys of its own: two of its thread-locals.
///
/// It frees them in no order. So the one that is looked at may go first, and is set again by the other. What uses the
/// thread's states after both have gone makes a table once more, which the next round of destructors ends.
#[cfg(not(any(unix, windows)))]
mod key {
    use std::cell::Cell;
    use std::ptr;

    use super::{Table, end, gone};

    std::thread_local! {
        /// This thread's table, unless it has been freed.
        static TABLE: Cell<*mut Table> = const { Cell::new(ptr::null_mut()) };
        static OWNER: Owner = const { Owner(Cell::new(ptr::null_mut())) };
    }

    /// Ends the table when it is dropped.
    struct Owner(Cell<*mut Table>);

    impl Drop for Owner {
        fn drop(&mut self) {
            let table = self.0.get();
            if !table.is_null() {
                let _ = TABLE.try_with(|place| place.set(table));
                end();
            }
        }
    }

    /// This thread's table: null if there is none yet.
    #[inline(always)]
    pub(super) fn get() -> *mut Table {
        match TABLE.try_with(Cell::get) {
            Ok(table) if !table.is_null() => table,
            _ => find(),
        }
    }

    /// The table that the owner knows.
    #[cold]
    #[inline(never)]
    fn find() -> *mut Table {
        let table = OWNER.try_with(|owner| owner.0.get()).unwrap_or(gone());
        let _ = TABLE.try_with(|place| place.set(table));
        table
    }

    /// Sets this thread's table.
    pub(super) fn set(table: *mut Table) {
        let _ = TABLE.try_with(|place| place.set(table));
        // After that: it may call the program's allocator, which may come here.
        let _ = OWNER.try_with(|owner| owner.0.set(TABLE.try_with(Cell::get).unwrap_or(table)));
    }
}

mod macros;

/// A thread-local without drop glue: what `thread_local!` makes here.
///
/// As the standard library's of a constant without drop glue, but for what is accessed when the thread's table
/// has gone: then it is `gone`, if that is given, and a copy of the initial value otherwise.
pub struct LocalKey<T: 'static> {
    /// The number of its entry. Zero, which is no entry's, until it is first used in the process.
    number: AtomicUsize,
    /// # Invariants
    ///
    /// Describes an `Entry<T>`.
    kind: Kind,
    initial: fn() -> T,
    gone: Option<T>,
}

// SAFETY: threads share `gone`, which is only read, as the caller of `new` has promised. A `T` of another thread is
// not accessed.
unsafe impl<T> Sync for LocalKey<T> {}

/// What the table must know of an entry.
struct Kind {
    layout: Layout,
    /// Returns `true` if nothing refers to the value, so that it may be freed. Without it, nothing ever does when a table
    /// ends: while this crate refers to the value, no code of the user's runs in which a thread could end (an allocator and
    /// a panic hook may run, and return).
    ///
    /// # Invariants
    ///
    /// May be called with a pointer to the value of an entry of this kind.
    is_idle: Option<unsafe fn(NonNull<()>) -> bool>,
}

/// A value in a thread's table.
#[repr(C)]
struct Entry<T = ()> {
    kind: &'static Kind,
    value: T,
}

/// What a thread's key leads to. The entries follow it in memory.
///
/// # Invariants
///
/// There are `len` of them, each null or a pointer to an entry that this table owns, of the kind that the static with
/// its number has.
#[repr(C)]
struct Table {
    len: usize,
    ends: [Cell<Option<End>>; 2],
    /// Something sees to it that the table ends, where that takes a step of its own.
    is_owned: Cell<bool>,
}

/// What is called when a thread ends. Returns `true` if it has done something that may have left more to do.
pub(crate) type End = fn() -> bool;

/// The rounds in which destructors of keys are called, at most, after a table has gone. Some systems go on as long as there
/// is anything to call.
///
/// `ThreadSanitizer` does its own in the last one, and follows nothing after that.
const ROUNDS: usize = if cfg!(tls_core_few_rounds) { 2 } else { 4 };

/// The key's values in a thread whose table has gone, by round.
static GONE: [Gone; ROUNDS] = [const {
    Gone(Table {
        len: 0,
        ends: [const { Cell::new(None) }; 2],
        is_owned: Cell::new(true),
    })
}; ROUNDS];

struct Gone(Table);

// SAFETY: nobody writes to it, because `room` returns no table that has gone, and the mark is owned.
unsafe impl Sync for Gone {}

fn gone() -> *mut Table {
    (&raw const GONE[0].0).cast_mut()
}

/// The round of a mark, or `None` if it is a table.
fn round(table: *mut Table) -> Option<usize> {
    GONE.iter()
        .position(|gone| ptr::eq(table, &raw const gone.0))
}

/// The number of the next static that is used.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// The entries of the first table of a thread.
const FIRST: usize = 16;

impl<T> LocalKey<T> {
    /// Makes one whose table entries are what `initial` returns.
    ///
    /// # Safety
    ///
    /// Whoever gets a reference to `gone` from [`try_with`](Self::try_with) does not write to it. `is_idle` may be called
    /// with a pointer to a `T`.
    #[must_use]
    pub const unsafe fn new(
        initial: fn() -> T,
        is_idle: Option<unsafe fn(NonNull<()>) -> bool>,
        gone: Option<T>,
    ) -> Self {
        Self {
            number: AtomicUsize::new(0),
            kind: Kind {
                layout: Layout::new::<Entry<T>>(),
                is_idle,
            },
            initial,
            gone,
        }
    }

    /// Where this thread's value lies. It stays there until the thread's table goes, or for good if it is not idle
    /// then. Without a table it is `gone`, or null if there is none.
    #[inline(always)]
    #[must_use]
    pub fn pointer(&'static self) -> *const T {
        match self.find() {
            Some(value) => value.as_ptr(),
            None => self.made_or_gone(),
        }
    }

    /// As [`pointer`](Self::pointer), in a function of its own: the one above is part of every access.
    #[cold]
    #[inline(never)]
    fn made_or_gone(&'static self) -> *const T {
        match (self.find_or_make(), &self.gone) {
            (Some(value), _) => value.as_ptr(),
            (None, Some(gone)) => gone,
            (None, None) => ptr::null(),
        }
    }

    /// Calls a function of this crate, which calls none of the user's, with this thread's value.
    #[inline(always)]
    pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.find().or_else(|| self.find_or_make()) {
            // SAFETY: it is this thread's value, and the table, which owns it, is freed by nothing that this crate
            // calls meanwhile.
            Some(value) => f(unsafe { value.as_ref() }),
            None => match &self.gone {
                Some(gone) => f(gone),
                None => f(&(self.initial)()),
            },
        }
    }

    /// The value, if the thread has it.
    #[inline(always)]
    fn find(&'static self) -> Option<NonNull<T>> {
        let table = key::get();
        if table.is_null() {
            return None;
        }
        let number = self.number.load(Relaxed);
        // SAFETY: the key's value is null or this thread's table, or `GONE`.
        if number >= unsafe { (*table).len } {
            return None;
        }
        // SAFETY: there are as many entries.
        let place = unsafe { entry(table, number) };
        // SAFETY: it lies in the table.
        let entry = unsafe { *place };
        // SAFETY: it is an entry of this static's kind.
        NonNull::new(entry).map(|entry| unsafe { value(entry.cast()) })
    }

    /// Makes the value. Returns `None` if the table has gone.
    #[cold]
    #[inline(never)]
    fn find_or_make(&'static self) -> Option<NonNull<T>> {
        let number = number(&self.number);
        let table = room(number)?;
        // SAFETY: the table has room for that number.
        let place = unsafe { entry(table, number) };
        // SAFETY: it lies in the table.
        if let Some(found) = NonNull::new(unsafe { *place }) {
            // Made meanwhile: see `room`.
            // SAFETY: it is an entry of this static's kind.
            return Some(unsafe { value(found.cast()) });
        }
        let made = allocate(self.kind.layout).cast::<Entry<T>>();
        // SAFETY: the memory is fresh, and of an entry's layout.
        unsafe {
            made.write(Entry {
                kind: &self.kind,
                value: (self.initial)(),
            });
        }
        // SAFETY: it lies in the table, which nothing has changed since: only the system has been asked for memory.
        unsafe { *place = made.as_ptr().cast() };
        // SAFETY: it is an entry.
        Some(unsafe { value(made) })
    }
}

/// Where an entry has its value.
///
/// # Safety
///
/// It is an entry.
#[inline(always)]
unsafe fn value<T>(entry: NonNull<Entry<T>>) -> NonNull<T> {
    // SAFETY: it is an entry.
    let value = unsafe { &raw mut (*entry.as_ptr()).value };
    // SAFETY: it lies in an entry.
    unsafe { NonNull::new_unchecked(value) }
}

/// Where a table has a pointer to the entry of a number.
///
/// # Safety
///
/// The table has more entries than that.
#[inline(always)]
unsafe fn entry(table: *mut Table, number: usize) -> *mut *mut Entry {
    // SAFETY: the entries follow the table, because it is `repr(C)` and aligned as a pointer.
    let first = unsafe { table.add(1) }.cast::<*mut Entry>();
    // SAFETY: the caller's promise, and the invariant of `Table`.
    unsafe { first.add(number) }
}

/// The number of a static, which it gets now if it has none.
fn number(of: &AtomicUsize) -> usize {
    if of.load(Relaxed) == 0 {
        let next = NEXT.fetch_add(1, Relaxed);
        // If another thread was faster, its number it is.
        let _ = of.compare_exchange(0, next, Relaxed, Relaxed);
    }
    of.load(Relaxed)
}

/// This thread's table, with room for an entry of that number. `None` if it has gone.
fn room(number: usize) -> Option<*mut Table> {
    let old = key::get();
    if round(old).is_some() {
        return None;
    }
    // SAFETY: it is null or this thread's table.
    let table = unsafe { old.as_ref() };
    let len = table.map_or(0, |table| table.len);
    if number < len {
        return Some(old);
    }
    let new_len = (number + 1).next_power_of_two().max(FIRST);
    let new = allocate(layout(new_len)).cast::<Table>().as_ptr();
    let ends = table.map_or([const { Cell::new(None) }; 2], |table| table.ends.clone());
    let is_owned = Cell::new(table.is_some_and(|table| table.is_owned.get()));
    // SAFETY: the memory is fresh, and begins with a table.
    unsafe {
        new.write(Table {
            len: new_len,
            ends,
            is_owned,
        });
    }
    for number in 0..new_len {
        let copy = if number < len {
            // SAFETY: the old one has so many.
            let place = unsafe { entry(old, number) };
            // SAFETY: it lies in the table.
            unsafe { *place }
        } else {
            ptr::null_mut()
        };
        // SAFETY: there is room for them behind the new table.
        let place = unsafe { entry(new, number) };
        // SAFETY: it lies in that room.
        unsafe { place.write(copy) };
    }
    key::set(new);
    if len != 0 {
        // SAFETY: it has been allocated like that, and nobody can find it any more.
        unsafe { System.dealloc(old.cast(), layout(len)) };
    }
    // On some platforms the program's allocator was called meanwhile, and may have come here.
    Some(key::get()).filter(|table| round(*table).is_none())
}

/// The layout of a table with so many entries.
fn layout(len: usize) -> Layout {
    let entries = Layout::array::<*mut Entry>(len);
    let table = entries.and_then(|entries| Layout::new::<Table>().extend(entries));
    table.expect("a table fits into memory").0
}

/// Memory from the system: the program's own allocator may count with this.
fn allocate(layout: Layout) -> NonNull<()> {
    // SAFETY: tables and entries have a size.
    let memory = unsafe { System.alloc(layout) };
    NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Has a function called when this thread ends. Returns `false` if its table has gone.
pub(crate) fn at_end(of: Of, end: End) -> bool {
    let table = room(0);
    // SAFETY: it is this thread's table.
    table
        .map(|table| unsafe { (*table).ends[of as usize].set(Some(end)) })
        .is_some()
}

/// Ends this thread's table: calls what is to be called, and frees it.
///
/// Called by the key, which leads to the table.
fn end() {
    while call_ends() {}
    let table = key::get();
    key::set(gone());
    // SAFETY: it was this thread's table.
    let len = unsafe { (*table).len };
    for number in 0..len {
        // SAFETY: there are so many.
        let place = unsafe { entry(table, number) };
        // SAFETY: it lies in the table.
        let found = unsafe { *place };
        if let Some(found) = NonNull::new(found) {
            // SAFETY: the table owned it, and nobody can find it any more.
            unsafe { free(found) };
        }
    }
    // SAFETY: it is not used any more, and has been allocated like that.
    unsafe { System.dealloc(table.cast(), layout(len)) };
}

/// Calls what is to be called at the end, once. Returns `true` if there may be more to do.
fn call_ends() -> bool {
    let mut is_busy = false;
    for of in [Of::States, Of::SharedFields] {
        // Found anew every time, because it may have grown.
        // SAFETY: it is this thread's table.
        let end = unsafe { (*key::get()).ends[of as usize].get() };
        is_busy |= end.is_some_and(|end| end());
    }
    is_busy
}

/// Frees an entry, unless something refers to its value, which then stays for good: the borrow of a coroutine that
/// has not ended.
///
/// # Safety
///
/// It is an entry, and not used again by this module.
unsafe fn free(found: NonNull<Entry>) {
    // SAFETY: it is an entry.
    let kind = unsafe { found.as_ref() }.kind;
    // The value of an entry of another type begins elsewhere if it is aligned to more.
    let is_idle = kind.is_idle.is_none_or(|is_idle| {
        let offset = size_of::<Entry>().next_multiple_of(kind.layout.align());
        // SAFETY: the value lies behind the pointer to the kind, as far as its alignment demands.
        let value = unsafe { found.cast::<u8>().add(offset) };
        // SAFETY: the invariant of `Kind`.
        unsafe { is_idle(value.cast()) }
    });
    if is_idle {
        // SAFETY: it has been allocated like that, and nothing refers to it.
        unsafe { System.dealloc(found.as_ptr().cast(), kind.layout) };
    }
}

/// Thread-locals of this crate, as the standard library's `thread_local!` declares them.
macro_rules! keyed_thread_local {
    ($(
        $(#[$attribute:meta])*
        $vis:vis static $name:ident: $ty:ty = const $initial:block;
    )*) => {$(
        $(#[$attribute])*
        $vis static $name: $crate::platform::keys::LocalKey<$ty> =
            // SAFETY: nothing is given that would have to be kept to.
            unsafe { $crate::platform::keys::LocalKey::new(|| const $initial, None, None) };
    )*};
}
pub(crate) use keyed_thread_local as thread_local;
