//! Runs the examples as a reader would.

pub(crate) mod server;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::SystemTime;
use std::{env, fs};

/// The exit status and the output of an example.
pub(crate) struct Ran {
    /// The id of the process, if requested.
    pub(crate) process: Option<u32>,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        Self {
            process: None,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Returns the output of a run that must have succeeded, without output on standard error.
    #[track_caller]
    pub(crate) fn stdout(&self) -> &str {
        assert_eq!((self.code, &*self.stderr), (Some(0), ""), "{}", self.stdout);
        &self.stdout
    }
}

/// Returns the command that runs an example, without arguments.
pub(crate) fn example(name: &str) -> Command {
    // The test is .../target/PROFILE/deps/TEST-HASH. Cargo has built the examples next to that directory
    // for `cargo test`, but not for `cargo test --test TEST`.
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile
        .join("examples")
        .join(name)
        .with_extension(env::consts::EXE_EXTENSION);
    if !is_fresh(&binary) {
        let profile_name = match profile.file_name().and_then(|name| name.to_str()).unwrap() {
            "debug" => "dev",
            other => other,
        };
        let status = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--example",
                name,
                "--profile",
                profile_name,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .unwrap();
        assert!(status.success(), "`{name}` does not build");
    }
    assert!(
        binary.exists(),
        "no {}: run `cargo build --examples` first",
        binary.display()
    );
    let mut command = Command::new(binary);
    command.stdin(Stdio::null());
    command
}

/// Returns `true` if a binary is newer than its sources, which Cargo lists in a file next to it.
fn is_fresh(binary: &Path) -> bool {
    let modified = |path: &Path| {
        fs::metadata(path)
            .and_then(|metadata| metadata.modified())
            .ok()
    };
    let Some(built) = modified(binary) else {
        return false;
    };
    let Ok(list) = fs::read_to_string(binary.with_extension("d")) else {
        return false;
    };
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    // Paths with spaces are escaped, so they are not found, and Cargo checks them.
    sources.split_whitespace().all(|source| {
        modified(Path::new(source)).is_some_and(|changed: SystemTime| changed <= built)
    })
}

pub(crate) fn run(name: &str, args: &[&str]) -> Ran {
    Ran::new(example(name).args(args).output().unwrap())
}
