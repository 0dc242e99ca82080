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

fn main() {
    plant(Worker::NAME, &String::from("gone"));
}
