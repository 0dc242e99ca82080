//! What glibc's destructors of thread-locals are too early for.
//!
//! glibc calls the destructors of thread-locals first, and then those of keys for thread-specific data, in several
//! rounds. A thread-local that is first used in one of the latter is registered and never destroyed. So what
//! is made there is ended by a key of ours, in the same round or the next. In the last round nobody is left to do it.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::platform::key::Key;
use crate::platform::of::Of;

/// What is called at the end, if it was asked for.
type End = Cell<Option<fn()>>;

thread_local! {
    static ENDS: [End; 2] = const { [const { Cell::new(None) }; 2] };
}

// SAFETY: the destructor does not look at what it is called with.
static KEY: Key = unsafe { Key::new(destroy) };

/// Has a function called among this thread's destructors of keys, once.
pub(crate) fn at_end(of: Of, end: fn()) {
    if ENDS.with(|ends| ends[of as usize].replace(Some(end)).is_none()) {
        KEY.set(ptr::without_provenance(1));
    }
}

/// Takes that back: it has been done in time. So the key's destructor is not called, which may be in a library that is
/// unloaded by then.
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
