//! A thousand states by hand: `thread_local!` with a `RefCell`, made lazily.

mod many {
    operations::many_states! {
        use states::births::Plain;
        use std::cell::RefCell;

        thread_local! {
            static STATE: RefCell<Plain> = RefCell::default();
        }

        fn touch() {
            STATE.with_borrow_mut(|state| state.count += 1);
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
