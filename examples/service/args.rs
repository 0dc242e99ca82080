//! The command line.

use lexopt::prelude::*;

pub(crate) const HELP: &str = "\
An HTTP service that makes short links, with a database connection for each of its threads.

Usage: service [OPTIONS]

  POST /links        makes a link to the URL that is sent
  GET /links/CODE    leads there
  GET /links         the last ten, with the request that made each
  GET /metrics       all numbers, in the OpenMetrics text format
  POST /quit         ends the program, as Ctrl-C does, when it has answered what it was asked before

Every answer has the header `x-request-id`, which is that of the request if it has one. It listens on 127.0.0.1,
and keeps the links in memory: 16 MiB of them, for as long as it runs.

Options:
  --port N     where to listen; 0: any that is free [default: 8081]
  -h, --help   print this
";

pub(crate) struct Args {
    pub(crate) port: u16,
}

/// Returns `None` if the user asks for help.
pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Args>, lexopt::Error> {
    let mut port = 8081;
    while let Some(arg) = parser.next()? {
        match arg {
            Long("port") => {
                let value = parser.value()?.string()?;
                port = value
                    .parse()
                    .map_err(|_| format!("--port takes a number from 0 to 65535, not {value:?}"))?;
            }
            Short('h') | Long("help") => return Ok(None),
            _ => return Err(arg.unexpected()),
        }
    }
    Ok(Some(Args { port }))
}
