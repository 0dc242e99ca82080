//! The sources of the two crates can be read one file at a time: no file depends on one that depends on it,
//! and none is long.
//!
//! What a file depends on is what its paths lead to: `use` items, and paths that begin with `crate`,
//! `super`, `self`, an imported name or a child, in code and in the bodies of macros. Each leads to the
//! file of the deepest module that it names. `mod x;` alone is no dependency, `pub use x::Y;` is one: a
//! child that imports through its parent makes a cycle. What is compiled for tests only, and what macros of
//! the crate `quote` write, is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The most lines of a file, tests left out.
const MOST_LINES: usize = 600;

/// A crate's files, by their paths below its `src`.
type Files = BTreeMap<String, String>;

/// The path of a module, from the root.
type Module = Vec<String>;

/// What each file depends on.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn child(module: &[String], name: &str) -> Module {
    let mut child = module.to_owned();
    child.push(name.to_owned());
    child
}

/// A crate's modules, and the files that they stand in.
#[derive(Default)]
struct Modules {
    /// Those with a file of their own. For tests only: with none.
    files: BTreeMap<Module, String>,
    /// The others.
    inline: BTreeSet<Module>,
}

impl Modules {
    fn of(files: &Files) -> Self {
        let mut modules = Self::default();
        modules.add_file(files, &[], "lib.rs");
        modules
    }

    fn add_file(&mut self, files: &Files, module: &[String], file: &str) {
        let text = files.get(file).unwrap_or_else(|| panic!("no {file}"));
        self.files.insert(module.to_owned(), file.to_owned());
        self.add_children(files, module, file, tokens(text));
    }

    fn add_children(&mut self, files: &Files, module: &[String], file: &str, tokens: TokenStream) {
        for declared in declared_modules(&without_tests(tokens)) {
            let child = child(module, &declared.name);
            if let Some(body) = declared.body {
                self.inline.insert(child.clone());
                self.add_children(files, &child, file, body);
            } else {
                let found = place(files, file, &declared);
                self.add_file(files, &child, &found);
            }
        }
    }

    fn has(&self, module: &[String]) -> bool {
        self.files.contains_key(module) || self.inline.contains(module)
    }

    /// The file of the deepest module that a path leads to.
    fn file(&self, path: &[String]) -> &str {
        let deepest = (0..=path.len())
            .rev()
            .find_map(|length| self.files.get(&path[..length]));
        deepest.expect("the root has a file")
    }
}

/// `mod name;` or `mod name { body }`.
struct Declared {
    name: String,
    /// What `#[path]` says.
    path: Option<String>,
    body: Option<TokenStream>,
}

/// Where the file of a module is that another file declares.
fn place(files: &Files, parent: &str, declared: &Declared) -> String {
    let parent = Path::new(parent);
    let directory = parent.parent().unwrap();
    let name = &declared.name;
    let candidates = if let Some(path) = &declared.path {
        vec![directory.join(path)]
    } else {
        let stem = parent.file_stem().unwrap();
        let below = if stem == "lib" || stem == "mod" {
            directory.to_owned()
        } else {
            directory.join(stem)
        };
        vec![
            below.join(format!("{name}.rs")),
            below.join(name).join("mod.rs"),
        ]
    };
    let mut candidates = candidates.iter().map(|path| path.to_str().unwrap());
    let found = candidates.find(|path| files.contains_key(*path));
    found
        .unwrap_or_else(|| panic!("no file of `mod {name};`"))
        .to_owned()
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a source")
}

fn is_punct(token: Option<&TokenTree>, char: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

/// The content of the attribute that begins here.
fn attribute(tokens: &[TokenTree], start: usize) -> Option<TokenStream> {
    match tokens.get(start + 1) {
        Some(TokenTree::Group(group))
            if is_punct(tokens.get(start), '#') && group.delimiter() == Delimiter::Bracket =>
        {
            Some(group.stream())
        }
        _ => None,
    }
}

/// Leaves out modules that are compiled for tests only.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut kept = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        let is_for_tests = attribute(&tokens, index).is_some_and(|content| {
            let content = content.to_string().replace(' ', "");
            content == "cfg(test)" || content.starts_with("cfg(all(test,")
        });
        if is_for_tests {
            let mut end = index + 2;
            while attribute(&tokens, end).is_some() {
                end += 2;
            }
            if ident(tokens.get(end)).as_deref() == Some("mod") {
                // The name, and `;` or what is in braces.
                index = end + 3;
                continue;
            }
        }
        kept.push(tokens[index].clone());
        index += 1;
    }
    kept
}

