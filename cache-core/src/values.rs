//! Values without a function: `get`, `set`, `remove`, under addresses of their own.

use std::any::TypeId;
use std::time::Duration;

use crate::cache::{Cache, Content, Token};
use crate::entry::{Class, Head};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::flight;
use crate::global;
use crate::index::Dep;
use crate::invalidating::Invalidating;
use crate::key::{Digest, Identity, KeyDigest};
use crate::matcher::Matcher;
use crate::policy::Preset;
use crate::scope;
use crate::shape::CacheValue;
use crate::site::{Site, Spec};
use crate::stats::{MissReason, RefusalReason};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::tier::memory::{Lookup, MemoryKey};
use crate::time;

/// Stands for all values that no function computed.
static SITE: Site = Site::new(Spec::new(Preset::Cache, "values", "", &["address"]));

struct Values;

fn key(address: &str) -> MemoryKey {
    Lookup::whole(TypeId::of::<Values>(), address.as_bytes()).to_key()
}

/// What the value itself depends on.
fn own(address: &str) -> Dep {
    Dep::entry(digest("values", address), address.into())
}

/// What those depend on who have asked for the value: not on the one that was there, nor on there being none, but on
/// whatever is there.
fn answer(address: &str) -> KeyDigest {
    digest("answers", address)
}

fn digest(function: &str, address: &str) -> KeyDigest {
    let identity = Identity {
        function,
        type_arguments: "",
        version: 0,
        schema: 0,
    };
    Digest::new(None, &identity, address.as_bytes()).short()
}

