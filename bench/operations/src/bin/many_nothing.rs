//! What the other programs `many_` are compared with: no state at all.

mod many {
    operations::many_states! {
        fn touch() {
            std::hint::black_box(());
        }
    }
}

fn main() {
    operations::many::main(&many::TOUCHES);
}
