//! Two releases of one service at the same time: what one invalidates by name is none any more in the other, either.

use cache_core::{Token, blocking, cache, cache_resource, invalidate, invalidate_cache};

use super::*;

static ROW: Row = Row::new();

/// The functions of one service, in a release whose rows are of this type and version.
macro_rules! release {
    ($name:ident, $row:ty, $version:literal) => {
        mod $name {
            use super::*;

            #[cache_resource("deployed:{id}", name = "shop.by_address", version = $version)]
            pub(super) async fn by_address(id: u64) -> $row {
                let _ = id;
                ROW.read().into()
            }
            #[cache(name = "shop.by_digest", ttl = 60, version = $version)]
            pub(super) async fn by_digest(id: u64) -> $row {
                let _ = id;
                ROW.read().into()
            }
            #[cache(name = "shop.derived", ttl = 60, version = $version)]
            pub(super) async fn derived(id: u64) -> u64 {
                u64::from(by_digest(id).await) * 100
            }
            #[cache(name = "shop.of_sync", ttl = 60, version = $version)]
            pub(super) fn of_sync(id: u64) -> $row {
                let _ = id;
                ROW.read().into()
            }
            #[invalidate_cache(by_digest(id))]
            pub(super) async fn write(id: u64) {
                let _ = id;
            }
        }
    };
}

/// A row that came later: it looks different, and so has another schema.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Told {
    value: u64,
}

impl From<u64> for Told {
    fn from(value: u64) -> Self {
        Self { value }
    }
}

impl From<Told> for u64 {
    fn from(told: Told) -> Self {
        told.value
    }
}

release!(first, u64, 1);
release!(second, u64, 2);
release!(third, Told, 2);

/// Everything that a release serves of one row.
macro_rules! served {
    ($release:ident, $cache:expr, $id:expr) => {
        $cache
            .scope(async {
                [
                    u64::from($release::by_address($id).await),
                    u64::from($release::by_digest($id).await),
                    $release::derived($id).await / 100,
                    u64::from($release::of_sync($id)),
                ]
            })
            .await
    };
}

/// Invalidates by the calls of a release.
macro_rules! invalidated {
    ($release:ident, $cache:expr, $id:expr) => {
        $cache
            .scope(async {
                invalidate($release::by_address($id)).await.unwrap();
                $release::write($id).await;
                blocking::invalidate(|| $release::of_sync($id)).unwrap()
            })
            .await
    };
}

async fn heard(cache: &Cache, token: Token) {
    cache.at_least(token, async {}).await;
}

#[tokio::test]
async fn what_one_release_invalidates_no_other_serves() {
    let server = start!();
    let (old, new) = (process(&server).await, process(&server).await);
    let before = ROW.value.load(SeqCst);
    assert_eq!(served!(first, old, 1), [before; 4]);
    assert_eq!(served!(second, new, 1), [before; 4]);
    assert_eq!(served!(third, new, 1), [before; 4]);
    assert_eq!(served!(first, old, 2), [before; 4]);
    let reads = ROW.reads();

    let value = ROW.write();
    let token = invalidated!(second, new, 1);
    assert_eq!(served!(second, new, 1), [value; 4]);
    assert_eq!(served!(third, new, 1), [value; 4]);
    heard(&old, token).await;
    assert_eq!(served!(first, old, 1), [value; 4]);
    // In Redis there are old ones of each release, too.
    let late = process(&server).await;
    assert_eq!(served!(first, late, 1), [value; 4]);
    assert_eq!(served!(third, late, 1), [value; 4]);

    let value = ROW.write();
    let token = invalidated!(first, old, 1);
    for cache in [&new, &late] {
        heard(cache, token).await;
        assert_eq!(served!(third, cache, 1), [value; 4]);
        assert_eq!(served!(second, cache, 1), [value; 4]);
    }
    let value = ROW.write();
    let token = invalidated!(third, late, 1);
    heard(&old, token).await;
    assert_eq!(served!(first, old, 1), [value; 4]);
    // By name, and not by more than that.
    assert_eq!(served!(first, old, 2), [before; 4]);
    assert!(ROW.reads() > reads);
}

#[tokio::test]
async fn releases_do_not_share_values() {
    let server = start!();
    let (old, new) = (process(&server).await, process(&server).await);
    served!(first, old, 7);
    until("they are stored", || {
        old.health().redis.is_some_and(|redis| redis.queued == 0)
    });
    let token = old.invalidate_tag("nothing").await.unwrap();
    heard(&new, token).await;
    served!(second, new, 7);
    assert_eq!(new.stats().total.fetched, 0);
}
