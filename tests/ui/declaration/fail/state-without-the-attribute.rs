struct Worker {
    #[state(init = 5)]
    jobs: u64,
}

fn main() {}
