//! What comes too late for glibc's destructors of thread-locals.
//!
//! glibc calls the destructors of thread-locals first, and then those of keys for thread-specific data,
//! in several rounds. A thread-local that is first used in a destructor of a key is registered and never
//! destroyed. So a key of this crate ends what is initialized there, in the same round or the next.
//! Nothing ends what is initialized in the last round.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::platform::key::Key;
use crate::platform::of::Of;

/// The function that is called at the end, if there is one.
type End = Cell<Option<fn()>>;

thread_local! {
    static ENDS: [End; 2] = const { [const { Cell::new(None) }; 2] };
}

// SAFETY: the destructor does not use its argument.
static KEY: Key = unsafe { Key::new(destroy) };

/// Arranges for a function to be called once, among this thread's destructors of keys.
pub(crate) fn at_end(of: Of, end: fn()) {
    if ENDS.with(|ends| ends[of as usize].replace(Some(end)).is_none()) {
        KEY.set(ptr::without_provenance(1));
    }
}

/// Cancels that, because it has been done in time. So the key's destructor is not called; it may be in a
/// library that has been unloaded by then.
#[inline]
pub(crate) fn not_at_end(of: Of) {
    ENDS.with(|ends| {
        let was_asked = ends[of as usize].take().is_some();
        if was_asked && ends.iter().all(|end| end.get().is_none()) {
            KEY.set(ptr::null());
        }
    });
}

unsafe extern "C" fn destroy(_: *mut c_void) {
    for of in [Of::States, Of::SharedFields] {
        if let Some(end) = ENDS.with(|ends| ends[of as usize].take()) {
            end();
        }
    }
}
