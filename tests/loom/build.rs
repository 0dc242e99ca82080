//! Tells the shared sources that they are being modeled: loom's constructors are not `const`.

fn main() {
    println!("cargo:rustc-cfg=loom");
    println!("cargo:rerun-if-changed=build.rs");
}
