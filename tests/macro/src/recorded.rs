//! What is recorded in the repository's `tests/` beside what the macro says, without a compiler.
//!
//! `tests/ui/*/fail` holds mistakes and the compiler's answers to them. Those that are the macro's own must
//! be what it says, at the same line and column. `tests/expansions` holds what it makes of a few
//! declarations: a change of the macro that changes nothing there changes nothing. To write them anew:
//! `TRYBUILD=overwrite cargo test -p macro-steps`. Read the difference.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, Literal, TokenStream, TokenTree};
use quote::quote;

fn tests(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(directory)
}

/// An answer to a mistake: line, column and text.
type Answer = (usize, usize, String);

/// Beginnings of what the compiler itself says without an error code.
const COMPILER: &[&str] = &[
    "cannot construct `",
    "cannot find attribute `",
    "expected identifier, found `",
    "expected `:`, found `",
    "future cannot be sent between threads safely",
    "lifetime may not live long enough",
    "pattern requires `..`",
    "unused `",
];

/// The answers in a recorded text that have no code.
fn recorded(text: &str) -> BTreeSet<Answer> {
    let mut answers = BTreeSet::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(message) = line.strip_prefix("error: ") else {
            continue;
        };
        let place = lines.next().unwrap_or_default();
        let mut numbers = place.rsplit(':').map(|number| number.parse().unwrap_or(0));
        let column = numbers.next().unwrap_or(0);
        let line = numbers.next().unwrap_or(0);
        answers.insert((line, column, message.to_owned()));
    }
    answers
}

/// The `compile_error!`s among tokens.
fn said(tokens: TokenStream, answers: &mut BTreeSet<Answer>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let is_error = index >= 2
            && matches!(&tokens[index - 2], TokenTree::Ident(ident) if ident == "compile_error");
        if !is_error {
            said(group.stream(), answers);
            continue;
        }
        let text: Literal = syn::parse2(group.stream()).expect("one literal");
        let text: syn::LitStr = syn::parse2(TokenTree::from(text).into()).expect("a string");
        let start = tokens[index - 2].span().start();
        answers.insert((start.line, start.column + 1, text.value()));
    }
}

fn is_ours(group: &Group) -> bool {
    group.delimiter() == Delimiter::Bracket
        && group
            .stream()
            .into_iter()
            .any(|token| matches!(token, TokenTree::Ident(ident) if ident == "thread_local_state"))
}

