//! The oldest compiler that a manifest promises is one that its dependencies can be built with.
//!
//! What the standard library did not have by then is found by clippy's `incompatible_msrv`. What the language did not,
//! only that compiler knows.
#![expect(clippy::panic, reason = "only tests call this")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// `1.88` and `1.88.0` are one.
fn version(text: &str) -> Vec<u64> {
    let mut parts: Vec<u64> = text
        .split('.')
        .map(|part| part.parse().unwrap_or_else(|_| panic!("a version: {text}")))
        .collect();
    parts.resize(3, 0);
    parts
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value[field].as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    value[field].as_array().into_iter().flatten()
}

/// A dependency of who uses the crate; those of its own benches and tests concern nobody else.
fn is_used(dependency: &Value) -> bool {
    list(dependency, "dep_kinds").any(|kind| text(kind, "kind") != "dev")
}

/// Packages that need a later compiler than `declared` says, of those that `root` is built with.
fn newer(metadata: &Value, root: &str, declared: &str) -> BTreeMap<String, String> {
    let nodes: BTreeMap<&str, &Value> = list(&metadata["resolve"], "nodes")
        .map(|node| (text(node, "id"), node))
        .collect();
    let mut seen = BTreeSet::new();
    let mut next = vec![root];
    while let Some(id) = next.pop() {
        if seen.insert(id) {
            let deps = list(nodes[id], "deps").filter(|dep| is_used(dep));
            next.extend(deps.map(|dep| text(dep, "pkg")));
        }
    }
    list(metadata, "packages")
        .filter(|package| seen.contains(text(package, "id")))
        .filter_map(|package| Some((text(package, "name"), package["rust_version"].as_str()?)))
        .filter(|(_, needs)| version(needs) > version(declared))
        .map(|(name, needs)| (name.to_owned(), needs.to_owned()))
        .collect()
}

#[test]
fn no_dependency_needs_a_later_compiler_than_is_declared() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    // Reads the lock file, and fetches what this machine never needed, of other systems say.
    let run = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--all-features",
            "--locked",
        ])
        .args(["--manifest-path", manifest])
        .output()
        .expect("cargo runs");
    let error = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{error}");
    let metadata: Value = serde_json::from_slice(&run.stdout).expect("cargo writes JSON");
    let members: BTreeSet<&str> = list(&metadata, "workspace_members")
        .filter_map(Value::as_str)
        .collect();
    let mut looked_at = 0;
    for package in list(&metadata, "packages") {
        let (id, name) = (text(package, "id"), text(package, "name"));
        if !members.contains(id) {
            continue;
        }
        let declared = text(package, "rust_version");
        assert_ne!(declared, "", "{name} declares no `rust-version`");
        let newer = newer(&metadata, id, declared);
        assert!(
            newer.is_empty(),
            "{name} declares Rust {declared}, and these need more: {newer:?}"
        );
        // The rule finds what is there to be found.
        if name == "cache-core" {
            assert!(!self::newer(&metadata, id, "1.30").is_empty());
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 1, "cache-core is a member");
}