/// Values without a function.
impl Cache {
    /// The value under an address, if there is one and it may be served.
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Type`] if the value has another type.
    pub async fn get<T: CacheValue>(&self, address: &str) -> Result<Option<T>, Error> {
        self.look(address)
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
    /// Cancel safe: dropped, it has put the value or has not.
    ///
    /// # Errors
    /// [`ErrorKind::TooLarge`] if the value is larger than one entry may be, [`ErrorKind::Config`] for a `ttl` of zero.
    pub async fn set<T: CacheValue + serde::Serialize>(
        &self,
        address: &str,
        value: T,
        ttl: Duration,
    ) -> Result<(), Error> {
        self.put(address, value, ttl).await
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
    /// None with memory alone.
    pub async fn get_many<T: CacheValue>(
        &self,
        addresses: &[&str],
    ) -> Result<Vec<Option<T>>, Error> {
        Ok(self.look_many(addresses))
    }

    /// Puts many values.
    ///
    /// Cancel safe: dropped, it has put some of the values, or all or none.
    ///
    /// # Errors
    /// Those of [`set`](Self::set); values before the failing one are stored.
    pub async fn set_many<T: CacheValue + serde::Serialize>(
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

impl Cache {
    /// [`get`](Self::get), now.
    pub(crate) fn look<T: CacheValue>(&self, address: &str) -> Result<Option<T>, Error> {
        let seat = self.seat(&SITE, "");
        let scope = scope::current();
        let held_back = scope.as_ref().is_some_and(|scope| scope.holds_back());
        let frame = scope.as_ref().and_then(|scope| scope.frame.as_ref());
        if frame.is_some() {
            // Before the look, so that whoever replaces what is found there knows.
            self.0.values_used.store(true, Ordering::SeqCst);
        }
        let found = if held_back {
            Err(MissReason::Bypass)
        } else {
            self.find(&key(address).as_lookup())
        };
        if let Some(frame) = frame {
            // A value that is not there, or held back, is something to depend on, too.
            let stamp = match &found {
                Ok(entry) => entry.stamp(),
                Err(_) => self.0.index.applied(),
            };
            frame.report(stamp, &[Dep::entry(answer(address), address.into())]);
            if let Ok(entry) = &found {
                frame.report_age(entry.began());
            }
        }
        match found {
            Ok(entry) => match entry.payload().downcast_ref::<T>() {
                Some(value) => {
                    seat.counters.hit();
                    self.0
                        .events
                        .tell(EventKind::Hit, || (Arc::clone(&seat.name), address.into()));
                    Ok(Some(value.clone()))
                }
                None => {
                    seat.counters.miss(MissReason::Type);
                    self.0.events.tell(EventKind::Miss(MissReason::Type), || {
                        (Arc::clone(&seat.name), address.into())
                    });
                    Err(Error::new(
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
                self.0.events.tell(EventKind::Miss(reason), || {
                    (Arc::clone(&seat.name), address.into())
                });
                Ok(None)
            }
        }
    }

    async fn put<T: CacheValue + serde::Serialize>(
        &self,
        address: &str,
        value: T,
        ttl: Duration,
    ) -> Result<(), Error> {
        let seat = self.seat(&SITE, "");
        if ttl.is_zero() {
            return Err(Error::new(
                ErrorKind::Config,
                "a `ttl` of zero stores nothing; use `remove`",
            ));
        }
        if scope::current().is_some_and(|scope| scope.holds_back()) {
            seat.counters.refusal(RefusalReason::Bypass);
            return self.drop_addresses(&[address]).await.map(|_| ());
        }
        let now = self.now();
        let stamp = self.0.index.applied();
        let limit = self.max_weight();
        let weight = crate::weight::measure(&value, limit);
        let (instance, _) = seat.instance(self, TypeId::of::<Values>(), || Content {
            portable: true,
            measured: true,
            schema: None,
        });
        let head = Head {
            instance,
            key: key(address),
            class: Class::Value,
            stamp,
            checked: 0,
            expires: time::deadline(now, ttl),
            deps: Box::new([own(address)]),
            began: now,
            ordinal: flight::next_id(),
            cost_ns: 0,
        };
        let stored = self.insert(&head.with(Arc::new(value), weight), limit);
        // After it: whoever asks from now on finds it. A record is worth much where many values are put, so there is none
        // while no cached function asks for values.
        let told = match self.0.values_used.load(Ordering::SeqCst) {
            true => Some(self.invalidate(vec![Matcher::Key(answer(address), address.into())])),
            false => None,
        };
        if let Err(reason) = stored {
            seat.counters.refusal(reason);
            self.0.events.tell(EventKind::Refused(reason), || {
                (Arc::clone(&seat.name), address.into())
            });
            if reason == RefusalReason::Superseded {
                // As if the other value had been put a moment later.
                return Ok(());
            }
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "the value for `{address}` has more than the {limit} bytes that an entry may have; raise \
                     `Memory::max_entry_bytes`"
                ),
            ));
        }
        self.0.events.tell(EventKind::Stored, || {
            (Arc::clone(&seat.name), address.into())
        });
        match told {
            Some(told) => told.await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// [`get_many`](Self::get_many), now.
    pub(crate) fn look_many<T: CacheValue>(&self, addresses: &[&str]) -> Vec<Option<T>> {
        addresses
            .iter()
            .map(|address| self.look(address).ok().flatten())
            .collect()
    }

    async fn put_many<T: CacheValue + serde::Serialize>(
        &self,
        values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        ttl: Duration,
    ) -> Result<(), Error> {
        for (address, value) in values {
            self.put(address.as_ref(), value, ttl).await?;
        }
        Ok(())
    }

    /// [`remove_many`](Self::remove_many), now.
    pub(crate) fn drop_addresses(&self, addresses: &[&str]) -> Invalidating {
        self.invalidate(
            addresses
                .iter()
                .map(|address| Matcher::Address((*address).into()))
                .collect(),
        )
    }
}

/// [`Cache::get`] of the [current](crate::current) cache.
///
/// ```
/// # cache_core::__private::block_on(async {
/// use std::time::Duration;
/// cache_core::set("motd", "hello".to_owned(), Duration::from_secs(60)).await?;
/// assert_eq!(cache_core::get::<String>("motd").await?.as_deref(), Some("hello"));
/// cache_core::remove("motd").await?;
/// assert_eq!(cache_core::get::<String>("motd").await?, None);
/// # Ok::<(), cache_core::Error>(()) }).unwrap();
/// ```
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::get`].
pub async fn get<T: CacheValue>(address: &str) -> Result<Option<T>, Error> {
    global::current().get(address).await
}

/// [`Cache::set`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::set`].
pub async fn set<T: CacheValue + serde::Serialize>(
    address: &str,
    value: T,
    ttl: Duration,
) -> Result<(), Error> {
    global::current().set(address, value, ttl).await
}

/// [`Cache::remove`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::remove`].
pub async fn remove(address: &str) -> Result<Token, Error> {
    global::current().remove(address).await
}

/// [`Cache::get_many`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::get_many`].
pub async fn get_many<T: CacheValue>(addresses: &[&str]) -> Result<Vec<Option<T>>, Error> {
    global::current().get_many(addresses).await
}

/// [`Cache::set_many`] of the [current](crate::current) cache.
///
/// Cancel safe, as that is.
///
/// # Errors
/// As [`Cache::set_many`].
pub async fn set_many<T: CacheValue + serde::Serialize>(
    values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
    ttl: Duration,
) -> Result<(), Error> {
    global::current().set_many(values, ttl).await
}

/// [`Cache::remove_many`] of the [current](crate::current) cache.
///
/// # Errors
/// As [`Cache::remove_many`].
pub async fn remove_many(addresses: &[&str]) -> Result<Token, Error> {
    global::current().remove_many(addresses).await
}
