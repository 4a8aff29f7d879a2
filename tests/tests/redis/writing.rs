//! Write-through: what one process puts the others find, and nothing older after it.

use std::pin::pin;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};

use cache_core::{EventKind, cache_put};

use super::*;

mod calls;
use futures_util::future::{join_all, poll_fn};

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct User {
    id: u64,
    version: u64,
}

/// Closed until it is opened.
#[derive(Default)]
struct Gate(AtomicBool);

impl Gate {
    async fn pass(&self) {
        poll_fn(|cx| {
            if self.0.load(SeqCst) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn open(&self) {
        self.0.store(true, SeqCst);
    }
}

#[cache_put("users:{return.id}", ttl = 60)]
async fn write(version: u64, gate: &Gate) -> Result<User, String> {
    gate.pass().await;
    Ok(User { id: 7, version })
}

async fn write_now(cache: &Cache, version: u64) {
    let gate = Gate::default();
    gate.open();
    assert!(cache.scope(write(version, &gate)).await.is_ok());
}

async fn found(cache: &Cache) -> Option<u64> {
    let found = cache.get::<User>("users:7").await;
    found.ok()?.map(|user| user.version)
}

/// Polls a future once.
fn begin(future: std::pin::Pin<&mut impl Future>) {
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

/// Waits until a process has heard of what another has said.
fn catch_up(slow: &Cache, quick: &Cache) {
    let applied = |cache: &Cache| cache.health().redis.map(|redis| redis.applied);
    until("it has heard of all", || applied(slow) >= applied(quick));
}

#[tokio::test]
async fn what_one_puts_the_others_find() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for version in 1..20 {
        let (writer, reader) = if version % 2 == 0 { (&a, &b) } else { (&b, &a) };
        write_now(writer, version).await;
        assert_eq!(found(writer).await, Some(version));
        catch_up(reader, writer);
        assert_eq!(found(reader).await, Some(version), "at once");
    }
}

#[tokio::test]
async fn of_writes_of_two_processes_that_overlap_none_stays() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for first_is_a in [true, false] {
        let gates = [Gate::default(), Gate::default()];
        let mut by_a = pin!(a.scope(write(1, &gates[0])));
        let mut by_b = pin!(b.scope(write(2, &gates[1])));
        begin(by_a.as_mut());
        begin(by_b.as_mut());
        gates.iter().for_each(Gate::open);
        if first_is_a {
            assert!(by_a.await.is_ok());
            assert!(by_b.await.is_ok());
        } else {
            assert!(by_b.await.is_ok());
            assert!(by_a.await.is_ok());
        }
        catch_up(&a, &b);
        catch_up(&b, &a);
        assert_eq!((found(&a).await, found(&b).await), (None, None));
        write_now(&a, 3).await;
        catch_up(&b, &a);
        assert_eq!((found(&a).await, found(&b).await), (Some(3), Some(3)));
    }
}

/// Their records are taken together, and have one position.
#[tokio::test]
async fn of_many_writes_of_one_process_that_overlap_none_stays() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for round in 0..20 {
        let gate = Gate::default();
        let writes = (0..8).map(|version| a.scope(write(version, &gate)));
        let mut writes = pin!(join_all(writes));
        begin(writes.as_mut());
        gate.open();
        assert!(writes.await.iter().all(Result::is_ok));
        catch_up(&b, &a);
        assert_eq!((found(&a).await, found(&b).await), (None, None), "{round}");
    }
}

#[tokio::test]
async fn nothing_is_put_over_what_another_process_has_said_meanwhile() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    for said in ["remove", "pattern", "tag", "set"] {
        write_now(&a, 1).await;
        let gate = Gate::default();
        let mut writing = pin!(a.scope(write(2, &gate)));
        begin(writing.as_mut());
        let token = match said {
            "remove" => b.remove("users:7").await.ok(),
            "pattern" => b.invalidate_pattern("users:*").await.ok(),
            "tag" => b.invalidate_tag("users:7").await.ok(),
            _ => {
                let user = User { id: 7, version: 9 };
                let set = b.set("users:7", user, Duration::from_secs(60)).await;
                assert!(set.is_ok());
                None
            }
        };
        assert!(said == "set" || token.is_some());
        gate.open();
        assert!(writing.await.is_ok());
        catch_up(&b, &a);
        let expected = (said == "tag").then_some(2);
        assert_eq!(
            (found(&a).await, found(&b).await),
            (expected, expected),
            "{said}"
        );
    }
}

