//! A greeting that remembers, thread by thread, whom it has met.
//!
//! Run it with `cargo run --example hi`.

use std::thread;

use tls_core::thread_local_state;

/// One of these lives in every thread that says hi, made on the first call.
#[thread_local_state]
struct Greeter {
    #[state(init = thread::current().name().unwrap_or("stranger").to_owned())]
    name: String,
    has_met: bool, // no init given: `false`, its `Default`
}

fn hi() {
    Greeter::with_state_mut(|greeter| {
        if greeter.has_met {
            println!("Welcome back {}", greeter.name);
        } else {
            println!("Nice to meet you {}", greeter.name);
            greeter.has_met = true;
        }
    });
}

fn main() {
    hi();
    hi();
    for name in ["Ada", "Grace", "Edsger"] {
        let said_hi = thread::Builder::new().name(name.to_owned()).spawn(|| {
            hi();
            hi();
        });
        // One thread after the other, so that the output has one order.
        said_hi.expect("a thread").join().expect("no panic");
    }
}