fn declared_modules(tokens: &[TokenTree]) -> Vec<Declared> {
    let mut declared = Vec::new();
    let mut path = None;
    for (index, token) in tokens.iter().enumerate() {
        if let Some(content) = attribute(tokens, index) {
            let content = content.to_string().replace(' ', "");
            let quoted = content.strip_prefix("path=\"");
            path = quoted
                .map(|path| path.trim_end_matches('"').to_owned())
                .or(path);
        }
        if is_punct(Some(token), ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        {
            path = None;
        }
        if ident(Some(token)).as_deref() != Some("mod") {
            continue;
        }
        let Some(name) = ident(tokens.get(index + 1)) else {
            continue;
        };
        let body = match tokens.get(index + 2) {
            Some(TokenTree::Group(group)) => Some(group.stream()),
            _ => None,
        };
        declared.push(Declared {
            name,
            path: path.take(),
            body,
        });
    }
    declared
}

/// What a file's paths lead to.
struct Reader<'a> {
    modules: &'a Modules,
    /// The names that `use` brings, and where they lead: nowhere, if out of the crate.
    imports: BTreeMap<String, Option<Module>>,
    found: Vec<Module>,
}

/// Macros whose arguments are code of another crate's.
const QUOTES: [&str; 4] = [
    "quote",
    "quote_spanned",
    "parse_quote",
    "parse_quote_spanned",
];

impl Reader<'_> {
    /// Where a path leads that stands in a module; nowhere, if out of the crate.
    fn resolve(&self, module: &[String], path: &[String]) -> Option<Module> {
        let mut start = module.to_owned();
        let mut rest = path.iter();
        let first = rest.next()?;
        match first.as_str() {
            "crate" => start.clear(),
            "self" => {}
            "super" => drop(start.pop()),
            name => {
                if let Some(imported) = self.imports.get(name) {
                    start.clone_from(imported.as_ref()?);
                } else {
                    start.push(name.to_owned());
                    if !self.modules.has(&start) {
                        return None;
                    }
                }
            }
        }
        for name in rest {
            if name == "super" {
                start.pop();
            } else {
                start.push(name.clone());
            }
        }
        Some(start)
    }

    /// Reads a tree of imports that begins behind a path. Returns where it ends.
    fn import(&mut self, module: &[String], tokens: &[TokenTree], before: &[String]) -> usize {
        let mut path = before.to_owned();
        let mut alias = None;
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            match token {
                TokenTree::Ident(ident) if ident == "as" => {
                    alias = self::ident(tokens.get(index + 1));
                    index += 1;
                }
                TokenTree::Ident(ident) if ident == "self" && !path.is_empty() => {}
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut start = 0;
                    while start < inner.len() {
                        start += self.import(module, &inner[start..], &path) + 1;
                    }
                    return index + 1;
                }
                TokenTree::Punct(punct) if ",;".contains(punct.as_char()) => break,
                // A path that begins with `::` leads out.
                TokenTree::Punct(punct) if punct.as_char() == ':' && path.is_empty() => {
                    path.push(String::new());
                }
                _ => {}
            }
            index += 1;
        }
        let target = self.resolve(module, &path);
        self.found.extend(target.clone());
        if let Some(name) = alias.or_else(|| path.last().cloned()) {
            self.imports.insert(name, target);
        }
        index
    }

    /// Reads what stands in a module: its imports, or all other paths.
    fn read(&mut self, module: &[String], tokens: TokenStream, is_for_imports: bool) {
        let tokens = without_tests(tokens);
        let mut index = 0;
        while let Some(token) = tokens.get(index) {
            let after = index + 1;
            match token {
                TokenTree::Group(group) => {
                    let declared = (index >= 2)
                        .then(|| (ident(tokens.get(index - 2)), ident(tokens.get(index - 1))));
                    let macro_name = (index >= 2 && is_punct(tokens.get(index - 1), '!'))
                        .then(|| ident(tokens.get(index - 2)))
                        .flatten();
                    if macro_name.is_some_and(|name| QUOTES.contains(&&*name)) {
                        // Other people's.
                    } else if let Some((Some(keyword), Some(name))) = declared
                        && keyword == "mod"
                    {
                        let inner = child(module, &name);
                        self.read(&inner, group.stream(), is_for_imports);
                    } else {
                        self.read(module, group.stream(), is_for_imports);
                    }
                }
                TokenTree::Ident(ident) if ident == "use" && !is_punct(tokens.get(after), '<') => {
                    let end = tokens[after..]
                        .iter()
                        .position(|token| is_punct(Some(token), ';'));
                    let end = after + end.unwrap_or(tokens.len() - after);
                    if is_for_imports {
                        self.import(module, &tokens[after..end], &[]);
                    }
                    index = end;
                    continue;
                }
                TokenTree::Ident(ident) if !is_for_imports => {
                    let is_inner = index > 0
                        && (is_punct(tokens.get(index - 1), ':')
                            && index > 1
                            && is_punct(tokens.get(index - 2), ':')
                            || is_punct(tokens.get(index - 1), '.')
                            || self::ident(tokens.get(index - 1)).as_deref() == Some("in"));
                    let mut path = vec![ident.to_string()];
                    let mut next = after;
                    while is_punct(tokens.get(next), ':') && is_punct(tokens.get(next + 1), ':') {
                        let Some(name) = self::ident(tokens.get(next + 2)) else {
                            break;
                        };
                        path.push(name);
                        next += 3;
                    }
                    if path.len() > 1 && !is_inner {
                        let target = self.resolve(module, &path);
                        self.found.extend(target);
                    }
                    index = next;
                    continue;
                }
                _ => {}
            }
            index = after;
        }
    }
}

