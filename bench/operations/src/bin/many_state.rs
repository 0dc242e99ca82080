//! A thousand states of the crate `state`.

mod many {
    operations::many_states! {
        use state::LocalInitCell;
        use states::births::Plain;
        use std::cell::RefCell;

        static STATE: LocalInitCell<RefCell<Plain>> = LocalInitCell::new();

        fn touch() {
            // What `get` does, and in the first thread the initializer, which `state` wants at run time.
            let state = STATE.try_get().unwrap_or_else(|| {
                STATE.set(RefCell::default);
                STATE.get()
            });
            state.borrow_mut().count += 1;
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
