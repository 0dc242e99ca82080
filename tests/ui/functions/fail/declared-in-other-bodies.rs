//! Declared in blocks, and in what the compiler computes.

mod declared_in_a_nested_block {
    use tls_core::thread_local_state;

    fn run() {
        for _ in 0..2 {
            match true {
                _ => {
                    #[thread_local_state]
                    struct Worker {
                        jobs: u64,
                    }

                    Worker::JOBS.get();
                }
            }
        }
    }
}

mod declared_in_a_const_block {
    use tls_core::thread_local_state;

    fn run() {
        const {
            #[thread_local_state]
            struct Worker {
                jobs: u64,
            }
        }
    }
}

mod declared_in_a_static_initializer {
    use tls_core::thread_local_state;

    static JOBS: fn() -> u64 = {
        #[thread_local_state]
        struct Worker {
            jobs: u64,
        }

        || Worker::JOBS.get()
    };

    fn run() {
        JOBS();
    }
}

mod declared_in_other_bodies {
    use tls_core::thread_local_state;

    const JOBS: fn() -> u64 = {
        #[thread_local_state]
        struct InConstant {
            jobs: u64,
        }

        || InConstant::JOBS.get()
    };

    struct Array(
        [u8; {
            #[thread_local_state]
            struct InArrayLength {
                jobs: u64,
            }

            2
        }],
    );

    enum Choice {
        One = {
            #[thread_local_state]
            struct InDiscriminant {
                jobs: u64,
            }

            1
        },
    }

    trait Count {
        fn count(&self);
    }

    impl Count for u8 {
        fn count(&self) {
            fn inner() -> u64 {
                #[thread_local_state]
                struct InNestedFunction {
                    jobs: u64,
                }

                InNestedFunction::JOBS.get()
            }
            inner();
        }
    }

    fn run() {
        let _future = async {
            #[thread_local_state]
            struct InAsyncBlock {
                jobs: u64,
            }

            InAsyncBlock::JOBS.get()
        };
        JOBS();
        0.count();
        let _ = (Array([0; 2]), Choice::One);
    }
}

fn main() {}
