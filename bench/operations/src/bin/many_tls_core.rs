//! A thousand states of `tls-core`.

mod many {
    operations::many_states! {
        #[tls_core::thread_local_state]
        struct State {
            count: u64,
            name: String,
        }

        fn touch() {
            State::with_state_mut(|state| state.count += 1);
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
