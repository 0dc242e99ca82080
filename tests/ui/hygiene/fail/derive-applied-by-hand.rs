use tls_core as __tls_core_for_Worker;

// The second step of the attribute without the third: no hidden field.
#[derive(tls_core::__private_0_1_0::ThreadLocalStateExpand)]
struct Worker {
    jobs: u64,
}

fn main() {
    let _worker = Worker { jobs: 1 };
}
