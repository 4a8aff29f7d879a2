//! What becomes of values that are put: many at once, unanswered, and read by cached functions.

#![expect(clippy::unwrap_used, reason = "what tests share is a test, too")]

use std::pin::pin;
use std::task::{Context, Waker};

use cache_core::{ErrorKind, blocking, cache};

use super::*;
use tests::redis::Reply;

const MINUTE: Duration = Duration::from_secs(60);

/// One that has time for large trips on a busy machine.
async fn patient(server: &Server) -> Cache {
    let builder = Cache::builder().namespace("test").redis(&server.url());
    let builder = builder.op_timeout(Duration::from_secs(5));
    let cache = builder.build().await.unwrap();
    until("contact", || cache.health().is_well());
    cache
}

/// More than may be pending, and more than fits into one record.
#[tokio::test]
async fn however_many_values_are_put_all_are_there() {
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    b.set("before", 0_u64, MINUTE).await.unwrap();
    let values = (0..10_500_u64).map(|n| (format!("many:{n}"), n));
    a.set_many(values, MINUTE).await.unwrap();
    for n in (0..10_500).step_by(250) {
        let address = format!("many:{n}");
        for cache in [&a, &b] {
            let got = cache.get::<u64>(&address).await.unwrap();
            assert_eq!(got, Some(n), "{address}");
        }
    }
    let before = b.get::<u64>("before").await.unwrap();
    assert_eq!(before, Some(0), "what is another's is left");
}

fn array(reply: Reply) -> Vec<Reply> {
    match reply {
        Reply::Array(all) => all,
        other => unreachable!("{other:?}"),
    }
}

fn bytes(reply: Reply) -> Vec<u8> {
    match reply {
        Reply::Bytes(bytes) => bytes,
        other => unreachable!("{other:?}"),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// If the record that names a value stood before the position of its stamp, what another puts between the two would be as
/// valid as this value.
#[tokio::test]
async fn each_of_many_values_has_the_position_of_the_record_that_names_it() {
    let server = start!();
    let a = patient(&server).await;
    let values = (0..1_000_u64).map(|n| (format!("long:{n:0>60}"), n));
    a.set_many(values, MINUTE).await.unwrap();
    let log = array(
        server
            .command(["XRANGE", "fc:{test}:log", "-", "+"])
            .unwrap(),
    );
    let record = |at: &str| {
        let record = log.iter().find(
            |record| matches!(record, Reply::Array(parts) if parts[0] == Reply::Bytes(at.into())),
        );
        format!("{record:?}").into_bytes()
    };
    let keys = array(server.command(["KEYS", VALUES]).unwrap());
    assert_eq!(keys.len(), 1_000);
    for key in keys {
        let envelope = bytes(server.command([b"GET".to_vec(), bytes(key)]).unwrap());
        let number = |at: usize| u64::from_be_bytes(envelope[at..at + 8].try_into().unwrap());
        let stamp = format!("{}-{}", number(4), number(12));
        let named = envelope.windows(5).position(|window| window == b"long:");
        let address = &envelope[named.unwrap()..][..65];
        let digits: Vec<String> = address.iter().map(u8::to_string).collect();
        let address = digits.join(", ");
        assert!(
            contains(&record(&stamp), address.as_bytes()),
            "{stamp} does not name it"
        );
    }
}

/// Its append had no answer in time, and came to the log by a later try, before the caller looked.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_logged_and_then_was_is_no_value_here() {
    let server = start!();
    let (a, b) = (process(&server).await, process(&server).await);
    a.set("n", 1_u64, MINUTE).await.unwrap();
    server.pause().unwrap();
    let stats = || a.stats().redis.unwrap();
    let before = stats().timed_out;
    let told = {
        let mut putting = pin!(a.set("n", 2_u64, MINUTE));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(putting.as_mut().poll(&mut cx).is_pending());
        // A heartbeat may have been on its way.
        until("the append fails", || stats().timed_out >= before + 2);
        server.resume().unwrap();
        until("it is in the log", || a.health().is_well());
        putting.await
    };
    let error = told.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLogged, "{error}");
    assert!(
        error.to_string().starts_with("put in this process alone"),
        "{error}"
    );
    until("both have the log", || {
        a.health().is_well()
            && a.health().redis.unwrap().applied == b.health().redis.unwrap().applied
    });
    assert_eq!(b.get::<u64>("n").await.unwrap(), None);
    assert_eq!(a.get::<u64>("n").await.unwrap(), None, "here alone");
}

#[tokio::test]
async fn what_is_made_of_anothers_value_is_kept() {
    static ROW: Row = Row::new();
    #[cache(ttl = 1000)]
    async fn made() -> Option<u64> {
        let n: Option<u64> = cache_core::get("n").await.unwrap();
        Some(ROW.read() + n?)
    }
    let server = start!();
    let (a, b) = (patient(&server).await, patient(&server).await);
    a.set("n", 7_u64, MINUTE).await.unwrap();
    let applied = |cache: &Cache| cache.health().redis.unwrap().applied;
    until("it has heard of all", || applied(&b) >= applied(&a));
    for _ in 0..3 {
        assert_eq!(b.scope(made()).await, Some(8));
    }
    assert_eq!(ROW.reads(), 1, "{:?}", b.stats().total.refusals);
    a.set("n", 8_u64, MINUTE).await.unwrap();
    until("it has heard of all", || applied(&b) >= applied(&a));
    assert_eq!(b.scope(made()).await, Some(9));
}

#[tokio::test]
async fn a_server_that_refuses_is_not_asked_for_values() {
    #[cache(ttl = 60)]
    fn value(n: u64) -> u64 {
        n
    }
    let server = start!("user some on >word ~* &* +@all -info");
    let url = server.url().replace("//", "//some:word@");
    let builder = Cache::builder().namespace("test").redis(&url);
    let cache = builder.build_blocking().unwrap();
    says(&cache, "INFO");
    let refused = cache.invalidate_tag("x").await;
    assert!(refused.is_err_and(|error| error.kind() == ErrorKind::NotLogged));
    let (found, calls) = server
        .calls_during(|| {
            cache.enter(|| {
                let one = blocking::get::<u64>("n").unwrap();
                let many = blocking::get_many::<u64>(&["n", "m"]).unwrap();
                (one, many, blocking::peek(|| value(1)).unwrap())
            })
        })
        .unwrap();
    assert_eq!(found, (None, vec![None, None], None));
    for command in ["get", "mget", "getrange"] {
        assert!(!calls.contains_key(command), "{calls:?}");
    }
}
