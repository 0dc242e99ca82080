use tls_core::thread_local_state;

#[thread_local_state]
trait Count {
    fn count(&self);
}

fn main() {}
