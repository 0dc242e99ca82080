//! Finds out whether an allocator may be called by `std::thread::current`: before Rust 1.93 the standard library
//! ends the process if one then comes back to that function.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(current_takes_the_allocator)");
    println!("cargo::rerun-if-changed=build.rs");
    let minor = || {
        let output = Command::new(env::var_os("RUSTC")?)
            .arg("-V")
            .output()
            .ok()?;
        let version = String::from_utf8(output.stdout).ok()?;
        version.split('.').nth(1)?.parse::<u32>().ok()
    };
    if minor().is_some_and(|minor| minor < 93) {
        println!("cargo::rustc-cfg=current_takes_the_allocator");
    }
}
