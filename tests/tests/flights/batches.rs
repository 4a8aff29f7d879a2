//! Batches that meet: each other, single elements, an invalidation, a panic, the end of a caller.

mod circles;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::Barrier;

use cache_core::{cache, peek, refresh};

use crate::support::{Now, Source, all, fresh, now, patient, poll, ready, soon};

/// A source, and what it was asked for.
struct Table {
    source: Arc<Source>,
    asked: Mutex<Vec<Vec<u64>>>,
}

impl Table {
    fn shut() -> Self {
        Self {
            source: Source::shut(),
            asked: Mutex::default(),
        }
    }

    fn open() -> Self {
        let table = Self::shut();
        table.source.open();
        table
    }

    /// Each element is its id and the value of the table.
    async fn read(&self, ids: &[u64]) -> Vec<u64> {
        self.asked.lock().unwrap().push(ids.to_vec());
        let value = self.source.read().await;
        ids.iter().map(|id| id * 1_000 + value).collect()
    }

    fn asked(&self) -> Vec<Vec<u64>> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

#[cache("rows:{ids}", each = ids, skip(table))]
async fn rows(table: &Table, ids: &[u64]) -> Vec<u64> {
    table.read(ids).await
}

#[cache("few:{ids}", each = ids, each_max = 2, skip(table))]
async fn few(table: &Table, ids: &[u64]) -> Vec<u64> {
    table.read(ids).await
}

/// The first that is asked for `0` fails.
#[cache("failing:{ids}", each = ids, skip(table))]
async fn failing(table: &Table, ids: &[u64]) -> Result<HashMap<u64, u64>, String> {
    let rows = table.read(ids).await;
    match ids.contains(&0) {
        true => Err("zero".to_owned()),
        false => Ok(ids.iter().copied().zip(rows).collect()),
    }
}

/// The same with an error that cannot be copied.
#[cache("alone:{ids}", each = ids, skip(table))]
async fn alone(table: &Table, ids: &[u64]) -> Result<HashMap<u64, u64>, Alone> {
    let rows = table.read(ids).await;
    match ids.contains(&0) {
        true => Err(Alone),
        false => Ok(ids.iter().copied().zip(rows).collect()),
    }
}

#[derive(Debug, PartialEq)]
struct Alone;

/// The first bursts.
#[cache("fragile:{ids}", each = ids, each_max = 2, skip(table))]
async fn fragile(table: &Table, ids: &[u64]) -> Vec<u64> {
    let first = table.source.runs() == 0;
    let rows = table.read(ids).await;
    if first {
        resume_unwind(Box::new("on purpose"));
    }
    rows
}

#[test]
fn what_another_computes_is_waited_for() {
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(rows(&table, &[1, 2, 3])));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(rows(&table, &[4, 3, 2])));
    assert!(poll(&mut second).is_pending());
    let mut single = Box::pin(test.run(rows(&table, &[4])));
    assert!(poll(&mut single).is_pending());
    let mut last = Box::pin(test.run(rows(&table, &[3, 4])));
    assert!(poll(&mut last).is_pending());
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![4]]);
    table.source.open();
    // What it has claimed itself is computed before it waits for others.
    assert!(poll(&mut second).is_pending());
    assert_eq!(ready(&mut single), [4_000]);
    assert_eq!(ready(&mut first), [1_000, 2_000, 3_000]);
    assert_eq!(ready(&mut second), [4_000, 3_000, 2_000]);
    assert_eq!(ready(&mut last), [3_000, 4_000]);
    assert_eq!(table.source.runs(), 2);
    let stats = test.cache().stats();
    assert_eq!(stats.function("rows").unwrap().coalesced, 5);
}

