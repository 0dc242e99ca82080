//! What it costs to make and drop states, and the memory that they take.
//!
//! Instructions are counted by callgrind, in the functions that touch states and in the C library's
//! function that runs the destructors of a thread that ends. A whole program is run with fewer and with
//! more threads, and the difference is what a thread costs; what one costs that touches nothing is
//! subtracted. All threads are alive at once, each one started by the one before it: so the
//! instructions do not depend on who happens to run, and no thread finds what another one
//! has left. The figures are the same in every run, except those of `thread_map`, whose hashes are
//! random: they differ by one percent.
//!
//! The values of `thread_local`, `state` and `thread_map` outlive their threads. So their figures
//! hold no destructor, and those of `thread_map` that nobody drains grow with every thread.
//!
//! One state is measured with fat LTO, and in the default release profile, which has the setting
//! `1 state, release`; many states in the default release profile.

use crate::options::Options;
use crate::record::{OURS, Records};
use anyhow::{Context as _, Result, bail, ensure};
use object::{Object as _, ObjectSection as _};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// A thread that touches nothing: subtracted from the others.
const NOTHING: &str = "nothing";
/// What the goals compare with.
const STD: &str = "std lazy RefCell";

/// The candidates of the program `births`, by the names that it knows.
const CANDIDATES: [&str; 11] = [
    OURS,
    STD,
    "std lazy Cell",
    "std const RefCell",
    "std OnceCell",
    "thread_local",
    "state",
    "linked",
    "ref_thread_local",
    "thread_local_collect",
    "thread_map",
];

/// The programs of a thousand states, and whose states they are. `thread_local_collect` and
/// `thread_map` have none: each of their states has a control object to itself, they are not meant
/// for many.
const MANY: [(&str, &str); 7] = [
    (OURS, "many_tls_core"),
    (STD, "many_std_lazy_ref_cell"),
    ("std const RefCell", "many_std_const_ref_cell"),
    ("thread_local", "many_thread_local"),
    ("state", "many_state"),
    ("linked", "many_linked"),
    ("ref_thread_local", "many_ref_thread_local"),
];
const MANY_NOTHING: &str = "many_nothing";
/// How many states these programs have, by profile.
const PROFILES: [(&str, f64); 2] = [("release", 1_000.0), ("dev", 100.0)];

/// The functions in which the programs touch states, as callgrind's patterns.
const TOUCH: &str = "*measured_touch*";
/// The C library's function that runs the destructors of a thread's thread-locals.
const EXIT: &str = "__call_tls_dtors";

pub(crate) fn run(options: &Options, records: &mut Records) -> Result<()> {
    one(options, "lto", "1 state", records)?;
    one(options, "release", "1 state, release", records)?;
    many(options, records)?;
    for (profile, states) in PROFILES {
        images(options, profile, states, records)?;
    }
    if !options.quick {
        residents(options, records)?;
    }
    Ok(())
}

/// First access, and first access with the end of the thread.
fn one(options: &Options, profile: &str, setting: &str, records: &mut Records) -> Result<()> {
    let candidates = if options.quick {
        &CANDIDATES[..2]
    } else {
        &CANDIDATES
    };
    eprintln!(
        "births: {profile}: first access to a state of {} candidates",
        candidates.len()
    );
    build(options, profile, &["births"])?;
    let program = options.program(profile, "births");
    let of = |candidate, functions: &[&str]| {
        per_thread([50, 250], |threads| {
            count(&program, functions, &["nested", candidate, threads])
        })
    };
    let first = of(NOTHING, &[TOUCH])?;
    let both = of(NOTHING, &[TOUCH, EXIT])?;
    // A thread of the standard library always has a destructor.
    ensure!(
        both > first,
        "callgrind did not find `{EXIT}`: these measurements need glibc"
    );
    for &candidate in candidates {
        let (operation, unit) = ("first access", "instructions");
        let value = of(candidate, &[TOUCH])? - first;
        records.push(operation, setting, candidate, unit, value);
        let (operation, unit) = ("first access and exit", "instructions");
        let value = of(candidate, &[TOUCH, EXIT])? - both;
        records.push(operation, setting, candidate, unit, value);
    }
    Ok(())
}

/// States touched for the first time and dropped, each.
fn many(options: &Options, records: &mut Records) -> Result<()> {
    let programs = programs(options);
    let profile = "release";
    eprintln!(
        "births: {profile}: {} programs of a thousand states",
        programs.len()
    );
    build_many(options, profile)?;
    for states in [1, 10, 100, 1_000] {
        eprintln!("births: {profile}: {states} states");
        let of = |name| {
            let program = options.program(profile, name);
            per_thread([10, 50], |threads| {
                count(&program, &[TOUCH, EXIT], &[threads, &states.to_string()])
            })
        };
        let nothing = of(MANY_NOTHING)?;
        for &(candidate, name) in programs {
            let value = (of(name)? - nothing) / f64::from(states);
            records.push(
                "touch",
                format!("{states} states"),
                candidate,
                "instructions",
                value,
            );
        }
    }
    Ok(())
}

