//! Functions that are asked for many elements at once: `each`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    ErrorKind, TestCache, bypass, cache, cache_query, explain, key_of, peek, refresh,
};
use serde::{Deserialize, Serialize};

use crate::runs::{run, runs, start};

mod answers;
mod invalidation;

thread_local! {
    /// What bodies were asked for.
    static ASKED: RefCell<Vec<Vec<i64>>> = const { RefCell::new(Vec::new()) };
}

/// A body is asked for these.
fn ask<'i>(ids: impl IntoIterator<Item = &'i i64>) -> u64 {
    ASKED.with_borrow_mut(|asked| asked.push(ids.into_iter().copied().collect()));
    run()
}

/// What bodies were asked for since this was last looked at.
fn asked() -> Vec<Vec<i64>> {
    ASKED.take()
}

fn begin() -> TestCache {
    asked();
    start()
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: i64,
    nth: u64,
}

/// Of the ids below a hundred there are users.
fn load(ids: impl IntoIterator<Item = i64>, nth: u64) -> impl Iterator<Item = (i64, User)> {
    let there = ids.into_iter().filter(|id| *id < 100);
    there.map(move |id| (id, User { id, nth }))
}

struct Pool;

#[cache_query(each = ids, ttl = 300, skip(pool))]
async fn users(pool: &Pool, ids: Vec<i64>) -> Result<HashMap<i64, User>, fmt::Error> {
    let _ = pool;
    let nth = ask(&ids);
    if ids.contains(&13) {
        return Err(fmt::Error);
    }
    Ok(load(ids, nth).collect())
}

#[cache(each = ids)]
async fn doubled(ids: &[i64]) -> Vec<i64> {
    ask(ids);
    ids.iter().map(|id| id * 2).collect()
}

fn sorted(users: HashMap<i64, User>) -> Vec<(i64, u64)> {
    let mut users: Vec<_> = users
        .into_values()
        .map(|user| (user.id, user.nth))
        .collect();
    users.sort_unstable();
    users
}

#[test]
fn the_body_is_asked_once_for_exactly_what_is_missing() {
    let test = begin();
    test.enter(|| {
        let pool = Pool;
        let three = block_on(users(&pool, vec![1, 2, 3])).unwrap();
        assert_eq!(sorted(three), [(1, 1), (2, 1), (3, 1)]);
        let more = block_on(users(&pool, vec![5, 2, 4, 3])).unwrap();
        assert_eq!(sorted(more), [(2, 1), (3, 1), (4, 2), (5, 2)]);
        assert_eq!(asked(), [vec![1, 2, 3], vec![5, 4]]);
        assert_eq!(
            sorted(block_on(users(&pool, vec![4, 1])).unwrap()),
            [(1, 1), (4, 2)]
        );
        assert_eq!(runs(), 2);
    });
    let stats = test.cache().stats();
    let users = stats.function("users").unwrap();
    assert_eq!(
        (
            users.hits,
            users.misses.total(),
            users.computed,
            users.stores
        ),
        (4, 5, 5, 5)
    );
}

#[test]
fn fifty_of_a_thousand() {
    let test = begin();
    test.enter(|| {
        let all: Vec<i64> = (0..1_000).collect();
        let there: Vec<i64> = all.iter().copied().filter(|id| id % 20 != 7).collect();
        assert_eq!(block_on(doubled(&there)).len(), 950);
        asked();
        let found = block_on(doubled(&all));
        assert!(found.iter().zip(&all).all(|(found, id)| *found == id * 2));
        let missing: Vec<i64> = all.iter().copied().filter(|id| id % 20 == 7).collect();
        assert_eq!(asked(), [missing]);
    });
}

#[test]
fn what_is_given_twice_is_asked_for_once() {
    let test = begin();
    test.enter(|| {
        assert_eq!(block_on(doubled(&[3, 1, 3, 2, 1])), [6, 2, 6, 4, 2]);
        assert_eq!(asked(), [[3, 1, 2]]);
        assert_eq!(block_on(doubled(&[1, 9, 1, 9])), [2, 18, 2, 18]);
        assert_eq!(asked(), [[9]]);
    });
}

