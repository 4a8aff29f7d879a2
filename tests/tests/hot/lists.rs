//! What stands in Redis, and in its place.

use std::collections::HashSet;

use cache_core::cache;

use super::*;

#[tokio::test]
async fn whatever_stands_in_the_place_of_the_list() {
    let server = start!();
    let cache = started(&server).await;
    for n in [1, 1, 2, 2] {
        cache.scope(garbled(n)).await;
    }
    end(cache).await;
    let list = list(&server);
    let Reply::Bytes(ours) = server.command([&b"GET"[..], &list]).unwrap() else {
        panic!("no list");
    };
    GARBLED.take();
    let mut hostile: Vec<Vec<u8>> = vec![
        b"garbage".to_vec(),
        vec![0xFC; 1 << 20],
        vec![0; 8 << 20],
        ours[..ours.len() - 1].to_vec(),
        [&ours[..], b"x"].concat(),
    ];
    let mut newer = ours.clone();
    newer[2] += 1;
    hostile.push(newer);
    for bytes in hostile {
        server.command([&b"SET"[..], &list, &bytes]).unwrap();
        let cache = started(&server).await;
        let report = cache.warmup().run().await;
        let [(name, why)] = report.failed.named() else {
            panic!("{report}");
        };
        assert!(
            name.contains("garbled(hot 5)") && why.contains("no list"),
            "{report}"
        );
        assert_eq!(GARBLED.take().len(), 0);
        for n in [1, 1, 2, 2] {
            cache.scope(garbled(n)).await;
        }
        end(cache).await;
        GARBLED.take();
        let Ok(Reply::Bytes(again)) = server.command([&b"GET"[..], &list]) else {
            panic!("no list");
        };
        assert_eq!(again.len(), ours.len(), "it is written anew");
    }
    server.command([&b"DEL"[..], &list]).unwrap();
    server.command([&b"HSET"[..], &list, b"a", b"b"]).unwrap();
    let cache = started(&server).await;
    let report = cache.warmup().run().await;
    assert!(report.failed.named()[0].1.contains("refused"), "{report}");
}

static GARBLED: Made = Made::new();

#[warmup_cache(hot = 5)]
#[cache]
async fn garbled(id: u64) -> u64 {
    GARBLED.make(id);
    id
}

/// Whoever can write to the server can write a list that is one.
#[tokio::test]
async fn arguments_that_are_none_make_no_call() {
    let server = start!();
    let cache = started(&server).await;
    for n in [7, 7] {
        cache.scope(garbled_too(n)).await;
    }
    end(cache).await;
    let (list, seven) = (list(&server), 7_u64.to_le_bytes());
    let Ok(Reply::Bytes(ours)) = server.command([&b"GET"[..], &list]) else {
        panic!("no list");
    };
    let at = ours.windows(8).position(|part| part == seven).unwrap();
    let call = &ours[at..at + 10]; // its tag, and that it is one
    assert_eq!(ours[at - 2..at], [0, 10]);
    let with = |call: &[u8]| {
        let length = (call.len() as u16).to_be_bytes();
        [&length[..], call, &[9]].concat()
    };
    let calls = [
        with(b""),
        with(b"garbage"),
        with(call),
        with(&[0xFF; 4_096]),
        with(&[&seven[..4], &[10, 1]].concat()), // a number of another type
        with(&[call, call].concat()),
    ];
    let mut forged = [&[0xFC, b'a', 1, 0][..], &calls.concat()].concat();
    forged.extend(checksum(&forged).to_be_bytes());
    server.command([&b"SET"[..], &list, &forged]).unwrap();
    expire(&server);
    FORGED.take();
    let cache = started(&server).await;
    let report = cache.warmup().run().await;
    assert_eq!(
        (report.failed.count(), warmed(&report, "")),
        (5, 1),
        "{report}"
    );
    let whys = report.failed.named().iter().map(|(_, why)| why.as_str());
    assert!(
        whys.clone().all(|why| why.contains("cannot be read back")),
        "{report}"
    );
    assert_eq!(FORGED.take(), ["7"]);
}

/// CRC-32 as it is published (ISO 3309), bit by bit.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |sum: u32| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg());
    let add = |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum));
    !bytes.iter().fold(!0, add)
}

static FORGED: Made = Made::new();

#[warmup_cache(hot = 9)]
#[cache]
async fn garbled_too(id: u64) -> u64 {
    FORGED.make(id);
    id
}

static SETS: AtomicU64 = AtomicU64::new(0);

#[warmup_cache(hot = 9)]
#[cache]
fn sets(all: Vec<HashSet<u32>>) -> usize {
    SETS.fetch_add(1, SeqCst);
    all.len()
}

