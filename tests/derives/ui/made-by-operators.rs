//! Derives of operators.

mod operators_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(derive_more::Add, derive_more::Mul, derive_more::Sum, derive_more::Not)]
    #[mul(forward)]
    struct Worker {
        jobs: u64,
    }
}

mod assigning_operators_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(derive_more::AddAssign, derive_more::MulAssign)]
    #[mul_assign(forward)]
    struct Worker {
        jobs: u64,
    }
}

fn main() {}
