//! The attribute on data that is no struct.

mod on_a_constant {
    use tls_core::thread_local_state;

    #[thread_local_state]
    const JOBS: u64 = 0;
}

mod on_a_static {
    use tls_core::thread_local_state;

    #[thread_local_state]
    static JOBS: u64 = 0;
}

mod on_a_type_alias {
    use tls_core::thread_local_state;

    #[thread_local_state]
    type Jobs = u64;
}

mod on_a_union {
    use tls_core::thread_local_state;

    #[thread_local_state]
    union Bits {
        float: f32,
        integer: u32,
    }
}

mod on_an_enum {
    use tls_core::thread_local_state;

    #[thread_local_state]
    enum Mode {
        Fast,
        Slow(u64),
    }
}

mod on_an_enum_that_is_used {
    use tls_core::thread_local_state;

    #[thread_local_state]
    enum Mode {
        Fast,
        Slow,
    }

    fn run() {
        Mode::with_state(|mode| match mode {
            Mode::Fast => 1,
            Mode::Slow => 2,
        });
        Mode::state().reset();
    }
}

fn main() {}
