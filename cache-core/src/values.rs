//! Values without a function: `get`, `set`, `remove`, under addresses of their own.
//!
//! How other processes come to have them is said in `shared`.

use std::any::TypeId;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::cache::{Cache, Token};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::index::Dep;
use crate::key::{Digest, Identity};
use crate::matcher::Matcher;
use crate::policy::Preset;
use crate::scope;
use crate::shape::CacheValue;
use crate::site::{Site, Spec};
use crate::stats::MissReason;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::tier::memory::{Lookup, MemoryKey};

mod behind;
mod current;
mod put;
#[cfg(feature = "redis")]
mod shared;
pub(crate) use behind::Queues;
pub use behind::{Behind, WriteBehind};
pub use current::{get, get_many, remove, remove_many, set, set_many};

/// Stands for all values that no function computed.
static SITE: Site = Site::new(Spec::new(Preset::Cache, "values", "", &["address"]));

struct Values;

fn too_large(address: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!(
            "the value for `{address}` has more than the {limit} bytes that an entry may have; raise \
             `Memory::max_entry_bytes`"
        ),
    )
}

fn key(address: &str) -> MemoryKey {
    Lookup::whole(&TypeId::of::<Values>(), address.as_bytes()).to_key()
}

/// What names a value.
const VALUE: &str = "values";

/// What names those depend on who have asked for a value: not on the one that was there, nor on there being none, but on
/// whatever is there.
const ANSWER: &str = "answers";

impl Cache {
    /// The digest of what this names under an address.
    fn value_digest(&self, name: &str, address: &str) -> Digest {
        let identity = Identity {
            function: name,
            type_arguments: "",
            version: 0,
            schema: 0,
        };
        Digest::new(self.key_secret(), &identity, address.as_bytes())
    }

    /// What it depends on by itself.
    fn value_dep(&self, name: &str, address: &str) -> Dep {
        Dep::entry(self.value_digest(name, address).short(), address.into())
    }

    /// What invalidates it.
    fn value_matcher(&self, name: &str, address: &Arc<str>) -> Matcher {
        Matcher::Key(
            self.value_digest(name, address).short(),
            Arc::clone(address),
        )
    }
}

/// Values without a function.
impl Cache {
    /// The value under an address, if there is one and it may be served: from memory, or from Redis, where there is one.
    ///
    /// What another process has put as another type, or as a type that looked differently in its release, is a miss
    /// ([`FetchMiss::Type`](crate::FetchMiss::Type)).
    ///
    /// With Redis another process's new value, or invalidation, may be one trip behind; with strict freshness (`Builder::freshness`) it is not:
    /// the log is asked first, and without an answer there is nothing.
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] if the value in memory has another type.
    pub async fn get<T: CacheValue + DeserializeOwned>(
        &self,
        address: &str,
    ) -> Result<Option<T>, Error> {
        self.look(address).await
    }

    /// Puts a value under an address, for `ttl` (`Duration::MAX`: until it is invalidated or evicted). What cached
    /// functions made of the value before is invalidated.
    ///
    /// The cache cannot know when the value was read from its source. An invalidation between that read and this call
    /// does not reach it: prefer an annotated function, which takes its stamp before it reads.
    /// In a [transaction](Self::transaction) nothing is stored, and the old value is invalidated with the commit.
    ///
    /// It weighs what its `Serialize` emits; a [`CacheWeight`](crate::CacheWeight) is asked of functions' values only.
    ///
    /// With Redis it is put for all processes, in three trips, for 30 days at most: once this has returned `Ok`, every process
    /// that asks Redis is given this value, and none an older one; from its memory another process serves an older one until it
    /// has heard of this, as after an [invalidation](crate::guide::coherence). Of two that are put at the same time, all
    /// processes come to have the same one.
    ///
    /// Cancel safe: dropped, it has put the value, or there is none, or, with memory alone, the old one.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the value is larger than one entry may be, [`ErrorKind::Config`] for a `ttl` of zero. With
    /// Redis: [`ErrorKind::NotLogged`] if it is away; the value is there in this process until it is back, and then in none;
    /// with strict freshness in none at once.
    /// [`ErrorKind::NotShared`] if the value could not be written there. After any but `Config` the old value is none any more.
    pub async fn set<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        address: &str,
        value: T,
        ttl: Duration,
    ) -> Result<(), Error> {
        self.put(address, value, ttl, None).await
    }

    /// Removes the value under an address, and everything that was computed from it.
    ///
    /// Cancel safe: dropped, it has removed the value or has not.
    ///
    /// # Errors
    /// [`ErrorKind::NotLogged`] if the log is elsewhere and does not answer; never with memory alone.
    pub async fn remove(&self, address: &str) -> Result<Token, Error> {
        self.drop_addresses(&[address]).await
    }

    /// The values under many addresses, in their order; absent ones and those of another type are `None`.
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Errors
    /// None.
    pub async fn get_many<T: CacheValue + DeserializeOwned>(
        &self,
        addresses: &[&str],
    ) -> Result<Vec<Option<T>>, Error> {
        let sure = self.is_sure(addresses).await;
        let here = addresses
            .iter()
            .map(|address| self.look_here(address, sure));
        #[cfg_attr(
            not(feature = "redis"),
            expect(unused_mut, reason = "only Redis adds to it")
        )]
        let mut found: Vec<Looked<T>> = here.collect();
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            self.look_there(remote, addresses, &mut found, sure).await;
        }
        Ok(found.into_iter().map(|found| found.value()).collect())
    }

    /// Puts many values; with Redis some hundreds at a time, in as many trips as one.
    ///
    /// Cancel safe: dropped, it has put some of the values, or all or none; with Redis there may be none, old or new.
    ///
    /// # Errors
    /// Those of [`set`](Self::set); values before the failing one are put, unless it is Redis that failed.
    pub async fn set_many<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        ttl: Duration,
    ) -> Result<(), Error> {
        self.put_many(values, ttl).await
    }

    /// Removes the values under many addresses, as one record.
    ///
    /// Cancel safe: dropped, it has removed all of them or none.
    ///
    /// # Errors
    /// [`ErrorKind::NotLogged`] if the log is elsewhere and does not answer; never with memory alone.
    pub async fn remove_many(&self, addresses: &[&str]) -> Result<Token, Error> {
        self.drop_addresses(addresses).await
    }
}

