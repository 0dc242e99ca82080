//! Finds out whether a package depends on our crate under another name than `tls_core`. The expansion
//! would not find the crate under `tls_core` then.

use std::path::{Path, PathBuf};
use std::{env, fs};

use proc_macro2::Ident;

/// Returns the name that the manifest of the package being compiled gives to `tls-core`, if that is
/// another name and the package does not know `tls_core`, too.
pub(crate) fn name() -> Option<Ident> {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?);
    let manifest = fs::read_to_string(package.join("Cargo.toml")).ok()?;
    let name = syn::parse_str(&find(&manifest)?).ok()?;
    (!has_alias(&package)).then_some(name)
}

/// Returns the other name. Understands the ways to write a dependency, not all of TOML. If it misses a
/// name, the compiler reports a missing crate.
fn find(manifest: &str) -> Option<String> {
    if mentions(manifest).any(|mention| !mention.is_package) {
        return None;
    }
    let mut other = None;
    let mut table = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            table = header.split(']').next().unwrap_or(header).trim();
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = key.trim();
        let has_package = mentions(line).next().is_some();
        let name = if key == "package" {
            // The table describes one dependency.
            let (tables, name) = table.rsplit_once('.').unwrap_or_default();
            (is_of_dependencies(tables) && has_package).then_some(name)
        } else if let Some(name) = key.strip_suffix(".package") {
            (is_of_dependencies(table) && has_package).then_some(name)
        } else {
            let is_table = value.trim_start().starts_with('{');
            (is_of_dependencies(table) && has_package && is_table).then_some(key)
        };
        other = name.or(other);
    }
    other.map(|name| name.trim_matches(['"', '\'']).replace('-', "_"))
}

fn is_of_dependencies(table: &str) -> bool {
    let last = table.rsplit('.').next().unwrap_or(table);
    ["dependencies", "dev-dependencies", "build-dependencies"].contains(&last)
        && !table.starts_with("package.")
}

/// A mention of this crate's own name.
struct Mention {
    /// Whether it has the form `package = "tls-core"`.
    is_package: bool,
}

/// Returns all mentions of this crate's own name, except in paths.
fn mentions(manifest: &str) -> impl Iterator<Item = Mention> {
    let is_of_name = |c: char| c.is_alphanumeric() || ['-', '_'].contains(&c);
    let places = manifest
        .match_indices("tls-core")
        .chain(manifest.match_indices("tls_core"));
    places.filter_map(move |(at, name)| {
        let (before, after) = (&manifest[..at], &manifest[at + name.len()..]);
        if before.ends_with(['/', '\\'])
            || before.ends_with(is_of_name)
            || after.starts_with(is_of_name)
        {
            return None;
        }
        let is_package = before.strip_suffix(['"', '\'']).is_some_and(|before| {
            let key = before.trim_end().strip_suffix('=').map(str::trim_end);
            key.is_some_and(|key| key.ends_with("package"))
        });
        Some(Mention { is_package })
    })
}

/// Returns `true` if a source file of the package contains `extern crate … as tls_core`, which makes
/// that name valid.
fn has_alias(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => {
                let name = entry.file_name();
                let is_hidden = name.as_encoded_bytes().starts_with(b".");
                !is_hidden && name != "target" && has_alias(&path)
            }
            _ => {
                path.extension().is_some_and(|it| it == "rs")
                    && fs::read_to_string(&path).is_ok_and(|text| text.contains("as tls_core"))
            }
        }
    })
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
            "[dependencies] # all\ntls = { package = 'tls-core', path = '../tls-core' }",
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
            "[package]\nname = 'tls-core'\n[dev-dependencies]\nold = { package = 'tls-core' }",
            "[lib]\nname = 'tls_core'\n[dependencies]\ntls = { package = 'tls-core' }",
            "dependencies.tls-core = '1'\n[target.'cfg(unix)'.dependencies]\ntls = { package = 'tls-core' }",
            "[dependencies]\ntls = { package = 'tls-core' }\n\
             [target.'cfg(target_os = \"linux\")'.dependencies.tls-core]\nversion = '1'",
            "[dependencies]\ntls = { package = 'tls-core' }\ntls_core = { package = 'facade' }",
            "[package.metadata.dependencies]\ntls = { package = 'tls-core' }",
            "[patch.crates-io]\ntls = { package = 'tls-core', path = 'x' }",
            "not = [ a manifest",
        ] {
            assert_eq!(find(manifest), None, "{manifest}");
        }
    }
}
