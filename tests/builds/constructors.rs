//! Nothing runs before `main` and no handler for forks is registered, unless a state asks for it.
//!
//! Small programs and libraries are built as their users would, and looked at: what of ours is among their
//! constructors, and whether they register a handler, which a library that is loaded before the C library's
//! reports.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

use object::read::elf::ElfFile;
use object::{
    Object as _, ObjectSection as _, ObjectSymbol, ObjectSymbolTable as _, RelocationTarget,
};

use crate::cargo::{cargo, run};
use crate::directory::{directory, target};

const PLAIN: &str = "
    #[tls_core::thread_local_state]
    pub struct Plain { pub jobs: u64, pub names: Vec<String> }
    pub fn work() -> u64 { Plain::JOBS.update(|jobs| jobs + 1); Plain::JOBS.get() }";
const RESET: &str = "
    #[tls_core::thread_local_state(fork = reset)]
    pub struct Connection { pub jobs: u64, pub names: Vec<String> }
    pub fn work() -> u64 { Connection::JOBS.update(|jobs| jobs + 1); Connection::JOBS.get() }";
const SHARED: &str = "
    #[tls_core::thread_local_state]
    pub struct Server { #[state(shared)] pub jobs: tls_core::Counter, pub names: Vec<String> }
    pub fn work() -> u64 { Server::JOBS.increment(); Server::JOBS.total() }";
const BOTH: &str = "
    #[tls_core::thread_local_state(fork = reset)]
    pub struct Server { #[state(shared)] pub jobs: tls_core::Counter, pub names: Vec<String> }
    pub fn work() -> u64 { Server::JOBS.increment(); Server::JOBS.total() }";
const MAIN: &str = "fn main() { println!(\"{}\", work()); }";

/// A package: its name, edition, kind of library (a program if there is none), what it depends on, and
/// its source.
struct Package {
    name: &'static str,
    edition: u16,
    library: &'static str,
    below: &'static str,
    source: [&'static str; 2],
}

const fn program(name: &'static str, edition: u16, state: &'static str) -> Package {
    Package {
        name,
        edition,
        library: "",
        below: "",
        source: [state, MAIN],
    }
}

const fn library(name: &'static str, library: &'static str, state: &'static str) -> Package {
    Package {
        name,
        edition: 2021,
        library,
        below: "",
        source: [state, ""],
    }
}

/// Uses what a library below has, or only links it.
const fn above(name: &'static str, below: &'static str, main: &'static str) -> Package {
    Package {
        name,
        edition: 2021,
        library: "",
        below,
        source: [main, ""],
    }
}

const PACKAGES: [Package; 14] = [
    program("plain", 2021, PLAIN),
    program("reset-2018", 2018, RESET),
    program("reset-2021", 2021, RESET),
    program("reset-2024", 2024, RESET),
    program("shared", 2018, SHARED),
    program("both", 2024, BOTH),
    library("below-plain", "rlib", PLAIN),
    library("below-reset", "rlib", RESET),
    above(
        "uses-plain",
        "below-plain",
        "fn main() { println!(\"{}\", below_plain::work()); }",
    ),
    above(
        "uses-reset",
        "below-reset",
        "fn main() { println!(\"{}\", below_reset::work()); }",
    ),
    above(
        "links-reset",
        "below-reset",
        "use below_reset as _; fn main() { println!(\"1\"); }",
    ),
    library("c-plain", "cdylib", PLAIN),
    library("c-reset", "cdylib", RESET),
    library("c-shared", "cdylib", SHARED),
];

/// What is also optimized when it is linked, which takes long.
const LINKED: [&str; 2] = ["uses-plain", "uses-reset"];

/// Says that a handler is registered, and registers none.
const REPORTER: &str = r#"
    #[unsafe(no_mangle)]
    pub extern "C" fn __register_atfork() -> i32 { eprintln!("registered"); 0 }"#;

/// Builds all of them, once, in a workspace of their own.
fn programs() {
    static BUILT: LazyLock<()> = LazyLock::new(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = directory().join("programs");
        let mut members = String::new();
        let mut write = |name: &str, manifest: String, file: &str, source: String| {
            write!(members, "'{name}', ").unwrap();
            fs::create_dir_all(root.join(name)).unwrap();
            fs::write(root.join(name).join("Cargo.toml"), manifest).unwrap();
            fs::write(root.join(name).join(file), source).unwrap();
        };
        for package in &PACKAGES {
            let Package {
                name,
                edition,
                library,
                below,
                source: [first, second],
            } = package;
            let (target, file) = if library.is_empty() {
                ("[[bin]]".to_owned(), "main.rs")
            } else {
                (format!("[lib]\ncrate-type = ['{library}']"), "lib.rs")
            };
            let below = if below.is_empty() {
                String::new()
            } else {
                format!("{below} = {{ path = '../{below}' }}\n")
            };
            let name_of_target = if library.is_empty() {
                format!("name = '{name}'\n")
            } else {
                String::new()
            };
            write(
                name,
                format!(
                    "[package]\nname = '{name}'\nversion = '0.0.0'\nedition = '{edition}'\n\
                     {target}\n{name_of_target}path = '{file}'\n\
                     [dependencies]\ntls-core.path = '{}'\n{below}",
                    here.join("tls-core").display(),
                ),
                file,
                format!("#![forbid(unsafe_code)]\n#![deny(warnings)]\n{first}\n{second}\n"),
            );
        }
        write(
            "reporter",
            "[package]\nname = 'reporter'\nversion = '0.0.0'\nedition = '2024'\n\
             [lib]\ncrate-type = ['cdylib']\npath = 'lib.rs'\n"
                .to_owned(),
            "lib.rs",
            REPORTER.to_owned(),
        );
        fs::write(
            root.join("Cargo.toml"),
            format!(
                "[workspace]\nmembers = [{members}]\nresolver = '2'\n\
                 [profile.linked]\ninherits = 'release'\nlto = 'fat'\nopt-level = 1\n"
            ),
        )
        .unwrap();
        // The versions of what they depend on: those that are there.
        fs::copy(here.join("Cargo.lock"), root.join("Cargo.lock")).unwrap();
        let build = |arguments: &[&str]| {
            run(cargo(&[&["build"], arguments].concat(), &target()).current_dir(&root));
        };
        build(&["--workspace"]);
        build(&["--workspace", "--release"]);
        build(&[
            "--profile=linked",
            "-p",
            LINKED[0],
            "-p",
            LINKED[1],
            "-p",
            "reporter",
        ]);
    });
    LazyLock::force(&BUILT);
}

/// What is asked of a file.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// How many of its constructors are ours.
    constructors: usize,
    /// Whether it can register a handler.
    may_register: bool,
}

const NOTHING: Found = Found {
    constructors: 0,
    may_register: false,
};

const ONE: Found = Found {
    constructors: 1,
    may_register: true,
};

fn look_at(path: &Path) -> Found {
    let data = fs::read(path).unwrap();
    let file = ElfFile::<object::elf::FileHeader64<object::Endianness>>::parse(&*data).unwrap();
    let constructors = file.section_by_name(".init_array").unwrap();
    let range = constructors.address()..constructors.address() + constructors.size();
    let names: BTreeMap<u64, &str> = file
        .symbols()
        .filter(ObjectSymbol::is_definition)
        .map(|symbol| (symbol.address(), symbol.name().unwrap()))
        .collect();
    // The entries are filled in when the file is loaded.
    let entries: Vec<&str> = file
        .dynamic_relocations()
        .unwrap()
        .filter(|(place, _)| range.contains(place))
        .map(|(_, entry)| match entry.target() {
            RelocationTarget::Symbol(index) => {
                let symbols = file.dynamic_symbol_table().unwrap();
                symbols.symbol_by_index(index).unwrap().name().unwrap()
            }
            _ => names
                .get(&entry.addend().cast_unsigned())
                .copied()
                .unwrap_or("?"),
        })
        .collect();
    // That of the C library's start files, at least: the entries are found.
    assert!(entries.contains(&"frame_dummy"), "{entries:?}");
    assert!(!entries.contains(&"?"), "{entries:?}");
    Found {
        constructors: entries
            .iter()
            .filter(|name| name.contains("tls_core"))
            .count(),
        may_register: file
            .dynamic_symbols()
            .any(|symbol| symbol.name() == Ok("__register_atfork")),
    }
}

#[track_caller]
fn assert_found(file: &str, expected: &Found) {
    programs();
    let profiles = ["debug", "release", "linked"];
    let count = if LINKED.contains(&file) { 3 } else { 2 };
    for profile in &profiles[..count] {
        let directory = target().join(profile);
        let path = directory.join(file);
        assert_eq!(&look_at(&path), expected, "{}", path.display());
        if file.contains(".so") {
            continue;
        }
        let output = Command::new(&path)
            .env("LD_PRELOAD", directory.join("libreporter.so"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n");
        let reports = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            reports,
            "registered\n".repeat(expected.constructors),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_program_whose_states_ask_for_nothing_has_no_constructor_and_registers_no_handler() {
    assert_found("plain", &NOTHING);
}

#[test]
fn one_with_a_state_that_a_fork_resets_has_one_in_every_edition() {
    assert_found("reset-2018", &ONE);
    assert_found("reset-2021", &ONE);
    assert_found("reset-2024", &ONE);
}

#[test]
fn one_with_shared_fields_has_one() {
    assert_found("shared", &ONE);
}

#[test]
fn one_with_a_state_that_asks_twice_has_one() {
    assert_found("both", &ONE);
}

#[test]
fn states_of_a_library_below_are_as_the_programs_own() {
    assert_found("uses-plain", &NOTHING);
    assert_found("uses-reset", &ONE);
}

#[test]
fn also_if_nothing_of_that_library_is_used() {
    assert_found("links-reset", &ONE);
}

#[test]
fn libraries_that_are_loaded_are_as_programs() {
    assert_found("libc_plain.so", &NOTHING);
    assert_found("libc_reset.so", &ONE);
    assert_found("libc_shared.so", &ONE);
}
