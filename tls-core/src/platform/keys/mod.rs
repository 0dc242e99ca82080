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
//! When the thread ends, the key's destructor calls the functions that were passed to [`at_end`] until nothing
//! is left to do. Meanwhile all entries are accessible. Then the table is freed and [`GONE`] is left in its
//! place, for as long as the system calls destructors of keys (not in `elsewhere`). An access from then on
//! finds what the static has for that case. A thread that first comes here after the last call creates a table
//! that nothing frees.

use std::alloc::{GlobalAlloc, Layout, System, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::platform::of::Of;

/// Keeps the code that is written for keys.
macro_rules! by_form {
    (native { $($native:item)* } keys { $($keys:item)* }) => { $($keys)* };
}

/// The table under a POSIX key.
#[cfg(unix)]
mod key {
    use std::ffi::c_void;

    use crate::platform::key::Key;

    use super::{GONE, Table, end, round};

    // SAFETY: the key is set only to tables of this thread and to marks, which is what `destroy` expects.
    static KEY: Key = unsafe { Key::new(destroy) };

    /// Returns this thread's table, or null if there is none yet.
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
            // The functions that `end` calls must find the table.
            None => {
                set(table.cast());
                end();
            }
            // The table has ended. The next round must see that, too.
            Some(round) => {
                if let Some(next) = GONE.get(round + 1) {
                    set((&raw const next.0).cast_mut());
                }
            }
        }
    }
}

/// The table in a place of Windows' thread-local storage. Windows empties the place when the thread has ended,
/// without calling a destructor. A thread-local of the standard library has the destructor instead.
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

    /// The number of the place plus one (it is not the greatest number), or zero. The place is never freed.
    static PLACE: AtomicU32 = AtomicU32::new(0);

    std::thread_local! {
        static OWNER: Owner = const { Owner };
    }

    /// Ends the table when it is dropped.
    struct Owner;

    impl Drop for Owner {
        fn drop(&mut self) {
            let table = get();
            // The standard library may initialize the owner again.
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
                // SAFETY: the place has just been allocated, and is not used.
                unsafe { TlsFree(made) };
                faster - 1
            }
        }
    }

    /// Returns this thread's table, or null if there is none yet.
    #[inline(always)]
    pub(super) fn get() -> *mut Table {
        // SAFETY: the place is never freed.
        unsafe { TlsGetValue(place()) }.cast()
    }

    /// Sets this thread's table.
    pub(super) fn set(table: *mut Table) {
        // SAFETY: the place is never freed.
        if unsafe { TlsSetValue(place(), table.cast()) } == 0 {
            fail("no memory for thread-local storage is left");
        }
        // SAFETY: this is the thread's table, or a mark.
        let is_owned = unsafe { &(*table).is_owned };
        if !is_owned.get() {
            // Before Rust 1.93 the owner's registration calls the program's allocator, which may come here.
            // That must not register a second owner, which would be dropped at once. And nothing is done to the
            // table afterwards.
            is_owned.set(true);
            let _ = OWNER.try_with(|_| ());
        }
    }
}

/// For platforms that have only the standard library, which uses keys of its own: two of its thread-locals.
///
/// They are freed in no order: `TABLE` may go first, and `OWNER` sets it again. Code that uses states after
/// both have gone creates another table, which the next round of destructors ends.
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

    /// Returns this thread's table, or null if there is none yet.
    #[inline(always)]
    pub(super) fn get() -> *mut Table {
        match TABLE.try_with(Cell::get) {
            Ok(table) if !table.is_null() => table,
            _ => find(),
        }
    }

    /// Returns the table that the owner knows.
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
        // Only now, because it may call the program's allocator, which may come here.
        let _ = OWNER.try_with(|owner| owner.0.set(TABLE.try_with(Cell::get).unwrap_or(table)));
    }
}

mod macros;

