//! Makes a copy of the runtime in which lines can be broken: see `src/lib.rs`.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

#[path = "../loom/mutation.rs"]
mod mutation;

use mutation::Mutation;
use mutation::Wrong::{All, Before, Instead};

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "waits as long as it takes",
        file: "shared/primitive",
        right: "_ => std::thread::sleep",
        // Not broken, but so that who waits for ever says so.
        wrong: All("2048.. => panic!(\"waits for a thread that is gone\"),
            _ => std::thread::sleep"),
    },
    Mutation {
        name: "lists without an end",
        file: "shared/list",
        right: "let mut next = self.newest();\n        std::iter::from_fn(move || {",
        wrong: All("let mut next = self.newest();
            let mut count = 0;
            std::iter::from_fn(move || {
                count += 1;
                assert!(count < 100, \"a list without an end\");"),
    },
    Mutation {
        name: "leaves locks as they are",
        file: "shared/lock",
        right: "self.held.store(0, Relaxed);\n",
        wrong: All("if !crate::broken::is(\"leaves locks as they are\") {
                self.held.store(0, Relaxed);
            }\n"),
    },
    Mutation {
        name: "waits for who is gone",
        file: "shared/lock",
        right: "turn > 512 && is_holder_gone()",
        wrong: Instead("false"),
    },
    Mutation {
        name: "frees blocks",
        file: "shared/registry",
        right: "mem::forget(inner.chunks.take());",
        wrong: Before("drop(inner.chunks.take());"),
    },
    Mutation {
        name: "frees parts",
        file: "shared/registry",
        right: "mem::forget(inner.parts.take());",
        wrong: Before("drop(inner.parts.take());"),
    },
    Mutation {
        name: "keeps the number of threads",
        file: "shared/registry",
        right: "inner.live = 0;",
        wrong: All("if !crate::broken::is(\"keeps the number of threads\") {
                inner.live = 0;
            }"),
    },
    Mutation {
        name: "keeps what exited threads have left",
        file: "shared/registry",
        right: "if *rest != Rest::NONE {",
        wrong: All(
            "if *rest != Rest::NONE && !crate::broken::is(\"keeps what exited threads have left\") {",
        ),
    },
    Mutation {
        name: "leaves the lock of the list as it is",
        file: "shared/list",
        right: "unsafe { self.adding.overwrite() };",
        wrong: All(
            "if !crate::broken::is(\"leaves the lock of the list as it is\") {
                unsafe { self.adding.overwrite() };
            }",
        ),
    },
    Mutation {
        name: "keeps pointers into blocks",
        file: "fork/handler",
        right: "raw::forget_blocks();",
        wrong: All("if !crate::broken::is(\"keeps pointers into blocks\") {
                raw::forget_blocks();
            }"),
    },
    Mutation {
        name: "does not mend a link",
        file: "shared/list",
        right: "link.is_in.store(true, Relaxed);\n            // SAFETY",
        wrong: All("if !crate::broken::is(\"does not mend a link\") {
                link.is_in.store(true, Relaxed);
            }
            // SAFETY"),
    },
    Mutation {
        name: "publishes a link before its entry",
        file: "shared/list",
        right: "unsafe { *link.entry.get() = entry };",
        wrong: All(
            "if crate::broken::is(\"publishes a link before its entry\") {
                self.newest.store(ptr::from_ref(link).cast_mut(), Release);
                crate::broken::linger();
            }
            unsafe { *link.entry.get() = entry };",
        ),
    },
    Mutation {
        name: "does not mend a link: takes its time",
        file: "shared/list",
        right: "link.is_in.store(true, Release);",
        wrong: All("if crate::broken::is(\"does not mend a link\")
                || crate::broken::is(\"leaves the lock of the list as it is\")
            {
                crate::broken::linger();
            }
            link.is_in.store(true, Release);"),
    },
    Mutation {
        name: "waits for who is gone: takes its time",
        file: "shared/part",
        right: "inner.take_exited_parts(cell, &mut exited);\n",
        wrong: All("inner.take_exited_parts(cell, &mut exited);
                if crate::broken::is(\"waits for who is gone\") {
                    crate::broken::linger();
                }\n"),
    },
    Mutation {
        name: "takes the parent's parts",
        file: "shared/part",
        right: "if generation::is_handler_due() {\n        return Vec::new();",
        wrong: All("if generation::is_handler_due()
                && !crate::broken::is(\"takes the parent's parts\") {
                return Vec::new();"),
    },
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../loom/mutation.rs");
    println!("cargo:rerun-if-env-changed=TLS_STATE_MUTANTS");
    println!("cargo:rerun-if-changed=../../tls-core/src");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let out = Path::new(&out);
    let sources = Path::new(&here).join("../../tls-core/src");
    copy(&sources, "", out);
}

/// Copies the sources in a folder, with the lines that can be broken.
fn copy(sources: &Path, folder: &str, out: &Path) {
    fs::create_dir_all(out.join(folder)).expect("a place for the copy");
    for source in fs::read_dir(sources.join(folder)).expect("the runtime") {
        let source = source.expect("a source");
        let name = source.file_name();
        let name = Path::new(folder).join(name);
        if source.path().is_dir() {
            copy(sources, name.to_str().expect("a name"), out);
            continue;
        }
        let mut text = fs::read_to_string(source.path()).expect("a text");
        for mutation in MUTATIONS {
            if Path::new(mutation.file) == name.with_extension("") {
                text = mutation.apply(&text);
            }
        }
        if name == Path::new("lib.rs") {
            text = root(&text, sources, out);
        }
        fs::write(out.join(name), text).expect("a place for the copy");
    }
}

/// The crate's root as something that can be included: without documentation of the crate, and with the
/// paths of its modules.
fn root(text: &str, sources: &Path, out: &Path) -> String {
    let (text, _) = text.split_once("#[cfg(doctest)]").expect("the end");
    let mut root = String::new();
    for line in text.lines().filter(|line| !line.starts_with("//!")) {
        if line.starts_with("#[path") {
            continue;
        }
        let module = line.trim_start_matches("pub ").strip_prefix("mod ");
        if let Some(name) = module.and_then(|module| module.strip_suffix(';')) {
            let file = if name.starts_with("__private") {
                "private"
            } else {
                name
            };
            let folder = Path::new(file).join("mod.rs");
            let path = out.join(if sources.join(&folder).exists() {
                folder
            } else {
                Path::new(file).with_extension("rs")
            });
            let path = path.to_str().expect("a path in UTF-8");
            writeln!(root, "#[path = {path:?}]").expect("memory");
        }
        root.push_str(line);
        root.push('\n');
    }
    root
}