#[test]
fn in_whatever_order_ids_are_given_nobody_waits_for_ever() {
    let (test, table) = (fresh(), Table::open());
    let ids: Vec<u64> = (1..=6).collect();
    let mut calls: Vec<Vec<u64>> = Vec::new();
    for turn in 0..6 {
        let mut ids = ids.clone();
        ids.rotate_left(turn);
        calls.push(ids[..4].to_vec());
        ids.reverse();
        calls.push(ids[..5].to_vec());
        calls.push(vec![ids[0]]);
    }
    let futures = calls
        .iter()
        .map(|ids| Box::pin(test.run(few(&table, ids))))
        .collect();
    let expected: Vec<Vec<u64>> = calls
        .iter()
        .map(|ids| ids.iter().map(|id| id * 1_000).collect())
        .collect();
    assert_eq!(all(futures), expected);
    let mut asked = table.asked().concat();
    asked.sort_unstable();
    assert_eq!(asked, ids, "each was asked for once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_threads_ask_for_the_same_in_many_orders() {
    let (test, table) = (Arc::new(fresh()), Arc::new(Table::open()));
    for round in 0..200_u64 {
        let start = Arc::new(Barrier::new(4));
        let calls = (0..4_u64).map(|nth| {
            let (test, table, start) = (Arc::clone(&test), Arc::clone(&table), Arc::clone(&start));
            tokio::spawn(async move {
                let mut ids: Vec<u64> = (round * 10..round * 10 + 8).collect();
                ids.rotate_left(2 * nth as usize);
                if nth % 2 == 1 {
                    ids.reverse();
                }
                start.wait().await;
                let rows = test.run(few(&table, &ids)).await;
                assert!(rows.iter().zip(&ids).all(|(row, id)| *row == id * 1_000));
            })
        });
        for outcome in soon(join_all(calls)).await {
            outcome.unwrap();
        }
    }
    let mut asked = table.asked().concat();
    asked.sort_unstable();
    let expected: Vec<u64> = (0..200)
        .flat_map(|round| round * 10..round * 10 + 8)
        .collect();
    assert_eq!(asked, expected, "each was asked for once");
}

#[test]
fn a_batch_that_is_dropped_is_succeeded() {
    // Before its body, in its first part, and in its second.
    for (polls, begun) in [(0, &[][..]), (1, &[1, 2]), (2, &[1, 2, 3, 4])] {
        let (test, table) = (fresh(), Table::shut());
        let mut first = Box::pin(test.run(few(&table, &[1, 2, 3, 4])));
        for poll_nth in 0..polls {
            table.source.admit(poll_nth);
            assert!(poll(&mut first).is_pending());
        }
        assert_eq!(table.asked().concat(), begun);
        let mut other = Box::pin(test.run(few(&table, &[4, 3, 2, 1])));
        assert!(poll(&mut other).is_pending());
        drop(first);
        table.source.open();
        assert_eq!(ready(&mut other), [4_000, 3_000, 2_000, 1_000]);
        let left: &[u64] = if polls == 2 { &[4, 3] } else { &[4, 3, 2, 1] };
        assert_eq!(table.asked().concat(), left, "{polls} polls");
    }
}

#[test]
fn a_panic_is_its_callers_and_the_others_compute() {
    let (test, table) = (fresh(), Table::shut());
    let leader = AssertUnwindSafe(test.run(fragile(&table, &[1, 2, 3])));
    let mut leader = Box::pin(leader.catch_unwind());
    assert!(poll(&mut leader).is_pending());
    let mut waiters: Vec<_> = (0..3)
        .map(|_| Box::pin(test.run(fragile(&table, &[3, 2]))))
        .collect();
    for waiter in &mut waiters {
        assert!(poll(waiter).is_pending());
    }
    table.source.admit(1);
    assert!(ready(&mut leader).is_err());
    for waiter in &mut waiters {
        assert!(poll(waiter).is_pending());
    }
    // Not one after the other: a body that panics once would meet each of them.
    assert_eq!(table.source.inside(), 3);
    table.source.open();
    assert_eq!(
        all(waiters),
        [[3_000, 2_000], [3_000, 2_000], [3_000, 2_000]]
    );
    assert_eq!(
        now(test.run(fragile(&table, &[1, 2, 3]))),
        [1_000, 2_000, 3_000]
    );
}

#[test]
fn what_is_invalidated_while_the_body_runs_is_not_kept() {
    let (test, table) = (fresh(), Table::shut());
    let mut call = Box::pin(test.run(rows(&table, &[1, 2, 3])));
    assert!(poll(&mut call).is_pending());
    test.cache().invalidate_pattern_now("rows:2");
    table.source.write(7);
    // Who comes after the invalidation does not wait for what began before it.
    let mut later = Box::pin(test.run(rows(&table, &[2, 3])));
    assert!(poll(&mut later).is_pending());
    assert_eq!(table.asked(), [vec![1, 2, 3], vec![2]]);
    table.source.open();
    assert_eq!(ready(&mut call), [1_000, 2_000, 3_000]);
    assert_eq!(ready(&mut later), [2_007, 3_000]);
    assert_eq!(
        now(test.run(rows(&table, &[1, 2, 3]))),
        [1_000, 2_007, 3_000]
    );
    assert_eq!(table.source.runs(), 2);
}

#[test]
fn what_is_invalidated_before_a_later_part_is_computed_is_kept() {
    let (test, table) = (fresh(), Table::shut());
    let mut call = Box::pin(test.run(few(&table, &[1, 2, 3])));
    assert!(poll(&mut call).is_pending());
    test.cache().invalidate_pattern_now("few:*");
    table.source.write(7);
    table.source.open();
    assert_eq!(ready(&mut call), [1_000, 2_000, 3_007]);
    assert_eq!(
        now(test.run(few(&table, &[1, 2, 3]))),
        [1_007, 2_007, 3_007]
    );
    assert_eq!(table.asked(), [vec![1, 2], vec![3], vec![1, 2]]);
}

#[test]
fn an_error_is_for_all_who_wait_for_one_of_the_elements() {
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(failing(&table, &[0, 1])));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(failing(&table, &[1, 2])));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert_eq!(ready(&mut first), Err("zero".to_owned()));
    assert_eq!(ready(&mut second), Err("zero".to_owned()));
    assert_eq!(table.asked(), [vec![0, 1], vec![2]]);
    // Nothing of it is kept; what the second has computed itself is.
    assert_eq!(
        now(test.run(failing(&table, &[1, 2]))).map(|rows| rows.len()),
        Ok(2)
    );
    assert_eq!(table.asked(), [[1]]);
}

