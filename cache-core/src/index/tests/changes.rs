//! Who is spared a check.

use super::super::{checked, is_at};
use super::*;

/// What a value of this tag remembers that is found valid now.
fn found(index: &Index, of: &str) -> u64 {
    checked(index.version(), &[Dep::tag(of)])
}

#[test]
fn who_is_not_concerned_passes() {
    let index = index(1_000);
    let before = found(&index, "t");
    index.append(vec![tag(&stranger("t", 0)), tag(&stranger("t", 1))]);
    assert!(!is_at(before, index.version()));
    let after = index.pass(before).unwrap();
    assert_eq!(after, found(&index, "t"));
    assert!(is_at(after, index.version()));
}

#[test]
fn who_may_be_concerned_does_not() {
    let stranger = stranger("t", 0);
    let records = [
        vec![tag("t")],
        vec![address("tag:t")],
        vec![tag(&stranger), tag("t")],
        vec![prefix("elsewhere")],
        vec![pattern("else*where")],
        vec![Matcher::All],
    ];
    for record in records {
        let index = index(1_000);
        let before = found(&index, "t");
        index.append(record.clone());
        index.append(vec![tag(&stranger)]);
        assert_eq!(index.pass(before), None, "{record:?}");
    }
}

#[test]
fn who_depends_on_many_or_on_nothing_is_concerned_by_everything() {
    let index = index(1_000);
    let version = index.version();
    let many = checked(version, &[Dep::Prefix("t".into())]);
    let nothing = checked(version, &[]);
    index.append(vec![tag("t")]);
    assert_eq!((index.pass(many), index.pass(nothing)), (None, None));
}

#[test]
fn what_was_never_found_valid_does_not_pass() {
    let index = index(1_000);
    let never = checked(0, &[Dep::tag("t")]);
    for n in 0..20 {
        assert_eq!(index.pass(never), None, "after {n}");
        index.append(vec![tag(&stranger("t", 0))]);
    }
}

/// A hit of an entry whose uses are watched asks with a version that no index comes to.
#[test]
fn what_is_no_version_yet_does_not_pass() {
    let index = index(1_000);
    for n in 0..20 {
        assert_eq!(index.pass(u64::MAX), None, "after {n}");
        index.append(vec![tag(&stranger("t", 0))]);
    }
}

#[test]
fn more_changes_than_are_remembered_are_not_passed() {
    let index = index(1_000);
    let before = found(&index, "t");
    for n in 0..16 {
        index.append(vec![tag(&stranger("t", 0))]);
        assert!(index.pass(before).is_some(), "after {n}");
    }
    index.append(vec![tag(&stranger("t", 0))]);
    assert_eq!(index.pass(before), None);
}

/// Passing raises no stamp, and what is forgotten invalidates what has an older one.
#[test]
fn who_only_ever_passes_is_checked_before_the_floor_is_above_it() {
    let index = index(100);
    let dep = Dep::tag("t");
    let mut stamp = index.applied();
    let mut remembered = found(&index, "t");
    let mut checks = 0;
    for n in 0..1_000 {
        index.append(vec![tag(&stranger("t", n % 7)), tag(&stranger("t", n % 5))]);
        if let Some(passed) = index.pass(remembered) {
            remembered = passed;
            continue;
        }
        let verdict = index.check(stamp, 0, std::slice::from_ref(&dep));
        assert!(verdict.valid, "lost after {n}");
        stamp = verdict.raised(stamp);
        remembered = found(&index, "t");
        checks += 1;
    }
    assert!(checks < 100, "{checks}");
}
