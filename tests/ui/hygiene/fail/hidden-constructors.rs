//! What makes hidden values is unsafe.

mod hidden_constructors_without_unsafe {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        jobs: u64,
    }

    use tls_core::{Field, ThreadLocalState};
    use tls_core::__private_0_1_0::{MadeOncePerThreadSoUseWithState, Slot};

    fn run() {
        let _handle: Field<Worker, u64> = Field::__new(0, 0);
        let _slot: Slot<<Worker as ThreadLocalState>::__Storage> = Slot::new::<Worker>();
        let _hidden = MadeOncePerThreadSoUseWithState::<Worker>::new();
    }
}

mod hidden_constructors_of_shared_fields_without_unsafe {
    use tls_core::{Counter, thread_local_state};

    #[thread_local_state]
    struct Server {
        #[state(shared)]
        done: Counter,
    }

    use tls_core::__private_0_1_0::{Local, Registry, Rest, SharedMeta, Sharing, laid_out};
    use tls_core::shared::{Shareable, SharedField};

    fn run() {
        let fields = laid_out([SharedMeta::of("done", "", &Counter::__SHAPE)]);
        let _handle: SharedField<Server, Counter> = SharedField::__new(&Counter::__SHAPE, &fields, 0);
        let _local: Local<1> = Local::new();
    }

    fn make(sharing: &'static Sharing) -> Registry<[Rest; 0]> {
        Registry::new(sharing)
    }
}

fn main() {}
