//! Values without a function: `get`, `set`, `remove`, and cached functions that use them.

use std::task::Poll;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    ErrorKind, MissReason, blocking, cache, get, get_many, invalidate_pattern, remove, remove_many,
    set, set_many,
};

use crate::runs::{Gate, Hand, run, runs, start};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_value_is_there_until_its_time_is_over_or_it_is_removed() {
    let test = start();
    block_on(test.run(async {
        assert_eq!(get::<String>("motd").await.unwrap(), None);
        set("motd", "hello".to_owned(), MINUTE).await.unwrap();
        set("other", "there".to_owned(), Duration::MAX)
            .await
            .unwrap();
        test.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(
            get::<String>("motd").await.unwrap().as_deref(),
            Some("hello")
        );
        test.advance(Duration::from_millis(1));
        assert_eq!(get::<String>("motd").await.unwrap(), None);
        test.advance(Duration::MAX);
        assert_eq!(
            get::<String>("other").await.unwrap().as_deref(),
            Some("there")
        );
        set("other", "new".to_owned(), MINUTE).await.unwrap();
        assert_eq!(
            get::<String>("other").await.unwrap().as_deref(),
            Some("new")
        );
        remove("other").await.unwrap();
        assert_eq!(get::<String>("other").await.unwrap(), None);
    }));
    let stats = test.cache().stats();
    let values = stats.function("values").unwrap();
    assert_eq!((values.hits, values.stores), (3, 3));
    assert_eq!(values.misses.of(MissReason::Absent), 1);
    assert_eq!(values.misses.of(MissReason::Expired), 1);
    assert_eq!(values.misses.of(MissReason::Invalidated), 1);
}

#[test]
fn the_blocking_twins_do_the_same() {
    let test = start();
    test.enter(|| {
        blocking::set("n", 1_u64, MINUTE).unwrap();
        assert_eq!(blocking::get::<u64>("n").unwrap(), Some(1));
        blocking::remove("n").unwrap();
        assert_eq!(blocking::get::<u64>("n").unwrap(), None);
    });
    assert_eq!(block_on(test.cache().get::<u64>("n")).unwrap(), None);
}

#[test]
fn many_values_keep_their_order() {
    let test = start();
    block_on(test.run(async {
        set_many([("a", 1_u64), ("c", 3)], MINUTE).await.unwrap();
        set("text", "x".to_owned(), MINUTE).await.unwrap();
        let found = get_many::<u64>(&["c", "b", "a", "text", "c"])
            .await
            .unwrap();
        assert_eq!(found, [Some(3), None, Some(1), None, Some(3)]);
        assert_eq!(get_many::<u64>(&[]).await.unwrap(), []);
        test.cache().remove_many(&["a", "text"]).await.unwrap();
        assert_eq!(get_many::<u64>(&["a", "c"]).await.unwrap(), [None, Some(3)]);
        remove_many(&["b", "c"]).await.unwrap();
        assert_eq!(get_many::<u64>(&["a", "c"]).await.unwrap(), [None, None]);
        blocking::set_many([("a", 4_u64)], MINUTE).unwrap();
        assert_eq!(
            blocking::get_many::<u64>(&["c", "a"]).unwrap(),
            [None, Some(4)]
        );
        blocking::remove_many(&["a", "c"]).unwrap();
        assert_eq!(blocking::get_many::<u64>(&["a"]).unwrap(), [None]);
        assert_eq!(get::<String>("text").await.unwrap(), None);
    }));
    assert_eq!(
        test.cache().stats().invalidations,
        3,
        "one record for all of a call"
    );
}

#[test]
fn a_value_of_another_type_is_an_error() {
    let test = start();
    test.enter(|| {
        blocking::set("n", 1_u64, MINUTE).unwrap();
        let error = blocking::get::<u32>("n").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Type);
        assert!(
            error.to_string().contains("`n`") && error.to_string().contains("u32"),
            "{error}"
        );
        assert_eq!(
            blocking::get::<u64>("n").unwrap(),
            Some(1),
            "it is still there"
        );
    });
    let stats = test.cache().stats();
    assert_eq!(stats.total.misses.of(MissReason::Type), 1);
}

