//! Every way to build, of programs and libraries with states: they are built, and run where they can be.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{cargo, run};
use crate::directory::{directory, target};

/// What every form is to do: states of several kinds, threads, counts. Fails by a panic.
const WORK: &str = r#"
    mod work {
        use tls_core::{Counter, Isolated, borrow, borrow_mut, thread_local_state};

        #[thread_local_state]
        pub struct Worker {
            #[state(shared)]
            pub done: Counter,
            #[state(init = vec![1, 2])]
            pub list: Vec<u8>,
            pub jobs: u64,
        }

        #[thread_local_state(const)]
        struct Private {
            #[state(init = 0)]
            number: u32,
        }

        #[thread_local_state(error = std::num::ParseIntError)]
        struct Parsed {
            #[state(init = "7".parse()?)]
            number: u8,
        }

        fn parsed() -> Result<u8, std::num::ParseIntError> {
            let parsed = borrow!(try Parsed::state());
            Ok(parsed.number + *borrow!(try Parsed::NUMBER))
        }

        pub fn work() {
            let before = Worker::DONE.total();
            Isolated::new().run(|| Worker::DONE.increment());
            std::thread::spawn(|| {
                {
                    let worker = borrow_mut!(Worker::state());
                    worker.jobs = worker.list.len() as u64;
                }
                *borrow_mut!(Worker::JOBS) -= 2;
                assert_eq!(parsed(), Ok(14));
                Worker::LIST.with_mut(|list| list.push(3));
                Worker::JOBS.update(|jobs| jobs + 1);
                Private::NUMBER.set(4);
                Worker::DONE.add(2);
                assert_eq!(Worker::with_state(|worker| (worker.list.len(), worker.jobs)), (3, 1));
                assert_eq!((Private::NUMBER.get(), Parsed::NUMBER.get()), (4, Ok(7)));
            })
            .join()
            .unwrap();
            Worker::DONE.increment();
            assert_eq!(Worker::LIST.with(Vec::len), 2);
            assert_eq!(Private::NUMBER.get(), 0);
            assert_eq!(Worker::DONE.total() - before, 3);
        }
    }"#;

const MAIN: &str = "fn main() { work::work(); println!(\"done\"); }";

/// Cargo's name of this machine's platform. Given, it keeps flags for rustc away from procedural macros.
const HOST: &str = if cfg!(target_arch = "aarch64") {
    "aarch64-unknown-linux-gnu"
} else {
    "x86_64-unknown-linux-gnu"
};

/// A workspace of packages, in a directory of its own.
struct Packages {
    /// Of its program, too: all programs are built into one directory.
    name: &'static str,
    root: PathBuf,
    members: Vec<String>,
}

impl Packages {
    fn new(name: &'static str) -> Self {
        let root = directory().join("ways").join(name);
        // What an earlier form of the test has left.
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        Self {
            name,
            root,
            members: Vec::new(),
        }
    }

    /// Adds a package: what is in its manifest below its name, and its source.
    fn add(&mut self, name: &str, edition: u16, manifest: &str, source: &str) -> &mut Self {
        let package = self.root.join(name);
        fs::create_dir_all(&package).unwrap();
        let tls_core = format!("path = '{}'", workspace().join("tls-core").display());
        let manifest = format!(
            "[package]\nname = '{name}'\nversion = '0.0.0'\nedition = '{edition}'\n{}",
            manifest
                .replace("PROGRAM", self.name)
                .replace("TLS_CORE", &tls_core),
        );
        fs::write(package.join("Cargo.toml"), manifest).unwrap();
        fs::write(package.join("source.rs"), source).unwrap();
        self.members.push(name.to_owned());
        self
    }

    /// Cargo there, for this platform.
    fn cargo(&self, arguments: &[&str]) -> Command {
        fs::write(
            self.root.join("Cargo.toml"),
            format!(
                "[workspace]\nmembers = {:?}\nresolver = '2'\n",
                self.members
            ),
        )
        .unwrap();
        // The versions that the workspace has downloaded already.
        fs::copy(workspace().join("Cargo.lock"), self.root.join("Cargo.lock")).unwrap();
        let mut cargo = cargo(arguments, &target());
        cargo.current_dir(&self.root);
        cargo
    }
}

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

