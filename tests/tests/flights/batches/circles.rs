//! Bodies of batches that ask for each other's elements.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::future::join;
use tokio::sync::Barrier;

use cache_core::cache;

use super::Table;
use crate::support::{fresh, now, poll, soon};

type Rows = Pin<Box<dyn Future<Output = Vec<u64>> + Send>>;

/// Each body waits for an element that the other one has claimed, the last of several.
#[cache("left:{ids}", each = ids, skip(both))]
async fn left(both: Arc<Barrier>, ids: Vec<u64>) -> Vec<u64> {
    both.wait().await;
    if ids.len() > 1 {
        right_boxed(Arc::clone(&both), vec![30]).await;
    }
    ids
}

#[cache("right:{ids}", each = ids, skip(both))]
async fn right(both: Arc<Barrier>, ids: Vec<u64>) -> Vec<u64> {
    if ids.len() > 1 {
        both.wait().await;
        left_boxed(Arc::clone(&both), vec![3]).await;
    }
    ids
}

fn left_boxed(both: Arc<Barrier>, ids: Vec<u64>) -> Rows {
    Box::pin(left(both, ids))
}

fn right_boxed(both: Arc<Barrier>, ids: Vec<u64>) -> Rows {
    Box::pin(right(both, ids))
}

/// Of a circle through any of the elements somebody computes for himself, at once.
#[tokio::test]
async fn bodies_that_wait_for_each_others_elements_are_seen() {
    let test = fresh();
    let both = Arc::new(Barrier::new(2));
    // Whoever computes for itself in place of `left` meets itself at the barrier.
    let single = Arc::clone(&both);
    let lonely = tokio::spawn(async move {
        loop {
            single.wait().await;
        }
    });
    let calls = join(
        test.run(left(Arc::clone(&both), vec![1, 2, 3])),
        test.run(right(both, vec![10, 20, 30])),
    );
    assert_eq!(soon(calls).await, (vec![1, 2, 3], vec![10, 20, 30]));
    lonely.abort();
}

/// A body that asks for an element which its own call has claimed, and not begun.
#[cache("once:{ids}", each = ids, each_max = 1, skip(table))]
async fn once(table: &Table, ids: Vec<u64>) -> Vec<u64> {
    table.read(&ids).await;
    if ids == [1] {
        return vec![once_boxed(table, vec![2]).await[0] + 1];
    }
    ids
}

fn once_boxed(table: &Table, ids: Vec<u64>) -> Pin<Box<dyn Future<Output = Vec<u64>> + Send + '_>> {
    Box::pin(once(table, ids))
}

#[test]
fn a_body_that_asks_for_what_comes_after_it() {
    let (test, table) = (fresh(), Table::open());
    assert_eq!(now(test.run(once(&table, vec![1, 2]))), [3, 2]);
    assert_eq!(table.asked(), [[1], [2], [2]]);
}

type Lent<'a> = Pin<Box<dyn Future<Output = Vec<u64>> + Send + 'a>>;

/// The first of each needs what the other's call has claimed, and not begun.
#[cache("upper:{ids}", each = ids, each_max = 1, skip(table))]
async fn upper(table: &Table, ids: Vec<u64>) -> Vec<u64> {
    table.read(&ids).await;
    if ids == [1] {
        return vec![10 + lower_boxed(table, vec![2]).await[0]];
    }
    ids
}

#[cache("lower:{ids}", each = ids, each_max = 1, skip(table))]
async fn lower(table: &Table, ids: Vec<u64>) -> Vec<u64> {
    table.read(&ids).await;
    if ids == [1] {
        return vec![20 + upper_boxed(table, vec![2]).await[0]];
    }
    ids
}

fn upper_boxed(table: &Table, ids: Vec<u64>) -> Lent<'_> {
    Box::pin(upper(table, ids))
}

fn lower_boxed(table: &Table, ids: Vec<u64>) -> Lent<'_> {
    Box::pin(lower(table, ids))
}

#[tokio::test]
async fn bodies_that_wait_for_what_the_other_call_has_not_begun_are_seen() {
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(upper(&table, vec![1, 2])));
    let mut second = Box::pin(test.run(lower(&table, vec![1, 2])));
    assert!(poll(&mut first).is_pending());
    assert!(poll(&mut second).is_pending());
    table.source.open();
    let answers = soon(join(first, second)).await;
    assert_eq!(answers, (vec![12, 2], vec![22, 2]));
}
