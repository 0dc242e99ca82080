//! The command line.

use std::net::{Ipv4Addr, SocketAddr};

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
An HTTP server that counts its requests by thread and exports the totals.

Usage: metrics [OPTIONS]

  GET /           says hello
  GET /wait/MS    answers after that many milliseconds, at most 600000
  GET /metrics    all numbers, in the OpenMetrics text format
  POST /quit      ends the program; who can connect can do that, so keep to the default address

Options:
  --listen ADDRESS:PORT   where to listen; port 0: any that is free [default: 127.0.0.1:8080]
  -h, --help              print this
";

pub(crate) enum Command {
    Run { listen: SocketAddr },
    Help,
}

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("listen") => {
                let value = parser.value()?.string()?;
                listen = value.parse().map_err(|_| {
                    format!("--listen takes an address like 127.0.0.1:8080, not {value:?}")
                })?;
            }
            Short('h') | Long("help") => return Ok(Command::Help),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Command::Run { listen })
}
