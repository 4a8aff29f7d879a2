//! Write-behind: values that are in the cache at once, and in their source later.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;
use std::sync::mpsc::channel;
use std::task::Poll;
use std::time::Duration;

use cache_core::__private::block_on;
use cache_core::{
    Behind, BehindStats, Cache, ErrorKind, EventKind, Memory, TestCache, WriteBehind, cache,
};

use crate::runs::{Gate, Hand, run, runs, start, start_with};

const MINUTE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

type Batch = Vec<(String, u64)>;

/// A source, and what it was asked to write.
#[derive(Clone, Default)]
struct Source {
    rows: Rc<RefCell<HashMap<String, u64>>>,
    batches: Rc<RefCell<Vec<Batch>>>,
    fails: Rc<Cell<Option<&'static str>>>,
}

impl Source {
    async fn save(self, batch: Batch) -> Result<(), &'static str> {
        self.batches.borrow_mut().push(batch.clone());
        match self.fails.get() {
            Some("panic") => panic!("on purpose"),
            Some(why) => Err(why),
            None => {
                self.rows.borrow_mut().extend(batch);
                Ok(())
            }
        }
    }

    fn get(&self, address: &str) -> Option<u64> {
        self.rows.borrow().get(address).copied()
    }

    fn batches(&self) -> usize {
        self.batches.borrow().len()
    }
}

/// A queue of numbers, and its writer, polled by hand.
fn queue(test: &TestCache, behind: Behind) -> (WriteBehind<u64>, Hand<'static, ()>, Source) {
    let source = Source::default();
    let saved = source.clone();
    let (handle, writer) = test
        .cache()
        .write_behind(behind, move |batch| saved.clone().save(batch));
    (handle, Hand::new(writer), source)
}

fn done<T>(future: impl Future<Output = T>) -> T {
    match Hand::new(future).poll() {
        Poll::Ready(out) => out,
        Poll::Pending => panic!("it waits"),
    }
}

fn set(handle: &WriteBehind<u64>, address: &str, value: u64) {
    done(handle.set(address, value, MINUTE)).unwrap();
}

fn stats(test: &TestCache) -> BehindStats {
    test.cache().stats().behind.unwrap()
}

#[test]
fn a_value_is_in_the_cache_at_once_and_in_the_source_when_it_is_due() {
    let test = start();
    assert_eq!(test.cache().stats().behind, None);
    let (names, mut writer, source) = queue(&test, Behind::new());
    assert!(writer.poll().is_pending());
    for value in 1..=3 {
        set(&names, "a", value);
    }
    set(&names, "b", 7);
    assert!(writer.poll().is_pending());
    assert_eq!(done(test.cache().get("a")).unwrap(), Some(3_u64));
    assert_eq!((source.batches(), stats(&test).queued), (0, 2));
    test.advance(SECOND - Duration::from_millis(1));
    assert!(writer.poll().is_pending());
    assert_eq!(source.batches(), 0);
    test.advance(Duration::from_millis(1));
    assert!(writer.poll().is_pending());
    let batch = vec![("a".to_owned(), 3), ("b".to_owned(), 7)];
    assert_eq!(*source.batches.borrow(), [batch]);
    assert_eq!(done(names.get("a")).unwrap(), Some(3), "and stays");
    let found = stats(&test);
    assert_eq!((found.queued, found.written, found.coalesced), (0, 2, 2));
    assert!(
        test.cache()
            .stats()
            .to_string()
            .contains("written behind: 2")
    );
    drop(names);
    assert!(writer.poll().is_ready(), "nobody can set anything any more");
}

