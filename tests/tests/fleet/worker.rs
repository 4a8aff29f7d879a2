//! One process of the fleet: readers and writers of everything.

use std::cell::RefCell;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use cache_core::{Cache, Error, Token, blocking, invalidate, refresh};
use tokio::runtime::{Builder, Runtime};

use super::MAX_STALENESS;
use super::chance::Chance;
use super::functions::{
    calm, eager, guarded, in_turn, listed, pair, pairs, plain, row, store, stored, three, update,
};
use super::history::Kind;
use super::source::{ROWS, Session};

/// Readers and writers in each process.
const THREADS: u64 = 4;

/// Rows from here on are read by a function of their own, which is not async.
const PLAIN: u64 = 100;

/// Those of the functions that have rows of their own, too.
const EAGER: u64 = 200;
const GUARDED: u64 = 300;
pub(crate) const LISTED: u64 = 400;
const STORED: u64 = 500;

/// Rows from here on, so many, are left alone by patterns, and seldom written: what is missed of them is missed for long.
const CALM: u64 = 1_000;
const CALM_ROWS: u64 = 512;

/// How long a process may take to hear of everything when all faults are over.
const SOON: Duration = Duration::from_secs(30);

thread_local! {
    static HERE: RefCell<Option<(Session, Chance)>> = const { RefCell::new(None) };
}

/// Who this process is: a refresh that runs behind its call has a thread of its own.
static SELF: OnceLock<Orders> = OnceLock::new();

pub(crate) fn here<R>(f: impl FnOnce(&mut Session, &mut Chance) -> R) -> R {
    HERE.with_borrow_mut(|here| {
        let (session, chance) = here.get_or_insert_with(|| settled(SELF.get().unwrap(), THREADS));
        f(session, chance)
    })
}

/// What the parent says to a process that it starts.
#[derive(Clone)]
pub(crate) struct Orders {
    pub(crate) source: String,
    pub(crate) redis: u16,
    pub(crate) process: u64,
    pub(crate) seed: u64,
}

impl Orders {
    pub(crate) fn write(&self) -> String {
        format!(
            "{} {} {} {}",
            self.source, self.redis, self.process, self.seed
        )
    }

    pub(crate) fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap();
        Self {
            source: word().to_owned(),
            redis: word().parse().unwrap(),
            process: word().parse().unwrap(),
            seed: word().parse().unwrap(),
        }
    }
}

/// The whole life of a process.
pub(crate) fn live(orders: &Orders) {
    SELF.get_or_init(|| orders.clone());
    let cache = Cache::builder()
        .namespace("fleet")
        .max_staleness(MAX_STALENESS)
        .redis(&format!("redis://127.0.0.1:{}/", orders.redis))
        // What is fetched before it is asked for is as old as it is when it is served.
        .hot_keys(1_000)
        .predict(true)
        .install_blocking()
        .unwrap();
    thread::scope(|scope| {
        for number in 0..THREADS {
            scope.spawn(move || {
                settle_in(orders, number);
                while work() {}
            });
        }
        scope.spawn(|| {
            settle_in(orders, THREADS);
            // Reads nothing, so that it never waits for another process.
            while block_on(write(
                here(|_, chance| CALM + chance.below(CALM_ROWS)),
                CALM,
            )) {
                thread::sleep(Duration::from_millis(50));
            }
        });
    });
    settle_in(orders, THREADS);
    here(|session, _| session.meet(0));
    // Nobody writes any more. What a server had lost, or an outage has kept, is in the log, ...
    hear(&cache);
    here(|session, _| session.meet(1));
    // ... of everybody's, and is heard of.
    hear(&cache);
    block_on(async {
        for id in 0..CALM_ROWS {
            read(Kind::Last, CALM + id, CALM).await;
        }
        for id in 0..ROWS {
            read(Kind::Last, id, 0).await;
            read(Kind::Last, id, 9).await;
            read(Kind::Last, id, 8).await;
            read(Kind::Last, id, 7).await;
            read(Kind::Last, id, 10).await;
            read(Kind::Last, id, 11).await;
            read(Kind::Last, id, 12).await;
            read(Kind::Last, id, 13).await;
            read(Kind::Last, id, 14).await;
        }
    });
}

/// Applies all that is in the log by now, and leaves nothing that is not.
fn hear(cache: &Cache) {
    let began = Instant::now();
    let mut last = blocking::invalidate_tag("the end");
    while last.is_err() || !cache.health().is_well() {
        assert!(
            began.elapsed() < SOON,
            "not well: {last:?} {:?}",
            cache.health()
        );
        thread::sleep(Duration::from_millis(10));
        if last.is_err() {
            last = blocking::invalidate_tag("the end");
        }
    }
}

fn settle_in(orders: &Orders, number: u64) {
    HERE.set(Some(settled(orders, number)));
}

fn settled(orders: &Orders, number: u64) -> (Session, Chance) {
    let session = Session::open(&orders.source, orders.process);
    let chance = Chance::new(orders.seed ^ orders.process << 8 ^ number << 32);
    (session, chance)
}

