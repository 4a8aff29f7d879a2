//! What the compiler says of attributes that are wrong, and that it accepts those that are right.
//!
//! A file of `ui/fail` is a list of cases, each below its `// case:`, or with it on its line, and each good for exactly
//! one error. `TRYBUILD=overwrite cargo test --test ui` writes down what the compiler says now; read it before you keep it.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "what helps a test fails as it does"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Raised as cases are added; never lowered without a reason in the commit.
const FLOOR: usize = 365;

#[test]
fn says_what_is_wrong() {
    let files = sources("fail");
    let cases: usize = files.iter().map(|file| one_error_each(file)).sum();
    assert!(cases >= FLOOR, "only {cases} cases");
    let runs = trybuild::TestCases::new();
    for file in files {
        runs.compile_fail(file);
    }
}

#[test]
fn accepts_what_is_right() {
    let files = sources("pass");
    assert!(files.len() >= 4, "only {} files", files.len());
    let runs = trybuild::TestCases::new();
    for file in files {
        runs.pass(file);
    }
}

/// The Rust files of a folder; no other file lies there than these and what is expected of them.
fn sources(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new("ui").join(folder);
    let (sources, others): (Vec<PathBuf>, Vec<PathBuf>) = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .partition(|path| path.extension().is_some_and(|kind| kind == "rs"));
    for other in others {
        let is_expected = other.extension().is_some_and(|kind| kind == "stderr");
        assert!(
            is_expected && sources.contains(&other.with_extension("rs")),
            "{other:?} belongs to no test"
        );
    }
    sources
}

/// Checks that every case of a file has its one error, and that there is none beside them; returns how many they are.
fn one_error_each(file: &Path) -> usize {
    let source = fs::read_to_string(file).unwrap();
    let cases: Vec<usize> = (1..)
        .zip(source.lines())
        .filter(|(_, text)| text.contains("// case: "))
        .map(|(line, _)| line)
        .collect();
    assert!(!cases.is_empty(), "{file:?} has no cases");
    if std::env::var_os("TRYBUILD").is_some() {
        return cases.len(); // What is said is about to be written.
    }
    let said = fs::read_to_string(file.with_extension("stderr")).unwrap();
    let mut found = vec![0; cases.len()];
    for line in error_lines(&said) {
        let at = cases.partition_point(|&case| case <= line);
        assert!(at > 0, "{file:?}:{line}: an error above the first case");
        found[at - 1] += 1;
    }
    for (line, errors) in cases.iter().zip(found) {
        assert_eq!(errors, 1, "errors of the case at {}:{line}", file.display());
    }
    cases.len()
}

/// The line of the source that each error points to first.
fn error_lines(said: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("error") {
            let place = lines.find_map(|line| line.trim_start().strip_prefix("--> "));
            let line = place.and_then(|place| place.rsplit(':').nth(1)?.parse().ok());
            found.push(line.unwrap_or_else(|| panic!("no place: {line:?}")));
        }
    }
    found
}
