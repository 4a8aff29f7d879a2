//! Write-through into the values of cached functions.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use cache_core::{RefusalReason, cache, cache_put, explain};
use futures_util::future::join_all;

use super::{Gate, begin, catch_up};
use crate::{Row, SOON, SeqCst, process, start, stored};
use std::sync::atomic::AtomicU64;

#[tokio::test]
async fn what_one_puts_the_others_need_not_compute() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn row(id: u64) -> Result<Option<u64>, String> {
        let _ = id;
        Ok(Some(ROW.read()))
    }
    #[cache_put(row(id))]
    async fn write(id: u64) -> Result<u64, String> {
        let _ = id;
        Ok(ROW.write())
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    assert_eq!(b.scope(row(7)).await, Ok(Some(1)));
    for turn in 0..10 {
        let (writer, reader) = if turn % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let written = writer.scope(write(7)).await.unwrap();
        assert_eq!(stored(&server), 1, "at once");
        assert_eq!(writer.scope(row(7)).await, Ok(Some(written)));
        catch_up(reader, writer);
        let (value, trace) = reader.scope(explain(row(7))).await;
        assert_eq!((value, trace.tier), (Ok(Some(written)), Some("redis")));
    }
    assert_eq!(ROW.reads(), 1);
}

#[tokio::test]
async fn a_read_of_another_process_that_began_before_stores_nothing_over_it() {
    static ROW: Row = Row::new();
    static GATE: Gate = Gate(std::sync::atomic::AtomicBool::new(false));
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        let read = ROW.read();
        GATE.pass().await;
        read
    }
    #[cache_put(row())]
    async fn write() -> u64 {
        ROW.write()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    let mut reading = pin!(b.scope(row()));
    while ROW.reads() == 0 {
        begin(reading.as_mut());
        tokio::task::yield_now().await;
    }
    assert_eq!(a.scope(write()).await, 2);
    GATE.open();
    // It is given what it has read: it began before.
    assert_eq!(reading.await, 1);
    catch_up(&b, &a);
    for cache in [&a, &b] {
        assert_eq!(cache.scope(row()).await, 2);
    }
    assert_eq!(ROW.reads(), 1, "nobody reads again");
}

#[tokio::test]
async fn of_writes_that_overlap_none_stays() {
    static ROW: Row = Row::new();
    #[cache(ttl = 60)]
    async fn row() -> u64 {
        ROW.read()
    }
    #[cache_put(row())]
    async fn write(gate: &Gate) -> u64 {
        gate.pass().await;
        ROW.write()
    }
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for writers in [[&a, &a], [&a, &b]] {
        let gate = Gate::default();
        let writes = (0..8).map(|n| writers[n % 2].scope(write(&gate)));
        let mut writes = pin!(join_all(writes));
        begin(writes.as_mut());
        gate.open();
        let last = writes.await.into_iter().max();
        catch_up(&b, &a);
        catch_up(&a, &b);
        let reads = ROW.reads();
        assert_eq!(Some(a.scope(row()).await), last);
        assert_eq!(ROW.reads(), reads + 1, "it was read again");
    }
    let refused = a.stats().total.refusals;
    assert!(refused.of(RefusalReason::Invalidated) > 8, "{refused}");
}

/// A row that many write in two processes, and read in both: who has written reads nothing older in his process, and in the end all
/// read the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_reads_anything_older_than_what_his_process_has_written() {
    static ROW: AtomicU64 = AtomicU64::new(0);
    static READS: AtomicU64 = AtomicU64::new(0);
    #[cache(ttl = 60)]
    async fn row() -> Result<u64, String> {
        READS.fetch_add(1, SeqCst);
        tokio::task::yield_now().await;
        let read = ROW.load(SeqCst);
        tokio::task::yield_now().await;
        Ok(read)
    }
    #[cache_put(row())]
    async fn write() -> Result<u64, String> {
        tokio::task::yield_now().await;
        let written = ROW.fetch_add(1, SeqCst) + 1;
        tokio::task::yield_now().await;
        Ok(written)
    }
    let server = start!();
    let caches = [process(&server).await, process(&server).await];
    let done: [Arc<AtomicU64>; 2] = Default::default();
    let mut tasks = Vec::new();
    for task in 0..8 {
        let (cache, done) = (caches[task % 2].clone(), Arc::clone(&done[task % 2]));
        tasks.push(tokio::spawn(async move {
            for turn in 0..200 {
                if (turn + task * 3) % 20 == 0 {
                    let written = cache.scope(write()).await.unwrap();
                    done.fetch_max(written, SeqCst);
                }
                let least = done.load(SeqCst);
                let value = cache.scope(row()).await.unwrap();
                assert!(value >= least, "{value} after {least}");
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let [a, b] = &caches;
    catch_up(a, b);
    catch_up(b, a);
    for cache in &caches {
        assert_eq!(cache.scope(row()).await, Ok(ROW.load(SeqCst)));
    }
    // A write alone is put: perhaps not the first, on a machine that has much else to do.
    let began = Instant::now();
    loop {
        let written = a.scope(write()).await;
        let reads = READS.load(SeqCst);
        assert_eq!(a.scope(row()).await, written);
        if READS.load(SeqCst) == reads {
            break;
        }
        assert!(began.elapsed() < SOON, "no write is put");
    }
}
