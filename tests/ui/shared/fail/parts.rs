//! What a `Part` can hold.

mod part_without_a_type {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        words: Part,
    }

    fn run() {
        Worker::WORDS.take_parts();
    }
}

mod part_without_default {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    use std::time::Instant;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        started: Part<Instant>,
    }
}

mod part_that_is_not_send {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    use std::rc::Rc;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        words: Part<Rc<u64>>,
    }
}

fn main() {}
