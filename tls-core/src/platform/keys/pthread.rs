//! The table under a key of POSIX.

use std::ffi::c_void;
use std::ptr;

use crate::platform::key::Key;

use super::{Table, end, gone};

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
    // Found by what is called now. And if it has gone, that stays to be seen in the next round, too.
    set(table.cast());
    if !ptr::eq(table.cast(), gone()) {
        end();
    }
}
