use tls_core::thread_local_state;

// The name of a module that the expansion uses too: there the field's type would be another.
mod __tls_std {
    pub mod string {
        pub struct String(pub u8);

        impl std::ops::Deref for String {
            type Target = std::string::String;

            fn deref(&self) -> &std::string::String {
                unreachable!()
            }
        }
    }
}

#[thread_local_state]
struct Worker {
    #[state(init = std::string::String::from("hello"))]
    name: __tls_std::string::String,
}

fn main() {
    Worker::NAME.set("x".repeat(100));
}
