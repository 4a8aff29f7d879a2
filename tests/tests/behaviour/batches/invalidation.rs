//! What invalidates elements, and what is made of them.

use std::fmt;

use cache_core::__private::block_on;
use cache_core::{cache, invalidate, invalidate_cache};

use super::{Pool, ask, asked, begin, users};
use crate::runs::run;

#[invalidate_cache("query:users:{id}")]
async fn rename(id: i64) -> Result<(), fmt::Error> {
    if id == 13 { Err(fmt::Error) } else { Ok(()) }
}

#[invalidate_cache(users(pool, ids))]
async fn rename_all(pool: &Pool, ids: Vec<i64>) {
    let _ = (pool, ids);
}

#[test]
fn elements_are_invalidated_alone() {
    let test = begin();
    test.enter(|| {
        let call = || {
            block_on(users(&Pool, vec![1, 2, 3, 4])).unwrap();
            asked()
        };
        assert_eq!(call(), [[1, 2, 3, 4]]);
        block_on(rename(2)).unwrap();
        assert_eq!(call(), [[2]]);
        block_on(rename(13)).unwrap_err();
        assert_eq!(call(), [[0; 0]; 0]);
        block_on(invalidate(users(&Pool, vec![4, 1]))).unwrap();
        assert_eq!(call(), [[1, 4]]);
        block_on(invalidate(users(&Pool, vec![]))).unwrap();
        block_on(rename_all(&Pool, vec![]));
        assert_eq!(call(), [[0; 0]; 0]);
        block_on(rename_all(&Pool, vec![3, 2]));
        assert_eq!(call(), [[2, 3]]);
    });
}

#[cache("sum:{n}")]
async fn sum(n: i64) -> u64 {
    let ids: Vec<i64> = (0..n).collect();
    let users = users(&Pool, ids).await.unwrap_or_default();
    run() + users.len() as u64 * 1_000
}

#[test]
fn what_is_made_of_a_batch_depends_on_each_element() {
    let test = begin();
    test.enter(|| {
        // Whether the elements are hits, computed, or both.
        block_on(users(&Pool, vec![0, 2])).unwrap();
        for id in [0, 1, 2, 3] {
            let before = block_on(sum(4));
            assert_eq!(block_on(sum(4)), before);
            block_on(rename(id)).unwrap();
            assert_ne!(block_on(sum(4)), before, "{id}");
        }
        let before = block_on(sum(4));
        block_on(rename(4)).unwrap();
        assert_eq!(block_on(sum(4)), before);
        // Coarser than the single elements, and never less.
        let before = block_on(sum(1_000));
        block_on(rename(999)).unwrap();
        assert_ne!(block_on(sum(1_000)), before);
    });
}

#[test]
fn elements_depend_on_what_the_body_used() {
    #[cache("factor")]
    async fn factor() -> u64 {
        run()
    }
    #[cache(each = ids)]
    async fn scaled(ids: &[i64]) -> Vec<u64> {
        ask(ids);
        let factor = factor().await;
        ids.iter().map(|id| id.unsigned_abs() * factor).collect()
    }
    let test = begin();
    test.enter(|| {
        block_on(scaled(&[1, 2, 3]));
        assert_eq!(asked(), [[1, 2, 3]]);
        block_on(cache_core::invalidate_pattern("factor")).unwrap();
        block_on(scaled(&[2]));
        block_on(scaled(&[1, 2, 3]));
        assert_eq!(asked(), [vec![2], vec![1, 3]]);
    });
}
