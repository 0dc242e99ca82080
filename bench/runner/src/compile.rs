//! What it costs to compile: cold builds beside other crates with a macro, and many structs with the
//! attribute beside the same by hand. And what comes out of it: sizes.

use crate::machine::locked_version;
use crate::options::Options;
use crate::record::{OURS, Records};
use anyhow::{Context as _, Result, bail};
use object::{Object as _, ObjectSection as _, SectionKind};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, io, mem};
use tls_core::AccessError;

pub(crate) fn run(options: &Options, records: &mut Records) -> Result<()> {
    let generated = options.target.join("compile");
    cold_builds(options, &generated, records)?;
    many_structs(options, &generated, records)
}

/// What is measured by weight: programs of states, what a struct expands to, and an error.
pub(crate) fn sizes(options: &Options, records: &mut Records) -> Result<()> {
    let generated = options.target.join("compile");
    let target = generated.join("target");
    for (count, profile) in [(25, "release"), (500, "dev"), (500, "release")] {
        eprintln!("sizes: {count} structs, {profile}");
        for form in &FORMS {
            let [with, without] = [count, 0].map(|count| {
                let generated = form.structs(&generated, count);
                generated.write(options, &form.sources(count))?;
                generated.cargo(&target, &["build", "--bins", "--profile", profile])?;
                let directory = if profile == "dev" { "debug" } else { profile };
                sections(&target.join(directory).join(&generated.name))
            });
            let without = without?;
            let setting = format!("{count} structs, {profile}");
            for ((operation, with), (_, without)) in with?.into_iter().zip(without) {
                let size = with - without;
                records.push(operation, &setting, form.candidate, "bytes", size);
            }
        }
    }
    let file = options.root.join("../tests/expansions/plain.txt");
    let text =
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = lines_of_code(&text).into();
    records.push("expansion", "2 fields", OURS, "lines", lines);
    let error = u32::try_from(size_of::<AccessError>())?.into();
    records.push("AccessError", "size_of", OURS, "bytes", error);
    Ok(())
}

/// Without comments, and without blank lines.
fn lines_of_code(text: &str) -> u32 {
    let mut in_comment = false;
    let mut count = 0;
    for line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/**");
        if !(in_comment || line.is_empty() || line.starts_with("//")) {
            count += 1;
        }
        in_comment &= !line.ends_with("*/");
    }
    count
}

/// An empty crate with one dependency, from an empty target directory.
fn cold_builds(options: &Options, generated: &Path, records: &mut Records) -> Result<()> {
    let (candidates, rounds): (&[&str], _) = if options.quick {
        (&[OURS, "serde_derive"], 2)
    } else {
        (
            &[OURS, "serde_derive", "thiserror", "static_init", "linked"],
            4,
        )
    };
    let mut crates = Vec::new();
    for &candidate in candidates {
        let generated = Crate {
            directory: generated.join(format!("cold-{candidate}")),
            name: format!("cold-{candidate}"),
            dependency: Some(candidate),
        };
        eprintln!("compile: cold build of {candidate}: {rounds} rounds");
        generated.write(options, &[("lib.rs", String::new())])?;
        crates.push((candidate, generated, Fastest::default()));
    }
    for _ in 0..rounds {
        for (_, generated, fastest) in &mut crates {
            let target = generated.directory.join("target");
            remove(&target)?;
            fastest.add(generated.cargo(&target, &["build"])?);
            remove(&target)?;
        }
    }
    for (candidate, _, fastest) in &crates {
        fastest.record(records, "cold build", "dev", candidate);
    }
    Ok(())
}

