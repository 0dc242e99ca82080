//! What the macro accepts has to compile: writes a crate of generated declarations and has the
//! compiler check it, with every warning an error.
//!
//! ```sh
//! cargo run -p sample -- 300 1  # how many, and the seed
//! ```

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use arbitrary::Unstructured;
use steps::{Declaration, SUPPORT};

/// Marsaglia's generator with 64 bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A module with a declaration and a use of it.
fn module(number: usize, declaration: &Declaration) -> String {
    let Declaration {
        args,
        item,
        maker,
        name,
        ..
    } = declaration;
    let uses = format!("let _ = <{name} as tls_core::ThreadLocalState>::state().try_with(|_| ());");
    let mut text = format!("mod m{number} {{ use super::*;\n");
    if declaration.is_in_function && number % 2 == 0 {
        let _ = write!(
            text,
            "pub fn touch() {{ {maker}\n#[thread_local_state({args})]\n{item}\n{uses} }}\n"
        );
    } else {
        let _ = write!(
            text,
            "{maker}\n#[thread_local_state({args})]\n{item}\npub fn touch() {{ {uses} }}\n"
        );
    }
    text.push_str("}\n");
    text
}

/// The crate, and how many declarations had a mistake and were left out.
fn sample(count: usize, seed: u64) -> (String, usize) {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut text = String::from(
        "#![deny(warnings)]\n\
         // The names are chosen to be odd, most fields are never read, and old ones are used.\n\
         #![allow(dead_code, deprecated, non_camel_case_types, non_snake_case, unused_imports)]\n\
         #![allow(mixed_script_confusables, uncommon_codepoints, non_upper_case_globals)]\n",
    );
    text.push_str(SUPPORT);
    let (mut number, mut wrong) = (0, 0);
    while number < count {
        let bytes: Vec<u8> = (0..64).flat_map(|_| random.next().to_le_bytes()).collect();
        let declaration = Declaration::new(&mut Unstructured::new(&bytes))
            .unwrap_or_else(|error| panic!("512 bytes are enough: {error}"));
        if declaration.is_valid {
            text.push_str(&module(number, &declaration));
            number += 1;
        } else {
            wrong += 1;
        }
    }
    text.push_str("pub fn touch() {\n");
    for number in 0..count {
        let _ = writeln!(text, "m{number}::touch();");
    }
    text.push_str("}\n");
    (text, wrong)
}

fn check(directory: &Path, root: &Path, text: &str) -> std::io::Result<bool> {
    let manifest = format!(
        "[package]\nname = \"declarations\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         publish = false\n\n[workspace]\n\n[dependencies]\ntls-core = {{ path = '{}' }}\n",
        root.join("tls-core").display()
    );
    fs::create_dir_all(directory.join("src"))?;
    fs::write(directory.join("Cargo.toml"), manifest)?;
    // The versions of the workspace, which are there already.
    fs::copy(root.join("fuzz/Cargo.lock"), directory.join("Cargo.lock"))?;
    fs::write(directory.join("src/lib.rs"), text)?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("check").current_dir(directory);
    command.env("CARGO_TARGET_DIR", directory.join("target"));
    Ok(command.status()?.success())
}

fn main() -> ExitCode {
    let mut args = env::args().skip(1).map(|arg| arg.parse::<u64>().ok());
    let count = args.next().unwrap_or(Some(300));
    let seed = args.next().unwrap_or(Some(1));
    let (Some(count), Some(seed), None) = (count, seed, args.next()) else {
        eprintln!("usage: sample [COUNT [SEED]]");
        return ExitCode::from(2);
    };
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf);
    let root = fuzz.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    let directory = fuzz.join("target/declarations");
    let (text, wrong) = sample(usize::try_from(count).unwrap_or(usize::MAX), seed);
    println!("{count} declarations of seed {seed}; {wrong} with a mistake were left out");
    match check(&directory, &root, &text) {
        Ok(true) => {
            println!("all compile without a warning");
            ExitCode::SUCCESS
        }
        Ok(false) => {
            eprintln!("see {}", directory.join("src/lib.rs").display());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
