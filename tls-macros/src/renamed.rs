//! Finds out whether a package knows our crate by another name than `tls_core`, which the expansion would then look
//! for in vain.

use std::path::Path;
use std::{env, fs};

use proc_macro2::Ident;

/// The name that the manifest of the package that is being compiled gives to `tls-core`, if it is another.
pub(crate) fn name() -> Option<Ident> {
    let directory = env::var_os("CARGO_MANIFEST_DIR")?;
    let manifest = fs::read_to_string(Path::new(&directory).join("Cargo.toml")).ok()?;
    syn::parse_str(&find(&manifest)?).ok()
}

/// The other name. Knows the ways to write a dependency, and not all of TOML: what it does not find the compiler
/// reports as a crate that is missing.
fn find(manifest: &str) -> Option<String> {
    let mut other = None;
    let mut table = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.trim_end_matches(']').trim();
        }
        let Some((key, value)) = line.split_once('=') else {
            // A table of one dependency.
            if is_ours(last(table)) && line.starts_with('[') {
                return None;
            }
            continue;
        };
        let (key, is_package) = match key.trim().strip_suffix(".package") {
            Some(key) => (key, true),
            None => (key.trim(), false),
        };
        if table.ends_with("dependencies") {
            if is_ours(key.split('.').next()?) {
                return None;
            }
            let compact: String = value.split_whitespace().collect();
            let is_inline =
                compact.contains("package=\"tls-core\"") || compact.contains("package='tls-core'");
            if is_inline || (is_package && names_ours(value)) {
                other = Some(key);
            }
        } else if key == "package" && table.contains("dependencies.") && names_ours(value) {
            other = Some(last(table));
        }
    }
    other.map(|name| name.trim_matches(['"', '\'']).replace('-', "_"))
}

fn last(table: &str) -> &str {
    table.rsplit('.').next().unwrap_or(table)
}

fn is_ours(key: &str) -> bool {
    key.trim_matches(['"', '\'']).replace('-', "_") == "tls_core"
}

fn names_ours(value: &str) -> bool {
    let value = value.split('#').next().unwrap_or(value);
    value.trim().trim_matches(['"', '\'']) == "tls-core"
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn another_name_is_found_in_every_way_to_write_it() {
        for manifest in [
            "[dependencies]\ntls = { package = \"tls-core\", version = \"1\" }",
            "[dependencies]\ntls = { version = '1', package='tls-core' } # renamed",
            "[dependencies.tls]\nversion = \"1\"\npackage = \"tls-core\"",
            "[target.'cfg(unix)'.dependencies]\ntls.package = \"tls-core\"\ntls.version = \"1\"",
            "[dev-dependencies.tls]\npackage = 'tls-core' # renamed\n[package]\nname = 'x'",
        ] {
            assert_eq!(find(manifest).as_deref(), Some("tls"), "{manifest}");
        }
        let dashed = "[dependencies]\nmy-tls = { package = \"tls-core\" }";
        assert_eq!(find(dashed).as_deref(), Some("my_tls"));
    }

    #[test]
    fn nothing_is_found_if_the_crate_has_its_own_name_too_or_is_not_there() {
        for manifest in [
            "",
            "[package]\nname = \"tls-core\"",
            "[dependencies]\ntls-core = \"1\"",
            "[dependencies]\ntls-core.workspace = true\ntls = { package = \"tls-core\" }",
            "[dependencies]\nold = { package = \"tls-core\" }\n[dependencies.tls-core]\nversion = \"1\"",
            "[dependencies]\nother = { package = \"tls-core-extra\" }",
            "[package]\nname = \"x\"\n[features]\ntls = []",
            "not = [ a manifest",
        ] {
            assert_eq!(find(manifest), None, "{manifest}");
        }
    }
}
