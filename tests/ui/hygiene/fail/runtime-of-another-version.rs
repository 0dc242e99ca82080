use tls_core::__private_0_0_9::Slot;

fn main() {}
