//! What is put for all.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::super::{ANSWER, SITE, VALUE, too_large};
use crate::cache::{Cache, Seat};
use crate::codec::{Codec, Rmp};
use crate::entry::{Class, Head};
use crate::envelope::{COMPRESS_FROM, Envelope};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::index::of_ordinal;
use crate::invalidating::not_logged;
use crate::key::KeyDigest;
use crate::link::LinkError;
use crate::matcher::Matcher;
use crate::position::Position;
use crate::remote::{Remote, Shown, TOGETHER};
use crate::shape::CacheValue;
use crate::stats::RefusalReason;
use crate::sync::Arc;
use crate::time;
use crate::write::Witness;

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

/// What a caller is told whose value the others do not know of.
fn put_here_alone(why: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::NotLogged,
        format!(
            "put in this process alone: {why}. Here it is until the log is there again, and then nowhere: put it again. Until then the \
             others may serve older values for `max_staleness`"
        ),
    )
}

impl Cache {
    /// Puts values under their addresses; the last of several of one address.
    pub(in crate::values) async fn put_shared<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        remote: &Remote,
        values: Vec<(Arc<str>, T)>,
        ttl: Duration,
        witness: Option<&Witness>,
    ) -> Result<(), Error> {
        let seat = self.seat(&SITE, "");
        let now = self.now();
        let began = witness.map_or(now, |witness| witness.started.at);
        let expires = time::deadline(now, ttl.min(LONGEST));
        let (ready, failed) = self.prepare(values, seat);
        let mut outcome = Ok(());
        for part in self.parts(ready) {
            let put = self
                .put_part(remote, seat, part, (began, expires), witness)
                .await;
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
        (began, expires): (u64, u64),
        witness: Option<&Witness>,
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
        // What others have said before that is known here.
        let known = logged.as_ref().ok();
        let known = known.is_none_or(|at| self.0.index.has_reached(*at));
        let own = [of_ordinal(putting.ordinal)];
        let own: Vec<_> = own
            .into_iter()
            .chain(logged.as_ref().ok().copied())
            .collect();
        let alone = |address: &str| match witness {
            None => true,
            Some(witness) => {
                let names = [VALUE, ANSWER].map(|name| self.value_dep(name, address));
                known && witness.is_alone(&names, &own)
            }
        };
        ready.retain(|ready| {
            let refused = if !putting.is_last(ready.key) {
                RefusalReason::Superseded
            } else if !alone(&ready.address) {
                RefusalReason::Invalidated
            } else {
                return true;
            };
            self.refuse_value(seat, &ready.address, refused);
            false
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
                let key = head.key.clone();
                let entry = head.with(Arc::new(value), weight);
                match self.insert(&key, &entry, self.max_weight()) {
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
        logged.map_err(|error| put_here_alone(&error))?;
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
                of_late: false,
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
                lifetime: i64::try_from(left.max(1)).unwrap_or(i64::MAX),
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