#[test]
fn who_waits_for_an_error_that_cannot_be_copied_computes() {
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(alone(&table, &[0, 1])));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(alone(&table, &[1, 2])));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert_eq!(ready(&mut first), Err(Alone));
    assert_eq!(ready(&mut second).map(|rows| rows.len()), Ok(2));
    assert_eq!(table.asked(), [vec![0, 1], vec![2], vec![1]]);
}

/// What is absent is an answer, too, also where it is not kept.
#[test]
fn those_who_wait_are_told_that_there_is_none() {
    #[cache(each = ids, skip(table))]
    async fn none(table: &Table, ids: &[u64]) -> HashMap<u64, u64> {
        table.read(ids).await;
        HashMap::new()
    }
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(none(&table, &[1])));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(none(&table, &[1])));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert_eq!((ready(&mut first).len(), ready(&mut second).len()), (0, 0));
    assert_eq!(table.source.runs(), 1);
}

/// Whose elements a list of another length has nobody knows: who waits asks for himself.
#[test]
fn nobody_waits_for_what_is_nobodys() {
    #[cache("short:{ids}", each = ids, skip(table))]
    async fn short(table: &Table, ids: &[u64]) -> Vec<u64> {
        let mut rows = table.read(ids).await;
        rows.retain(|row| *row != 1_000);
        rows
    }
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(short(&table, &[1, 2])));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(short(&table, &[2, 3])));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert_eq!(ready(&mut first), [2_000]);
    assert_eq!(ready(&mut second), [2_000, 3_000]);
    assert_eq!(table.asked(), [vec![1, 2], vec![3], vec![2]]);
    // The rest is claimed by nobody while the body is asked again for all.
    let mut third = Box::pin(test.run(short(&table, &[3, 1])));
    assert_eq!(ready(&mut third), [3_000]);
    assert_eq!(table.asked(), [vec![1], vec![3, 1]]);
}

#[test]
fn a_refresh_joins_nobody() {
    let (test, table) = (fresh(), Table::shut());
    let mut first = Box::pin(test.run(rows(&table, &[1, 2])));
    assert!(poll(&mut first).is_pending());
    table.source.write(7);
    let mut second = Box::pin(test.run(refresh(rows(&table, &[2, 3]))));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert_eq!(ready(&mut second), [2_007, 3_007]);
    assert_eq!(ready(&mut first), [1_000, 2_000]);
    assert_eq!(
        now(test.run(peek(rows(&table, &[1, 2, 3])))),
        Some(vec![1_000, 2_007, 3_007])
    );
}

/// Somebody who is stuck is overtaken by those who wait.
#[tokio::test]
async fn a_batch_that_is_never_polled_again_is_overtaken() {
    let (test, table) = (patient(Duration::from_millis(20)), Table::shut());
    let mut stuck = Box::pin(test.run(rows(&table, &[1, 2, 3])));
    assert!(poll(&mut stuck).is_pending());
    table.source.open();
    assert_eq!(
        soon(test.run(rows(&table, &[3, 2, 4]))).await,
        [3_000, 2_000, 4_000]
    );
    assert_eq!(ready(&mut stuck), [1_000, 2_000, 3_000]);
}

/// A part costs what it has to do, and not what all that are claimed or waited for have.
#[test]
fn many_parts_do_not_make_each_of_them_slower() {
    const MANY: u64 = 10_000;
    #[cache("parts:{ids}", each = ids, each_max = 1, skip(table))]
    async fn parts(table: &Table, ids: &[u64]) -> Vec<u64> {
        table.read(ids).await
    }
    let (test, table) = (fresh(), Table::shut());
    let half: Vec<u64> = (0..MANY).collect();
    let whole: Vec<u64> = (0..2 * MANY).collect();
    let begun = Instant::now();
    let mut first = Box::pin(test.run(parts(&table, &half)));
    assert!(poll(&mut first).is_pending());
    let mut second = Box::pin(test.run(parts(&table, &whole)));
    assert!(poll(&mut second).is_pending());
    table.source.open();
    assert!(poll(&mut second).is_pending());
    assert_eq!(ready(&mut first).len(), half.len());
    assert_eq!(ready(&mut second).len(), whole.len());
    // It was minutes, and is less than a second of one processor.
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(table.asked().len(), whole.len(), "each was asked for once");
}

/// A call is `Send` if its body is, whatever its error is.
#[test]
fn a_call_is_send_if_its_body_is() {
    fn is_send(_: &impl Send) {}
    #[cache(each = ids)]
    async fn plain(ids: Vec<u64>) -> Result<Vec<u64>, Box<dyn std::error::Error>> {
        crate::support::pause().await;
        Ok(ids)
    }
    let call = plain(vec![]);
    is_send(&call);
    assert!(now(call).is_ok());
}
