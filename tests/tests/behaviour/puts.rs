//! Write-through: what a `#[cache_put]` puts, and when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Builder, Cache, EventKind, TestCache, blocking, cache, cache_put, get, invalidate_cache, set,
};

use crate::runs::{Gate, Hand, pause, run, start, start_with};

mod calls;

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    name: String,
}

fn user(id: u64, name: &str) -> User {
    let name = name.to_owned();
    User { id, name }
}

#[cache_put("users:{return.id}")]
async fn create(name: &str) -> Result<User, String> {
    pause().await;
    Ok(user(7, name))
}

#[cache_put("users:{id}", "names:{return.name}", ttl = "90s")]
fn rename(id: u64, name: String) -> Option<User> {
    (!name.is_empty()).then(|| user(id, &name))
}

#[cache_put("users:{user.id}")]
async fn save(user: User, gate: &Gate, how: End) -> Result<User, String> {
    gate.pass().await;
    match how {
        End::Well => Ok(user),
        End::Badly => Err("badly".to_owned()),
        End::Panic => panic!("on purpose"),
    }
}

#[derive(Clone, Copy)]
enum End {
    Well,
    Badly,
    Panic,
}

fn open() -> Gate {
    let gate = Gate::default();
    gate.open();
    gate
}

fn at(address: &str) -> Option<User> {
    blocking::get(address).unwrap()
}

#[test]
fn what_a_write_returns_is_there() {
    let test = start();
    test.enter(|| {
        assert_eq!(block_on(create("Ada")), Ok(user(7, "Ada")));
        assert_eq!(at("users:7"), Some(user(7, "Ada")));
        assert_eq!(rename(7, "Grace".to_owned()), Some(user(7, "Grace")));
        assert_eq!(at("users:7"), Some(user(7, "Grace")));
        assert_eq!(at("names:Grace"), Some(user(7, "Grace")));
        test.advance(Duration::from_secs(89));
        assert!(at("users:7").is_some());
        test.advance(Duration::from_secs(1));
        assert_eq!(at("users:7"), None);
    });
}

#[test]
fn what_is_put_may_be_invalidated_as_any_other_value() {
    start().enter(|| {
        let invalidations: [(&str, &dyn Fn()); 4] = [
            ("remove", &|| {
                blocking::remove("users:7").unwrap();
            }),
            ("pattern", &|| {
                {
                    blocking::invalidate_pattern("users:*").unwrap();
                };
            }),
            ("set", &|| {
                blocking::set("users:7", user(7, "x"), Duration::from_secs(9)).unwrap();
            }),
            ("clear", &|| {
                blocking::clear().unwrap();
            }),
        ];
        for (name, invalidate) in invalidations {
            block_on(create("Ada")).unwrap();
            assert_eq!(at("users:7"), Some(user(7, "Ada")), "{name}");
            invalidate();
            assert_ne!(at("users:7"), Some(user(7, "Ada")), "{name}");
        }
    });
}

/// What becomes of a value that was there, and of one that is written.
#[test]
fn a_failure_changes_nothing_and_what_may_have_been_written_is_invalid() {
    start().enter(|| {
        let (old, new) = (|| user(7, "old"), || user(7, "new"));
        let put = |user: User| blocking::set("users:7", user, Duration::MAX).unwrap();
        for (how, expected) in [
            (End::Well, Some(new())),
            (End::Badly, Some(old())),
            (End::Panic, None),
        ] {
            put(old());
            let write = || block_on(save(new(), &open(), how));
            let _ = catch_unwind(AssertUnwindSafe(write));
            assert_eq!(at("users:7"), expected);
        }
        // Cancelled, once it has begun.
        put(old());
        let shut = Gate::default();
        let mut cancelled = Hand::new(save(new(), &shut, End::Well));
        assert!(cancelled.poll().is_pending());
        assert_eq!(at("users:7"), Some(old()));
        drop(cancelled);
        assert_eq!(at("users:7"), None);
        put(old());
        drop(save(new(), &shut, End::Well));
        assert_eq!(at("users:7"), Some(old()), "it has not begun");
        // There is none any more.
        assert_eq!(rename(7, String::new()), None);
        assert_eq!(at("users:7"), None);
    });
}

