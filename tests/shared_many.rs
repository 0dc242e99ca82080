//! A state may have as many shared fields as shared values, also where it is optimized.
#![cfg(not(miri))]

#[path = "support/cargo.rs"]
#[expect(dead_code, reason = "`run` is for what has to succeed")]
mod cargo;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use cargo::cargo;

const MOST: usize = 1024;

/// A program with a state of this many shared fields, which writes to the first and the last.
fn program(fields: usize) -> String {
    let mut declarations = String::new();
    for number in 0..fields {
        writeln!(declarations, "#[state(shared)] field_{number}: Counter,").unwrap();
    }
    let last = fields - 1;
    format!(
        "use tls_core::{{Counter, thread_local_state}};
        #[thread_local_state]
        struct Many {{ {declarations} }}
        fn main() {{
            Many::FIELD_0.increment();
            Many::FIELD_{last}.add(2);
            assert_eq!(Many::FIELD_0.total() + Many::FIELD_{last}.total(), 3);
            assert_eq!(tls_core::shared::shared_fields().len(), {fields});
        }}"
    )
}

/// Builds and runs a program in release. Returns what it or the compiler has said, if it fails.
fn run(name: &str, program: &str) -> Result<(), String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let package = packages.join(name);
    fs::create_dir_all(package.join("src")).unwrap();
    // The versions that the workspace has downloaded already.
    fs::copy(workspace.join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    fs::write(package.join("src/main.rs"), program).unwrap();
    let manifest = package.join("Cargo.toml");
    let core = workspace.join("tls-core");
    let text = format!(
        "[package]\nname = '{name}'\nversion = '0.0.0'\nedition = '2024'\n\
         [dependencies]\ntls-core = {{ path = '{}' }}\n[workspace]\n",
        core.display()
    );
    fs::write(&manifest, text).unwrap();

    let arguments = ["run", "--release", "--quiet"];
    let target = packages.join("shared-many-target");
    let mut cargo = cargo(&arguments, &target);
    cargo.arg("--manifest-path").arg(&manifest);
    let output = cargo.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

#[test]
fn a_struct_of_as_many_shared_fields_as_there_may_be_compiles_in_release() {
    run("shared-many", &program(MOST)).unwrap();
    let refused = run("shared-too-many", &program(MOST + 1)).unwrap_err();
    assert!(
        refused.contains("a state has at most 1024 shared values"),
        "{refused}"
    );
}
