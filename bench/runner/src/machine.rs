//! On what was measured: the machine and the versions of everything.

use crate::options::Options;
use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, thread};

/// No paths, no names of hosts: it goes into a file that is published.
#[derive(Serialize, Deserialize)]
pub(crate) struct Machine {
    /// When the measurement began, in UTC: `2026-01-31 12:00`.
    pub(crate) date: String,
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) system: String,
    /// What `rustc --version` says.
    pub(crate) compiler: String,
    /// What `valgrind --version` says, if there is one.
    pub(crate) valgrind: Option<String>,
    /// The commit, if this is a checkout with `git`; with a note if files differ from it.
    pub(crate) commit: Option<String>,
    /// Name and version of what is compared, tls-core first.
    pub(crate) versions: Vec<(String, String)>,
}

impl Machine {
    pub(crate) fn examine(options: &Options) -> Result<Self> {
        Ok(Self {
            date: date(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()),
            processor: processor(),
            cores: thread::available_parallelism()?.get(),
            system: system(),
            compiler: output(options, "rustc", &["--version"])?,
            valgrind: output(options, "valgrind", &["--version"]).ok(),
            commit: commit(options),
            versions: versions(options)?,
        })
    }
}

/// The version that the lock file of the bench has chosen for a package, if it has.
pub(crate) fn locked_version(options: &Options, package: &str) -> Result<Option<String>> {
    let file = options.root.join("Cargo.lock");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(version_in(&text, package))
}

/// The highest version of the package in the text of a lock file. The format is fixed enough to do
/// without a parser: `name` and `version` are the first two lines of each entry.
fn version_in(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    let mut found: Option<String> = None;
    while lines.any(|line| line == name) {
        let version = lines
            .next()
            .and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
        // Cargo sorts the entries of one name by version.
        found = version.map(str::to_owned).or(found);
    }
    found
}

/// Versions of tls-core and of the packages that `states` and the compile part compare it with:
/// those that the workspace lists under "Peers".
fn versions(options: &Options) -> Result<Vec<(String, String)>> {
    let file = options.root.join("Cargo.toml");
    let manifest =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut versions = Vec::new();
    for package in ["tls-core"].into_iter().chain(peers(&manifest)) {
        // A peer that no package uses is not in the lock file, and not measured.
        if let Some(version) = locked_version(options, package)? {
            versions.push((package.to_owned(), version));
        }
    }
    Ok(versions)
}

/// The names between the comments `# Peers.` and the next one, in the bench's manifest.
fn peers(manifest: &str) -> impl Iterator<Item = &str> {
    manifest
        .lines()
        .skip_while(|line| !line.starts_with("# Peers"))
        .skip(1)
        .take_while(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim()))
}

fn output(options: &Options, program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(&options.root)
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        bail!("{program} {} failed", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

fn commit(options: &Options) -> Option<String> {
    let commit = output(options, "git", &["rev-parse", "--short=12", "HEAD"]).ok()?;
    // What is measured is the two crates and the bench without its results.
    let measured = [
        "status",
        "--porcelain",
        "--",
        ".",
        "../tls-core",
        "../tls-macros",
    ];
    let excluded = [":(exclude)RESULTS.md", ":(exclude)pictures"];
    let changes = output(options, "git", &[&measured[..], &excluded[..]].concat()).ok()?;
    let note = if changes.is_empty() {
        ""
    } else {
        " with changes"
    };
    Some(commit + note)
}

fn processor() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| Some(rest.split_once(':')?.1.trim().to_owned()))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Name of the system and version of its kernel.
fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Beyond the version stands how the kernel was built, and sometimes where.
    let kernel = kernel.trim().split(['-', '+']).next().unwrap_or_default();
    format!("{name}, kernel {kernel}")
}

/// Date and time of these seconds since 1970, in UTC.
fn date(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Years are counted from March, so that the leap day is the last of its year; eras of
    // 400 years have 146,097 days. 719,468 days lie between 0000-03-01 and 1970-01-01.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (rest / 3600, rest / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_735_689_599), "2024-12-31 23:59");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00");
    }

    #[test]
    fn the_highest_locked_version_is_found() {
        let lock = "[[package]]\nname = \"syn\"\nversion = \"2.0.1\"\n\n\
                    [[package]]\nname = \"syn\"\nversion = \"3.0.2\"\n\n\
                    [[package]]\nname = \"synstructure\"\nversion = \"0.1.0\"\n";
        assert_eq!(version_in(lock, "syn").as_deref(), Some("3.0.2"));
        assert_eq!(version_in(lock, "quote"), None);
    }

    #[test]
    fn peers_are_those_below_the_comment() {
        let manifest =
            "a = 1\n# Peers.\nlinked = \"1\"\nstate = { version = \"0.6\" }\n# Tools\nb = 1\n";
        assert_eq!(peers(manifest).collect::<Vec<_>>(), ["linked", "state"]);
    }
}
