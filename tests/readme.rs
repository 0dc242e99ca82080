//! What documents quote is what there is. Samples are doc-tests of `tls-core`.

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
    assert_eq!(answers.len(), 1);
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

/// The documents that are there to be read.
const DOCUMENTS: [&str; 8] = [
    "README.md",
    "COMPARE.md",
    "PLATFORMS.md",
    "DESIGN.md",
    "CONTRIBUTING.md",
    "tests/README.md",
    "bench/README.md",
    "fuzz/README.md",
];

#[test]
fn every_file_that_is_named_exists() {
    let places = [
        "tests/",
        ".ci/",
        "bench/",
        "examples/",
        "fuzz/",
        "tls-core/",
    ];
    for document in DOCUMENTS {
        let text = fs::read_to_string(path(document)).unwrap();
        for word in text.split(['`', '(', ')', ' ', ':', '\n', ';', ',']) {
            let word = word.split('*').next().unwrap();
            // What a fuzzer or a build makes is not there.
            let is_made = ["fuzz/artifacts", "bench/target"]
                .iter()
                .any(|made| word.starts_with(made));
            if !is_made && places.iter().any(|place| word.starts_with(place)) {
                assert!(path(word).exists(), "{document}: {word}");
            }
        }
    }
}

/// The links of a document to files.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|link| link.split(')').next())
        .filter(|link| !link.starts_with('#') && !link.starts_with("https://"))
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let mut seen = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(path(document)).unwrap();
        for link in links(&text) {
            let file = path(document).parent().unwrap().join(link);
            assert!(file.exists(), "{document}: {link}");
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} links");
}

#[test]
fn every_link_of_the_readme_leads_to_a_file_of_the_package() {
    let readme = readme();
    let links: Vec<_> = links(&readme).collect();
    assert!(links.len() >= 6, "{links:?}");
    for link in links {
        assert!(path("tls-core").join(link).exists(), "{link}");
    }
}

#[test]
fn the_readme_can_be_read_in_a_few_minutes() {
    let bytes = readme().len();
    assert!((6 << 10..=8 << 10).contains(&bytes), "{bytes} bytes");
}
