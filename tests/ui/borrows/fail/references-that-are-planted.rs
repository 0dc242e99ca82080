//! What is kept lives as long as the program.

mod field_handle_with_a_shorter_lifetime {
    use tls_core::{Field, ThreadLocalState, thread_local_state};

    #[thread_local_state]
    struct Worker {
        #[state(init = "")]
        name: &'static str,
    }

    fn plant<'a, S: ThreadLocalState<Error = std::convert::Infallible>>(
        handle: Field<S, &'a str>,
        name: &'a str,
    ) {
        handle.set(name);
    }

    fn run() {
        plant(Worker::NAME, &String::from("gone"));
    }
}

mod part_of_a_shorter_lifetime {
    use tls_core::shared::Part;
    use tls_core::thread_local_state;

    #[thread_local_state]
    struct Server {
        #[state(shared)]
        words: Part<Vec<&'static str>>,
    }

    fn run() {
        let text = String::from("a b");
        Server::WORDS.with_mut(|words| words.push(&text));
    }
}

fn main() {}