#[test]
fn what_cannot_be_stored_is_an_error() {
    let test = start();
    test.enter(|| {
        blocking::set("n", vec![1_u8], MINUTE).unwrap();
        let error = blocking::set("n", vec![1_u8], Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            blocking::get("n").unwrap(),
            Some(vec![1_u8]),
            "nothing has happened"
        );
        let error = blocking::set("n", vec![2_u8; 50 << 20], MINUTE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert!(error.to_string().contains("max_entry_bytes"), "{error}");
        assert_eq!(
            blocking::get::<Vec<u8>>("n").unwrap(),
            None,
            "the old value is not the new one"
        );
        let many = [("a", vec![1_u8]), ("b", vec![2; 50 << 20]), ("c", vec![3])];
        let error = block_on(set_many(many, MINUTE)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        let found = block_on(get_many::<Vec<u8>>(&["a", "b", "c"])).unwrap();
        assert_eq!(
            found,
            [Some(vec![1]), None, None],
            "those before the failing one"
        );
    });
    let total = test.cache().stats().total;
    assert_eq!((total.stores, total.entries), (2, 1));
}

#[cache]
async fn greeting(name: &str) -> String {
    run();
    let word = get::<String>("word").await.ok().flatten();
    format!("{} {name}", word.as_deref().unwrap_or("hi"))
}

#[test]
fn a_cached_function_depends_on_the_values_it_read() {
    let test = start();
    block_on(test.run(async {
        assert_eq!(greeting("Ada").await, "hi Ada");
        set("word", "hello".to_owned(), MINUTE).await.unwrap();
        remove("nobody").await.unwrap();
        assert_eq!(
            greeting("Ada").await,
            "hello Ada",
            "made of what was not there, which it is now"
        );
        remove("word").await.unwrap();
        assert_eq!(greeting("Ada").await, "hi Ada");
        assert_eq!(
            runs(),
            3,
            "a value that was not there is something to depend on, too"
        );
        set("word", "hello".to_owned(), MINUTE).await.unwrap();
        assert_eq!(greeting("Bob").await, "hello Bob");
        invalidate_pattern("wo*").await.unwrap();
        assert_eq!(
            greeting("Bob").await,
            "hi Bob",
            "a pattern reaches values, and what used them"
        );
        assert_eq!(greeting("Ada").await, "hi Ada");
        assert_eq!(runs(), 6);
    }));
}

#[cache(key(address))]
async fn doubled(gate: &Gate, address: &str) -> u64 {
    let value: Option<u64> = get(address).await.unwrap();
    gate.pass().await;
    2 * value.unwrap_or(50)
}

#[test]
fn what_was_made_of_a_value_goes_when_another_is_put() {
    let test = start();
    let gate = Gate::default();
    gate.open();
    test.enter(|| {
        let call = || block_on(doubled(&gate, "cfg"));
        assert_eq!((call(), call()), (100, 100), "there is none yet");
        for value in [1, 2, 3_u64] {
            blocking::set("cfg", value, MINUTE).unwrap();
            assert_eq!((call(), call()), (2 * value, 2 * value));
        }
        let computed = test.cache().stats().function("doubled").unwrap().computed;
        assert_eq!(computed, 4, "and stays until then");
        blocking::set("other", 1_u64, MINUTE).unwrap();
        test.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(call(), 6);
        assert_eq!(
            test.cache().stats().function("doubled").unwrap().computed,
            4
        );
        // Nor does what cannot be put leave what was made of the old one, which is gone.
        assert!(blocking::set("cfg", "long".repeat(10_000_000), MINUTE).is_err());
        assert_eq!(call(), 100);
    });
}

#[test]
fn what_is_being_made_of_a_value_is_not_kept_when_another_is_put() {
    let test = start();
    for first in [None, Some(1_u64)] {
        let gate = Gate::default();
        test.enter(|| {
            blocking::clear().unwrap();
            if let Some(first) = first {
                blocking::set("cfg", first, MINUTE).unwrap();
            }
            let mut early = Hand::new(doubled(&gate, "cfg"));
            assert!(early.poll().is_pending());
            blocking::set("cfg", 2_u64, MINUTE).unwrap();
            let mut late = Hand::new(doubled(&gate, "cfg"));
            assert!(late.poll().is_pending());
            gate.open();
            assert!(early.poll().is_ready());
            assert_eq!(late.poll(), Poll::Ready(4));
            assert_eq!(block_on(doubled(&gate, "cfg")), 4);
        });
    }
}

/// A record for each of very many values would push others out of the log.
#[test]
fn values_that_no_cached_function_asks_for_are_put_without_a_record() {
    let test = start();
    test.enter(|| {
        for value in 0..10_u64 {
            blocking::set("n", value, MINUTE).unwrap();
            assert_eq!(blocking::get("n").unwrap(), Some(value));
        }
    });
    assert_eq!(test.cache().stats().invalidations, 0);
}

#[test]
fn addresses_are_taken_as_they_are() {
    start().enter(|| {
        for address in ["", "*", "a:b", "%", "\0"] {
            blocking::set(address, address.len() as u64, MINUTE).unwrap();
        }
        blocking::remove("*").unwrap();
        assert_eq!(
            blocking::get::<u64>("a:b").unwrap(),
            Some(3),
            "`remove` takes no pattern"
        );
        assert_eq!(blocking::get::<u64>("*").unwrap(), None);
        assert_eq!(blocking::get::<u64>("").unwrap(), Some(0));
        let long = "x".repeat(10_000);
        blocking::set(&long, 1_u64, MINUTE).unwrap();
        assert_eq!(blocking::get::<u64>(&long).unwrap(), Some(1));
    });
}

#[cache("shared")]
fn shared() -> u64 {
    run()
}

#[test]
fn a_value_and_a_function_of_one_address_are_two_entries() {
    start().enter(|| {
        assert_eq!(shared(), 1);
        blocking::set("shared", "text".to_owned(), MINUTE).unwrap();
        assert_eq!(shared(), 1);
        assert_eq!(
            blocking::get::<String>("shared").unwrap().as_deref(),
            Some("text")
        );
        blocking::invalidate_pattern("shared").unwrap();
        assert_eq!(
            (shared(), blocking::get::<String>("shared").unwrap()),
            (2, None)
        );
    });
}

#[test]
fn inside_a_transaction_values_are_neither_served_nor_stored() {
    let test = start();
    block_on(test.run(async {
        set("n", 1_u64, MINUTE).await.unwrap();
        let cache = test.cache();
        cache
            .transaction(async {
                assert_eq!(get::<u64>("n").await.unwrap(), None);
                set("n", 2_u64, MINUTE).await.unwrap();
                Err::<(), _>("rolled back")
            })
            .await
            .unwrap_err();
        assert_eq!(get::<u64>("n").await.unwrap(), Some(1));
        cache
            .transaction(async { set("n", 2_u64, MINUTE).await })
            .await
            .unwrap();
        assert_eq!(get::<u64>("n").await.unwrap(), None);
    }));
}

#[cache]
async fn greeting_in_a_transaction(name: &str) -> String {
    run();
    let held_back = cache_core::current()
        .transaction(async { get::<String>("word").await })
        .await;
    let word = held_back.ok().flatten();
    format!("{} {name}", word.as_deref().unwrap_or("hi"))
}

#[cache]
async fn greeting_uncached(name: &str) -> String {
    run();
    let word = cache_core::uncached(get::<String>("word"))
        .await
        .ok()
        .flatten();
    format!("{} {name}", word.as_deref().unwrap_or("hi"))
}

/// What is held back is asked for all the same: the answer may be another one after the value has changed.
#[test]
fn a_cached_function_depends_on_values_that_were_held_back() {
    let test = start();
    block_on(test.run(async {
        for expected in [1, 2] {
            greeting_in_a_transaction("Ada").await;
            greeting_in_a_transaction("Ada").await;
            assert_eq!(runs(), 2 * expected - 1);
            greeting_uncached("Ada").await;
            greeting_uncached("Ada").await;
            assert_eq!(runs(), 2 * expected);
            remove("word").await.unwrap();
        }
    }));
}