#[test]
fn a_writer_is_woken_and_needs_no_runtime() {
    let cache = Cache::builder().build_blocking().unwrap();
    let (sender, written) = channel();
    let behind = Behind::new().delay(Duration::from_millis(20));
    let (names, writer) = cache.write_behind(behind, move |batch: Batch| {
        let sender = sender.clone();
        async move { sender.send(batch).map_err(|error| error.to_string()) }
    });
    let writer = std::thread::spawn(|| block_on(writer));
    for value in 0..3 {
        block_on(names.set("a", value, MINUTE)).unwrap();
        let batch = written.recv_timeout(MINUTE).unwrap();
        assert_eq!(batch, [("a".to_owned(), value)]);
    }
    block_on(names.set("a", 4, MINUTE)).unwrap();
    drop(names);
    writer.join().unwrap();
    assert_eq!(written.recv().unwrap(), [("a".to_owned(), 4)]);
}

#[test]
fn what_is_queued_is_found_when_the_cache_has_lost_it() {
    let test = start();
    let (names, mut writer, source) = queue(&test, Behind::new().delay(Duration::MAX));
    set(&names, "a", 1);
    done(test.cache().clear()).unwrap();
    assert_eq!(done(test.cache().get::<u64>("a")).unwrap(), None);
    assert_eq!(done(names.get("a")).unwrap(), Some(1));
    let held = test
        .cache()
        .transaction(async { Ok::<_, ()>(names.get("a").await.unwrap()) });
    assert_eq!(done(held), Ok(None), "a transaction reads the source");
    let mut flush = Hand::new(names.flush());
    assert!(flush.poll().is_pending());
    assert!(writer.poll().is_pending());
    assert!(
        matches!(flush.poll(), Poll::Ready(Ok(()))),
        "an invalidation loses no write"
    );
    assert_eq!(source.get("a"), Some(1));
    assert_eq!(done(names.get("a")).unwrap(), None);
}

/// Between the put and the write whoever finds no value reads an old source.
#[test]
fn after_a_flush_nothing_is_served_that_was_made_of_the_older_source() {
    thread_local! {
        static SOURCE: RefCell<Source> = RefCell::default();
    }
    #[cache(ttl = 600)]
    async fn name(id: u64) -> u64 {
        run();
        let address = format!("names:{id}");
        match cache_core::get(&address).await.unwrap() {
            Some(name) => name,
            None => SOURCE
                .with_borrow(|source| source.get(&address))
                .unwrap_or_default(),
        }
    }
    let test = start();
    let (names, writer, source) = queue(&test, Behind::new());
    let mut writer = writer;
    SOURCE.set(source);
    set(&names, "names:7", 1);
    done(test.cache().clear()).unwrap();
    assert_eq!(done(test.run(name(7))), 0, "evicted, and not written");
    assert_eq!(done(test.run(name(7))), 0);
    assert_eq!(runs(), 1);
    let mut flush = Hand::new(names.flush());
    assert!(flush.poll().is_pending());
    assert!(writer.poll().is_pending());
    assert!(matches!(flush.poll(), Poll::Ready(Ok(()))));
    assert_eq!(done(test.run(name(7))), 1);
    assert_eq!(runs(), 2);
    // What is still there is a hit, before and after.
    set(&names, "names:7", 2);
    assert_eq!(done(test.run(name(7))), 2);
    test.advance(SECOND);
    assert!(writer.poll().is_pending());
    assert_eq!(done(test.run(name(7))), 2);
    assert_eq!(done(test.cache().get("names:7")).unwrap(), Some(2_u64));
}

#[test]
fn what_the_write_invalidates_is_of_this_cache() {
    let test = start();
    let write = |_: Batch| async { cache_core::invalidate_tag("t").await.map(drop) };
    let (names, writer) = test
        .cache()
        .write_behind(Behind::new().delay(Duration::ZERO), write);
    set(&names, "a", 1);
    assert!(Hand::new(writer).poll().is_pending());
    test.assert_invalidated("tag:t", 1);
}