/// Which of them was first in the source, nobody knows.
#[test]
fn of_two_writes_that_overlap_neither_stays() {
    for (first, second) in [(0, 1), (1, 0)] {
        start().enter(|| {
            let gates = [Gate::default(), Gate::default()];
            let write = |at: usize| {
                let name = at.to_string();
                Hand::new(save(user(7, &name), &gates[at], End::Well))
            };
            let mut writes = [write(0), write(1)];
            for write in &mut writes {
                assert!(write.poll().is_pending());
            }
            gates[first].open();
            assert!(writes[first].poll().is_ready());
            gates[second].open();
            assert!(writes[second].poll().is_ready());
            assert_eq!(at("users:7"), None);
            // One that begins after both is the last.
            block_on(save(user(7, "last"), &open(), End::Well)).unwrap();
            assert_eq!(at("users:7"), Some(user(7, "last")));
        });
    }
}

/// Whatever is said of the address while it is written may be of a later write.
#[test]
fn a_write_puts_nothing_over_what_was_said_meanwhile() {
    type Said = (&'static str, fn(), Option<User>);
    let said: [Said; 6] = [
        (
            "set",
            || blocking::set("users:7", user(7, "set"), Duration::MAX).unwrap(),
            None,
        ),
        (
            "remove",
            || {
                blocking::remove("users:7").unwrap();
            },
            None,
        ),
        (
            "prefix",
            || {
                blocking::invalidate_pattern("users:*").unwrap();
            },
            None,
        ),
        (
            "glob",
            || {
                blocking::invalidate_pattern("*:7").unwrap();
            },
            None,
        ),
        (
            "clear",
            || {
                blocking::clear().unwrap();
            },
            None,
        ),
        (
            "of another",
            || {
                blocking::invalidate_pattern("users:8").unwrap();
                blocking::invalidate_tag("users:7").unwrap();
                blocking::set("users:77", user(7, "set"), Duration::MAX).unwrap();
            },
            Some(user(7, "put")),
        ),
    ];
    for (name, say, expected) in said {
        let test = start();
        test.enter(|| {
            let gate = Gate::default();
            let mut write = Hand::new(save(user(7, "put"), &gate, End::Well));
            assert!(write.poll().is_pending());
            say();
            gate.open();
            assert!(write.poll().is_ready());
            assert_eq!(at("users:7"), expected, "{name}");
        });
    }
}

/// More than is remembered of what was said meanwhile.
#[test]
fn a_write_that_has_missed_something_puts_nothing() {
    start().enter(|| {
        let gate = Gate::default();
        let mut write = Hand::new(save(user(7, "put"), &gate, End::Well));
        assert!(write.poll().is_pending());
        for tag in 0..2_000 {
            blocking::invalidate_tag(&tag.to_string()).unwrap();
        }
        gate.open();
        assert!(write.poll().is_ready());
        assert_eq!(at("users:7"), None);
    });
}

#[test]
fn what_was_made_of_the_old_value_is_made_anew() {
    #[cache(ttl = 300)]
    async fn greeting() -> (u64, Option<String>) {
        let user = get::<User>("users:7").await.unwrap();
        (run(), user.map(|user| user.name))
    }
    start().enter(|| {
        let ask = || block_on(greeting());
        assert_eq!(ask(), (1, None));
        block_on(create("Ada")).unwrap();
        assert_eq!(ask(), (2, Some("Ada".to_owned())));
        assert_eq!(ask().0, 2);
        block_on(create("Grace")).unwrap();
        assert_eq!(ask(), (3, Some("Grace".to_owned())));
        rename(7, String::new());
        assert_eq!(ask(), (4, None));
    });
}

#[test]
fn in_a_transaction_nothing_is_put_and_the_old_value_goes_with_the_commit() {
    let test = start();
    for (commit, expected) in [(false, Some(user(7, "Ada"))), (true, None)] {
        test.enter(|| block_on(create("Ada"))).unwrap();
        let done = test.cache().transaction_blocking(|| {
            block_on(create("Grace")).unwrap();
            if commit { Ok(()) } else { Err(()) }
        });
        assert_eq!(done.is_ok(), commit);
        assert_eq!(test.enter(|| at("users:7")), expected);
    }
}

#[test]
fn what_is_too_large_is_none() {
    let memory = cache_core::Memory::new().max_entry_bytes(1_000);
    let test = start_with(Builder::default().memory(memory));
    test.enter(|| {
        block_on(create("Ada")).unwrap();
        block_on(create(&"x".repeat(10_000))).unwrap();
        assert_eq!(at("users:7"), None);
    });
    assert_eq!(test.count("*", |kind| kind == EventKind::NotPut), 1);
}

/// An argument's text is escaped, and what cannot be written names everything.
#[test]
fn an_argument_adds_no_segment() {
    struct Fails;
    impl std::fmt::Display for Fails {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            Err(std::fmt::Error)
        }
    }
    #[cache_put("at:{of}")]
    fn put(of: impl std::fmt::Display) -> u64 {
        let _ = of;
        run()
    }
    start().enter(|| {
        let got = |address: &str| blocking::get::<u64>(address).unwrap();
        put("a:*");
        assert_eq!((got("at:a%3A%2A"), got("at:a:*")), (Some(1), None));
        put(Fails);
        assert_eq!(got("at:a%3A%2A"), None);
    });
}

