use tls_core::{borrow, thread_local_state};

#[thread_local_state(error = std::num::ParseIntError)]
struct Limits {
    #[state(init = "16".parse()?)]
    depth: u32,
}

fn main() {
    let limits = borrow!(try Limits::state());
    assert_eq!(limits.depth, 16);
}
