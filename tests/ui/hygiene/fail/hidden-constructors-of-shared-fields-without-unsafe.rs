use tls_core::{Counter, thread_local_state};

#[thread_local_state]
struct Worker {
    #[state(shared)]
    done: Counter,
}

use tls_core::__private_0_1_0::{Local, Registry, Rest, SharedMeta, Sharing, laid_out};
use tls_core::shared::{Shareable, SharedField};

fn main() {
    let fields = laid_out([SharedMeta::of("done", "", &Counter::__SHAPE)]);
    let _handle: SharedField<Worker, Counter> = SharedField::__new(&Counter::__SHAPE, &fields, 0);
    let _local: Local<1> = Local::new();
}

fn make(sharing: &'static Sharing) -> Registry<[Rest; 0]> {
    Registry::new(sharing)
}
