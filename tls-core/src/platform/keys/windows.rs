//! The table in a place of thread-local storage, which Windows empties when the thread has ended, and calls no
//! destructor for. A thread-local of the standard library has one instead.

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
    // After that: it may call the program's allocator, which may come here. Refuses while it is dropped, and then it
    // ends the table anyway.
    let _ = OWNER.try_with(|_| ());
}