/// Crates of so many structs, with the attribute and by hand.
fn many_structs(options: &Options, generated: &Path, records: &mut Records) -> Result<()> {
    // How many structs, and how often they are built.
    let sizes: &[(usize, usize)] = if options.quick {
        &[(500, 1)]
    } else {
        &[(1, 4), (100, 3), (500, 2)]
    };
    let target = generated.join("target");
    for form in &FORMS {
        let empty = form.structs(generated, 0);
        empty.write(options, &form.sources(0))?;
        // Builds the dependencies, too.
        for (_, arguments) in BUILDS {
            empty.cargo(&target, arguments)?;
        }
    }
    for &(count, rounds) in sizes {
        let setting = if count == 1 {
            "1 struct".to_owned()
        } else {
            format!("{count} structs")
        };
        eprintln!("compile: {setting}: {rounds} rounds");
        let mut crates = Vec::new();
        for form in &FORMS {
            let generated = form.structs(generated, count);
            generated.write(options, &form.sources(count))?;
            crates.push((generated, vec![Fastest::default(); BUILDS.len()]));
        }
        for _ in 0..rounds {
            for (generated, fastest) in &mut crates {
                generated.touch()?;
                for ((_, arguments), fastest) in BUILDS.iter().zip(fastest) {
                    fastest.add(generated.cargo(&target, arguments)?);
                }
            }
        }
        for (index, (operation, _)) in BUILDS.iter().enumerate() {
            for (form, (_, fastest)) in FORMS.iter().zip(&crates) {
                fastest[index].record(records, operation, &setting, form.candidate);
            }
        }
    }
    Ok(())
}

/// Operation, and what Cargo is told. The library alone: linking is the same for both.
const BUILDS: [(&str, &[&str]); 3] = [
    ("check", &["check", "--lib"]),
    ("dev build", &["build", "--lib"]),
    ("release build", &["build", "--lib", "--release"]),
];

/// One of the two ways to have many states.
struct Form {
    candidate: &'static str,
    /// The beginning of its crates' names.
    prefix: &'static str,
    dependency: Option<&'static str>,
    header: &'static str,
    /// One struct. `@` stands for its number.
    structure: &'static str,
}

const FORMS: [Form; 2] = [
    Form {
        candidate: OURS,
        prefix: "attribute",
        dependency: Some(OURS),
        header: "#![allow(unused_imports)]\nuse tls_core::thread_local_state;\n",
        structure: "
#[thread_local_state]
pub struct State@ {
    pub count: u64,
    pub name: String,
    #[state(init = Vec::with_capacity(16))]
    pub buffer: Vec<u8>,
    pub last: Option<u32>,
}

pub fn use_@(n: u64) -> u64 {
    State@::COUNT.update(|count| count + n);
    State@::NAME.with_mut(|name| name.push('x'));
    State@::BUFFER.with_mut(|buffer| buffer.push(1));
    State@::LAST.set(Some(7));
    State@::with_state(|state| state.count)
}
",
    },
    // What the attribute offers and a user would write, for these fields: the numbers are read, set and
    // updated, the others are lent.
    Form {
        candidate: "by hand",
        prefix: "by-hand",
        dependency: None,
        header: "#![allow(unused_imports)]\nuse std::cell::RefCell;\n",
        structure: "
pub struct State@ {
    pub count: u64,
    pub name: String,
    pub buffer: Vec<u8>,
    pub last: Option<u32>,
}

thread_local! {
    static STATE_@: RefCell<State@> = RefCell::new(State@ {
        count: 0,
        name: String::new(),
        buffer: Vec::with_capacity(16),
        last: None,
    });
}

impl State@ {
    pub fn with_state<R>(f: impl FnOnce(&Self) -> R) -> R {
        STATE_@.with_borrow(f)
    }
    pub fn with_state_mut<R>(f: impl FnOnce(&mut Self) -> R) -> R {
        STATE_@.with_borrow_mut(f)
    }
    pub fn count() -> u64 {
        Self::with_state(|state| state.count)
    }
    pub fn set_count(count: u64) {
        Self::with_state_mut(|state| state.count = count);
    }
    pub fn update_count(f: impl FnOnce(u64) -> u64) -> u64 {
        Self::with_state_mut(|state| {
            state.count = f(state.count);
            state.count
        })
    }
    pub fn with_name<R>(f: impl FnOnce(&String) -> R) -> R {
        Self::with_state(|state| f(&state.name))
    }
    pub fn with_name_mut<R>(f: impl FnOnce(&mut String) -> R) -> R {
        Self::with_state_mut(|state| f(&mut state.name))
    }
    pub fn with_buffer<R>(f: impl FnOnce(&Vec<u8>) -> R) -> R {
        Self::with_state(|state| f(&state.buffer))
    }
    pub fn with_buffer_mut<R>(f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        Self::with_state_mut(|state| f(&mut state.buffer))
    }
    pub fn last() -> Option<u32> {
        Self::with_state(|state| state.last)
    }
    pub fn set_last(last: Option<u32>) {
        Self::with_state_mut(|state| state.last = last);
    }
}

pub fn use_@(n: u64) -> u64 {
    State@::update_count(|count| count + n);
    State@::with_name_mut(|name| name.push('x'));
    State@::with_buffer_mut(|buffer| buffer.push(1));
    State@::set_last(Some(7));
    State@::with_state(|state| state.count)
}
",
    },
];