mod lifetimes {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[cache_put("never", ttl = "never")]
    fn never() -> u64 {
        run()
    }

    #[cache_put("constant", ttl = HOUR)]
    fn constant() -> u64 {
        run()
    }

    #[cache_put("by_value", ttl = |seconds| *seconds)]
    fn by_value(seconds: u64) -> Result<Option<u64>, String> {
        Ok(Some(seconds))
    }

    #[cache_put("static:usual")]
    fn usual() -> u64 {
        run()
    }

    #[cache_put("default")]
    fn default() -> u64 {
        run()
    }

    fn lives(test: &TestCache, address: &str, seconds: u64) {
        let there = || test.enter(|| blocking::get::<u64>(address).unwrap().is_some());
        test.advance(Duration::from_secs(seconds - 1));
        assert!(there(), "{address}");
        test.advance(Duration::from_secs(1));
        assert!(!there(), "{address}");
    }

    #[test]
    fn are_as_said_as_configured_or_as_customary() {
        let test = start();
        test.enter(constant);
        lives(&test, "constant", 3_600);
        test.enter(|| by_value(7)).unwrap();
        lives(&test, "by_value", 7);
        test.enter(|| by_value(7)).unwrap();
        test.enter(|| by_value(0)).unwrap();
        assert_eq!(
            test.enter(|| blocking::get::<u64>("by_value")).unwrap(),
            None
        );
        test.enter(usual);
        lives(&test, "static:usual", 86_400);
        test.enter(default);
        lives(&test, "default", 300);
        test.enter(never);
        test.advance(1_000 * HOUR);
        assert!(
            test.enter(|| blocking::get::<u64>("never"))
                .unwrap()
                .is_some()
        );
        let configured = Builder::default().ttl_default(Duration::from_secs(9));
        let test = start_with(configured);
        test.enter(default);
        lives(&test, "default", 9);
    }
}

/// Beside an invalidation of something else; and its errors need be neither `Sync` nor `'static`.
#[test]
fn it_stands_where_an_invalidation_stands() {
    struct Repo(u64);
    impl Repo {
        #[invalidate_cache(tag = "t")]
        #[cache_put("repo:{self.0}:{return}")]
        async fn write<'e>(&self, name: &'e str) -> Result<String, std::cell::Cell<&'e str>> {
            pause().await;
            (!name.is_empty())
                .then(|| name.to_owned())
                .ok_or(std::cell::Cell::new(name))
        }
    }
    #[cache(ttl = 60, tags("t"))]
    fn tagged() -> u64 {
        run()
    }
    fn must_be_send<T: Send>(sent: T) -> T {
        sent
    }
    let test = start();
    test.enter(|| {
        assert_eq!(tagged(), 1);
        block_on(must_be_send(Repo(3).write("Ada"))).unwrap();
        assert_eq!(tagged(), 2);
        assert_eq!(
            block_on(get::<String>("repo:3:Ada")).unwrap().as_deref(),
            Some("Ada")
        );
        assert!(block_on(Repo(3).write("")).is_err());
        assert_eq!(tagged(), 2);
    });
}

#[test]
fn it_is_put_into_the_cache_that_it_is_called_in() {
    let (one, other) = (start(), start());
    one.enter(|| block_on(create("Ada"))).unwrap();
    let there = |cache: &Cache| cache.enter(|| at("users:7"));
    assert_eq!(there(one.cache()), Some(user(7, "Ada")));
    assert_eq!(there(other.cache()), None);
    block_on(other.run(set("users:7", user(7, "x"), Duration::MAX))).unwrap();
    assert_eq!(there(one.cache()), Some(user(7, "Ada")));
}
