use tls_core::thread_local_state;

#[thread_local_state]
enum Mode {
    Fast,
    Slow,
}

fn main() {
    Mode::with_state(|mode| match mode {
        Mode::Fast => 1,
        Mode::Slow => 2,
    });
    Mode::state().reset();
}
