//! Values without a function, for all processes of a namespace.
//!
//! A `set` is a write, and its place among all writes is that of its record in the log:
//!
//! 1. A record that names the value's key is appended. It stands at some position *p*, and from then on everything that was put
//!    before it is dead, in every tier of every process, by the rule that is everybody's.
//! 2. The value is shown, with the stamp *p*: in Redis, then in memory here.
//! 3. A record that names the answer under the address is appended: what cached functions made of the value that was there
//!    before, or of there being none, is dead. Then `set` returns.
//!
//! **Two processes** that put at the same time have records of two positions. The value of the earlier one is dead wherever
//! the later record has been applied, and the script that stores never puts it over the later one, whenever it arrives. In
//! **one process** the log may take two records together, at one position, by which neither value would be dead; so of all
//! values of a key that are being put only the last is shown ([`Putting::is_last`](crate::remote::Putting::is_last)), and the
//! others count as put a moment before it.
//!
//! **The second record** cannot be part of the first: between the two there is no value, and what somebody makes of that
//! has a stamp after the first. Nor can the value be shown before the first: it would need a stamp that is not known yet.
//!
//! **Many values** are put some hundreds at a time, so that each has the position of the one record that names it: between two
//! records of one put, what another process puts would be as valid.
//!
//! **A trip that fails**, or a `set` that is dropped, may have shown the value, or show it later. The record that is then
//! appended names its key, too: the value is dead wherever it turns up, and with it what was made of it.
//!
//! **Without Redis** the first record stays pending. The value is kept in this process, as old as that record: later than what
//! was there before, and earlier than what is said after it. When the log has the record, at a position after the value's
//! stamp, the value is dead here, too. So what was put while Redis was away is forgotten when it is back; two processes
//! cannot go on with a value each.
//!
//! **A server that loses records** kills values, and brings none back: who has seen the records says them again, later than
//! every value. A value whose own record is lost is dead for those who knew it.
//!
//! `remove` is one record, which names the address. What stands in Redis is dead by it, and leaves with its lifetime.

use std::any::TypeId;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::{ANSWER, Looked, SITE, VALUE, Values, key, too_large};
use crate::cache::{Cache, Content, Seat};
use crate::codec::{Codec, Rmp};
use crate::entry::{Class, Head};
use crate::envelope::{COMPRESS_FROM, Envelope};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::invalidating::not_logged;
use crate::key::KeyDigest;
use crate::link::LinkError;
use crate::matcher::Matcher;
use crate::position::Position;
use crate::remote::{Found, Remote, Shown, Sound, TOGETHER};
use crate::schema;
use crate::scope;
use crate::shape::CacheValue;
use crate::stats::{FetchMiss, RefusalReason};
use crate::sync::Arc;
use crate::time;

/// In Redis everything has an expiry. What would never expire is gone there, and here, after this.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// So many bytes of values go to Redis in one trip, unless one alone has more.
const TRIP: usize = 256 << 10;

/// A value that can be put.
struct Ready<T> {
    address: Arc<str>,
    key: KeyDigest,
    value: T,
    weight: usize,
    payload: Vec<u8>,
}

/// The first value that cannot be put, and why.
type Failed = Option<(Arc<str>, Error)>;

/// Values that may have been shown, and must not stay if nobody says so. Dropped, it invalidates them, and what was made of
/// them.
struct Unsaid<'a> {
    remote: &'a Remote,
    matchers: Vec<Matcher>,
}

impl Drop for Unsaid<'_> {
    fn drop(&mut self) {
        if !self.matchers.is_empty() {
            drop(self.remote.say(std::mem::take(&mut self.matchers)));
        }
    }
}

