use tls_core::thread_local_state;

#[thread_local_state(error = std::num::ParseIntError)]
struct Worker {
    #[state(init = "5".parse::<u32>()?)]
    jobs: u64,
}

fn main() {}
