use tls_core::thread_local_state;

#[thread_local_state]
#[derive(clap::Args)]
struct Worker {
    #[arg(long)]
    jobs: u64,
}

fn main() {}