#[test]
fn a_write_that_fails_or_panics_is_told_and_tried_again_with_the_last_value() {
    let test = start();
    let (names, mut writer, source) = queue(&test, Behind::new().delay(Duration::ZERO));
    let told = |kind| kind == EventKind::NotWritten;
    set(&names, "a", 1);
    let mut flush = Hand::new(names.flush());
    assert!(flush.poll().is_pending());
    for (count, why) in [(1, "the disk is full"), (2, "panic")] {
        source.fails.set(Some(why));
        assert!(writer.poll().is_pending());
        assert_eq!((source.batches(), test.count("*", told)), (count, count));
        assert!(writer.poll().is_pending());
        assert_eq!(source.batches(), count, "not at once");
        test.advance(SECOND);
    }
    let events = test.events();
    let texts: Vec<_> = events.iter().filter(|event| told(event.kind)).collect();
    assert!(
        texts[0].address.ends_with("the disk is full"),
        "{}",
        texts[0]
    );
    assert!(flush.poll().is_pending());
    set(&names, "a", 2);
    source.fails.set(None);
    assert!(writer.poll().is_pending());
    assert!(matches!(flush.poll(), Poll::Ready(Ok(()))));
    assert_eq!(source.get("a"), Some(2));
    assert_eq!(
        (source.batches(), stats(&test).failed, stats(&test).written),
        (3, 2, 1)
    );
}

#[test]
fn a_write_that_hangs_is_given_up_and_tried_again() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let (tell, told) = channel();
    let builder = Cache::builder().on_event(move |event| {
        if event.kind == EventKind::NotWritten {
            tell.send(event.address.to_string()).unwrap();
        }
    });
    let cache = builder.build_blocking().unwrap();
    let mut tries = 0;
    let write = |_: Batch| {
        tries += 1;
        let hangs = tries == 1;
        async move {
            if hangs {
                let _bomb = Bomb;
                std::future::pending::<()>().await;
            }
            Ok::<(), String>(())
        }
    };
    let behind = Behind::new().timeout(Duration::from_millis(20));
    let (names, writer) = cache.write_behind(behind, write);
    block_on(names.set("a", 1, MINUTE)).unwrap();
    drop(names);
    block_on(writer);
    let why = told.recv().unwrap();
    assert!(why.ends_with("given up after 20ms"), "{why}");
    let stats = cache.stats().behind.unwrap();
    assert_eq!((stats.written, stats.failed, tries), (1, 1, 2));
}

#[test]
fn a_full_queue_makes_room_and_whoever_waits_can_go() {
    let test = start();
    let never = Behind::new().delay(Duration::MAX).capacity(0).batch(0);
    let (names, mut writer, source) = queue(&test, never);
    set(&names, "a", 1);
    set(&names, "a", 2);
    let mut leaver = Hand::new(names.set("b", 3, MINUTE));
    let mut waiter = Hand::new(names.set("c", 4, MINUTE));
    assert!(leaver.poll().is_pending() && waiter.poll().is_pending());
    drop(leaver);
    assert_eq!(
        done(test.cache().get::<u64>("b")).unwrap(),
        None,
        "it has done neither"
    );
    assert!(writer.poll().is_pending());
    assert_eq!(source.get("a"), Some(2));
    assert!(waiter.wakes() > 0);
    assert!(matches!(waiter.poll(), Poll::Ready(Ok(()))));
    assert!(writer.poll().is_pending());
    assert_eq!((source.get("b"), source.get("c")), (None, Some(4)));
}

#[test]
fn one_address_is_written_by_one_batch_at_a_time() {
    let test = start();
    let (gate, batches) = (Gate::default(), Rc::new(Cell::new(0)));
    let (passed, begun) = (gate.clone(), Rc::clone(&batches));
    let behind = Behind::new().delay(Duration::ZERO);
    let (names, writer) = test.cache().write_behind(behind, move |_: Batch| {
        begun.set(begun.get() + 1);
        let gate = passed.clone();
        async move {
            gate.pass().await;
            Ok::<_, String>(())
        }
    });
    let mut writer = Hand::new(writer);
    set(&names, "a", 1);
    assert!(writer.poll().is_pending());
    set(&names, "a", 2);
    let mut remove = Hand::new(names.remove("b"));
    assert!(remove.poll().is_ready(), "another address");
    let mut remove = Hand::new(names.remove("a"));
    assert!(remove.poll().is_pending(), "it is being written");
    assert_eq!(done(names.get("a")).unwrap(), None, "and is none already");
    let mut next = Hand::new(names.set("a", 3, MINUTE));
    assert!(next.poll().is_pending());
    assert!(writer.poll().is_pending());
    assert_eq!(batches.get(), 1);
    gate.open();
    assert!(writer.poll().is_pending());
    assert!(remove.poll().is_ready());
    assert!(next.poll().is_ready());
    assert!(writer.poll().is_pending());
    assert_eq!(batches.get(), 2, "what was removed is not written");
    assert_eq!((stats(&test).queued, stats(&test).written), (0, 2));
}