#[tokio::test]
async fn what_does_not_come_back_as_it_was_is_not_called() {
    let server = start!();
    let cache = started(&server).await;
    let set: HashSet<u32> = (0..100).collect();
    let all = vec![set];
    for _ in 0..3 {
        cache.enter(|| sets(all.clone()));
        cache.enter(|| sets(Vec::new()));
    }
    end(cache).await;
    expire(&server);
    let before = SETS.load(SeqCst);
    let cache = started(&server).await;
    let report = cache.warmup().run().await;
    let [(_, why)] = report.failed.named() else {
        panic!("{report}");
    };
    assert!(why.contains("HashSet"), "{report}");
    assert_eq!(
        (warmed(&report, "sets("), SETS.load(SeqCst) - before),
        (1, 1)
    );
}

mod releases {
    use super::*;

    pub(super) static MADE: Made = Made::new();

    #[warmup_cache(hot = 9)]
    #[cache(name = "quotes")]
    pub(super) fn first(id: u64) -> u64 {
        id
    }

    /// The same function in a later release, in another place.
    #[warmup_cache(hot = 9)]
    #[cache(name = "quotes")]
    pub(super) fn moved(id: u64) -> u64 {
        MADE.make(format!("moved {id}"));
        id
    }

    #[warmup_cache(hot = 9)]
    #[cache(name = "quotes")]
    pub(super) fn of_another_type(id: u32) -> u32 {
        MADE.make(format!("of another type {id}"));
        id
    }

    #[warmup_cache(hot = 9)]
    #[cache(name = "quotes", version = 2)]
    pub(super) fn of_another_version(id: u64) -> u64 {
        MADE.make(format!("of another version {id}"));
        id
    }

    /// A value of another type, or another body, is no reason to forget what is asked for.
    #[warmup_cache(hot = 9)]
    #[cache(name = "quotes", fingerprint)]
    pub(super) fn of_another_value(id: u64) -> String {
        MADE.make(format!("of another value {id}"));
        id.to_string()
    }
}

#[tokio::test]
async fn a_list_is_of_one_function_with_its_arguments() {
    let server = start!();
    let cache = started(&server).await;
    for n in [1, 2, 1, 2] {
        cache.enter(|| releases::first(n));
    }
    end(cache).await;
    let cache = started(&server).await;
    let report = cache.warmup().run().await;
    assert!(report.failed.is_empty(), "{report}");
    assert_eq!(report.warmed.count(), 6, "{report}");
    let made = [
        "moved 1",
        "moved 2",
        "of another value 1",
        "of another value 2",
    ];
    assert_eq!(releases::MADE.take(), made);
}

static SECRETS: Made = Made::new();

#[warmup_cache(hot = 9)]
#[cache]
async fn secret(of: String) -> u64 {
    SECRETS.make(&of);
    of.len() as u64
}

#[tokio::test]
async fn arguments_are_as_secret_as_values() {
    let server = start!();
    let sealed = |builder: Builder| builder.encryption([(1, [7; 32])]).key_secret([8; 32]);
    let names_only = |builder: Builder| builder.key_secret([8; 32]);
    let told = |server: &Server| {
        let lists = names(server, "fc:{test}/h/*");
        lists
            .into_iter()
            .map(|list| {
                let Ok(Reply::Bytes(bytes)) = server.command([&b"GET"[..], &list]) else {
                    panic!("no list");
                };
                bytes.windows(6).any(|part| part == b"hidden")
            })
            .collect::<Vec<_>>()
    };
    let use_it = async |cache: &Cache| {
        for _ in 0..2 {
            cache.scope(secret("hidden".to_owned())).await;
        }
    };
    let cache = started_with(&server.url(), names_only).await;
    use_it(&cache).await;
    let report = cache.warmup().run().await;
    let why = report
        .failed
        .named()
        .iter()
        .find(|(name, _)| name.contains("secret("));
    assert!(why.unwrap().1.contains("set `encryption`"), "{report}");
    end(cache).await;
    assert_eq!(told(&server), [false; 0], "no list");

    let cache = started_with(&server.url(), sealed).await;
    use_it(&cache).await;
    end(cache).await;
    assert_eq!(told(&server), [false]);
    expire(&server);
    SECRETS.take();
    let cache = started_with(&server.url(), sealed).await;
    assert!(cache.warmup().run().await.failed.is_empty());
    assert_eq!(SECRETS.take(), ["hidden"]);

    let open = started(&server).await;
    use_it(&open).await;
    end(open).await;
    let mut told = told(&server);
    told.sort_unstable();
    assert_eq!(told, [false, true], "the test sees what is not hidden");
}

#[tokio::test]
async fn a_server_that_is_away_is_said_and_holds_nobody_up() {
    let mut server = start!();
    let cache = started(&server).await;
    for _ in 0..3 {
        cache.scope(garbled(1)).await;
    }
    server.kill().unwrap();
    until("it is noticed", || !cache.health().is_well());
    let began = Instant::now();
    let report = cache.warmup().deadline(SOON).run().await;
    assert!(began.elapsed() < SOON, "{report}");
    assert!(report.cancelled.is_empty(), "{report}");
    let why = report
        .failed
        .named()
        .iter()
        .find(|(name, _)| name.contains("garbled("));
    assert!(why.unwrap().1.contains("Redis"), "{report}");
}