/// What each file of a crate depends on.
fn dependencies(files: &Files) -> Graph {
    let modules = Modules::of(files);
    let mut graph = Graph::new();
    for (module, file) in &modules.files {
        let mut reader = Reader {
            modules: &modules,
            imports: BTreeMap::new(),
            found: Vec::new(),
        };
        // An import may refer to one that follows.
        reader.read(module, tokens(&files[file]), true);
        reader.found.clear();
        reader.read(module, tokens(&files[file]), true);
        reader.read(module, tokens(&files[file]), false);
        let found = reader
            .found
            .iter()
            .map(|path| modules.file(path).to_owned());
        let found = found.filter(|found| found != file).collect();
        graph.insert(file.clone(), found);
    }
    graph
}

/// The files that a file depends on, those that these depend on, and so on.
fn reachable<'a>(graph: &'a Graph, file: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for next in &graph[file] {
            if found.insert(&**next) {
                open.push(next);
            }
        }
    }
    found
}

/// The files that depend on each other, each group with the dependencies that make it one.
fn cycles(graph: &Graph) -> Vec<String> {
    let all: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|file| (&**file, reachable(graph, file)))
        .collect();
    let mut seen = BTreeSet::<&str>::new();
    let mut cycles = Vec::new();
    for file in graph.keys() {
        let is_in = |other: &str| all[&**file].contains(other) && all[other].contains(&**file);
        if !is_in(file) || seen.contains(file.as_str()) {
            continue;
        }
        let group: Vec<&str> = graph
            .keys()
            .map(|file| &**file)
            .filter(|other| is_in(other))
            .collect();
        let edges: Vec<String> = group
            .iter()
            .map(|from| {
                let to: Vec<&str> = group
                    .iter()
                    .copied()
                    .filter(|to| graph[*from].contains(*to))
                    .collect();
                format!("    {from} → {}", to.join(", "))
            })
            .collect();
        seen.extend(group.iter().copied());
        cycles.push(format!("{} files:\n{}", group.len(), edges.join("\n")));
    }
    cycles
}

fn read_files(root: &Path, directory: &Path, files: &mut Files) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            files.insert(name.replace('\\', "/"), fs::read_to_string(&path).unwrap());
        }
    }
}

fn files_of(package: &str) -> Files {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(package)
        .join("src");
    let mut files = Files::new();
    read_files(&root, &root, &mut files);
    files
}

#[track_caller]
fn assert_without_cycles(package: &str, files: &Files) {
    let graph = dependencies(files);
    let cycles = cycles(&graph);
    assert!(
        cycles.is_empty(),
        "files of {package} depend on each other:\n\n{}\n\n\
         Move what one of them needs to where its data is, or hand it down.",
        cycles.join("\n\n")
    );
}

/// The number of lines, without those of modules for tests.
fn lines(text: &str) -> usize {
    let mut count = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_for_tests = line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,");
        if is_for_tests
            && lines
                .peek()
                .is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
        {
            lines.by_ref().find(|line| *line == "}");
        } else {
            count += 1;
        }
    }
    count
}

#[track_caller]
fn assert_short(package: &str) {
    let files = files_of(package);
    let long: Vec<String> = files
        .iter()
        .map(|(file, text)| (file, lines(text)))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("    {file}: {lines}"))
        .collect();
    assert!(
        long.is_empty(),
        "files of {package} have more than {MOST_LINES} lines:\n\n{}\n\n\
         Have two subjects moved in together?",
        long.join("\n")
    );
}

#[test]
fn no_files_of_the_runtime_depend_on_each_other() {
    assert_without_cycles("tls-core", &files_of("tls-core"));
}

