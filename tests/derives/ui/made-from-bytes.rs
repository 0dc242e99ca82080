//! Derives that make a value from bytes, or see it as bytes.

mod zeroable_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(bytemuck::Zeroable)]
    struct Worker {
        jobs: u64,
    }
}

mod casts_of_bytes_to_a_state_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
    #[repr(C)]
    struct Worker {
        jobs: u64,
    }
}

mod casts_of_checked_bytes_to_a_state_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(bytemuck::AnyBitPattern, bytemuck::CheckedBitPattern)]
    #[repr(C)]
    struct Worker {
        jobs: u64,
    }
}

mod bytes_of_what_is_not_copy_derived {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(bytemuck::NoUninit, bytemuck::ByteEq, bytemuck::ByteHash)]
    #[repr(C)]
    struct Worker {
        jobs: u64,
    }
}

mod wrapper_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(bytemuck::TransparentWrapper)]
    #[transparent(u64)]
    #[repr(transparent)]
    struct Worker {
        jobs: u64,
    }
}

mod from_bytes_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(zerocopy::FromBytes, zerocopy::KnownLayout, zerocopy::Immutable)]
    #[repr(C)]
    struct Worker {
        jobs: u64,
    }
}

mod from_zeros_derived_below_the_attribute {
    use tls_core::thread_local_state;

    #[thread_local_state]
    #[derive(zerocopy::FromZeros, zerocopy::TryFromBytes)]
    struct Worker {
        is_working: bool,
    }
}

fn main() {}