#[test]
fn what_cannot_be_put_is_not_queued() {
    let memory = Memory::new().max_entry_bytes(1_000);
    let test = start_with(Cache::builder().memory(memory));
    let write = |_: Vec<(String, String)>| async { Ok::<_, String>(()) };
    let (names, _writer) = test.cache().write_behind(Behind::new(), write);
    done(names.set("a", "short".to_owned(), MINUTE)).unwrap();
    let error = done(names.set("a", "long".repeat(1_000), MINUTE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let queued = done(names.get("a")).unwrap();
    assert_eq!(
        queued.as_deref(),
        Some("short"),
        "what was acknowledged is still to be written"
    );
    let error = done(names.set("b", String::new(), Duration::ZERO)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let inside = async {
        let set = names.set("b", String::new(), MINUTE).await;
        let remove = names.remove("a").await;
        Ok::<_, ()>([set.unwrap_err().kind(), remove.unwrap_err().kind()])
    };
    let kinds = done(test.cache().transaction(inside)).unwrap();
    assert_eq!(kinds, [ErrorKind::Unsupported; 2]);
    assert_eq!(stats(&test).queued, 1);
}

#[test]
fn without_a_writer_nothing_is_taken_and_what_is_left_is_told() {
    let test = start();
    let (names, writer, _) = queue(&test, Behind::new().capacity(1));
    set(&names, "a", 1);
    let mut waiter = Hand::new(names.set("b", 2, MINUTE));
    let mut flush = Hand::new(names.flush());
    assert!(waiter.poll().is_pending() && flush.poll().is_pending());
    drop(writer);
    for outcome in [waiter.poll(), flush.poll()] {
        let Poll::Ready(Err(error)) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(error.kind(), ErrorKind::NoWriter);
        assert!(error.to_string().contains("write_behind"), "{error}");
    }
    drop(waiter);
    drop(flush);
    let error = done(names.set("c", 3, MINUTE)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoWriter);
    assert_eq!(done(test.cache().get::<u64>("c")).unwrap(), None);
    assert_eq!(done(names.get("a")).unwrap(), Some(1));
    let left = test.cache().shutdown_blocking(MINUTE);
    assert_eq!((left.unwritten, left.is_clean()), (1, false));
    drop(names);
    assert_eq!((stats(&test).queued, stats(&test).lost), (0, 1));
    assert_eq!(test.cache().shutdown_blocking(MINUTE).unwritten, 1);
}

#[test]
fn a_shutdown_has_everything_written_or_says_what_is_not() {
    let test = start();
    let (names, mut writer, source) = queue(&test, Behind::new());
    let (others, mut other, _) = queue(&test, Behind::new().delay(Duration::MAX));
    set(&names, "a", 1);
    set(&others, "b", 2);
    source.fails.set(Some("away"));
    let mut shutdown = Hand::new(test.cache().shutdown(Duration::MAX));
    assert!(shutdown.poll().is_pending());
    assert!(other.poll().is_pending() && writer.poll().is_pending());
    assert!(shutdown.poll().is_pending());
    let left = test.cache().shutdown_blocking(Duration::from_millis(20));
    assert_eq!(left.unwritten, 1, "{left:?}");
    source.fails.set(None);
    test.advance(SECOND);
    assert!(writer.poll().is_pending());
    let Poll::Ready(left) = shutdown.poll() else {
        panic!("it is written")
    };
    assert!(left.is_clean(), "{left:?}");
    assert_eq!(source.get("a"), Some(1));
}
