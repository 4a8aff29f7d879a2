//! Bodies that give less than they were asked for, more, or an error.

use std::collections::HashMap;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{RefusalReason, cache, cache_resource};

use super::{Pool, User, ask, asked, begin, load, sorted, users};

#[test]
fn what_the_body_does_not_give_is_absent() {
    #[cache_resource("r:{ids}", each = ids, none_ttl = 10)]
    async fn remembered(ids: &[i64]) -> HashMap<i64, User> {
        load(ids.iter().copied(), ask(ids)).collect()
    }
    let test = begin();
    test.enter(|| {
        for _ in 0..2 {
            assert_eq!(
                sorted(block_on(users(&Pool, vec![1, 100, 200])).unwrap()),
                [(1, 1)]
            );
        }
        assert_eq!(asked(), [vec![1, 100, 200], vec![100, 200]]);
        for _ in 0..2 {
            assert_eq!(block_on(remembered(&[1, 100])).len(), 1);
        }
        assert_eq!(asked(), [[1, 100]]);
        test.advance(Duration::from_secs(11));
        assert_eq!(block_on(remembered(&[1, 100])).len(), 1);
        assert_eq!(asked(), [[100]]);
    });
    let stats = test.cache().stats();
    let refusals = stats.function("users").unwrap().refusals;
    assert_eq!(refusals.of(RefusalReason::Absent), 4);
}

#[test]
fn foreign_elements_are_ignored_and_counted() {
    #[cache(each = ids)]
    async fn generous(ids: &[i64]) -> HashMap<i64, i64> {
        ask(ids);
        (0..10).map(|id| (id, id)).collect()
    }
    let test = begin();
    test.enter(|| {
        assert_eq!(block_on(generous(&[1, 2])), [(1, 1), (2, 2)].into());
        assert_eq!(block_on(generous(&[2, 3])), [(2, 2), (3, 3)].into());
        assert_eq!(asked(), [vec![1, 2], vec![3]]);
    });
    let stats = test.cache().stats();
    assert_eq!(stats.function("generous").unwrap().foreign, 8 + 9);
    assert_eq!(stats.total.stores, 3);
}

#[test]
fn a_list_of_another_length_is_passed_on_and_not_kept() {
    #[cache(each = ids)]
    async fn filtered(ids: &[i64]) -> Vec<i64> {
        ask(ids);
        ids.iter().copied().filter(|id| id % 2 == 0).collect()
    }
    let test = begin();
    test.enter(|| {
        // Asked for all of them, the body says what there is to say.
        assert_eq!(block_on(filtered(&[1, 2, 4])), [2, 4]);
        assert_eq!(asked(), [[1, 2, 4]]);
        assert_eq!(block_on(filtered(&[2, 4])), [2, 4]);
        assert_eq!(asked(), [[2, 4]]);
        // Asked for some, it says nothing that could be put among the others: it is asked again, for all.
        assert_eq!(block_on(filtered(&[4, 5, 2, 5])), [4, 2]);
        assert_eq!(asked(), [vec![5], vec![4, 5, 2, 5]]);
        assert_eq!(block_on(filtered(&[4, 2])), [4, 2]);
        assert_eq!(asked(), [[0; 0]; 0]);
    });
    let stats = test.cache().stats();
    let filtered = stats.function("filtered").unwrap();
    assert_eq!(filtered.refusals.of(RefusalReason::Length), 4);
    assert_eq!(filtered.stores, 2);
}

#[test]
fn an_error_is_returned_and_nothing_kept() {
    let test = begin();
    test.enter(|| {
        block_on(users(&Pool, vec![1])).unwrap();
        for _ in 0..2 {
            block_on(users(&Pool, vec![1, 2, 13])).unwrap_err();
        }
        assert_eq!(
            sorted(block_on(users(&Pool, vec![1, 2])).unwrap()),
            [(1, 1), (2, 4)]
        );
        assert_eq!(asked(), [vec![1], vec![2, 13], vec![2, 13], vec![2]]);
    });
    assert_eq!(test.cache().stats().total.failed, 4);
}
