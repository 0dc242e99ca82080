//! What the command line says.

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::{env, fs};

const HELP: &str = "\
Measures tls-core beside its peers, and judges it against its goals.

usage: bench/run [--quick] [PART…]

Without a PART all parts are measured, and bench/RESULTS.md and bench/pictures are written.
With --quick, or with parts, the same goes to a directory below bench/target instead.

options:
  --quick   fewer rounds, and only what the goals need: about ten minutes
  --again   measure nothing: write tables and pictures of the last such run anew
  --parts   measure nothing: print the names of the parts that would be
  --help    print this

parts:
";

/// How to measure. Every part takes this.
pub(crate) struct Options {
    /// Fewer rounds, and only what the goals need: the whole bench in about ten minutes.
    pub(crate) quick: bool,
    /// The directory `bench/`.
    pub(crate) root: PathBuf,
    /// Where to build and keep intermediate files: Cargo's target directory of `bench/`.
    pub(crate) target: PathBuf,
}

/// What to do, of the whole command line.
pub(crate) struct Command {
    pub(crate) options: Options,
    /// The names of the parts to measure, in the order in which they are run; all of them if the
    /// command line names none.
    pub(crate) parts: Vec<&'static str>,
    /// Whether every part is measured in full, so that the results are those to be kept.
    pub(crate) full: bool,
    /// Whether only their names are wanted.
    pub(crate) list: bool,
    /// Whether the records of the last run are reported once more.
    pub(crate) again: bool,
}

/// Reads the command line. `None`: it asked for help, which has been printed.
pub(crate) fn parse(
    parts: &[(&'static str, &'static str)],
    arguments: Parser,
) -> Result<Option<Command>> {
    let names = || {
        let names: Vec<_> = parts.iter().map(|&(name, _)| name).collect();
        names.join(", ")
    };
    let (mut quick, mut list, mut again, mut chosen) = (false, false, false, Vec::new());
    let mut arguments = arguments;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("quick") => quick = true,
            Arg::Long("parts") => list = true,
            Arg::Long("again") => again = true,
            Arg::Long("help") | Arg::Short('h') => {
                print!("{HELP}");
                for (name, what) in parts {
                    println!("  {name:<8}  {what}");
                }
                return Ok(None);
            }
            Arg::Value(value) => {
                let value = value.string()?;
                if !parts.iter().any(|&(name, _)| name == value) {
                    bail!("there is no part `{value}`; the parts are {}", names());
                }
                chosen.push(value);
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let full = !quick && chosen.is_empty();
    let parts = parts
        .iter()
        .map(|&(name, _)| name)
        .filter(|&name| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name))
        .collect();
    let options = Options::new(quick)?;
    Ok(Some(Command {
        options,
        parts,
        full,
        list,
        again,
    }))
}

impl Options {
    fn new(quick: bool) -> Result<Self> {
        // Cargo sets it for what it runs. What is compiled in would be the path of a checkout
        // that may have been moved since.
        let runner = env::var_os("CARGO_MANIFEST_DIR")
            .context("CARGO_MANIFEST_DIR is not set; start this through `bench/run`")?;
        let root = PathBuf::from(runner)
            .parent()
            .context("the package `runner` has no parent directory")?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(target) if target != OsStr::new("") => std::path::absolute(target)?,
            _ => root.join("target"),
        };
        fs::create_dir_all(&target)
            .with_context(|| format!("cannot create {}", target.display()))?;
        Ok(Self {
            quick,
            root,
            target,
        })
    }

    /// Where Cargo puts a program that it builds in this profile.
    pub(crate) fn program(&self, profile: &str, name: &str) -> PathBuf {
        let directory = if profile == "dev" { "debug" } else { profile };
        self.target.join(directory).join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [(&str, &str); 3] = [("one", "1"), ("two", "2"), ("three", "3")];

    fn command(arguments: &[&str]) -> Result<Command> {
        let command = parse(&PARTS, Parser::from_args(arguments))?;
        Ok(command.expect("no help was asked for"))
    }

    #[test]
    fn without_parts_all_are_measured_in_full() -> Result<()> {
        let command = command(&[])?;
        assert_eq!(command.parts, ["one", "two", "three"]);
        assert!(command.full && !command.options.quick);
        Ok(())
    }

    #[test]
    fn quick_is_not_full() -> Result<()> {
        let command = command(&["--quick"])?;
        assert_eq!(command.parts.len(), 3);
        assert!(!command.full && command.options.quick);
        Ok(())
    }

    #[test]
    fn parts_run_once_each_in_their_own_order() -> Result<()> {
        let command = command(&["three", "one", "three"])?;
        assert_eq!(command.parts, ["one", "three"]);
        assert!(!command.full);
        Ok(())
    }

    #[test]
    fn an_unknown_part_is_an_error_that_lists_the_parts() {
        let error = command(&["four"]).err().expect("`four` is not a part");
        let expected = "there is no part `four`; the parts are one, two, three";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn an_unknown_option_is_an_error() {
        assert!(command(&["--fast"]).is_err());
    }
}