/// What a state adds to the image that every thread begins with.
fn images(options: &Options, profile: &str, states: f64, records: &mut Records) -> Result<()> {
    eprintln!("births: {profile}: thread-local images");
    build_many(options, profile)?;
    let of = |name| image(&options.program(profile, name));
    let nothing = of(MANY_NOTHING)?;
    for &(candidate, name) in programs(options) {
        let image = of(name)?;
        let parts = [
            ("bytes initialized", image.initialized - nothing.initialized),
            ("bytes zeroed", image.zeroed - nothing.zeroed),
        ];
        for (unit, bytes) in parts {
            records.push(
                "thread-local image",
                profile,
                candidate,
                unit,
                bytes / states,
            );
        }
    }
    Ok(())
}

/// By how much a process grows while threads come, touch a state, and go.
fn residents(options: &Options, records: &mut Records) -> Result<()> {
    let program = options.program("lto", "births");
    for candidate in CANDIDATES {
        eprintln!("births: 100000 threads of {candidate}");
        let output = run_program(Command::new(&program).args(["resident", candidate, "100000"]))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let grown = text
            .trim()
            .parse()
            .with_context(|| format!("`births resident` printed {text:?} and not a number"))?;
        records.push("resident", "100000 threads", candidate, "KiB", grown);
    }
    Ok(())
}

/// The programs of many states that are compared.
fn programs(options: &Options) -> &'static [(&'static str, &'static str)] {
    if options.quick { &MANY[..2] } else { &MANY }
}

fn build_many(options: &Options, profile: &str) -> Result<()> {
    let names = programs(options).iter().map(|&(_, name)| name);
    build(
        options,
        profile,
        &names.chain([MANY_NOTHING]).collect::<Vec<_>>(),
    )
}

/// Builds programs of `operations`.
fn build(options: &Options, profile: &str, programs: &[&str]) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(&options.root)
        .env("CARGO_TARGET_DIR", &options.target)
        .args(["build", "--quiet", "--profile", profile])
        .args(["--package", "operations", "--no-default-features"])
        .args(["--features", "births"]);
    for program in programs {
        cargo.args(["--bin", program]);
    }
    let status = cargo.status().context("cannot start cargo")?;
    ensure!(status.success(), "{programs:?} do not build: see above");
    Ok(())
}

/// What one thread costs, from runs with fewer and with more of them.
fn per_thread(threads: [u32; 2], count: impl Fn(&str) -> Result<f64>) -> Result<f64> {
    let [fewer, more] = threads;
    let difference = count(&more.to_string())? - count(&fewer.to_string())?;
    Ok(difference / f64::from(more - fewer))
}

/// Runs a program under callgrind and returns how many instructions were executed in these
/// functions and what they call.
fn count(program: &Path, functions: &[&str], arguments: &[&str]) -> Result<f64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    for function in functions {
        valgrind.arg(format!("--toggle-collect={function}"));
    }
    valgrind.arg(program).args(arguments);
    let output = run_program(&mut valgrind)
        .context("callgrind is a part of valgrind: install the package `valgrind`")?;
    let text = String::from_utf8_lossy(&output.stderr);
    collected(&text).with_context(|| format!("callgrind did not say what it collected:\n{text}"))
}

/// The number in callgrind's line `Collected : …`.
fn collected(text: &str) -> Option<f64> {
    let (_, number) = text
        .lines()
        .find_map(|line| line.split_once("Collected :"))?;
    number.trim().parse().ok()
}

fn run_program(command: &mut Command) -> Result<Output> {
    let name = command.get_program().to_owned();
    let name = name.display();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{name} failed:\n{error}");
    }
    Ok(output)
}

/// What the loader gives every thread.
struct Image {
    initialized: f64,
    zeroed: f64,
}

fn image(program: &Path) -> Result<Image> {
    let context = || format!("cannot read {}", program.display());
    let bytes = fs::read(program).with_context(context)?;
    let file = object::File::parse(&*bytes).with_context(context)?;
    let size = |name| -> Result<f64> {
        let bytes = file
            .section_by_name(name)
            .map_or(0, |section| section.size());
        Ok(u32::try_from(bytes)?.into())
    };
    Ok(Image {
        initialized: size(".tdata")?,
        zeroed: size(".tbss")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callgrind_says_how_many_instructions_it_collected() {
        let text = "==7== Events    : Ir\n==7== Collected : 40994\n==7==\n";
        assert_eq!(collected(text), Some(40_994.0));
        assert_eq!(collected("==7== Events    : Ir"), None);
    }

    #[test]
    fn a_thread_costs_what_one_more_adds() -> Result<()> {
        let count = |threads: &str| Ok(1_000.0 + 7.5 * threads.parse::<f64>()?);
        assert!((per_thread([10, 50], count)? - 7.5).abs() < 1e-9);
        Ok(())
    }
}
