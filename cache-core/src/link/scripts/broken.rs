//! The script that appends, without a rule of the protocol.

use std::sync::OnceLock;

use super::Script;
use crate::rule::{Rule, holds};

/// The script, if it is to lack a rule.
pub(super) fn append(source: &str) -> Option<&'static Script> {
    static INCARNATION: OnceLock<Script> = OnceLock::new();
    static GENERATION: OnceLock<Script> = OnceLock::new();
    let script = |place: &'static OnceLock<Script>, changes: &[(&str, &str)]| {
        let change = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
        let text = || changes.iter().fold(source.to_owned(), change);
        Some(place.get_or_init(|| Script::new(text().leak())))
    };
    if !holds(Rule::Incarnation) {
        // Every server is the same.
        let asked = "string.match(info, 'master_replid:(%w+)')";
        return script(&INCARNATION, &[(asked, "'same'")]);
    }
    if !holds(Rule::Generation) {
        // There is one generation, whatever was lost.
        let number = "math.max(candidate, applied_generation + 1, last_generation + 1, known_generation + 1)";
        return script(
            &GENERATION,
            &[("if ancestor then", "if not last then"), (number, "1")],
        );
    }
    None
}
