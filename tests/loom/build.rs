//! Tells the shared sources that they are being modeled: loom's constructors are not `const`. And
//! makes a copy of them, and of the models, that can be broken: see `src/broken.rs`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

mod mutation;

use mutation::Mutation;
use mutation::Wrong::{All, Before, Instead};

const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "adds a registry to a job in two steps",
        file: "shared/job",
        right: "match self.newest.compare_exchange(newest, place, AcqRel, Acquire) {",
        wrong: All(
            "if crate::broken::is(\"adds a registry to a job in two steps\") {
                self.newest.store(place, std::sync::atomic::Ordering::Release);
                let place = twin.into_raw();
                // SAFETY: it is in the list now.
                return unsafe { &place.as_ref().registry };
            }
            match self.newest.compare_exchange(newest, place, AcqRel, Acquire) {",
        ),
    },
    Mutation {
        name: "leaves a job without giving its block back",
        file: "shared/job",
        right: "drop(Home::of(registry).retire(block));",
        wrong: All(
            "if !crate::broken::is(\"leaves a job without giving its block back\") {
                drop(Home::of(registry).retire(block));
            }",
        ),
    },
    Mutation {
        name: "unlocks relaxed",
        file: "shared/lock",
        right: "self.0.held.store(0, Release)",
        wrong: Instead("self.0.held.store(0, Relaxed)"),
    },
    Mutation {
        name: "locks relaxed",
        file: "shared/lock",
        right: "self.held.compare_exchange(0, 1, Acquire, Relaxed).is_ok()",
        wrong: Instead("self.held.compare_exchange(0, 1, Relaxed, Relaxed).is_ok()"),
    },
    Mutation {
        name: "locks in two steps",
        file: "shared/lock",
        right: "if !self.try_hold() {\n            self.wait()?;",
        wrong: All("if crate::broken::is(\"locks in two steps\") {
                while self.held.load(Acquire) != 0 { pause(0); }
                self.held.store(1, Relaxed);
            } else if !self.try_hold() {\n            self.wait()?;"),
    },
    Mutation {
        name: "folds after the locked step",
        file: "shared/registry",
        right: "let sharing = self.sharing;\n        self.lock().retire(block, sharing)\n",
        wrong: All("let sharing = self.sharing;
            if crate::broken::is(\"folds after the locked step\") {
                // SAFETY: the block is the caller's.
                let cell = unsafe { block.as_ref() };
                let value = cell.load(Relaxed);
                cell.store(0, Relaxed);
                let retired = self.lock().retire(block, sharing);
                self.lock().add_exited(0, value);
                return retired;
            }
            self.lock().retire(block, sharing)\n"),
    },
    Mutation {
        name: "folds before the locked step",
        file: "shared/registry",
        right: "self.lock().retire(block, sharing)\n",
        wrong: Before(
            "// SAFETY: the block is the caller's.
            let cell = unsafe { block.as_ref() };
            let value = cell.load(Relaxed);
            self.lock().add_exited(0, value);
            cell.store(0, Relaxed);",
        ),
    },
    Mutation {
        name: "leaves the cell as it is",
        file: "shared/registry",
        right: "cell.store(0, Relaxed);\n    match",
        wrong: All("if !crate::broken::is(\"leaves the cell as it is\")
                && !crate::broken::is(\"clears the cell after unlocking\") {
                cell.store(0, Relaxed);
            }
            match"),
    },
    Mutation {
        name: "clears the cell after unlocking",
        file: "shared/local",
        right: "drop(Home::of(registry).retire(block));",
        wrong: All("let retired = Home::of(registry).retire(block);
            if crate::broken::is(\"clears the cell after unlocking\") {
                // SAFETY: the chunk is still there.
                unsafe { block.as_ref() }.store(0, Relaxed);
            }
            drop(retired);
            if crate::broken::is(\"keeps its pointers until all is freed\") {
                self.detach();
            }"),
    },
    Mutation {
        name: "keeps its pointers until all is freed",
        file: "shared/local",
        right: "(self.registry(), self.detach())",
        wrong: All("(
                self.registry(),
                if crate::broken::is(\"keeps its pointers until all is freed\") {
                    self.block()
                } else {
                    self.detach()
                },
            )"),
    },
    Mutation {
        name: "registers again when it has retired",
        file: "shared/raw",
        right: "!self.is_retired.get() && exit::is_open() && !IS_CLOSED.with(Cell::get)",
        wrong: All(
            "(!self.is_retired.get() || crate::broken::is(\"registers again when it has retired\"))
                && exit::is_open() && !IS_CLOSED.with(Cell::get)",
        ),
    },
    Mutation {
        name: "frees the owner before the fold",
        file: "shared/registry",
        right: "let mut owner = chunk.owners[block].take();",
        wrong: All("let mut owner = chunk.owners[block].take();
            if crate::broken::is(\"frees the owner before the fold\") {
                drop(owner.take());
            }"),
    },
    Mutation {
        name: "every thread adds the chunk that it has brought",
        file: "shared/registry",
        right: "let block = inner.claim(&mut owner, first).or_else(|| {",
        wrong: Before("if let Some(spare) = spare.take() { inner.add_chunk(spare); }"),
    },
    Mutation {
        name: "keeps every chunk",
        file: "shared/registry",
        right: "let is_spare = empty_chunks > 1",
        wrong: All("let is_spare = !crate::broken::is(\"keeps every chunk\") && empty_chunks > 1"),
    },
    Mutation {
        name: "lists exited parts and live ones in two locked steps",
        file: "shared/part",
        right: "inner.take_exited_parts(cell, &mut exited);\n",
        wrong: All("inner.take_exited_parts(cell, &mut exited);
            if crate::broken::is(\"lists exited parts and live ones in two locked steps\") {
                drop(inner);
                inner = registry.lock();
            }\n"),
    },
    Mutation {
        name: "waits for a part in use",
        file: "shared/part",
        right: "self.value.lock_unless(|| true)",
        wrong: Instead("self.value.lock_unless(|| false)"),
    },
    Mutation {
        name: "goes on when it has given up",
        file: "shared/lock",
        right: "if !may_wait {\n                return None;",
        wrong: All(
            "if !may_wait && !crate::broken::is(\"goes on when it has given up\") {
                return None;",
        ),
    },
    Mutation {
        name: "does not say that a part is abandoned",
        file: "shared/part",
        right: "self.is_abandoned.store(is_in_use, Relaxed);",
        wrong: All(
            "if !crate::broken::is(\"does not say that a part is abandoned\") {
                self.is_abandoned.store(is_in_use, Relaxed);
            }",
        ),
    },
    Mutation {
        name: "does not leave what is in an abandoned part",
        file: "shared/part",
        right: "if self.part.is_abandoned.load(Relaxed) {",
        wrong: All("if self.part.is_abandoned.load(Relaxed)
                && !crate::broken::is(\"does not leave what is in an abandoned part\") {"),
    },
];

/// Where a source lies, its name there, and as what module of what module it is compiled.
const SOURCES: [(&str, &str, &str, &str); 16] = [
    (RUNTIME, "fork/generation", "fork", "generation"),
    (RUNTIME, "shared/chunk", "shared", "chunk"),
    (RUNTIME, "shared/histogram", "shared", "histogram"),
    (RUNTIME, "shared/job", "shared", "job"),
    (RUNTIME, "shared/kept", "shared", "kept"),
    (RUNTIME, "shared/layout", "shared", "layout"),
    (RUNTIME, "shared/local", "shared", "local"),
    (RUNTIME, "shared/lock", "shared", "lock"),
    (RUNTIME, "shared/part", "shared", "part"),
    (RUNTIME, "shared/part_list", "shared", "part_list"),
    (RUNTIME, "shared/raw", "shared", "raw"),
    (RUNTIME, "shared/registry", "shared", "registry"),
    (RUNTIME, "shared/snapshot", "shared", "snapshot"),
    (OWN, "shared/exit", "shared", "exit"),
    (OWN, "shared/list", "shared", "list"),
    (OWN, "models", "", "models"),
];

/// The runtime's sources, and those beside this that belong to them.
const RUNTIME: &str = "../../tls-core/src";
const OWN: &str = "src";

fn main() {
    println!("cargo:rustc-cfg=tls_core_loom");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=mutation.rs");
    println!("cargo:rerun-if-env-changed=TLS_STATE_MUTANTS");
    let here = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    let out = Path::new(&out);
    let mut modules = BTreeMap::<&str, String>::new();
    for (folder, name, parent, module) in SOURCES {
        let path = Path::new(&here)
            .join(folder)
            .join(name)
            .with_extension("rs");
        println!("cargo:rerun-if-changed={}", path.display());
        let mut text = fs::read_to_string(&path).expect("a source");
        for mutation in MUTATIONS.iter().filter(|mutation| mutation.file == name) {
            text = mutation.apply(&text);
        }
        // The copy is a module of the same crate, and its models are run by those who break it.
        let text = text
            .replace("crate::", "crate::mutated::")
            .replace("crate::mutated::broken", "crate::broken")
            .replace(
                "crate::mutated::shared::primitive",
                "crate::shared::primitive",
            )
            .replace(
                "crate::mutated::shared::{part, primitive}",
                "crate::{mutated::shared::part, shared::primitive}",
            )
            .replace("#[test]\n", "");
        let copy = out.join(format!("{parent}-{module}.rs"));
        let copy = copy.to_str().expect("a path in UTF-8");
        fs::write(copy, text).expect("a place for the copy");
        let modules = modules.entry(parent).or_default();
        writeln!(modules, "#[path = {copy:?}]\npub(crate) mod {module};").expect("memory");
    }
    let modules: String = modules
        .into_iter()
        .map(|(parent, modules)| match parent {
            "" => modules,
            parent => format!("pub(crate) mod {parent} {{\n{modules}}}\n"),
        })
        .collect();
    fs::write(out.join("mutated.rs"), modules).expect("a place for the list");
}