#[tokio::test]
async fn without_redis_it_is_told_and_forgotten_when_redis_is_back() {
    let server = start!();
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = std::sync::Arc::clone(&told);
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let builder = builder.on_event(move |event| {
        if matches!(event.kind, EventKind::NotLogged | EventKind::NotPut)
            && let Ok(mut told) = listener.lock()
        {
            told.push((event.kind, event.function.to_string()));
        }
    });
    let Ok(a) = builder.build().await else {
        unreachable!("nothing about it can fail")
    };
    until("contact", || a.health().is_well());
    let b = process(&server).await;
    write_now(&a, 1).await;
    catch_up(&b, &a);
    assert_eq!(found(&b).await, Some(1));
    assert!(server.pause().is_ok());
    write_now(&a, 2).await;
    assert_ne!(found(&a).await, Some(1), "nothing older");
    assert!(server.resume().is_ok());
    until("it is in the log", || a.health().is_well());
    let told = told.lock().map(|told| told.clone()).unwrap_or_default();
    assert_eq!(told, [(EventKind::NotLogged, "write".to_owned())]);
    until("both have the log", || b.health().is_well());
    catch_up(&b, &a);
    assert_eq!((found(&a).await, found(&b).await), (None, None));
}

/// A row that many write in two processes, and read in both: who has written finds nothing older in his process, and in the end all
/// find the last or nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_finds_anything_older_than_what_his_process_has_written() {
    static ROW: AtomicU64 = AtomicU64::new(0);
    #[cache_put("row", ttl = 60)]
    async fn write_row() -> Result<u64, String> {
        tokio::task::yield_now().await;
        let written = ROW.fetch_add(1, SeqCst) + 1;
        tokio::task::yield_now().await;
        // What it gives may be older by now: it gives what it has written.
        Ok(written)
    }
    let server = start!();
    let caches = [process(&server).await, process(&server).await];
    let done: [std::sync::Arc<AtomicU64>; 2] = Default::default();
    let mut tasks = Vec::new();
    for task in 0..8 {
        let (cache, done) = (
            caches[task % 2].clone(),
            std::sync::Arc::clone(&done[task % 2]),
        );
        tasks.push(tokio::spawn(async move {
            for turn in 0..150 {
                if (turn + task) % 5 == 0 {
                    let written = cache.scope(write_row()).await.unwrap_or(0);
                    done.fetch_max(written, SeqCst);
                }
                let least = done.load(SeqCst);
                if let Ok(Some(value)) = cache.get::<u64>("row").await {
                    assert!(value >= least, "{value} after {least}");
                }
            }
        }));
    }
    for task in tasks {
        let ended = task.await;
        assert!(ended.is_ok(), "{ended:?}");
    }
    let [a, b] = &caches;
    catch_up(a, b);
    catch_up(b, a);
    let last = ROW.load(SeqCst);
    for cache in &caches {
        let value = cache.get::<u64>("row").await;
        assert!(value.is_ok_and(|value| value.is_none_or(|value| value == last)));
    }
    // A write alone is found: perhaps not the first, on a machine that has much else to do.
    let began = Instant::now();
    loop {
        let written = a.scope(write_row()).await;
        match a.get::<u64>("row").await {
            Ok(Some(found)) => break assert_eq!(Ok(found), written),
            _ => assert!(began.elapsed() < SOON, "no write is found"),
        }
    }
}
