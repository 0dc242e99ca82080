//! A thousand states of `linked`.

mod many {
    operations::many_states! {
        use states::births::Linked;

        linked::thread_local_rc! {
            static STATE: Linked = Linked::new();
        }

        fn touch() {
            STATE.with(|state| state.plain.borrow_mut().count += 1);
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
