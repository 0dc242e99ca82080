use tls_core::thread_local_state;

/// The user's own, and not shared.
#[derive(Default)]
struct Counter(u64);

trait Trap {
    unsafe fn __tls_default(self) -> Counter;
}

impl<T> Trap for T {
    unsafe fn __tls_default(self) -> Counter {
        unsafe { std::ptr::null::<Counter>().read() }
    }
}

#[thread_local_state]
struct Worker {
    count: Counter,
}

fn main() {
    Worker::state().init();
}
