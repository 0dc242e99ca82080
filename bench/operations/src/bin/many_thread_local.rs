//! A thousand states of the crate `thread_local`.

mod many {
    operations::many_states! {
        use states::births::Plain;
        use std::cell::RefCell;
        use thread_local::ThreadLocal;

        static STATE: ThreadLocal<RefCell<Plain>> = ThreadLocal::new();

        fn touch() {
            STATE.get_or_default().borrow_mut().count += 1;
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