#[test]
fn without_ids_the_body_does_not_run() {
    let test = begin();
    test.enter(|| {
        assert_eq!(block_on(doubled(&[])), [0; 0]);
        assert_eq!(block_on(users(&Pool, vec![])).unwrap(), HashMap::new());
        assert_eq!(runs(), 0);
    });
}

#[test]
fn every_collection_and_every_map() {
    type Ids = HashSet<i64>;
    type Found = cache_core_result::Result<BTreeMap<i64, Arc<str>>>;
    mod cache_core_result {
        pub(super) type Result<T> = std::result::Result<T, std::fmt::Error>;
    }
    #[cache(each = ids)]
    async fn of_a_hash_set(ids: Ids) -> Found {
        ask(&ids);
        Ok(ids
            .into_iter()
            .map(|id| (id, id.to_string().into()))
            .collect())
    }
    #[cache(each = ids)]
    async fn of_a_tree(mut ids: BTreeSet<i64>) -> BTreeMap<i64, String> {
        ask(&ids);
        ids.remove(&3);
        ids.into_iter().map(|id| (id, id.to_string())).collect()
    }
    #[cache(each = ids)]
    async fn of_a_reference(ids: &BTreeSet<i64>) -> Vec<Option<i64>> {
        ask(ids);
        ids.iter().map(|id| (*id != 3).then_some(*id)).collect()
    }
    let test = begin();
    test.enter(|| {
        let found = block_on(of_a_hash_set([1, 2].into())).unwrap();
        assert_eq!((found.len(), &*found[&1]), (2, "1"));
        assert_eq!(block_on(of_a_hash_set([2, 3].into())).unwrap().len(), 2);
        assert_eq!(asked()[1], [3]);
        for _ in 0..2 {
            let found = block_on(of_a_tree([1, 2, 3].into()));
            assert_eq!(found, [(1, "1".to_owned()), (2, "2".to_owned())].into());
            let found = block_on(of_a_reference(&[1, 2, 3].into()));
            assert_eq!(found, [Some(1), Some(2), None]);
        }
        assert_eq!(asked(), [vec![1, 2, 3], vec![1, 2, 3], vec![3], vec![3]]);
    });
}

#[test]
fn every_element_has_an_address_a_key_and_tags() {
    #[cache_query("of:{tenant}:{ids}", each = ids, tags("user:{ids}", "named:{return.id}:{ids}"), skip(pool))]
    async fn members(pool: &Pool, tenant: String, ids: &[i64]) -> HashMap<i64, User> {
        let _ = (pool, tenant);
        load(ids.iter().copied(), ask(ids)).collect()
    }
    let test = begin();
    test.enter(|| {
        let key = block_on(key_of(users(&Pool, vec![42]))).unwrap();
        assert_eq!(key.address, "query:users:42");
        let other = block_on(key_of(users(&Pool, vec![43]))).unwrap();
        assert_ne!(key.digest, other.digest);
        let key = block_on(key_of(members(&Pool, "a:b".to_owned(), &[7]))).unwrap();
        assert_eq!(key.address, "query:of:a%3Ab:7");
        assert_eq!(key.tags, ["user:7"]);

        let call =
            |tenant: &str, ids: &[i64]| block_on(members(&Pool, tenant.to_owned(), ids)).len();
        assert_eq!((call("a", &[1, 2, 3]), call("b", &[1, 2, 3])), (3, 3));
        assert_eq!(runs(), 2);
        asked();
        block_on(cache_core::invalidate_tag("user:1")).unwrap();
        assert_eq!((call("a", &[1, 2, 3]), call("b", &[1, 2, 3])), (3, 3));
        assert_eq!(asked(), [[1], [1]]);
        block_on(cache_core::invalidate_tag("named:3:3")).unwrap();
        block_on(cache_core::invalidate_pattern("query:of:b:2")).unwrap();
        assert_eq!((call("a", &[1, 2, 3]), call("b", &[1, 2, 3])), (3, 3));
        assert_eq!(asked(), [vec![3], vec![2, 3]]);
    });
}

