use tls_core::thread_local_state;

#[thread_local_state]
#[derive(borsh::BorshSerialize, borsh::BorshDeserialize)]
struct Worker {
    #[borsh(skip)]
    jobs: u64,
}

fn main() {}
