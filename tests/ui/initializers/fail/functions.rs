//! Functions of `init = PATH` that do not return what they should.

mod init_function_of_a_wrong_type {
    use tls_core::thread_local_state;

    fn make() -> String {
        String::new()
    }

    #[thread_local_state(init = make)]
    struct Worker {
        jobs: u64,
    }
}

mod init_function_that_builds_the_struct {
    use tls_core::thread_local_state;

    fn make() -> Server {
        Server { jobs: 0 }
    }

    #[thread_local_state(init = make)]
    struct Server {
        jobs: u64,
    }
}

mod init_function_that_fails_with_another_error {
    use tls_core::thread_local_state;

    fn make() -> Result<ClientInit, std::fmt::Error> {
        Ok(ClientInit { jobs: 0 })
    }

    #[thread_local_state(init = make, error = std::io::Error)]
    struct Client {
        jobs: u64,
    }
}

mod init_function_that_fails_without_error {
    use tls_core::thread_local_state;

    fn make() -> Result<SessionInit, std::fmt::Error> {
        Ok(SessionInit { jobs: 0 })
    }

    #[thread_local_state(init = make)]
    struct Session {
        jobs: u64,
    }
}

mod init_function_that_takes_arguments {
    use tls_core::thread_local_state;

    fn make(jobs: u64) -> MailerInit {
        MailerInit { jobs }
    }

    #[thread_local_state(init = make)]
    struct Mailer {
        jobs: u64,
    }
}

fn main() {}