#[test]
fn the_body_is_asked_for_so_many_at_once() {
    #[cache(each = ids, each_max = 3)]
    async fn chunked(tenant: String, mut ids: Vec<i64>) -> Result<HashMap<i64, String>, i64> {
        ask(&ids);
        if let Some(id) = ids.iter().find(|id| **id < 0) {
            return Err(*id);
        }
        Ok(ids
            .drain(..)
            .map(|id| (id, format!("{tenant}{id}")))
            .collect())
    }
    let test = begin();
    test.enter(|| {
        let call = |ids: &[i64]| block_on(chunked("t".to_owned(), ids.to_vec()));
        assert_eq!(call(&[4]).unwrap()[&4], "t4");
        assert_eq!(call(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap()[&8], "t8");
        assert_eq!(asked(), [vec![4], vec![1, 2, 3], vec![5, 6, 7], vec![8]]);
        // What was there before the error is kept.
        assert_eq!(call(&[11, 12, 13, -1, 14]).unwrap_err(), -1);
        assert_eq!(asked(), [vec![11, 12, 13], vec![-1, 14]]);
        assert_eq!(call(&[11, 12, 13, 14]).unwrap().len(), 4);
        assert_eq!(asked(), [[14]]);
    });
}

#[test]
fn methods_and_generics() {
    #[derive(Clone, Serialize)]
    struct Repo(u8);
    impl Repo {
        #[cache(each = ids)]
        async fn all<T>(&self, factor: T, ids: &[T]) -> Vec<T>
        where
            T: Copy + Serialize + fmt::Display + std::ops::Mul<Output = T> + Send + Sync + 'static,
        {
            run();
            ids.iter().map(|id| *id * factor).collect()
        }
        #[cache(each = ids, skip(self, conn))]
        async fn count(&self, conn: &mut Vec<i64>, ids: &[i64]) -> Vec<usize> {
            conn.extend(ids);
            ids.iter().map(|id| id.to_string().len()).collect()
        }
    }
    trait Loads {
        async fn load(&self, ids: Vec<i64>) -> Vec<i64>;
    }
    impl Loads for Repo {
        #[cache(each = ids)]
        async fn load(&self, ids: Vec<i64>) -> Vec<i64> {
            run();
            ids
        }
    }
    let test = begin();
    test.enter(|| {
        for _ in 0..2 {
            assert_eq!(block_on(Repo(1).all(2_u8, &[1, 2])), [2, 4]);
            assert_eq!(block_on(Repo(1).all(2_u16, &[1, 2])), [2, 4]);
            assert_eq!(block_on(Repo(2).all(3_u8, &[1, 2])), [3, 6]);
            assert_eq!(block_on(Repo(2).load(vec![1, 2])), [1, 2]);
        }
        assert_eq!(runs(), 4);
        let mut conn = vec![];
        for _ in 0..2 {
            assert_eq!(block_on(Repo(0).count(&mut conn, &[7, 77])), [1, 2]);
        }
        assert_eq!(conn, [7, 77]);
    });
}

#[test]
fn rules_judge_every_element() {
    #[cache(each = ids, when = |user| user.id != 2, ttl = |user| Duration::from_secs(user.id.unsigned_abs()))]
    async fn judged(ids: &[i64]) -> HashMap<i64, User> {
        load(ids.iter().copied(), ask(ids)).collect()
    }
    let test = begin();
    test.enter(|| {
        block_on(judged(&[1, 2, 3, 50]));
        block_on(judged(&[1, 2, 3, 50]));
        test.advance(Duration::from_secs(2));
        block_on(judged(&[1, 3, 50]));
        assert_eq!(asked(), [vec![1, 2, 3, 50], vec![2], vec![1]]);
    });
}

#[test]
fn modifiers_are_for_all_elements() {
    let test = begin();
    test.enter(|| {
        let call = |ids: &[i64]| users(&Pool, ids.to_vec());
        assert_eq!(block_on(peek(call(&[1]))), None);
        block_on(call(&[1, 2])).unwrap();
        assert_eq!(block_on(peek(call(&[1, 3]))), None);
        assert_eq!(
            sorted(block_on(peek(call(&[1, 2]))).unwrap().unwrap()),
            [(1, 1), (2, 1)]
        );
        assert_eq!(block_on(peek(call(&[]))).unwrap().unwrap(), HashMap::new());
        assert_eq!(
            sorted(block_on(refresh(call(&[2, 3]))).unwrap()),
            [(2, 2), (3, 2)]
        );
        assert_eq!(
            sorted(block_on(bypass(call(&[3, 4]))).unwrap()),
            [(3, 3), (4, 3)]
        );
        assert_eq!(asked(), [vec![1, 2], vec![2, 3], vec![3, 4]]);
        assert_eq!(
            sorted(block_on(call(&[1, 2, 3])).unwrap()),
            [(1, 1), (2, 2), (3, 2)]
        );
        assert_eq!(runs(), 3);
        let several = block_on(key_of(call(&[1, 2]))).unwrap_err();
        assert_eq!(several.kind(), ErrorKind::Key);
        assert!(several.to_string().contains("2 ids"), "{several}");
        // Of the elements the last that was answered.
        let (_, trace) = block_on(explain(call(&[1, 2])));
        assert_eq!(
            (trace.tier, trace.address.as_deref()),
            (Some("memory"), Some("query:users:2"))
        );
        let (_, trace) = block_on(explain(call(&[5, 1])));
        assert_eq!(
            (trace.tier, trace.address.as_deref()),
            (None, Some("query:users:5"))
        );
        assert!(trace.stored, "{trace}");
    });
}

#[test]
fn in_a_transaction_nothing_is_kept() {
    let test = begin();
    test.enter(|| {
        block_on(users(&Pool, vec![1, 2])).unwrap();
        let inside = test.cache().transaction(async {
            let users = users(&Pool, vec![1, 2, 3]).await.unwrap();
            Ok::<_, fmt::Error>(sorted(users))
        });
        assert_eq!(block_on(inside).unwrap(), [(1, 2), (2, 2), (3, 2)]);
        block_on(users(&Pool, vec![1, 2, 3])).unwrap();
        assert_eq!(asked(), [vec![1, 2], vec![1, 2, 3], vec![3]]);
    });
}

/// What cannot be written as a key is not kept, and not taken for another.
#[test]
fn ids_that_are_no_key() {
    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Odd(i64);
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 % 2 {
                0 => serializer.serialize_i64(self.0),
                _ => Err(serde::ser::Error::custom("odd")),
            }
        }
    }
    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    #[cache(each = ids)]
    async fn odd(ids: &[Odd]) -> HashMap<Odd, i64> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        ask(&ids);
        ids.into_iter().map(|id| (Odd(id), id)).collect()
    }
    let test = begin();
    test.enter(|| {
        for _ in 0..2 {
            let found = block_on(odd(&[Odd(1), Odd(2), Odd(3)]));
            assert_eq!((found[&Odd(1)], found[&Odd(2)], found[&Odd(3)]), (1, 2, 3));
        }
        assert_eq!(asked(), [vec![1, 2, 3], vec![1, 3]]);
    });
}

/// Equal to a map, and two to a key: both have the value.
#[test]
fn ids_that_only_a_map_takes_for_one() {
    #[derive(Clone, Serialize)]
    struct Name(String);
    impl PartialEq for Name {
        fn eq(&self, other: &Self) -> bool {
            self.0.eq_ignore_ascii_case(&other.0)
        }
    }
    impl Eq for Name {}
    impl std::hash::Hash for Name {
        fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
            self.0.to_ascii_lowercase().hash(state);
        }
    }
    impl fmt::Display for Name {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }
    #[cache(each = names, none_ttl = 60)]
    async fn lengths(names: Vec<Name>) -> HashMap<Name, usize> {
        run();
        names
            .into_iter()
            .map(|name| (name.clone(), name.0.len()))
            .collect()
    }
    let test = begin();
    test.enter(|| {
        let (upper, lower) = (Name("ADA".to_owned()), Name("ada".to_owned()));
        block_on(lengths(vec![upper.clone(), lower.clone()]));
        assert_eq!(block_on(lengths(vec![lower]))[&upper], 3);
        assert_eq!(runs(), 1);
    });
}
