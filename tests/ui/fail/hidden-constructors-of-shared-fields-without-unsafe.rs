use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

use tls_core::__private_0_1_0::{Local, Registry, Rest, Sharing};
use tls_core::shared::{Shareable, SharedField};
use tls_core::Shared;

fn main() {
    let meta = tls_core::__private_0_1_0::describe("done", "", &Counter::__SHAPE, (0, 0));
    let _handle: SharedField<Worker, Counter> = SharedField::__new(&Counter::__SHAPE, &meta);
    let _shared: Shared<Worker, Counter, 0> = Shared::__new();
    let _local: Local<1> = Local::new();
}

fn make(sharing: &'static Sharing) -> Registry<[Rest; 0]> {
    Registry::new(sharing)
}