impl Cache {
    /// Asks Redis for what is absent here, in one trip.
    pub(super) async fn look_there<T: CacheValue + DeserializeOwned>(
        &self,
        remote: &Remote,
        addresses: &[&str],
        found: &mut [Looked<T>],
    ) {
        if remote.is_refused() {
            return;
        }
        let absent = addresses
            .iter()
            .zip(found)
            .filter(|(_, found)| matches!(found, Looked::Absent { held_back: false }))
            .map(|(address, found)| (*address, found));
        let (addresses, absent): (Vec<&str>, Vec<_>) = absent.unzip();
        let keys: Vec<_> = addresses
            .iter()
            .map(|address| self.value_digest(VALUE, address).short())
            .collect();
        let sent = self.now();
        let reads = remote.fetch_many(&keys);
        let seat = self.seat(&SITE, "");
        for ((address, absent), read) in addresses.into_iter().zip(absent).zip(reads) {
            let what = || (Arc::clone(&seat.name), address.into());
            let tell = |kind| self.0.events.tell(kind, what);
            match self.value_of(read.await, sent, address, &seat) {
                Ok((value, stamp)) => {
                    if let Some(frame) = scope::current().as_ref().and_then(|at| at.frame.as_ref())
                    {
                        let dep = self.value_dep(ANSWER, address);
                        frame.report(&self.0.index, stamp, &[dep]);
                    }
                    remote.fetches.found();
                    seat.counters.fetched();
                    tell(EventKind::Fetched);
                    *absent = Looked::Found(value);
                }
                Err(why) => {
                    remote.fetches.missed(why);
                    tell(EventKind::NotFetched(why));
                }
            }
        }
    }

    /// What Redis has under an address, and up to where that is known to be true; or why there is none.
    fn value_of<T: CacheValue + DeserializeOwned>(
        &self,
        found: Result<Option<Found>, LinkError>,
        sent: u64,
        address: &str,
        seat: &Seat,
    ) -> Result<(T, Position), FetchMiss> {
        let found = found.map_err(|_| FetchMiss::Unanswered)?;
        let (whole, own) = (
            self.value_digest(VALUE, address),
            [self.value_dep(VALUE, address)],
        );
        let found = found.ok_or(FetchMiss::Absent)?;
        let Sound {
            envelope,
            stamp,
            deps,
            version,
            ordinal,
            left,
        } = found.judge(
            &self.0.config.cipher,
            whole,
            self.schema_of::<T>(seat),
            &own,
            &self.0.index,
        )?;
        // A `Deserialize` that panics is a user's.
        let decode = || Rmp::decode::<T>(&envelope.payload);
        let value = catch_unwind(AssertUnwindSafe(decode)).ok().flatten();
        let value = value.ok_or(FetchMiss::Type)?;
        let head = Head {
            checked: version,
            expires: time::deadline(sent, left),
            deps,
            ordinal,
            ..self.head(seat, address, stamp, sent)
        };
        let entry = head.with(Arc::new(value.clone()), envelope.payload.len());
        // Refused or not: it is the answer.
        let _ = self.insert(&entry, self.max_weight());
        Ok((value, stamp))
    }