/// A thread-local without drop glue: what `thread_local!` declares here.
///
/// Like the standard library's for a constant without drop glue, except that an access after the thread's table
/// has ended finds `gone` or, if there is none, a copy of the initial value.
pub struct LocalKey<T: 'static> {
    /// The number of the entry. Zero, which no entry has, until it is first used in the process.
    number: AtomicUsize,
    /// # Invariants
    ///
    /// Describes an `Entry<T>`.
    kind: Kind,
    initial: fn() -> T,
    gone: Option<T>,
}

// SAFETY: threads share `gone`, which is only read, as the caller of `new` guarantees. A `T` of another thread
// is not accessed.
unsafe impl<T> Sync for LocalKey<T> {}

/// What the table must know of an entry.
struct Kind {
    layout: Layout,
    /// Returns `true` if nothing refers to the value, so that it may be freed. If this is `None`, nothing ever
    /// refers to the value when a table ends: while this crate does, no user code runs in which a thread could
    /// end. (An allocator and a panic hook may run, and return.)
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

/// What a thread's key leads to. The entries follow the table in memory.
///
/// # Invariants
///
/// There are `len` entries, each null or a pointer to an entry that this table owns, of the kind of the static
/// that has its number.
#[repr(C)]
struct Table {
    len: usize,
    ends: [Cell<Option<End>>; 2],
    /// Whether something ensures that the table ends, where that takes a step of its own.
    is_owned: Cell<bool>,
}

/// A function that is called when a thread ends. Returns `true` if there may be more to do now.
pub(crate) type End = fn() -> bool;

/// The most rounds in which destructors of keys are called after a table has ended. Some systems go on as long
/// as there is anything to call.
///
/// `ThreadSanitizer` ends its own state in the last round, and follows nothing after that.
const ROUNDS: usize = if cfg!(tls_core_few_rounds) { 2 } else { 4 };

/// The key's values in a thread whose table has ended, by round.
static GONE: [Gone; ROUNDS] = [const {
    Gone(Table {
        len: 0,
        ends: [const { Cell::new(None) }; 2],
        is_owned: Cell::new(true),
    })
}; ROUNDS];

struct Gone(Table);

// SAFETY: nothing writes to it, because `room` does not return a mark, and a mark counts as owned.
unsafe impl Sync for Gone {}

fn gone() -> *mut Table {
    (&raw const GONE[0].0).cast_mut()
}

/// Returns the round of a mark, or `None` if the pointer is a table.
fn round(table: *mut Table) -> Option<usize> {
    GONE.iter()
        .position(|gone| ptr::eq(table, &raw const gone.0))
}

/// The number of the next static that is first used.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// The number of entries of a thread's first table.
const FIRST: usize = 16;

impl<T> LocalKey<T> {
    /// Creates a thread-local whose values are what `initial` returns.
    ///
    /// # Safety
    ///
    /// Nothing writes to `gone` through what `pointer` and `with` give out. `is_idle` may be called with a
    /// pointer to a `T`.
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

    /// Returns a pointer to this thread's value. The value stays there until the thread's table ends, or
    /// forever if it is not idle then. After that, returns a pointer to `gone`, or null if there is none.
    #[inline(always)]
    #[must_use]
    pub fn pointer(&'static self) -> *const T {
        match self.find() {
            Some(value) => value.as_ptr(),
            None => self.made_or_gone(),
        }
    }

    /// Does the rest of [`pointer`](Self::pointer), which is part of every access, in a separate function.
    #[cold]
    #[inline(never)]
    fn made_or_gone(&'static self) -> *const T {
        match (self.find_or_make(), &self.gone) {
            (Some(value), _) => value.as_ptr(),
            (None, Some(gone)) => gone,
            (None, None) => ptr::null(),
        }
    }

    /// Calls a function of this crate, which calls no user code, with this thread's value.
    #[inline(always)]
    pub(crate) fn with<R>(&'static self, f: impl FnOnce(&T) -> R) -> R {
        match self.find().or_else(|| self.find_or_make()) {
            // SAFETY: this is the thread's value, and nothing that this crate calls meanwhile frees the table.
            Some(value) => f(unsafe { value.as_ref() }),
            None => match &self.gone {
                Some(gone) => f(gone),
                None => f(&(self.initial)()),
            },
        }
    }