/// The arguments and items of all attributes of ours among tokens.
fn declarations(tokens: TokenStream, found: &mut Vec<(TokenStream, TokenStream)>) {
    let mut tokens = tokens.into_iter();
    // The attributes above, which the compiler leaves on the item unless they are derives.
    let mut above = TokenStream::new();
    let mut is_attribute = false;
    while let Some(token) = tokens.next() {
        let is_hash = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#');
        let may_be_attribute = std::mem::replace(&mut is_attribute, is_hash);
        let TokenTree::Group(group) = token else {
            if !is_hash {
                above = TokenStream::new();
            }
            continue;
        };
        if !is_ours(&group) {
            declarations(group.stream(), found);
            if may_be_attribute && !group.to_string().contains("derive") {
                above.extend(quote!(# #group));
            } else {
                above = TokenStream::new();
            }
            continue;
        }
        let args = group.stream().into_iter().find_map(|token| match token {
            TokenTree::Group(args) => Some(args.stream()),
            _ => None,
        });
        let mut item = std::mem::take(&mut above);
        for token in tokens.by_ref() {
            let is_end = match &token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Punct(punct) => punct.as_char() == ';',
                _ => false,
            };
            item.extend([token]);
            if is_end {
                break;
            }
        }
        found.push((args.unwrap_or_default(), item));
    }
}

/// What the derives receive of what the first step has made: the item, without the derive, and the
/// struct of its shared fields, if there are any.
fn items_of(output: TokenStream) -> (TokenStream, TokenStream) {
    let mut tokens = output.into_iter();
    // Past `use tls_core as alias;`, which comes last before the item.
    let mut is_import = false;
    let rest: Vec<_> = loop {
        match tokens.next() {
            Some(TokenTree::Ident(ident)) if ident == "use" => is_import = true,
            Some(TokenTree::Punct(punct)) if is_import && punct.as_char() == ';' => {
                break tokens.collect();
            }
            Some(_) => {}
            None => break Vec::new(),
        }
    };
    let is_derive = |token: &TokenTree, name: &str| matches!(token, TokenTree::Group(group) if group.to_string().contains(name));
    let mut items = (TokenStream::new(), TokenStream::new());
    let mut is_beside = false;
    for (index, token) in rest.iter().enumerate() {
        let is_hash = matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#');
        let derive = if is_hash {
            rest.get(index + 1)
        } else {
            Some(token)
        };
        let is = |name| derive.is_some_and(|derive| is_derive(derive, name));
        is_beside |= is("SharedFieldsExpand");
        let item = if is_beside {
            &mut items.1
        } else {
            &mut items.0
        };
        if !is("ThreadLocalStateExpand") && !is("SharedFieldsExpand") {
            item.extend([token.clone()]);
        }
    }
    items
}

/// What the derive of shared fields makes, where there are any.
fn of_shared(item: TokenStream) -> TokenStream {
    if item.is_empty() {
        item
    } else {
        crate::shared::derive(item)
    }
}

/// What all steps say of all declarations in a source text, and all they make.
fn answers(source: &str) -> (BTreeSet<Answer>, String) {
    let (mut answers, mut made) = (BTreeSet::new(), String::new());
    let mut found = Vec::new();
    declarations(source.parse().unwrap(), &mut found);
    for (args, item) in found {
        let output = crate::attribute::attribute(&args, &item);
        said(output.clone(), &mut answers);
        let (item, shared) = items_of(output);
        if item.is_empty() {
            continue;
        }
        for output in [crate::expand::derive(item), of_shared(shared)] {
            said(output.clone(), &mut answers);
            made.push_str(&output.to_string());
        }
    }
    (answers, made)
}

fn mistakes() -> impl Iterator<Item = (PathBuf, String, String)> {
    let subjects = fs::read_dir(tests("ui")).unwrap();
    let files =
        subjects.filter_map(|subject| fs::read_dir(subject.unwrap().path().join("fail")).ok());
    files.flatten().filter_map(|file| {
        let path = file.unwrap().path();
        let source = (path.extension()? == "rs").then(|| fs::read_to_string(&path).unwrap())?;
        let text = fs::read_to_string(path.with_extension("stderr")).unwrap();
        Some((path, source, text))
    })
}

/// The lines of those items at the top of a case, modules for instance, in which other macros and the compiler do
/// something before, which is not done here.
fn done_by_others(source: &str) -> Vec<RangeInclusive<usize>> {
    let others = ["macro_rules!", "cfg_attr(", "test_attributes::"];
    let mut found = Vec::new();
    let (mut start, mut is_found) = (1, false);
    for (line, number) in source.lines().zip(1..) {
        is_found |= others.iter().any(|other| line.contains(other));
        if line == "}" {
            if is_found {
                found.push(start..=number);
            }
            (start, is_found) = (number + 1, false);
        }
    }
    if is_found {
        found.push(start..=usize::MAX);
    }
    found
}

#[test]
fn what_the_macro_says_of_a_mistake_is_recorded_for_the_same_token_and_nothing_else_is() {
    let mut seen = 0;
    for (path, source, text) in mistakes() {
        let others = done_by_others(&source);
        let is_done_here = |(line, ..): &&Answer| !others.iter().any(|lines| lines.contains(line));
        let recorded = recorded(&text);
        let (answers, _) = answers(&source);
        let strange: Vec<_> = answers.difference(&recorded).filter(is_done_here).collect();
        assert!(strange.is_empty(), "{}: {strange:#?}", path.display());
        let missing = recorded.difference(&answers).filter(is_done_here);
        let missing: Vec<_> = missing
            .filter(|(_, _, text)| !COMPILER.iter().any(|beginning| text.starts_with(beginning)))
            .collect();
        assert!(missing.is_empty(), "{}: {missing:#?}", path.display());
        seen += answers.len();
    }
    assert!(seen >= 100, "only {seen} answers");
}

#[test]
fn texts_that_fail_in_constants_are_in_the_expansion() {
    let mut seen = 0;
    for (path, source, text) in mistakes() {
        let (_, made) = answers(&source);
        for line in text.lines() {
            let message = line.strip_prefix("error[E0080]: evaluation panicked: ");
            if let Some(message) = message.filter(|text| text.contains("is declared inside")) {
                assert!(
                    made.contains(message) || source.contains("macro_rules!"),
                    "{}: {message}",
                    path.display()
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 10, "only {seen} texts");
}

/// Declarations whose expansion is recorded, one for every way that the macro can go.
const DECLARATIONS: &[(&str, &str, &str)] = &[
    (
        "plain",
        "",
        "/// Text.\n #[derive(Debug, PartialEq)] #[repr(C)] pub struct Worker { \
         /// More.\n pub jobs: u64, #[state(init = vec![jobs])] pub(crate) list: Vec<u64> }",
    ),
    (
        "tuple",
        "in_function",
        "struct Pair(u64, #[state(init = ())] ());",
    ),
    (
        "fallible",
        "error = std::io::Error",
        "struct Log { #[state(init = open(\"log\")?)] file: File, \
         #[state(init = format!(\"{file:?}\"))] name: String, lines: u64 }",
    ),
    (
        "constant",
        "const",
        "struct Worker { #[state(init = [0; 4])] list: [u8; 4], #[state(shared)] done: Counter, \
         #[state(init = 1)] n: u8 }",
    ),
    (
        "explicit",
        "explicit",
        "pub(super) struct Worker { name: String, #[state(init = name.len())] n: usize }",
    ),
    (
        "explicit_fallible",
        "explicit, error = E, fork = reset",
        "struct Worker(u64, #[state(init = open()?)] File);",
    ),
    (
        "init",
        "init = crate::make",
        "struct Worker { names: HashMap<String, (u8, u8)>, #[state(init = 0)] n: u8 }",
    ),
    (
        "init_fallible",
        "init = make, error = Box<dyn Error + Send + Sync>, crate = ::renamed::tls_core",
        "struct R { jobs: u64 }",
    ),
    (
        "shared",
        "",
        "pub struct Worker { /// Done.\n #[state(shared)] pub done: Counter, \
         #[state(shared)] status: [Counter; 3], #[state(shared)] words: Part<Vec<u8>>, \
         #[cfg(x)] #[state(shared)] times: Histogram, scratch: Vec<u8> }",
    ),
    (
        "shared_perhaps",
        "fork = reset",
        "#[cfg_attr(v, repr(C), doc = \"Text.\")] struct Worker { \
         #[cfg_attr(x, state(shared))] a: Counter, \
         #[cfg_attr(all(x, y), cfg_attr(z, state(shared)), cfg(w))] b: Gauge, \
         #[state(shared)] #[cfg(y)] c: Peak, #[state(shared)] d: UpDown }",
    ),
    (
        "shared_only",
        "",
        "struct Worker { #[state(shared)] done: Counter }",
    ),
    (
        "mistake_in_shared_fields",
        "",
        "#[repr(C)] struct Worker { #[state(shared)] #[serde(skip)] done: Counter, Done: u64, \
         #[state(shared, init = 1)] n: [Counter; Self::N] }",
    ),
    (
        "raw_names",
        "",
        "struct r#struct { r#type: u64, #[state(init = r#type + 1)] r#fn: u64 }",
    ),
    (
        "mistake_in_a_field",
        "error = F",
        "struct F { #[state(inti = 1)] a: u64, #[state(init = a?)] b: u64 }",
    ),
    (
        "mistake_in_the_struct",
        "",
        "#[derive(Clone, Hash)] pub struct Cache<'a, T: Copy, const N: usize> where T: Ord { \
         pub values: [&'a T; N], #[state(shared)] done: Counter }",
    ),
    (
        "mistake_in_an_explicit_one",
        "explicit, init = make, error = E",
        "#[repr(packed)] struct Worker { jobs: u64, #[state(shared)] done: Counter }",
    ),
];

/// Source text that can be read, if the tokens are items.
fn formatted(tokens: &TokenStream) -> String {
    let file = syn2::parse_file(&tokens.to_string()).expect("items");
    prettyplease::unparse(&file)
}

#[test]
fn expansions_are_as_recorded() {
    let is_overwritten = std::env::var("TRYBUILD").is_ok_and(|what| what == "overwrite");
    for (name, args, item) in DECLARATIONS {
        let (args, item): (TokenStream, TokenStream) =
            (args.parse().unwrap(), item.parse().unwrap());
        let first = crate::attribute::attribute(&args, &item);
        let (inner, shared) = items_of(first.clone());
        let second = crate::expand::derive(inner.clone());
        let third = without_seal(inner).map(|(args, item)| crate::seal::seal(&args, &item));
        let mut made = format!(
            "// The attribute.\n\n{}\n// The derive.\n\n{}\n// The seal.\n\n{}",
            formatted(&first),
            formatted(&second),
            formatted(&third.unwrap_or_default())
        );
        let shared = of_shared(shared);
        if !shared.is_empty() {
            made = format!(
                "{made}\n// The derive of the shared fields.\n\n{}",
                formatted(&shared)
            );
        }
        let path = tests("expansions").join(format!("{name}.txt"));
        if is_overwritten {
            fs::write(&path, &made).unwrap();
        }
        let recorded = fs::read_to_string(&path).unwrap_or_default();
        let mut lines = made.lines().zip(recorded.lines());
        let difference = lines.position(|(made, recorded)| made != recorded);
        assert!(
            made == recorded,
            "{}: from line {} on it is now\n{}",
            path.display(),
            difference.unwrap_or(0) + 1,
            made.lines()
                .skip(difference.unwrap_or(0))
                .take(20)
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}

/// The arguments of the last step's attribute, and the item without it.
fn without_seal(item: TokenStream) -> Option<(TokenStream, TokenStream)> {
    let tokens: Vec<_> = item.into_iter().collect();
    let (index, args) = tokens.iter().enumerate().find_map(|(index, token)| {
        let TokenTree::Group(group) = token else {
            return None;
        };
        let mut is_seal = false;
        group.stream().into_iter().find_map(|token| match token {
            TokenTree::Ident(ident) => {
                is_seal = ident == "seal";
                None
            }
            TokenTree::Group(args) if is_seal => Some((index, args.stream())),
            _ => None,
        })
    })?;
    let item = [&tokens[..index - 1], &tokens[index + 1..]].concat();
    Some((args, item.into_iter().collect()))
}

#[test]
fn every_expansion_that_is_recorded_is_looked_at() {
    let files = fs::read_dir(tests("expansions")).unwrap();
    let files: BTreeSet<_> = files
        .map(|file| file.unwrap().path().file_stem().unwrap().to_owned())
        .collect();
    let names = DECLARATIONS.iter().map(|(name, ..)| (*name).into());
    assert_eq!(files, names.collect());
}
