//! What is printed.

use crate::seen::Seen;
use crate::steps::Step;

/// The head of the table.
pub fn head() {
    println!(
        "{:18}{:>12}{:>12} {:6}{:>10}{:>8}{:>9}{:>9}{:>7}{:>11}",
        "", "database", "published", "step", "errors", "p99", "slowest", "outdated", "stale", "of"
    );
}

/// A step.
pub fn row(step: &Step, seen: &Seen) {
    let (published, at) = step.published;
    println!(
        "{:18}{:>12}{:>12} {at:6}{:>10}{:>8}{:>9}{:>9}{:>7}{:>11}",
        step.name,
        grouped(seen.calls()),
        grouped(published),
        grouped(seen.errors),
        seen.all_but(0.01),
        seen.all_but(0.0),
        grouped(seen.old),
        grouped(seen.stale),
        grouped(seen.after),
    );
}

/// What the columns mean.
pub fn foot() {
    println!(
        "
database   how often it was asked in ten minutes
published  the guide's estimate, and at which of its steps, which come in another order:
           * on top of fail-safe, eager refresh and time-outs   † without Redis
           For three minutes of downtime it counts 30 waves, where one every ten seconds makes 18: with those
           its second step comes to 84,000.
errors     that callers were given
p99        in ms: 99 of 100 answers came within this time; slowest, all
outdated   answers older than a write that was through before the question: those who write do not invalidate before `+ coherence`
stale      answers older than an invalidation that was through before the question, of so many that could have been"
    );
}

/// A number with commas.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