    /// Returns the value, if the thread has it.
    #[inline(always)]
    fn find(&'static self) -> Option<NonNull<T>> {
        let table = key::get();
        if table.is_null() {
            return None;
        }
        let number = self.number.load(Relaxed);
        // SAFETY: the key's value is not null, so it is this thread's table or a mark.
        if number >= unsafe { (*table).len } {
            return None;
        }
        // SAFETY: by the invariant of `Table` it has more than `number` entries.
        let place = unsafe { entry(table, number) };
        // SAFETY: the place is in the table.
        let entry = unsafe { *place };
        // SAFETY: by the invariant of `Table` this is an entry of this static's kind.
        NonNull::new(entry).map(|entry| unsafe { value(entry.cast()) })
    }

    /// Returns the value, and creates it if there is none. Returns `None` if the table has ended.
    #[cold]
    #[inline(never)]
    fn find_or_make(&'static self) -> Option<NonNull<T>> {
        let number = number(&self.number);
        let table = room(number)?;
        // SAFETY: the table has room for that number.
        let place = unsafe { entry(table, number) };
        // SAFETY: the place is in the table.
        if let Some(found) = NonNull::new(unsafe { *place }) {
            // Created meanwhile: see `room`.
            // SAFETY: by the invariant of `Table` this is an entry of this static's kind.
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
        // SAFETY: the place is in the table, which nothing has changed since: only the system was asked for
        // memory.
        unsafe { *place = made.as_ptr().cast() };
        // SAFETY: an entry has just been written there.
        Some(unsafe { value(made) })
    }
}

/// Returns a pointer to an entry's value.
///
/// # Safety
///
/// `entry` points to an entry.
#[inline(always)]
unsafe fn value<T>(entry: NonNull<Entry<T>>) -> NonNull<T> {
    // SAFETY: the caller guarantees that this points to an entry (`# Safety`).
    let value = unsafe { &raw mut (*entry.as_ptr()).value };
    // SAFETY: the value is in an entry, so the pointer is not null.
    unsafe { NonNull::new_unchecked(value) }
}

/// Returns where a table has its pointer to the entry of a number.
///
/// # Safety
///
/// The table has more than `number` entries.
#[inline(always)]
unsafe fn entry(table: *mut Table, number: usize) -> *mut *mut Entry {
    // SAFETY: the entries follow the table, because it is `repr(C)` and aligned as a pointer.
    let first = unsafe { table.add(1) }.cast::<*mut Entry>();
    // SAFETY: the caller guarantees that there are more entries (`# Safety`).
    unsafe { first.add(number) }
}

/// Returns the number of a static, and gives it one if it has none.
fn number(of: &AtomicUsize) -> usize {
    if of.load(Relaxed) == 0 {
        let next = NEXT.fetch_add(1, Relaxed);
        // If another thread was faster, its number counts.
        let _ = of.compare_exchange(0, next, Relaxed, Relaxed);
    }
    of.load(Relaxed)
}

/// Returns this thread's table, with room for an entry of that number, or `None` if the table has ended.
fn room(number: usize) -> Option<*mut Table> {
    let old = key::get();
    if round(old).is_some() {
        return None;
    }
    // SAFETY: the pointer is null or this thread's table.
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
            // SAFETY: the old table has `len` entries.
            let place = unsafe { entry(old, number) };
            // SAFETY: the place is in the table.
            unsafe { *place }
        } else {
            ptr::null_mut()
        };
        // SAFETY: the memory behind the new table has room for `new_len` pointers.
        let place = unsafe { entry(new, number) };
        // SAFETY: the place is in that memory.
        unsafe { place.write(copy) };
    }
    key::set(new);
    if len != 0 {
        // SAFETY: it was allocated with this layout, and no pointer leads to it any more.
        unsafe { System.dealloc(old.cast(), layout(len)) };
    }
    // On some platforms the program's allocator was called meanwhile, and may have come here.
    Some(key::get()).filter(|table| round(*table).is_none())
}

