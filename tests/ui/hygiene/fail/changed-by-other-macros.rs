//! Fields that other macros change after the attribute has seen them.

mod field_added_by_a_later_attribute {
    use tls_core::thread_local_state;

    // Nothing would fill the field.
    #[thread_local_state]
    #[test_attributes::field_in_the_end]
    struct Worker {
        jobs: u64,
    }

    fn run() {
        Worker::with_state(|worker| worker.extra.len());
    }
}

mod hidden_field_of_another_type {
    use tls_core::thread_local_state;

    // Nothing is ever written to the hidden field.
    #[thread_local_state]
    #[test_attributes::string_in_the_end]
    struct Server {
        jobs: u64,
    }

    fn run() {
        Server::with_state(|server| {
            server.__this_struct_is_made_once_per_thread_so_use_with_state.len()
        });
    }
}

mod field_whose_type_changes {
    use tls_core::thread_local_state;

    // A number in the struct and in `ClientInit`, a text for the handle.
    #[thread_local_state(explicit)]
    struct Client {
        name: test_attributes::text_in_the_midst_of_numbers!(),
    }

    fn run() {
        assert!(Client::state().try_init_with(ClientInit { name: 1 }).is_ok());
        Client::NAME.with(|name| name.len());
    }
}

fn main() {}
