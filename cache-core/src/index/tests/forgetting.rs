//! What is forgotten costs misses, never a stale value.

use super::*;

#[test]
fn a_forgotten_record_raises_the_floor() {
    let index = index(2);
    for (n, name) in ["a:1", "b:1", "c:1"].into_iter().enumerate() {
        assert_eq!(index.append(vec![address(name)]), at(n as u64 + 1));
    }
    // `a:1` is forgotten: what is older than it cannot be known to be valid.
    let bystander = entry("z:1");
    assert!(!valid(&index, at(0), &bystander));
    assert!(!valid(&index, at(0), &entry("a:1")));
    for stamp in 1..=3 {
        assert!(valid(&index, at(stamp), &bystander));
        assert!(valid(&index, at(stamp), &entry("a:1")));
    }
    assert!(!valid(&index, at(1), &entry("b:1")));
    assert!(valid(&index, at(2), &entry("b:1")));
}

#[test]
fn the_same_thing_over_and_over_costs_nobody_else_anything() {
    let matchers: [fn() -> Matcher; 6] = [
        || key("a:1"),
        || address("a:1"),
        || tag("a"),
        || prefix("a:"),
        || glob("a?*"),
        || Matcher::All,
    ];
    for matcher in matchers {
        let index = index(3);
        let before = index.applied();
        for _ in 0..20 {
            index.append(vec![matcher()]);
        }
        let bystander = match matcher() {
            Matcher::All => continue,
            _ => entry("z:1"),
        };
        assert!(
            valid(&index, before, &bystander),
            "{}: said again by a later record",
            matcher().text()
        );
    }
}

#[test]
fn a_superseded_record_still_counts() {
    let index = index(2);
    for _ in 0..5 {
        index.append(vec![address("a:1")]);
    }
    for stamp in 0..5 {
        assert!(!valid(&index, at(stamp), &entry("a:1")), "{stamp}");
        assert!(
            !valid(&index, at(stamp), &Dep::Prefix("a:".into())),
            "{stamp}"
        );
    }
    assert!(valid(&index, at(5), &entry("a:1")));
}

#[test]
fn a_record_takes_the_room_of_its_matchers() {
    let index = index(10);
    index.append(vec![tag("a")]);
    index.append(vec![tag("b")]);
    index.append((0..9).map(|n| address(&format!("a:{n}"))).collect());
    let bystander = entry("z:1");
    assert!(!valid(&index, at(0), &bystander) && valid(&index, at(1), &bystander));
    index.append(vec![tag("c")]);
    assert!(!valid(&index, at(1), &bystander) && valid(&index, at(2), &bystander));
    index.append(vec![tag("d")]);
    assert!(!valid(&index, at(2), &bystander) && valid(&index, at(3), &bystander));
    let state = super::super::read(&index.state);
    assert_eq!(
        (state.logged.iter().count(), state.logged.exact.len()),
        (2, 2)
    );
}

/// `Cache` makes it everything before; the index alone comes to the same.
#[test]
fn a_record_larger_than_the_memory_is_everything() {
    let index = index(10);
    let mut many: Vec<_> = (0..11).map(|n| address(&format!("a:{n}"))).collect();
    let position = index.append(many.clone());
    assert!(!valid(&index, at(0), &entry("z:1")) && valid(&index, position, &entry("z:1")));
    index.fit(&mut many);
    assert!(matches!(many.as_slice(), [Matcher::All]));
    let mut few: Vec<_> = (0..10).map(|n| address(&format!("a:{n}"))).collect();
    index.fit(&mut few);
    assert_eq!(few.len(), 10);
}

#[test]
fn half_superseded_is_not_superseded() {
    let index = index(2);
    index.append(vec![address("a:1"), tag("only here")]);
    index.append(vec![address("a:1")]);
    index.append(vec![address("a:1")]);
    assert!(!valid(&index, at(0), &Dep::tag("only here")));
    assert!(
        !valid(&index, at(0), &entry("z:1")),
        "the floor has to be above the tag"
    );
    assert!(valid(&index, at(1), &Dep::tag("only here")));
}

