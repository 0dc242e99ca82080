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

To every GET there is a HEAD, which answers with the head alone.

Options:
  --listen ADDRESS:PORT   where to listen; port 0: any that is free [default: 127.0.0.1:8080]
  -h, --help              print this
";

pub(crate) struct Args {
    pub(crate) listen: SocketAddr,
}

/// Returns `None` if the user asks for help.
pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    while let Some(arg) = parser.next()? {
        match arg {
            Long("listen") => {
                let value = parser.value()?.string()?;
                listen = value.parse().map_err(|_| {
                    format!("--listen takes an address like 127.0.0.1:8080, not {value:?}")
                })?;
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(Args { listen }))
}