const PROGRAM: &str = "[[bin]]\nname = 'PROGRAM'\npath = 'source.rs'\n\
                       [dependencies]\ntls-core = { TLS_CORE }\n";
const LIBRARY: &str = "[lib]\npath = 'source.rs'\n[dependencies]\ntls-core = { TLS_CORE }\n";

/// Where a program's dynamic libraries are: those of the compiler, and those beside it.
fn library_path(beside: &Path) -> String {
    let rustc = Path::new(env!("CARGO")).with_file_name("rustc");
    let libraries = run(Command::new(rustc).args(["--print", "target-libdir"]));
    format!("{0}:{0}/deps:{1}", beside.display(), libraries.trim())
}

/// Flags that change how everything is compiled, with what is built once for each.
#[test]
fn programs_work_with_every_flag() {
    let mut packages = Packages::new("flags");
    packages.add("program", 2024, PROGRAM, &format!("{WORK}{MAIN}"));
    for (name, flags, arguments) in [
        ("abort", "-Cpanic=abort", &["run"][..]),
        ("coverage", "-Cinstrument-coverage", &["run"]),
        ("dead-code", "-Clink-dead-code", &["run"]),
        ("size", "-Copt-level=s", &["run", "--release"]),
        (
            "fat",
            "-Clto=fat -Cembed-bitcode=yes",
            &["run", "--release"],
        ),
        ("loom", "--cfg loom --cfg miri", &["run"]),
    ] {
        let mut cargo = packages.cargo(&[arguments, &["--quiet", "--target", HOST]].concat());
        cargo.env("RUSTFLAGS", flags);
        cargo.env("LLVM_PROFILE_FILE", packages.root.join("profile"));
        assert_eq!(run(&mut cargo), "done\n", "{name}");
    }
}

