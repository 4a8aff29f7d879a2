//! Invalidations, and the functions that they name.

use cache_core::__private::block_on;
use cache_core::{cache, invalidate_cache};

use crate::calls::Calls;
use crate::is_send;

#[cache("of_group:{group}:{id}")]
async fn member(group: String, id: u64, calls: &Calls) -> Option<u64> {
    calls.count();
    Some(id)
}

#[cache(tags("group:{group}", "member:{return}"))]
fn member_sync(group: &str, id: u64, calls: &Calls) -> Result<u64, String> {
    calls.count();
    Ok(id)
}

#[invalidate_cache(member(group, id, calls), member_sync(&group, id, calls))]
async fn rename(group: String, id: u64, calls: &Calls) -> Result<impl std::fmt::Debug, String> {
    if id == 0 {
        return Err(group);
    }
    let parsed: u64 = "1".parse().map_err(|_| String::new())?;
    Ok(vec![(parsed, group)])
}

#[invalidate_cache("of_group:{group}:*", tag = "group:{group}")]
fn dissolve(group: String) {
    drop(group);
}

#[invalidate_cache(
    "of_group:{group}:before",
    tag = "member:{return.id}",
    "of_group:{group}:{return.id}",
    before,
    on = always
)]
fn replace((group, id): (String, u64)) -> Result<Option<Member>, String> {
    if id == 0 {
        Err(group)
    } else {
        Ok(Some(Member { id }))
    }
}

struct Member {
    id: u64,
}

/// How many of the two functions ran again.
fn reloaded(group: &str, id: u64, calls: &Calls) -> u64 {
    assert_eq!(block_on(member(group.to_owned(), id, calls)), Some(id));
    assert_eq!(member_sync(group, id, calls), Ok(id));
    calls.taken()
}

#[test]
fn invalidations_name_their_targets_before_the_body() {
    let calls = Calls::new();
    assert_eq!(reloaded("a", 1, &calls), 2);
    assert_eq!(reloaded("a", 0, &calls), 2);
    assert!(block_on(is_send(rename("a".to_owned(), 1, &calls))).is_ok());
    assert_eq!(
        reloaded("a", 1, &calls),
        2,
        "typed targets, of an async and of a sync function"
    );
    assert_eq!(reloaded("a", 0, &calls), 0, "another key");
    assert!(block_on(rename("a".to_owned(), 0, &calls)).is_err());
    assert_eq!(reloaded("a", 0, &calls), 0, "a failure invalidates nothing");

    assert_eq!(reloaded("*", 1, &calls), 2);
    dissolve("*".to_owned());
    assert_eq!(reloaded("a", 1, &calls), 0, "an argument is no pattern");
    assert_eq!(reloaded("*", 1, &calls), 2, "a pattern and a tag");

    assert!(replace(("a".to_owned(), 0)).is_err());
    assert_eq!(reloaded("a", 1, &calls), 0, "no value, so no target");
    assert!(replace(("a".to_owned(), 1)).is_ok());
    assert_eq!(reloaded("a", 1, &calls), 2, "targets from the value");
}

#[invalidate_cache("of_group:always:*", on = always)]
async fn fails_always() -> Result<(), String> {
    Err("always".to_owned())
}

#[test]
fn always_is_also_after_a_failure() {
    let calls = Calls::new();
    assert_eq!(block_on(member("always".to_owned(), 1, &calls)), Some(1));
    assert!(block_on(fails_always()).is_err());
    assert_eq!(block_on(member("always".to_owned(), 1, &calls)), Some(1));
    assert_eq!(calls.taken(), 2);
}
