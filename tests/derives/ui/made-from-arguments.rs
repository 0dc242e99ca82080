//! Derives that make a value from the command line.

mod parser_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(clap::Parser)]
    #[command(name = "work")]
    struct Worker {
        // Cannot be cloned, which is no further mistake.
        #[arg(long)]
        state: std::sync::Mutex<u64>,
        #[cfg_attr(all(), arg(short))]
        jobs: u64,
    }
}

mod args_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(clap::Args)]
    struct Worker {
        #[arg(long)]
        jobs: u64,
    }
}

fn main() {}