/// `platform/native` takes the place of `platform/keys`, by a `path` that depends on the target.
#[test]
fn no_files_of_the_runtime_with_native_thread_locals_depend_on_each_other() {
    let mut files = files_of("tls-core");
    files.retain(|file, _| !file.starts_with("platform/keys/"));
    let in_place =
        |(file, text): (String, String)| (file.replace("platform/native/", "platform/keys/"), text);
    let files: Files = files.into_iter().map(in_place).collect();
    assert!(files.contains_key("platform/keys/mod.rs"));
    assert_without_cycles("tls-core", &files);
}

#[test]
fn no_files_of_the_macro_depend_on_each_other() {
    assert_without_cycles("tls-macros", &files_of("tls-macros"));
}

#[test]
fn no_file_of_the_runtime_is_long() {
    assert_short("tls-core");
}

#[test]
fn no_file_of_the_macro_is_long() {
    assert_short("tls-macros");
}

/// What the files of a small crate depend on, one line each.
#[track_caller]
fn assert_dependencies(files: &[(&str, &str)], expected: &[&str], cycles: usize) {
    let files = files
        .iter()
        .map(|(file, text)| ((*file).to_owned(), (*text).to_owned()))
        .collect();
    let graph = dependencies(&files);
    let lines: Vec<String> = graph
        .iter()
        .filter(|(_, to)| !to.is_empty())
        .map(|(from, to)| {
            let to: Vec<&str> = to.iter().map(|to| &**to).collect();
            format!("{from} → {}", to.join(" "))
        })
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(self::cycles(&graph).len(), cycles);
}

#[test]
fn a_cycle_of_two_is_found() {
    assert_dependencies(
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "use crate::b::B; pub struct A;"),
            (
                "b.rs",
                "pub struct B; fn f() -> crate::a::A { super::a::A }",
            ),
            ("c.rs", "use crate::a::A;"),
        ],
        &["a.rs → b.rs", "b.rs → a.rs", "c.rs → a.rs"],
        1,
    );
}

#[test]
fn a_cycle_through_a_folders_map_is_found() {
    assert_dependencies(
        &[
            ("lib.rs", "pub mod a; pub use a::A;"),
            (
                "a/mod.rs",
                "mod b; mod c; pub use b::B; pub use self::c::C;",
            ),
            ("a/b.rs", "use super::C; pub struct B(C);"),
            ("a/c.rs", "pub struct C;"),
        ],
        &[
            "a/b.rs → a/mod.rs",
            "a/mod.rs → a/b.rs a/c.rs",
            "lib.rs → a/mod.rs",
        ],
        1,
    );
}

#[test]
fn files_that_depend_in_one_direction_are_no_cycle() {
    assert_dependencies(
        &[
            (
                "lib.rs",
                "mod a; #[path = \"elsewhere.rs\"] pub mod b; mod c; pub use crate::c::{d::{self, D}, e as f};",
            ),
            (
                "a.rs",
                "//! crate::b::B\n /// [`crate::c::C`]\n pub struct A; // crate::b",
            ),
            (
                "elsewhere.rs",
                "use crate::a; fn f() -> a::A { inner::g() } mod inner { pub fn g() -> super::a::A { loop {} } }",
            ),
            ("c/mod.rs", "pub(crate) mod d; pub(in crate::c) mod e;"),
            (
                "c/d.rs",
                "use std::thread; use ::b::X; pub struct D(thread::Thread, std::b::B);",
            ),
            (
                "c/e.rs",
                "mod below; #[cfg(test)] mod tests { use super::super::d::D; use crate::b::B; }",
            ),
            ("c/e/below.rs", ""),
        ],
        &["elsewhere.rs → a.rs", "lib.rs → c/d.rs c/e.rs"],
        0,
    );
}

#[test]
fn paths_in_macros_and_through_imported_modules_count() {
    assert_dependencies(
        &[
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a.rs", "macro_rules! m { () => { $crate::b::f() }; }"),
            (
                "b.rs",
                "use crate::c; fn f() { c::d::g() } fn g() { h!(x, crate::a::A::new()); quote!(crate::Z) }",
            ),
            ("c/mod.rs", "pub mod d;"),
            ("c/d.rs", "use super::super::b as other; type B = other::B;"),
        ],
        &[
            "a.rs → b.rs",
            "b.rs → a.rs c/d.rs c/mod.rs",
            "c/d.rs → b.rs",
        ],
        1,
    );
}

#[test]
fn lines_of_tests_are_not_counted() {
    assert_eq!(lines("a\n#[cfg(test)]\nmod tests {\n    x\n}\nb\n"), 2);
    assert_eq!(lines("a\n#[cfg(test)]\nmod other;\nb\n"), 4);
}
