//! A thousand states of `ref_thread_local`.

mod many {
    operations::many_states! {
        use ref_thread_local::{RefThreadLocal as _, ref_thread_local};
        use states::births::Plain;

        ref_thread_local! {
            static managed STATE: Plain = Plain::default();
        }

        fn touch() {
            STATE.borrow_mut().count += 1;
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