/// The form that other platforms take, forced on this one.
#[test]
fn under_a_key_of_posix_the_main_thread_drops_nothing_and_others_do() {
    let source = r#"
        struct Bell(&'static str);

        impl Drop for Bell {
            fn drop(&mut self) { println!("{}", self.0); }
        }

        #[tls_core::thread_local_state(explicit)]
        struct Rings { bell: Bell }

        fn ring(name: &'static str) {
            Rings::state().init_with(RingsInit { bell: Bell(name) });
        }

        fn main() {
            std::thread::spawn(|| ring("other")).join().unwrap();
            ring("main");
        }"#;
    let mut packages = Packages::new("keys");
    packages.add("program", 2024, PROGRAM, source);
    let run_with = |flags: &str| {
        let mut cargo = packages.cargo(&["run", "--quiet", "--target", HOST]);
        run(cargo.env("RUSTFLAGS", flags))
    };
    assert_eq!(run_with("--cfg tls_core_keys"), "other\n");
    assert_eq!(run_with(""), "other\nmain\n");
}

#[test]
fn every_edition_declares_and_uses_states() {
    let mut packages = Packages::new("editions");
    let mut dependencies = PROGRAM.to_owned();
    let mut calls = String::new();
    for edition in [2015, 2018, 2021, 2024] {
        let name = format!("e{edition}");
        let source = format!(
            "#![deny(warnings)]\n#![forbid(unsafe_code)]\nextern crate tls_core;\npub {}",
            WORK.trim()
        );
        packages.add(&name, edition, LIBRARY, &source);
        writeln!(dependencies, "{name} = {{ path = '../{name}' }}").unwrap();
        write!(calls, "{name}::work::work();").unwrap();
    }
    let main = format!("fn main() {{ {calls} println!(\"done\"); }}");
    packages.add("program", 2024, &dependencies, &main);
    let mut cargo = packages.cargo(&["run", "--quiet"]);
    assert_eq!(run(&mut cargo), "done\n");
}

#[test]
fn a_crate_without_std_declares_and_uses_states() {
    let source = "
        #![no_std]
        #![deny(warnings)]
        use tls_core::{Counter, thread_local_state};

        #[thread_local_state]
        pub struct Worker {
            #[state(shared)]
            pub done: Counter,
            #[state(init = 7)]
            pub jobs: u64,
            pub last: Option<[u8; 4]>,
        }

        pub fn work() -> u64 {
            Worker::DONE.increment();
            Worker::JOBS.update(|jobs| jobs + Worker::DONE.total());
            Worker::LAST.set(Some([1; 4]));
            Worker::with_state(|worker| worker.jobs)
        }";
    let mut packages = Packages::new("no_std");
    packages.add("bare", 2021, LIBRARY, source);
    let manifest = format!("{PROGRAM}bare = {{ path = '../bare' }}\n");
    let main = "fn main() { assert_eq!(bare::work(), 8); println!(\"done\"); }";
    packages.add("program", 2021, &manifest, main);
    let mut cargo = packages.cargo(&["run", "--quiet"]);
    assert_eq!(run(&mut cargo), "done\n");
}

/// A state of an rlib in a dynamic library, and that one's own, are one for the program and for a plugin.
#[test]
fn a_program_and_its_plugin_share_the_states_of_a_dynamic_library() {
    let mut packages = Packages::new("dylib");
    let dynamic = "[lib]\ncrate-type = ['dylib']\npath = 'source.rs'\n[dependencies]\n";
    let below = format!(
        "pub {}

        #[tls_core::thread_local_state]
        struct Hidden {{ #[state(shared)] calls: tls_core::Counter, number: u8 }}

        /// Compiled where it is called.
        #[inline]
        pub fn hidden() -> (u8, u64) {{ hidden_of(0_u8) }}

        pub fn hidden_of<T: Into<u8>>(add: T) -> (u8, u64) {{
            Hidden::NUMBER.update(|number| number + 1 + add.into());
            Hidden::CALLS.increment();
            (Hidden::with_state(|hidden| hidden.number), Hidden::CALLS.total())
        }}",
        WORK.trim()
    );
    packages.add("below", 2024, LIBRARY, &below);
    packages.add(
        "middle",
        2024,
        &format!("{dynamic}tls-core = {{ TLS_CORE }}\nbelow = {{ path = '../below' }}\n"),
        "pub use tls_core;
        pub use below::work::{Worker, work};
        pub use below::{hidden, hidden_of};

        pub fn hidden_here() -> (u8, u64) { hidden_of(false) }

        #[tls_core::thread_local_state]
        pub struct Own { #[state(shared)] pub calls: tls_core::Counter, pub text: String }

        #[tls_core::thread_local_state]
        struct Private { number: u8 }

        pub fn next() -> u8 { Private::NUMBER.update(|number| number + 1); Private::NUMBER.get() }",
    );
    packages.add(
        "plugin",
        2024,
        &format!("{dynamic}middle = {{ path = '../middle' }}\n"),
        r#"use std::num::NonZero;

        #[unsafe(no_mangle)]
        pub extern "C" fn plug() -> u64 {
            middle::work();
            middle::Own::TEXT.with_mut(|text| text.push_str(" and plugin"));
            middle::Own::CALLS.increment();
            assert_eq!(middle::next(), 2);
            assert_eq!((middle::hidden(), middle::hidden_of(NonZero::<u8>::MIN)), ((4, 4), (6, 5)));
            middle::Worker::JOBS.update(|jobs| jobs + 1);
            middle::Worker::JOBS.get()
        }"#,
    );
    packages.add(
        "program",
        2024,
        "[[bin]]\nname = 'PROGRAM'\npath = 'source.rs'\n[dependencies]\nmiddle = { path = '../middle' }\n",
        r#"use std::ffi::{CString, c_char, c_int, c_void};

        unsafe extern "C" {
            fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
            fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
        }

        /// A type that only this crate has.
        struct Zero;

        impl From<Zero> for u8 { fn from(_: Zero) -> Self { 0 } }

        fn main() {
            let path = CString::new(std::env::args().nth(1).unwrap()).unwrap();
            // SAFETY: a path, and a flag of the system's. The library is never closed.
            let library = unsafe { dlopen(path.as_ptr(), 2) };
            assert!(!library.is_null());
            // SAFETY: the library is there, and the name ends.
            let plug = unsafe { dlsym(library, c"plug".as_ptr()) };
            // SAFETY: the plugin's function of this name has this type.
            let plug: extern "C" fn() -> u64 = unsafe { std::mem::transmute(plug) };
            middle::Own::TEXT.with_mut(|text| text.push_str("program"));
            middle::Own::CALLS.increment();
            assert_eq!(middle::next(), 1);
            assert_eq!((middle::hidden(), middle::hidden_here()), ((1, 1), (2, 2)));
            assert_eq!(middle::hidden_of(Zero), (3, 3));
            middle::Worker::JOBS.set(5);
            assert_eq!(plug(), 6);
            assert_eq!(middle::Own::TEXT.with(String::clone), "program and plugin");
            assert_eq!(middle::Own::CALLS.total(), 2);
            println!("done");
        }"#,
    );
    for release in [false, true] {
        let profile: &[&str] = if release { &["--release"] } else { &[] };
        let mut cargo =
            packages.cargo(&[&["build", "--quiet", "--target", HOST], profile].concat());
        run(cargo.env("RUSTFLAGS", "-Cprefer-dynamic"));
        let profile = if release { "release" } else { "debug" };
        let built = target().join(HOST).join(profile);
        let mut program = Command::new(built.join(packages.name));
        program.arg(built.join("libplugin.so"));
        program.env("LD_LIBRARY_PATH", library_path(&built));
        assert_eq!(run(&mut program), "done\n");
    }
}

/// The smallest library of a user's that failed once: nothing but a counter's name, in a dynamic library.
#[test]
fn a_dynamic_library_may_export_no_more_than_a_type() {
    let mut packages = Packages::new("reexport");
    let manifest = LIBRARY.replace("[lib]\n", "[lib]\ncrate-type = ['rlib', 'dylib']\n");
    packages.add("exports", 2021, &manifest, "pub use tls_core::Counter;");
    for profile in [&[][..], &["--release"]] {
        run(&mut packages.cargo(&[&["build", "--quiet"], profile].concat()));
    }
}

/// A program in C, of a static library and of a dynamic one.
#[test]
fn a_program_in_c_uses_states() {
    let mut packages = Packages::new("c");
    let manifest = LIBRARY.replace("[lib]\n", "[lib]\ncrate-type = ['staticlib', 'cdylib']\n");
    let source = format!(
        "{WORK} #[unsafe(no_mangle)] pub extern \"C\" fn states() -> u64 {{ work::work(); work::Worker::DONE.total() }}"
    );
    packages.add("states", 2024, &manifest, &source);
    let main = packages.root.join("main.c");
    fs::write(
        &main,
        "#include <pthread.h>
        #include <stdio.h>
        unsigned long long states(void);
        static void *body(void *argument) { states(); return argument; }
        int main(void) {
            pthread_t thread;
            if (pthread_create(&thread, 0, body, 0) || pthread_join(thread, 0)) return 1;
            if (states() != 6) return 2;
            puts(\"done\");
            return 0;
        }",
    )
    .unwrap();
    run(&mut packages.cargo(&["build", "--quiet"]));
    let built = target().join("debug");
    for (name, library) in [
        ("static", built.join("libstates.a")),
        ("dynamic", built.join("libstates.so")),
    ] {
        let program = packages.root.join(name);
        let mut cc = Command::new("cc");
        cc.arg(&main).arg(&library).arg("-o").arg(&program);
        run(cc
            .args(["-lpthread", "-ldl", "-lm", "-Wl,-rpath"])
            .arg(format!("-Wl,{}", built.display())));
        assert_eq!(run(&mut Command::new(&program)), "done\n", "{name}");
    }
}

/// Two versions of this crate in one tree are two crates: each has its own states, counts and lists.
#[test]
fn an_exporter_sees_the_shared_fields_of_its_own_version() {
    let mut packages = Packages::new("versions");
    let other = packages.root.join("other");
    for name in ["tls-core", "tls-macros"] {
        copy(&workspace().join(name), &other.join(name));
        let manifest = other.join(name).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap();
        let text = text
            .replace("version = \"0.1.0\"", "version = \"0.2.0\"")
            .replace("\"=0.1.0\"", "\"=0.2.0\"")
            .replace(".workspace = true", " = 'NOTHING'")
            .replace("edition = 'NOTHING'", "edition = '2024'")
            .replace("rust-version = 'NOTHING'\n", "")
            .replace("license = 'NOTHING'\n", "")
            .replace("repository = 'NOTHING'\n", "")
            .replace(
                "[lints]\nworkspace = true\n",
                "[lints.rust]\nunexpected_cfgs = 'allow'\n",
            );
        let text = without_workspace(&text);
        fs::write(&manifest, text).unwrap();
    }
    packages
        .members
        .extend(["other/tls-core".to_owned(), "other/tls-macros".to_owned()]);
    packages.add(
        "program",
        2024,
        &format!("{PROGRAM}other = {{ package = 'tls-core', path = '../other/tls-core' }}\n"),
        r#"
        #[tls_core::thread_local_state]
        struct Ours { #[state(shared)] ours: tls_core::Counter }

        #[other::thread_local_state(crate = other)]
        struct Theirs { #[state(shared)] theirs: other::Counter, text: String }

        fn main() {
            Ours::OURS.add(1);
            Theirs::THEIRS.add(2);
            Theirs::TEXT.with_mut(|text| text.push('x'));
            let ours: Vec<&str> = tls_core::shared::shared_fields().iter().map(|f| f.field).collect();
            let theirs: Vec<&str> = other::shared::shared_fields().iter().map(|f| f.field).collect();
            assert_eq!((ours, theirs), (vec!["ours"], vec!["theirs"]));
            println!("done");
        }"#,
    );
    let mut cargo = packages.cargo(&["run", "--quiet", "-p", "program"]);
    assert_eq!(run(&mut cargo), "done\n");
}

fn without_workspace(manifest: &str) -> String {
    let is_other = |line: &&str| !line.contains("workspace");
    manifest
        .lines()
        .filter(is_other)
        .collect::<Vec<_>>()
        .join("\n")
        + "\n"
}

/// Copies a package's directory as the other version's, without what Cargo has made there.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_dir() {
            if name != "target" {
                copy(&entry.path(), &to.join(name));
            }
        } else {
            // The private module has the version in its name.
            let text = fs::read_to_string(entry.path()).unwrap();
            let text = text.replace("__private_0_1_0", "__private_0_2_0");
            fs::write(to.join(name), text).unwrap();
        }
    }
}

/// The name under which a user has this crate is not the one that the attribute looks for.
#[test]
fn a_renamed_dependency_works_with_its_name_and_says_so_without() {
    let mut packages = Packages::new("renamed");
    let manifest = PROGRAM.replace("tls-core = { ", "tls = { package = 'tls-core', ");
    let source = |arguments: &str| {
        format!(
            "#[tls::thread_local_state{arguments}]
            struct Worker {{ jobs: u64 }}
            fn main() {{ Worker::JOBS.set(1); println!(\"done\"); }}"
        )
    };
    packages.add("program", 2024, &manifest, &source("(crate = tls)"));
    let mut cargo = packages.cargo(&["run", "--quiet"]);
    assert_eq!(run(&mut cargo), "done\n");

    packages.add("program", 2024, &manifest, &source(""));
    packages.members.pop();
    let mut cargo = packages.cargo(&["check", "--quiet"]);
    let output = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("#[thread_local_state(crate = tls)]"),
        "{said}"
    );
    // One error, and Cargo's.
    assert_eq!(said.matches("error: ").count(), 2, "{said}");

    // No error where a build may have worked.
    let alias = format!("extern crate tls as tls_core;\n{}", source(""));
    packages.add("program", 2024, &manifest, &alias);
    packages.members.pop();
    run(&mut packages.cargo(&["check", "--quiet"]));
}