/// In a runtime that stays, and what goes on behind a call with it, or in one that does not.
fn block_on<F: Future>(future: F) -> F::Output {
    static STAYS: OnceLock<Runtime> = OnceLock::new();
    if here(|_, chance| chance.one_in(2)) {
        let mut builder = Builder::new_multi_thread();
        let runtime = || builder.worker_threads(2).enable_time().build().unwrap();
        STAYS.get_or_init(runtime).block_on(future)
    } else {
        let mut builder = Builder::new_current_thread();
        builder.enable_time().build().unwrap().block_on(future)
    }
}

/// One call; false if there are to be no more.
fn work() -> bool {
    let (how, id) = here(|_, chance| (chance.below(180), chance.below(ROWS)));
    block_on(async {
        match how {
            0..13 => write(id, how).await,
            _ if matches!(how % 15, 3 | 4) => {
                let id = here(|_, chance| CALM + chance.below(CALM_ROWS));
                read(Kind::Read, id, CALM).await
            }
            _ => read(Kind::Read, id, how % 15).await,
        }
    })
}

async fn read(kind: Kind, id: u64, how: u64) -> bool {
    let Some(began) = here(|session, _| session.begin(kind == Kind::Last)) else {
        return false;
    };
    let next = |n| (id + n) % ROWS;
    let seen = match how {
        CALM => vec![(id, calm(id).await)],
        14 => vec![(STORED + id, stored(STORED + id).await)],
        13 => in_turn(id, 3).into_iter().zip(three(id).await).collect(),
        12 => {
            let ids = in_turn(id, here(|_, chance| 1 + chance.below(4)));
            let versions = listed(ids.clone()).await;
            ids.into_iter().zip(versions).collect()
        }
        11 => {
            let id = GUARDED + id;
            let mut version = guarded(id).await;
            while kind == Kind::Last && version.is_err() {
                version = guarded(id).await;
            }
            version.map(|version| (id, version)).into_iter().collect()
        }
        10 => vec![(EAGER + id, eager(EAGER + id).await)],
        9 => vec![(PLAIN + id, plain(PLAIN + id))],
        8 => {
            let (a, b) = pair(id, next(1)).await;
            vec![(id, a), (next(1), b)]
        }
        7 => {
            let four = pairs(id).await;
            let four = four.into_iter().flat_map(|(a, b)| [a, b]);
            four.enumerate()
                .map(|(n, version)| (next(n as u64), version))
                .collect()
        }
        6 if here(|_, chance| chance.one_in(4)) => vec![(id, refresh(row(id)).await)],
        5 if here(|_, chance| chance.one_in(4)) => {
            let (a, b) = refresh(pair(id, next(1))).await;
            vec![(id, a), (next(1), b)]
        }
        _ => vec![(id, row(id).await)],
    };
    here(|session, _| {
        for (row, version) in seen {
            session.end(kind, row, version, began, how);
        }
    });
    true
}

async fn write(id: u64, how: u64) -> bool {
    let Some(began) = here(|session, _| session.begin(false)) else {
        return false;
    };
    let commit = |row| here(|session, _| session.write(row));
    let (row, version, outcome): (u64, u64, Result<Token, Error>) = match how {
        0 | 1 => (id, commit(id), invalidate(row(id)).await),
        2 => (
            id,
            commit(id),
            cache_core::invalidate_pattern("resource:r*").await,
        ),
        3 => (
            id,
            commit(id),
            cache_core::invalidate_pattern(&format!("resource:*:{id}")).await,
        ),
        4 => (
            id,
            commit(id),
            cache_core::invalidate_tag(&format!("row-{id}")).await,
        ),
        5 => {
            let version = update(id).await;
            here(|session, _| session.end(Kind::Local, id, version, began, how));
            return true;
        }
        CALM => (id, commit(id), invalidate(calm(id)).await),
        6 => {
            let id = PLAIN + id;
            (id, commit(id), blocking::invalidate(|| plain(id)))
        }
        7 => {
            let id = PLAIN + id;
            (
                id,
                commit(id),
                cache_core::invalidate_tag(&format!("plain-{id}")).await,
            )
        }
        8 => {
            let id = EAGER + id;
            (id, commit(id), invalidate(eager(id)).await)
        }
        9 => {
            let id = GUARDED + id;
            (id, commit(id), invalidate(guarded(id)).await)
        }
        10 => {
            let id = LISTED + id;
            let version = commit(id);
            let outcome = if here(|_, chance| chance.one_in(2)) {
                invalidate(listed(vec![id])).await
            } else {
                cache_core::invalidate_pattern(&format!("listed:{id}")).await
            };
            (id, version, outcome)
        }
        11 => {
            let id = STORED + id;
            let version = store(id).await;
            here(|session, _| session.end(Kind::Local, id, version, began, how));
            return true;
        }
        _ => {
            let id = STORED + id;
            (id, commit(id), invalidate(stored(id)).await)
        }
    };
    let kind = if outcome.is_ok() {
        Kind::Logged
    } else {
        Kind::Local
    };
    here(|session, _| session.end(kind, row, version, began, how));
    true
}