/// What has become of a look at an address.
enum Looked<T> {
    Found(T),
    /// There is none in memory. Nobody else is asked for what is held back.
    Absent {
        #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "for Redis"))]
        held_back: bool,
    },
    Failed(Error),
}

impl<T> Looked<T> {
    fn value(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent { .. } | Self::Failed(_) => None,
        }
    }
}

impl Cache {
    async fn look<T: CacheValue + DeserializeOwned>(
        &self,
        address: &str,
    ) -> Result<Option<T>, Error> {
        let sure = self.is_sure(&[address]).await;
        #[cfg_attr(
            not(feature = "redis"),
            expect(unused_mut, reason = "only Redis adds to it")
        )]
        let mut found = [self.look_here(address, sure)];
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            self.look_there(remote, &[address], &mut found, sure).await;
        }
        let [found] = found;
        match found {
            Looked::Failed(error) => Err(error),
            found => Ok(found.value()),
        }
    }

    /// Asks the log before what is here is shown, where it has to be asked; whether that may be shown.
    #[cfg(feature = "redis")]
    async fn is_sure(&self, addresses: &[&str]) -> bool {
        match &self.0.remote {
            Some(remote) if self.is_strict() && self.announce_use(addresses) => {
                remote.confirm().await.is_ok()
            }
            _ => true,
        }
    }

    /// Whoever leaves while the log is asked depends on these all the same. Whether there is anything to be asked for.
    #[cfg(feature = "redis")]
    fn announce_use(&self, addresses: &[&str]) -> bool {
        let scope = scope::current();
        if scope.as_ref().is_some_and(|scope| scope.holds_back()) {
            return false;
        }
        if let Some(frame) = scope.as_ref().and_then(|scope| scope.frame.as_ref()) {
            self.0.values_used.store(true, Ordering::SeqCst);
            for address in addresses {
                let dep = self.value_dep(ANSWER, address);
                frame.report(&self.0.index, self.0.index.applied(), &[dep]);
            }
        }
        !addresses.is_empty()
    }

    /// The log is in this process.
    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unused_async, reason = "the other one waits")]
    async fn is_sure(&self, _addresses: &[&str]) -> bool {
        true
    }

    /// What is in memory, if that may be shown.
    fn look_here<T: CacheValue + DeserializeOwned>(&self, address: &str, sure: bool) -> Looked<T> {
        let seat = self.seat(&SITE, "");
        let scope = scope::current();
        let held_back = scope.as_ref().is_some_and(|scope| scope.holds_back());
        let frame = scope.as_ref().and_then(|scope| scope.frame.as_ref());
        if frame.is_some() {
            // Before the look, so that whoever replaces what is found there knows.
            self.0.values_used.store(true, Ordering::SeqCst);
        }
        let report = |stamp| {
            if let Some(frame) = frame {
                frame.report(&self.0.index, stamp, &[self.value_dep(ANSWER, address)]);
            }
        };
        let tell = |kind| {
            self.0
                .events
                .tell(kind, || (Arc::clone(&seat.name), address.into()));
        };
        let key = key(address);
        let found = if held_back {
            Err(MissReason::Bypass)
        } else {
            let found = self.find(&key.as_lookup());
            found.and_then(|entry| sure.then_some(entry).ok_or(MissReason::Unconfirmed))
        };
        match &found {
            Ok(entry) => self.watch_use(entry),
            Err(reason) => self.watch_miss(key.hash(), *reason),
        }
        // A value that is not there, or held back, is something to depend on, too.
        report(match &found {
            Ok(entry) => entry.stamp(),
            Err(_) => self.0.index.applied(),
        });
        match found {
            Ok(entry) => match entry.payload().downcast_ref::<T>() {
                Some(value) => {
                    seat.counters.hit();
                    tell(EventKind::Hit);
                    Looked::Found(value.clone())
                }
                None => {
                    seat.counters.miss(MissReason::Type);
                    tell(EventKind::Miss(MissReason::Type));
                    Looked::Failed(Error::new(
                        ErrorKind::Type,
                        format!(
                            "the value under `{address}` is not a `{}`; use another address for another type",
                            std::any::type_name::<T>()
                        ),
                    ))
                }
            },
            Err(reason) => {
                seat.counters.miss(reason);
                tell(EventKind::Miss(reason));
                Looked::Absent { held_back }
            }
        }
    }
}
