//! Where there is no more than the standard library, which finds keys of its own: two of its thread-locals.
//!
//! It frees them in no order. So the one that is looked at may go first, and is set again by the other. What uses the
//! thread's states after both have gone makes a table once more, which the next round of destructors ends.

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
