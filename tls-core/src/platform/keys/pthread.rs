//! The table under a key of POSIX.

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
