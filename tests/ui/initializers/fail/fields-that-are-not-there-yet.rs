//! An initializer sees the fields before it.

mod initializer_with_a_later_field {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = jobs.len())]
        count: usize,
        #[state(init = vec![1, 2])]
        jobs: Vec<u64>,
    }
}

mod self_in_an_initializer {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = vec![1, 2])]
        jobs: Vec<u64>,
        #[state(init = self.jobs.len())]
        count: usize,
    }
}

mod self_in_the_first_initializer {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = self.default_jobs())]
        jobs: Vec<u64>,
    }
}

fn main() {}
