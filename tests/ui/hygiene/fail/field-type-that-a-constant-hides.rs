use tls_core::thread_local_state;

// The name of a module that the expansion uses too: there the field's type would be another.
mod __tls_std {
    pub mod string {
        #[derive(PartialEq, Eq)]
        pub struct String(pub ());

        impl std::ops::Deref for String {
            type Target = std::string::String;

            fn deref(&self) -> &std::string::String {
                unreachable!()
            }
        }

        impl std::ops::DerefMut for String {
            fn deref_mut(&mut self) -> &mut std::string::String {
                unreachable!()
            }
        }
    }
}

// And a pattern that binds nothing where the expansion looks at the field.
#[allow(non_upper_case_globals)]
const __field_0: __tls_std::string::String = __tls_std::string::String(());

#[thread_local_state(explicit)]
struct Worker {
    name: __tls_std::string::String,
}

fn main() {
    let name = __tls_std::string::String(());
    assert!(Worker::state().try_init_with(WorkerInit { name }).is_ok());
    Worker::NAME.set("x".repeat(100));
}