    /// The fingerprint of a type, which is taken once.
    fn schema_of<T: DeserializeOwned + 'static>(&self, seat: &Seat) -> u64 {
        let read_type = || Content {
            portable: true,
            measured: true,
            schema: Some(schema::fingerprint::<T>()),
            ambiguous: None,
        };
        let (_, content) = seat.instance(self, TypeId::of::<T>(), read_type);
        content.schema.map_or(0, |schema| schema.hash)
    }

    fn head(&self, seat: &Seat, address: &str, stamp: Position, began: u64) -> Head {
        let (instance, _) = seat.instance(self, TypeId::of::<Values>(), || Content {
            portable: true,
            measured: true,
            schema: None,
            ambiguous: None,
        });
        Head {
            instance,
            key: key(address),
            class: Class::Value,
            stamp,
            checked: 0,
            expires: 0,
            deps: Box::new([self.value_dep(VALUE, address)]),
            began,
            ordinal: 0,
            cost_ns: 0,
        }
    }

    /// Puts values under their addresses; the last of several of one address.
    pub(super) async fn put_shared<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        remote: &Remote,
        values: Vec<(Arc<str>, T)>,
        ttl: Duration,
    ) -> Result<(), Error> {
        let seat = self.seat(&SITE, "");
        let began = self.now();
        let expires = time::deadline(began, ttl.min(LONGEST));
        let (ready, failed) = self.prepare(values, &seat);
        let mut outcome = Ok(());
        for part in self.parts(ready) {
            let put = self.put_part(remote, &seat, part, began, expires).await;
            outcome = outcome.and(put);
        }
        let Some((address, error)) = failed else {
            return outcome;
        };
        // The old value is none any more, even if the new one cannot be put.
        let names = [VALUE, ANSWER].map(|name| self.value_matcher(name, &address));
        let told = remote.say(names.into()).await;
        self.tell_invalidated(&address);
        let told = told.map_err(|error| not_logged(&error.to_string()));
        outcome.and(told).and(Err(error))
    }

    /// As many at a time as one record can name.
    fn parts<T>(&self, ready: Vec<Ready<T>>) -> Vec<Vec<Ready<T>>> {
        let mut parts: Vec<Vec<_>> = Vec::new();
        let mut bytes = 0;
        for ready in ready {
            let size = self.value_matcher(VALUE, &ready.address).size();
            bytes += size;
            match parts.last_mut() {
                Some(part) if bytes <= TOGETHER && part.len() < self.0.config.index_max_records => {
                    part.push(ready);
                }
                _ => {
                    parts.push(vec![ready]);
                    bytes = size;
                }
            }
        }
        parts
    }

    /// Puts some values, in three trips.
    async fn put_part<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        remote: &Remote,
        seat: &Seat,
        mut ready: Vec<Ready<T>>,
        began: u64,
        expires: u64,
    ) -> Result<(), Error> {
        let addresses: Vec<_> = ready
            .iter()
            .map(|ready| Arc::clone(&ready.address))
            .collect();
        let named = |names: &[&str]| {
            let mut matchers: Vec<_> = addresses
                .iter()
                .flat_map(|address| names.iter().map(|name| self.value_matcher(name, address)))
                .collect();
            self.0.index.fit(&mut matchers);
            matchers
        };
        // Before the record, which may come to be logged although this caller is told that it was not.
        let before = self.0.index.applied();
        let keys = ready.iter().map(|ready| ready.key).collect();
        let mut putting = remote.put(keys, named(&[VALUE]));
        let mut unsaid = Unsaid {
            remote,
            matchers: named(&[VALUE, ANSWER]),
        };
        let logged = (&mut putting.appending).await;
        ready.retain(|ready| {
            let last = putting.is_last(ready.key);
            if !last {
                self.refuse_value(seat, &ready.address, RefusalReason::Superseded);
            }
            last
        });
        let (stamp, shown) = match &logged {
            Ok(stamp) => {
                let schema = self.schema_of::<T>(seat);
                let shown = self.show(remote, &mut ready, *stamp, schema, expires);
                (*stamp, shown.await)
            }
            // Here alone, until the log has the record.
            Err(_) => (before, Ok(())),
        };
        if shown.is_ok() {
            for Ready {
                address,
                value,
                weight,
                ..
            } in ready
            {
                let head = Head {
                    expires,
                    ordinal: putting.ordinal,
                    ..self.head(seat, &address, stamp, began)
                };
                match self.insert(&head.with(Arc::new(value), weight), self.max_weight()) {
                    Ok(()) => self.0.events.tell(EventKind::Stored, || {
                        (Arc::clone(&seat.name), Arc::clone(&address))
                    }),
                    Err(reason) => self.refuse_value(seat, &address, reason),
                }
            }
            unsaid.matchers = named(&[ANSWER]);
        }
        // After it: whoever asks from now on finds it.
        let told = remote.say(std::mem::take(&mut unsaid.matchers)).await;
        for address in &addresses {
            self.tell_invalidated(address);
        }
        logged.map_err(|error| not_logged(&error.to_string()))?;
        shown?;
        told.map(drop)
            .map_err(|error| not_logged(&error.to_string()))
    }

    fn tell_invalidated(&self, address: &Arc<str>) {
        let what = || ("".into(), Arc::clone(address));
        self.0.events.tell(EventKind::Invalidated, what);
    }

    /// Gives values to Redis.
    async fn show<T>(
        &self,
        remote: &Remote,
        ready: &mut [Ready<T>],
        stamp: Position,
        schema: u64,
        expires: u64,
    ) -> Result<(), Error> {
        let mut trip: Vec<Shown> = Vec::new();
        let mut bytes = 0;
        for Ready {
            address,
            key,
            payload,
            ..
        } in ready.iter_mut()
        {
            let left = expires.saturating_sub(self.now());
            let envelope = Envelope {
                stamp,
                digest: self.value_digest(VALUE, address),
                schema,
                computed_at: time::unix_millis(),
                fresh_for: u32::try_from(left).unwrap_or(u32::MAX),
                cost: 0,
                class: Class::Value,
                deps: vec![self.value_dep(VALUE, address)].into(),
                payload: std::mem::take(payload).into(),
            };
            let mut envelope_bytes = Vec::new();
            if envelope
                .write(COMPRESS_FROM, &self.0.config.cipher, &mut envelope_bytes)
                .is_err()
            {
                return Err(not_shared(
                    address,
                    &"it is too large, or cannot be encrypted",
                ));
            }
            bytes += envelope_bytes.len();
            trip.push(Shown {
                key: *key,
                envelope: envelope_bytes,
                lifetime: left,
            });
            if bytes >= TRIP {
                bytes = 0;
                let shown = remote.show(&std::mem::take(&mut trip)).await;
                shown.map_err(|error| not_shared(address, &error))?;
            }
        }
        let Some(last) = ready.last() else {
            return Ok(());
        };
        let shown = remote.show(&trip).await;
        shown.map_err(|error: LinkError| not_shared(&last.address, &error))
    }

    /// The values before the first that cannot be put, and that one.
    fn prepare<T: CacheValue + Serialize>(
        &self,
        values: Vec<(Arc<str>, T)>,
        seat: &Seat,
    ) -> (Vec<Ready<T>>, Failed) {
        let limit = self.max_weight();
        let mut ready: Vec<Ready<T>> = Vec::with_capacity(values.len());
        let mut failed = None;
        for (address, value) in values {
            let weight = crate::weight::measure(&value, limit);
            if weight > limit {
                self.refuse_value(seat, &address, RefusalReason::TooLarge);
                let error = too_large(&address, limit);
                failed = Some((address, error));
                break;
            }
            let Some(payload) = Rmp::encode(&value) else {
                let why = "MessagePack does not bring it back as it is: it fails to serialize, is nested too deep, or has a \
                           `Some` of nothing";
                let error = not_shared(&address, &why);
                failed = Some((address, error));
                break;
            };
            ready.push(Ready {
                key: self.value_digest(VALUE, &address).short(),
                address,
                value,
                weight,
                payload,
            });
        }
        // Of several of one address the last.
        let mut seen = HashSet::new();
        ready.reverse();
        ready.retain(|ready| seen.insert(ready.key));
        ready.reverse();
        (ready, failed)
    }

    fn refuse_value(&self, seat: &Seat, address: &Arc<str>, reason: RefusalReason) {
        seat.counters.refusal(reason);
        self.0.events.tell(EventKind::Refused(reason), || {
            (Arc::clone(&seat.name), Arc::clone(address))
        });
    }
}

/// What a caller is told whose value is nowhere.
fn not_shared(address: &str, why: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::NotShared,
        format!(
            "the value for `{address}` could not be given to Redis, and there is none now: {why}"
        ),
    )
}
