//! What the README and the design quote is what there is. Samples are doc-tests of `tls-core`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

fn readme() -> String {
    fs::read_to_string(path("README.md")).unwrap()
}

/// The code blocks of a language, and what stands before each, up to the block before it.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, block)) = rest.split_once("```") {
        let (head, block) = block.split_once('\n').unwrap();
        let (code, after) = block.split_once("```").unwrap();
        if head == language {
            found.push((before, code));
        }
        rest = after;
    }
    found
}

/// The compiler's answers in the README, with the file that each is from.
fn answers(readme: &str) -> Vec<(&str, &str)> {
    let answers: Vec<_> = blocks(readme, "text")
        .into_iter()
        .map(|(before, answer)| {
            let (_, comment) = before.rsplit_once("<!-- ").expect("the answer's source");
            (comment.split_once(" -->").unwrap().0, answer)
        })
        .collect();
    assert_eq!(answers.len(), 3);
    answers
}

#[test]
fn the_first_line_says_which_tls_this_is() {
    let readme = readme();
    let first = readme.lines().next().unwrap();
    assert!(first.contains("thread-local storage"), "{first}");
    assert!(
        first.contains("not") && first.contains("transport security"),
        "{first}"
    );
}

#[test]
fn the_answers_are_the_compilers() {
    for (source, answer) in answers(&readme()) {
        let recorded = fs::read_to_string(path(source)).unwrap();
        assert!(
            recorded.contains(answer.trim_end()),
            "{source} says\n{recorded}\nand the README\n{answer}"
        );
    }
}

#[test]
fn the_mistake_is_the_one_that_the_compiler_answered() {
    let readme = readme();
    let mistakes = blocks(&readme, "rust,compile_fail");
    let [(_, mistake)] = mistakes[..] else {
        panic!("{mistakes:?}");
    };
    let (source, _) = answers(&readme)[0];
    let recorded = fs::read_to_string(path(source).with_extension("rs")).unwrap();
    assert_eq!(recorded.trim_end(), mistake.trim_end());
}

#[test]
fn every_sample_has_a_main() {
    let readme = readme();
    let samples = [
        blocks(&readme, "rust"),
        blocks(&readme, "rust,compile_fail"),
    ]
    .concat();
    assert!(samples.len() >= 3);
    for (_, sample) in samples {
        assert!(sample.contains("fn main()"), "{sample}");
    }
}

#[test]
fn every_command_can_be_typed() {
    let readme = readme();
    let commands: Vec<&str> = blocks(&readme, "sh")
        .iter()
        .flat_map(|block| block.1.lines())
        .collect();
    for expected in [
        "cargo run --release --example worker_pool",
        "cargo test --workspace",
    ] {
        assert!(commands.contains(&expected), "{commands:?}");
    }
    for command in commands {
        if let Some((_, name)) = command.split_once("--example ") {
            let name = name.split(' ').next().unwrap_or_default();
            assert!(
                path(&format!("examples/{name}.rs")).exists()
                    || path(&format!("examples/{name}/main.rs")).exists(),
                "{command}"
            );
        }
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let places = ["tests/", ".ci/", "bench/", "examples/", "fuzz/"];
    let contributing = fs::read_to_string(path("CONTRIBUTING.md")).unwrap();
    for text in [readme(), design(), contributing] {
        for word in text.split(['`', '(', ')', ' ', ':', '\n', ';']) {
            let word = word.split('*').next().unwrap();
            if places.iter().any(|place| word.starts_with(place)) {
                assert!(path(word).exists(), "{word}");
            }
        }
    }
}

/// The README is a part of the package, too, and is shown with that: relative links start there.
#[test]
fn every_link_to_a_file_leads_to_one() {
    let readme = readme();
    let links = readme
        .split("](")
        .skip(1)
        .filter_map(|link| link.split(')').next());
    let mut seen = 0;
    for link in links.filter(|link| !link.starts_with('#')) {
        let file = match link.split_once("/tls-core/tls-core/") {
            Some((_, absolute)) => path(absolute.split_once("HEAD/").unwrap().1),
            None if link.starts_with("https://") => continue,
            None => path("tls-core").join(link),
        };
        assert!(file.exists(), "{link}");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} links");
}

fn design() -> String {
    fs::read_to_string(path("DESIGN.md")).unwrap()
}

/// All sources below a directory.
fn sources(directory: &Path, found: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut tests = String::new();
    for directory in ["tests", "tls-core/src", "tls-macros/src"] {
        sources(&path(directory), &mut tests);
    }
    let tests: HashSet<&str> = tests
        .split(|char: char| !char.is_alphanumeric() && char != '_')
        .collect();
    let mut seen = 0;
    for text in [readme(), design()] {
        let words = text.split('`').skip(1).step_by(2);
        // Not the blocks of code.
        for word in words.filter(|word| !word.contains(char::is_whitespace)) {
            if let Some(case) = word.strip_prefix("ui/") {
                let file = format!("tests/ui/{case}.rs");
                assert!(path(&file).exists(), "{file}");
                seen += 1;
            }
            // `suite::module::promise`, and no path of an item of Rust's.
            let promise = word.rsplit("::").next().unwrap_or_default();
            if word.contains("::") && promise.matches('_').count() >= 3 {
                assert!(tests.contains(promise), "{word}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 50, "only {seen} tests are named");
}
