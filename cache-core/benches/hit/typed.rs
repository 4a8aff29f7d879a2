//! What is written by hand, for one function and its types: the floor, the baseline, `moka`.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use foldhash::fast::RandomState;
use quick_cache::sync::DefaultLifecycle;
use quick_cache::{Equivalent, UnitWeighter};

use crate::Entrant;
use crate::arguments::{PageArgs, RESIDENT, page_args, user_args};
use crate::awaited::each_awaited;
use crate::bodies::{Page, User, load_page, load_user};
use crate::rounds::each;

/// Room enough that nothing is evicted, whatever the sharding.
const CAPACITY: usize = 4 * RESIDENT;
const TTL: Duration = Duration::from_secs(300);

/// The owned form of `PageArgs`, as a key has to be.
type PageKey = (String, u64, Option<u32>);

/// Looks a `PageKey` up without allocating one.
#[derive(Hash)]
struct PageRef<'a>(&'a str, u64, Option<u32>);

impl Equivalent<PageKey> for PageRef<'_> {
    fn equivalent(&self, key: &PageKey) -> bool {
        (self.0, self.1, self.2) == (&*key.0, key.1, key.2)
    }
}

fn page_key(args: PageArgs) -> PageKey {
    (args.name.to_owned(), args.number, args.size)
}

fn page_ref(args: PageArgs) -> PageRef<'static> {
    PageRef(args.name, args.number, args.size)
}

fn users() -> impl Iterator<Item = (u64, Arc<User>)> {
    (0..RESIDENT as u16).map(|n| (user_args(n), load_user(user_args(n))))
}

fn pages() -> impl Iterator<Item = (PageArgs, Arc<Page>)> {
    (0..RESIDENT as u16).map(|n| {
        let args = page_args(n);
        (args, load_page(args.name, args.number, args.size))
    })
}

mod floor {
    use super::*;

    pub(super) static USERS: LazyLock<HashMap<u64, Arc<User>, RandomState>> =
        LazyLock::new(|| users().collect());
    pub(super) static PAGES: LazyLock<HashMap<PageArgs, Arc<Page>, RandomState>> =
        LazyLock::new(|| pages().collect());
}

mod quick {
    use super::*;

    pub(super) type Cache<K, V> = quick_cache::sync::Cache<K, V, UnitWeighter, RandomState>;

    fn filled<K: Eq + std::hash::Hash, V: Clone>(
        entries: impl Iterator<Item = (K, V)>,
    ) -> Cache<K, V> {
        let cache = Cache::with(
            CAPACITY,
            CAPACITY as u64,
            UnitWeighter,
            RandomState::default(),
            DefaultLifecycle::default(),
        );
        entries.for_each(|(key, value)| cache.insert(key, value));
        cache
    }

    pub(super) static USERS: LazyLock<Cache<u64, Arc<User>>> = LazyLock::new(|| filled(users()));
    pub(super) static PAGES: LazyLock<Cache<PageKey, Arc<Page>>> =
        LazyLock::new(|| filled(pages().map(|(args, page)| (page_key(args), page))));
}

mod moka_sync {
    use super::*;
    use moka::sync::Cache;

    fn filled<K: Eq + std::hash::Hash + Send + Sync + 'static, V: Clone + Send + Sync + 'static>(
        entries: impl Iterator<Item = (K, V)>,
    ) -> Cache<K, V> {
        let cache = Cache::builder()
            .max_capacity(CAPACITY as u64)
            .time_to_live(TTL)
            .build();
        entries.for_each(|(key, value)| cache.insert(key, value));
        cache
    }

    pub(super) static USERS: LazyLock<Cache<u64, Arc<User>>> = LazyLock::new(|| filled(users()));
    pub(super) static PAGES: LazyLock<Cache<PageKey, Arc<Page>>> =
        LazyLock::new(|| filled(pages().map(|(args, page)| (page_key(args), page))));
}

mod moka_future {
    use super::*;
    use moka::future::Cache;

    fn empty<K: Eq + std::hash::Hash + Send + Sync + 'static, V: Clone + Send + Sync + 'static>()
    -> Cache<K, V> {
        Cache::builder()
            .max_capacity(CAPACITY as u64)
            .time_to_live(TTL)
            .build()
    }

    static USERS: LazyLock<Cache<u64, Arc<User>>> = LazyLock::new(empty);
    static PAGES: LazyLock<Cache<PageKey, Arc<Page>>> = LazyLock::new(empty);

    pub(super) async fn user(id: u64) -> Result<Arc<User>, Arc<Infallible>> {
        USERS.try_get_with(id, async { Ok(load_user(id)) }).await
    }

    pub(super) async fn page(args: PageArgs) -> Result<Arc<Page>, Arc<Infallible>> {
        let load = async { Ok(load_page(args.name, args.number, args.size)) };
        PAGES.try_get_with(page_key(args), load).await
    }
}

/// The row that ratios refer to.
pub(crate) const BASELINE: &str = "quick_cache, typed get";

pub(crate) const ENTRANTS: &[Entrant] = &[
    Entrant {
        name: "HashMap, unsynchronised",
        user: |calls| {
            let users = &*floor::USERS;
            each(calls, |n| users.get(&user_args(n)).cloned());
        },
        page: |calls| {
            let pages = &*floor::PAGES;
            each(calls, |n| pages.get(&page_args(n)).cloned());
        },
    },
    Entrant {
        name: BASELINE,
        user: |calls| each(calls, |n| quick::USERS.get(&user_args(n))),
        page: |calls| each(calls, |n| quick::PAGES.get(&page_ref(page_args(n)))),
    },
    Entrant {
        name: "moka::sync, get",
        user: |calls| each(calls, |n| moka_sync::USERS.get(&user_args(n))),
        page: |calls| each(calls, |n| moka_sync::PAGES.get(&page_ref(page_args(n)))),
    },
    Entrant {
        name: "moka::future, try_get_with",
        user: |calls| each_awaited(calls, |n| moka_future::user(user_args(n))),
        page: |calls| each_awaited(calls, |n| moka_future::page(page_args(n))),
    },
];
