//! Tests that are played by processes of their own: each is the same program, and is told which part is its own.

#![expect(clippy::unwrap_used, reason = "it is part of tests")]

use std::env;
use std::process::Command;

/// Says which part this process is to play.
const PART: &str = "PART_OF_THE_TEST";

/// Runs the test of that name in a process with these variables, and no others that matter.
///
/// # Panics
/// The process cannot be started, or the test fails there.
#[track_caller]
pub fn play(part: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(env::current_exe().unwrap());
    child
        .args(["--exact", part, "--nocapture", "--test-threads=1"])
        .env_remove("REDIS_URL")
        .env(PART, part)
        .envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// Whether this process was started for that part.
pub fn is(part: &str) -> bool {
    env::var(PART).is_ok_and(|played| played == part)
}

/// Whether this process was started for any.
pub fn is_any() -> bool {
    env::var(PART).is_ok()
}
