use tls_core::shared::Shareable;
use tls_core::thread_local_state;

struct Word(u64);

impl Shareable for Word {}

#[thread_local_state]
struct Worker {
    jobs: u64,
}

use tls_core::__private_0_1_0::{HasSharedFields, Local, Registry};

impl HasSharedFields for Worker {
    type __Local = Local<1>;

    fn __local() -> *const Local<1> {
        unimplemented!()
    }

    fn __registry() -> &'static Registry {
        unimplemented!()
    }
}

fn main() {}