impl Form {
    /// The crate of so many structs.
    fn structs(&self, generated: &Path, count: usize) -> Crate {
        let name = format!("{}-{count}", self.prefix);
        Crate {
            directory: generated.join(&name),
            name,
            dependency: self.dependency,
        }
    }

    /// A library, and a program that uses all of it.
    fn sources(&self, count: usize) -> [(&'static str, String); 2] {
        let mut library = self.header.to_owned();
        let library_name = format!("{}-{count}", self.prefix).replace('-', "_");
        // A table, so that nothing is inlined into the program.
        let mut program = format!("static USES: [fn(u64) -> u64; {count}] = [\n");
        for number in 0..count {
            library += &self.structure.replace('@', &number.to_string());
            let _ = writeln!(program, "    {library_name}::use_{number},");
        }
        program += "];\n\nfn main() {\n    \
            for f in std::hint::black_box(&USES) {\n        \
                std::hint::black_box(f(1));\n    \
            }\n}\n";
        [("lib.rs", library), ("main.rs", program)]
    }
}

/// A generated crate.
struct Crate {
    directory: PathBuf,
    name: String,
    dependency: Option<&'static str>,
}

impl Crate {
    /// Writes the crate and fetches what it depends on, in the versions that the bench has locked.
    fn write(&self, options: &Options, sources: &[(&str, String)]) -> Result<()> {
        let mut manifest = format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
            self.name
        );
        if let Some(dependency) = self.dependency {
            manifest += "\n[dependencies]\n";
            if dependency == OURS {
                let path = fs::canonicalize(options.root.join("../tls-core"))?;
                let path = path
                    .to_str()
                    .context("the path to tls-core is not in UTF-8")?;
                let _ = writeln!(manifest, "{dependency} = {{ path = {path:?} }}");
            } else {
                let version = locked_version(options, dependency)?.with_context(|| {
                    format!("{dependency} is not in bench/Cargo.lock; add it to the runner")
                })?;
                let _ = writeln!(manifest, "{dependency} = \"={version}\"");
            }
        }
        let source = self.directory.join("src");
        fs::create_dir_all(&source)
            .with_context(|| format!("cannot create {}", source.display()))?;
        fs::write(self.directory.join("Cargo.toml"), manifest)?;
        for (name, text) in sources {
            fs::write(source.join(name), text)?;
        }
        // All candidates use the same versions of what they share. Cargo drops what is not needed.
        fs::copy(
            options.root.join("Cargo.lock"),
            self.directory.join("Cargo.lock"),
        )?;
        let mut fetch = self.command(&self.directory.join("target"));
        fetch.args(["fetch", "--quiet"]);
        finish(&mut fetch)
    }

    /// Makes Cargo compile the library again.
    fn touch(&self) -> Result<()> {
        let library = fs::File::options()
            .append(true)
            .open(self.directory.join("src/lib.rs"))?;
        library.set_modified(SystemTime::now())?;
        Ok(())
    }

    /// Runs Cargo and returns how long it took.
    fn cargo(&self, target: &Path, arguments: &[&str]) -> Result<Cost> {
        let mut cargo = self.command(target);
        cargo.args(arguments).args(["--offline", "--quiet"]);
        let (start, cpu) = (Instant::now(), cpu_of_children()?);
        finish(&mut cargo)?;
        let wall = start.elapsed();
        let cpu = cpu_of_children()?.saturating_sub(cpu);
        Ok(Cost { wall, cpu })
    }

