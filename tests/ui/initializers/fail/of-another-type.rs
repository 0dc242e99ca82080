//! Initializers that are not of the type of the field.

mod initializer_of_another_type {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Worker {
        #[state(init = "worker")]
        name: String,
        #[state(init = { let n = 1u8; n })]
        jobs: u64,
    }
}

mod initializer_of_another_type_with_error {
    use tls_core::thread_local_state;

    #[thread_local_state(error = std::num::ParseIntError)]
    struct Server {
        #[state(init = "5".parse::<u32>()?)]
        jobs: u64,
    }
}

mod initializer_that_moves_an_earlier_field {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Client {
        #[state(init = vec![1, 2])]
        jobs: Vec<u64>,
        #[state(init = jobs)]
        more: Vec<u64>,
    }
}

mod question_mark_forgotten {
    use tls_core::thread_local_state;

    #[thread_local_state(error = std::num::ParseIntError)]
    struct Session {
        #[state(init = "5".parse::<u64>())]
        jobs: u64,
        #[state(init = std::fs::File::open("x"))]
        file: std::fs::File,
    }
}

mod question_mark_of_another_error {
    use tls_core::thread_local_state;

    #[derive(Debug)]
    struct NoJobsFile;

    #[thread_local_state(error = NoJobsFile)]
    struct Mailer {
        #[state(init = std::fs::read_to_string("jobs.txt")?)]
        jobs: String,
    }
}

mod early_return_of_an_error_without_error {
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Crawler {
        #[state(init = { if false { return Err(std::fmt::Error); } 5 })]
        jobs: u64,
    }
}

fn main() {}
