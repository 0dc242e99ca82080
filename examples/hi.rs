//! A greeting that remembers, for each thread, whether it has met that thread before.
//!
//! Run it with `cargo run --example hi`.

mod shell;

use std::process::ExitCode;
use std::thread;

use anyhow::Context as _;
use tls_core::thread_local_state;

const HELP: &str = "\
Greets the main thread and three others, each twice.

Usage: hi

Options:
  -h, --help   print this
";

/// Every thread that says hi has one of these, initialized by the first call.
#[thread_local_state]
struct Greeter {
    #[state(init = thread::current().name().unwrap_or("stranger").to_owned())]
    name: String,
    has_met: bool, // no initializer: `false`, its `Default`
}

fn hi() -> anyhow::Result<()> {
    let greeting = Greeter::with_state_mut(|greeter| {
        if greeter.has_met {
            format!("Welcome back {}\n", greeter.name)
        } else {
            greeter.has_met = true;
            format!("Nice to meet you {}\n", greeter.name)
        }
    });
    shell::print(&greeting)
}

fn run() -> anyhow::Result<()> {
    hi()?;
    hi()?;
    for name in ["Ada", "Grace", "Edsger"] {
        let said_hi = thread::Builder::new().name(name.to_owned()).spawn(|| {
            hi()?;
            hi()
        });
        // The threads run one after the other, so that the output has one order.
        let said_hi = said_hi.context("cannot start a thread")?;
        said_hi.join().expect("no panic")?;
    }
    Ok(())
}

fn main() -> ExitCode {
    shell::main(HELP, |_| Ok(Some(())), |()| run())
}