/// Returns the layout of a table with so many entries.
fn layout(len: usize) -> Layout {
    let entries = Layout::array::<*mut Entry>(len);
    let table = entries.and_then(|entries| Layout::new::<Table>().extend(entries));
    table.expect("a table fits into memory").0
}

/// Returns memory of the system, because the program's own allocator may count with this crate.
fn allocate(layout: Layout) -> NonNull<()> {
    // SAFETY: tables and entries have a size.
    let memory = unsafe { System.alloc(layout) };
    NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

/// Arranges for a function to be called when this thread ends. Returns `false` if its table has ended.
pub(crate) fn at_end(of: Of, end: End) -> bool {
    let table = room(0);
    // SAFETY: `room` returns this thread's table.
    table
        .map(|table| unsafe { (*table).ends[of as usize].set(Some(end)) })
        .is_some()
}

/// Ends this thread's table: calls the functions, and frees the table.
///
/// Called by the key, which leads to the table.
fn end() {
    while call_ends() {}
    let table = key::get();
    key::set(gone());
    // SAFETY: this was the thread's table.
    let len = unsafe { (*table).len };
    for number in 0..len {
        // SAFETY: by the invariant of `Table` it has `len` entries.
        let place = unsafe { entry(table, number) };
        // SAFETY: the place is in the table.
        let found = unsafe { *place };
        if let Some(found) = NonNull::new(found) {
            // SAFETY: by the invariant of `Table` it owned the entry, and no pointer leads to it any more.
            unsafe { free(found) };
        }
    }
    // SAFETY: it was allocated with this layout, and is not used again.
    unsafe { System.dealloc(table.cast(), layout(len)) };
}

/// Calls each function of the table once. Returns `true` if there may be more to do.
fn call_ends() -> bool {
    let mut is_busy = false;
    for of in [Of::States, Of::SharedFields] {
        // Found again every time, because the table may have grown.
        // SAFETY: this is the thread's table.
        let end = unsafe { (*key::get()).ends[of as usize].get() };
        is_busy |= end.is_some_and(|end| end());
    }
    is_busy
}

/// Frees an entry. If something refers to its value (the borrow of a coroutine that has not ended), it stays
/// forever.
///
/// # Safety
///
/// `found` points to an entry, which this module does not use again.
unsafe fn free(found: NonNull<Entry>) {
    // SAFETY: the caller guarantees that this is an entry (`# Safety`).
    let kind = unsafe { found.as_ref() }.kind;
    // A value that is aligned to more begins further behind the pointer to the kind.
    let is_idle = kind.is_idle.is_none_or(|is_idle| {
        let offset = size_of::<Entry>().next_multiple_of(kind.layout.align());
        // SAFETY: the value is at this offset, after the pointer to the kind and padding for its alignment.
        let value = unsafe { found.cast::<u8>().add(offset) };
        // SAFETY: by the invariant of `Kind::is_idle`.
        unsafe { is_idle(value.cast()) }
    });
    if is_idle {
        // SAFETY: it was allocated with this layout, and nothing refers to it.
        unsafe { System.dealloc(found.as_ptr().cast(), kind.layout) };
    }
}

/// Declares thread-locals of this crate, with the syntax of the standard library's `thread_local!`.
macro_rules! keyed_thread_local {
    ($(
        $(#[$attribute:meta])*
        $vis:vis static $name:ident: $ty:ty = const $initial:block;
    )*) => {$(
        $(#[$attribute])*
        $vis static $name: $crate::platform::keys::LocalKey<$ty> =
            // SAFETY: there is neither a `gone` nor an `is_idle`, so nothing is required.
            unsafe { $crate::platform::keys::LocalKey::new(|| const $initial, None, None) };
    )*};
}
pub(crate) use keyed_thread_local as thread_local;
