//! What was hot at an hour of the day.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::Poll;
use std::time::Instant;

use super::*;
use crate::link::tests::server::{Reply, Server};
use crate::remote::Found;
use crate::sync::block_on;
use crate::{Cache, cache};

static COMPUTED: AtomicU64 = AtomicU64::new(0);

#[cache(ttl = 600)]
async fn row(n: u64) -> u64 {
    COMPUTED.fetch_add(1, SeqCst);
    n
}

#[track_caller]
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn process(server: &Server) -> Cache {
    let builder = Cache::builder().namespace("day").redis(&server.url());
    let cache = builder.predict(true).build_blocking().unwrap();
    until("contact", || cache.health().is_well());
    cache
}

fn warming(cache: &Cache) -> Arc<Warming> {
    let remote = cache.0.remote.as_ref().unwrap();
    Arc::clone(remote.ahead.as_ref().unwrap())
}

#[test]
fn shortly_before_an_hour_is_its_time() {
    let minutes = |n: u64| n * 60_000;
    let pause = |at| before_the_next(at).as_secs();
    assert_eq!(pause(0), 58 * 60);
    assert_eq!(pause(minutes(57)), 60);
    assert_eq!(pause(minutes(59)), 0);
    assert_eq!(pause(HOUR * 1_000_000), 58 * 60);
    assert_eq!((hour(0), hour(HOUR * 23), hour(HOUR * 24 + 1)), (0, 23, 0));
    // Wherever within the two minutes it is done, and then not once more.
    for late in [0, 30, 60] {
        let at = minutes(58) + 1_000 * late;
        assert_eq!(hour(at + time::millis(BEFORE)), 1);
        assert!(pause(at + time::millis(BEFORE)) > 50 * 60);
    }
}

#[test]
fn what_was_hot_at_an_hour_is_there_when_it_begins() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let before = process(&server);
    before.enter(|| (0..40).for_each(|n| assert_eq!(block_on(row(n % 20)), n % 20)));
    until(
        "all are stored",
        || matches!(server.command(["KEYS", "fc:{day}/v/*"]), Ok(Reply::Array(all)) if all.len() == 20),
    );
    let used = before.0.used();
    assert_eq!(used.names.len(), 20);
    block_on(warming(&before).save_hour(7, &used.names, true)).unwrap();
    assert!(before.shutdown_blocking(Duration::from_secs(5)).is_clean());
    // Without `hot_keys` there is no other list.
    assert_eq!(
        server.command(["EXISTS", "fc:{day}:hot"]).unwrap(),
        Reply::Integer(0)
    );

    let later = process(&server);
    // Two are here already.
    later.enter(|| block_on(row(3)) + block_on(row(4)));
    let memory: Arc<dyn Memory> = Arc::new(Arc::downgrade(&later.0));
    let warming = warming(&later);
    let fetch = |hour| {
        let (told, heard) = std::sync::mpsc::channel();
        let (warming, memory) = (Arc::clone(&warming), Arc::clone(&memory));
        let link = later.0.remote.as_ref().unwrap().link.weak();
        link.spawn(async move {
            warming.fetch_hour(hour, &memory).await.unwrap();
            told.send(()).unwrap();
        });
        heard.recv().unwrap();
    };
    let shelf = || later.stats().redis.unwrap().shelf.unwrap();
    fetch(8);
    assert_eq!(shelf().fetched, 0, "nothing was hot then");
    fetch(7);
    assert_eq!((shelf().fetched, shelf().predicted), (18, 18));
    let computed = COMPUTED.load(SeqCst);
    later.enter(|| (0..20).for_each(|n| assert_eq!(block_on(row(n)), n)));
    assert_eq!((shelf().used, shelf().predicted_used), (18, 18));
    assert_eq!(COMPUTED.load(SeqCst), computed);
    fetch(7);
    assert_eq!(shelf().fetched, 18, "all of it is in memory");
    // What is cooled again and again is forgotten.
    for _ in 0..20 {
        block_on(warming.save_hour(7, &[], true)).unwrap();
    }
    assert!(
        block_on(warming.load::<KeyDigest>(&warming.of_hour(7)))
            .unwrap()
            .is_empty()
    );
}

/// Has nothing, and stops the server when it is asked: what is fetched then does not come before its time is over.
struct Stopping(Arc<Server>);

impl Memory for Stopping {
    fn used(&self) -> Option<Used> {
        None
    }

    fn absent(&self, keys: Vec<KeyDigest>) -> Option<Vec<KeyDigest>> {
        self.0.pause().unwrap();
        Some(keys)
    }
}

/// Others may expect it again from then on.
#[test]
fn what_is_settled_is_not_given_up_with_the_rest() {
    let Some(server) = Server::start(&[]).unwrap() else {
        return;
    };
    let server = Arc::new(server);
    let cache = process(&server);
    let warming = warming(&cache);
    let key = |n: u128| KeyDigest::from_bytes(n.to_be_bytes());
    // In two trips.
    const COUNT: usize = 2 * TOGETHER;
    let (first, last) = (key(0), key(COUNT as u128 - 1));
    let hot: Vec<_> = (0..COUNT as u128).map(|n| (key(n), 0)).collect();
    block_on(warming.save_hour(7, &hot, true)).unwrap();
    let memory: Arc<dyn Memory> = Arc::new(Stopping(Arc::clone(&server)));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    runtime.block_on(async {
        let mut fetching = Box::pin(warming.fetch_hour(7, &memory));
        let again = std::future::poll_fn(|cx| {
            let over = fetching.as_mut().poll(cx).is_ready();
            assert!(!over, "the others have not been asked for");
            let begun = warming.shelf.stats().predicted == COUNT as u64;
            let again = warming.shelf.expect([first].into_iter().filter(|_| begun));
            if again.is_empty() {
                Poll::Pending
            } else {
                Poll::Ready(again)
            }
        });
        assert_eq!(again.await, [first]);
        assert!(warming.shelf.take(last, 0).is_none());
        server.resume().unwrap();
        fetching.await.unwrap();
    });
    let found = Found {
        text: Arc::new(vec![7; 10]),
        envelope: 0..10,
        left: Duration::from_secs(60),
        late: Duration::ZERO,
    };
    warming.shelf.put(first, Some(found), 0, Why::Follows);
    assert!(warming.shelf.take(first, 0).is_some(), "it came");
    let settled = warming.shelf.expect(hot.iter().map(|(key, _)| *key));
    assert_eq!(settled.len(), COUNT, "each is settled");
}
