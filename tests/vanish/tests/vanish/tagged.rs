//! An allocator that knows which process has allocated what is freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Writes the process's number in front of what it allocates.
struct Tagged;

#[global_allocator]
static ALLOCATOR: Tagged = Tagged;

/// How much this process has freed that another has allocated.
static FOREIGN: AtomicUsize = AtomicUsize::new(0);

/// How often this process has freed what its parent had allocated.
pub(crate) fn frees_of_the_parents() -> usize {
    FOREIGN.load(SeqCst)
}

/// The layout with the number, and how far behind the beginning the value is.
fn with_tag(layout: Layout) -> Option<(Layout, usize)> {
    let (layout, offset) = Layout::new::<libc::pid_t>().extend(layout).ok()?;
    Some((layout.pad_to_align(), offset))
}

fn process() -> libc::pid_t {
    // SAFETY: always allowed.
    unsafe { libc::getpid() }
}

// SAFETY: the system's, with more room before the value.
unsafe impl GlobalAlloc for Tagged {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((layout, offset)) = with_tag(layout) else {
            return std::ptr::null_mut();
        };
        // SAFETY: its size is not zero.
        let start = unsafe { System.alloc(layout) };
        if start.is_null() {
            return start;
        }
        // SAFETY: that is where the tag is.
        unsafe { start.cast::<libc::pid_t>().write_unaligned(process()) };
        // SAFETY: the value is within the layout.
        unsafe { start.add(offset) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        let (layout, offset) = with_tag(layout).expect("it has been allocated");
        // SAFETY: the tag is before the value.
        let start = unsafe { place.sub(offset) };
        // SAFETY: `alloc` has written it.
        if unsafe { start.cast::<libc::pid_t>().read_unaligned() } != process() {
            FOREIGN.fetch_add(1, SeqCst);
        }
        // SAFETY: as it was allocated.
        unsafe { System.dealloc(start, layout) };
    }
}
