//! Derives that would make a second value, which the attribute sees.

mod clone_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(Clone, Copy, Debug)]
    struct Worker {
        jobs: u64,
    }
}

mod default_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(Debug, Default)]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        let _worker = Worker::default();
    }
}

mod default_derived_through_cfg_attr {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[cfg_attr(all(), derive(Default))]
    struct Worker {
        jobs: u64,
    }
}

mod deserialize_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(serde::Deserialize)]
    struct Worker {
        #[serde(default)]
        jobs: u64,
    }
}

fn main() {}
