use tls_core::{Counter, thread_local_state};

// The field's type is not what is there, and the derive's code is `unsafe`.
#[thread_local_state]
#[derive(const_field_offset::FieldOffsets)]
#[repr(C)]
struct Worker {
    #[state(shared)]
    done: Counter,
    number: usize,
}

fn main() {}
