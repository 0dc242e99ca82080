//! A state outlives whatever it could borrow.

mod field_with_a_reference {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        name: &str,
        names: Vec<(u64, &'static str, &mut [u8])>,
        #[state(init = |name| name.len())]
        length: fn(&str) -> usize,
    }

    fn run() {
        Worker::NAME.with(|name| name.len());
    }
}

mod part_with_a_reference {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(shared)]
        words: Part<Vec<&str>>,
    }

    fn run() {
        Worker::WORDS.with_mut(|words| words.clear());
    }
}

fn main() {}