#[test]
fn a_record_that_says_one_thing_twice_is_forgotten_like_any_other() {
    let index = index(1);
    index.append(vec![
        tag("a"),
        tag("a"),
        prefix("p:"),
        prefix("p:"),
        glob("g?*"),
        glob("g?*"),
    ]);
    index.append(vec![tag("b")]);
    for dep in [Dep::tag("a"), entry("p:1"), entry("g::1")] {
        assert!(!valid(&index, at(0), &dep));
        assert!(valid(&index, at(1), &dep));
    }
}

#[test]
fn everything_is_forgotten_in_the_end() {
    let index = index(4 * 5);
    for n in 0..50 {
        let n = n.to_string();
        index.append(vec![
            key(&n),
            address(&n),
            tag(&n),
            prefix(&n),
            glob(&format!("{n}?*")),
        ]);
    }
    let state = super::super::read(&index.state);
    assert_eq!(
        (state.logged.iter().count(), state.logged.matchers()),
        (4, 4 * 5)
    );
    assert_eq!(state.logged.exact.len(), 4 * 3);
    assert_eq!(
        state
            .logged
            .prefixes
            .values()
            .map(std::collections::HashMap::len)
            .sum::<usize>(),
        4
    );
    assert_eq!(state.logged.globs.len(), 4);
    assert_eq!(state.floor, at(46));
}

/// Coarse dependencies are looked up in the records, not in the maps.
#[test]
fn a_coarse_dependency_survives_forgetting_as_long_as_a_fine_one() {
    let index = index(3);
    let before = index.applied();
    for _ in 0..10 {
        index.append(vec![tag("busy")]);
    }
    assert!(valid(&index, before, &Dep::Prefix("a:".into())));
    index.append(vec![address("a:1")]);
    assert!(!valid(&index, before, &Dep::Prefix("a:".into())));
}

#[test]
fn more_dependencies_than_wanted_become_prefixes() {
    let deps: Vec<_> = (0..100).map(|n| entry(&format!("users:{n}"))).collect();
    let coarse = collected(&deps, 8);
    assert!(coarse.len() <= 8, "{coarse:?}");
    let index = index(100);
    let before = index.applied();
    index.append(vec![address("orders:1")]);
    assert!(index.check(before, 0, &coarse).valid);
    for n in [0, 50, 99] {
        let before = index.applied();
        index.append(vec![address(&format!("users:{n}"))]);
        assert!(!index.check(before, 0, &coarse).valid, "{n}");
    }
}

/// The groups are as many as the addresses themselves: `users:7:profile`.
#[test]
fn there_are_never_more_than_wanted() {
    let kinds: [fn(usize) -> Dep; 4] = [
        |n| entry(&format!("users:{n}:profile")),
        |n| entry(&format!("f{n}")),
        |n| Dep::tag(&format!("user:{n}")),
        |n| Dep::tag(&n.to_string()),
    ];
    for max in [1, 2, 8] {
        let mut all = Vec::new();
        for kind in kinds {
            let deps: Vec<_> = (0..40).map(kind).collect();
            assert!(collected(&deps, max).len() <= max, "{max} of {:?}", deps[0]);
            all.extend(deps);
        }
        let coarse = collected(&all, max);
        assert!(coarse.len() <= max, "{coarse:?}");
        for matcher in [
            address("users:39:profile"),
            key("f12"),
            tag("user:3"),
            tag("3"),
            pattern("tag:user:3"),
        ] {
            let index = index(100);
            let before = index.applied();
            index.append(vec![matcher.clone()]);
            assert!(
                !index.check(before, 0, &coarse).valid,
                "{} of at most {max}",
                matcher.text()
            );
        }
    }
}

#[test]
fn doubles_count_once() {
    let set = collected(
        &[
            entry("a:1"),
            entry("a:1"),
            Dep::tag("t"),
            Dep::tag("t"),
            entry("a:2"),
        ],
        100,
    );
    assert_eq!(set.len(), 3);
}

#[test]
fn own_dependencies_come_first_and_are_never_coarsened() {
    let mut set = DepSet::default();
    set.extend(
        &(0..20)
            .map(|n| entry(&format!("in:{n}")))
            .collect::<Vec<_>>(),
        4,
    );
    let deps = set.behind(&[entry("own:1"), Dep::tag("own")]);
    assert_eq!((deps[0].seen(), deps[1].seen()), ("own:1", "tag:own"));
}