    /// Cargo in this crate, without what the environment or the user's configuration would change.
    fn command(&self, target: &Path) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        for (name, _) in env::vars_os() {
            let Some(text) = name.to_str() else { continue };
            // Where the toolchain and the registry are has to stay.
            let changes_builds = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
                || [
                    "RUSTFLAGS",
                    "CARGO_ENCODED_RUSTFLAGS",
                    "RUSTC",
                    "RUSTC_BOOTSTRAP",
                    "RUSTC_WRAPPER",
                ]
                .contains(&text)
                || ["MAKEFLAGS", "CARGO_MAKEFLAGS", "RUSTC_WORKSPACE_WRAPPER"].contains(&text);
            if changes_builds {
                cargo.env_remove(name);
            }
        }
        cargo
            .current_dir(&self.directory)
            .env("CARGO_TARGET_DIR", target)
            // Empty values win over a configuration file's.
            .env("CARGO_ENCODED_RUSTFLAGS", "")
            .env("RUSTC_WRAPPER", "")
            .env("RUSTC_WORKSPACE_WRAPPER", "")
            // Otherwise the second round would find what the first one made. It also
            // concerns path dependencies, which tls-core is here, and a peer from the registry is not.
            .env("CARGO_INCREMENTAL", "0");
        cargo
    }
}

/// Runs a command; what it prints is shown only if it fails.
fn finish(command: &mut Command) -> Result<()> {
    let output = command.output().context("cannot run cargo")?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed:\n{error}");
    }
    Ok(())
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

/// The least of several rounds: whatever disturbs a build makes it longer.
#[derive(Clone, Copy, Default)]
struct Fastest(Option<Cost>);

impl Fastest {
    fn add(&mut self, cost: Cost) {
        let least = self.0.get_or_insert(cost);
        least.wall = least.wall.min(cost.wall);
        least.cpu = least.cpu.min(cost.cpu);
    }

    fn record(&self, records: &mut Records, operation: &str, setting: &str, candidate: &str) {
        let Some(Cost { wall, cpu }) = self.0 else {
            return;
        };
        for (unit, time) in [("s", wall), ("s of CPU", cpu)] {
            records.push(operation, setting, candidate, unit, time.as_secs_f64());
        }
    }
}

/// The processor time of all processes that this one and its children have waited for.
fn cpu_of_children() -> Result<Duration> {
    // SAFETY: `rusage` consists of integers, for which zero is a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the pointer is to a `rusage` of our own.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) } != 0 {
        return Err(io::Error::last_os_error()).context("getrusage");
    }
    let time = |time: libc::timeval| -> Result<Duration> {
        let (seconds, micros) = (u64::try_from(time.tv_sec)?, u64::try_from(time.tv_usec)?);
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
    };
    Ok(time(usage.ru_utime)? + time(usage.ru_stime)?)
}

/// The bytes of a program, by what they are: instructions, what else is loaded once, and what every thread gets.
fn sections(program: &Path) -> Result<[(&'static str, f64); 3]> {
    let data = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let file = object::File::parse(&*data)?;
    let mut sizes = [("code", 0.0), ("data", 0.0), ("thread-locals", 0.0)];
    for section in file.sections() {
        let place = match section.kind() {
            SectionKind::Text => 0,
            SectionKind::Tls | SectionKind::UninitializedTls => 2,
            // Not loaded: symbols, and what is for debuggers.
            _ if section.address() == 0 => continue,
            _ => 1,
        };
        sizes[place].1 += f64::from(u32::try_from(section.size())?);
    }
    Ok(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_use_the_same_fields_in_the_same_way() {
        for form in FORMS {
            let [(_, library), (_, program)] = form.sources(2);
            for text in [
                "pub struct State1 {",
                "pub last: Option<u32>,",
                "Vec::with_capacity(16)",
            ] {
                assert!(library.contains(text), "{}", form.candidate);
            }
            let body = library.split_once("pub fn use_1").expect("is used").1;
            assert_eq!(body.matches("State1::").count(), 5);
            assert!(program.contains("_2::use_1,"));
        }
    }

    #[test]
    fn comments_are_no_code() {
        let text =
            "// The attribute.\n\nstruct S {\n    /// A.\n    /**B\n\nC*/\n    a: u8, // D\n}\n";
        assert_eq!(lines_of_code(text), 3);
    }

    #[test]
    fn the_least_of_all_rounds_is_kept() {
        let mut fastest = Fastest::default();
        for (wall, cpu) in [(3, 4), (2, 5)] {
            let (wall, cpu) = (Duration::from_secs(wall), Duration::from_secs(cpu));
            fastest.add(Cost { wall, cpu });
        }
        let mut records = Records::default();
        fastest.record(&mut records, "check", "1 struct", OURS);
        assert_eq!(records.value("check", "1 struct", OURS, "s"), Some(2.0));
        assert_eq!(
            records.value("check", "1 struct", OURS, "s of CPU"),
            Some(4.0)
        );
    }
}
