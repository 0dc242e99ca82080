use tls_core::thread_local_state;

#[thread_local_state(error = std::num::ParseIntError)]
struct Worker {
    #[state(init = "5".parse::<u64>())]
    jobs: u64,
    #[state(init = std::fs::File::open("x"))]
    file: std::fs::File,
}

fn main() {}
