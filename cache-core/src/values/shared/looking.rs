//! What others have put.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::super::{ANSWER, Looked, SITE, VALUE};
use crate::cache::{Cache, Seat};
use crate::codec::{Codec, Rmp};
use crate::entry::Head;
use crate::events::EventKind;
use crate::flight;
use crate::link::LinkError;
use crate::position::Position;
use crate::remote::{Found, Remote, Sound};
use crate::scope;
use crate::shape::CacheValue;
use crate::stats::FetchMiss;
use crate::sync::Arc;
use crate::time;

impl Cache {
    /// Asks Redis for what is absent here, in one trip.
    pub(in crate::values) async fn look_there<T: CacheValue + DeserializeOwned>(
        &self,
        remote: &Remote,
        addresses: &[&str],
        found: &mut [Looked<T>],
        sure: bool,
    ) {
        // Not to be had is not the same as not to be there: nothing that is computed from it may stay.
        let doubt = || {
            if let Some(frame) = scope::current().as_ref().and_then(|at| at.frame.as_ref()) {
                frame.report(&self.0.index, Position::ZERO, &[]);
            }
        };
        let asked = |found: &Looked<T>| matches!(found, Looked::Absent { held_back: false });
        if !sure || remote.is_refused() {
            if found.iter().any(asked) {
                doubt();
            }
            return;
        }
        let seat = self.seat(&SITE, "");
        let give = |address: &str, (value, stamp), absent: &mut Looked<T>| {
            if let Some(frame) = scope::current().as_ref().and_then(|at| at.frame.as_ref()) {
                let dep = self.value_dep(ANSWER, address);
                frame.report(&self.0.index, stamp, &[dep]);
            }
            remote.fetches.found();
            seat.counters.fetched();
            let what = || (Arc::clone(&seat.name), address.into());
            self.0.events.tell(EventKind::Fetched, what);
            *absent = Looked::Found(value);
        };
        let absent = addresses
            .iter()
            .zip(found)
            .filter(|(_, found)| asked(found))
            .filter_map(|(address, found)| match self.taken(remote, address, seat) {
                Some(taken) => {
                    give(address, taken, found);
                    None
                }
                None => Some((*address, found)),
            });
        let (addresses, absent): (Vec<&str>, Vec<_>) = absent.unzip();
        let keys: Vec<_> = addresses
            .iter()
            .map(|address| self.value_digest(VALUE, address).short())
            .collect();
        let sent = self.now();
        let known = remote.is_in_touch();
        let reads = remote.fetch_many(&keys);
        for ((address, absent), read) in addresses.into_iter().zip(absent).zip(reads) {
            let what = || (Arc::clone(&seat.name), address.into());
            let tell = |kind| self.0.events.tell(kind, what);
            match self.value_of(read.await, sent, address, seat) {
                Ok(found) => give(address, found, absent),
                Err(why) => {
                    if why == FetchMiss::Unanswered || !known || !remote.is_in_touch() {
                        doubt();
                    }
                    remote.fetches.missed(why);
                    tell(EventKind::NotFetched(why));
                }
            }
        }
    }

    /// What was fetched of an address before it was asked for, if it may be served now.
    fn taken<T: CacheValue + DeserializeOwned>(
        &self,
        remote: &Remote,
        address: &str,
        seat: &Seat,
    ) -> Option<(T, Position)> {
        let shelf = remote.shelf()?;
        let shelved = shelf.take(self.value_digest(VALUE, address).short(), self.now())?;
        let why = shelved.why();
        let found = Ok(Some(shelved.found));
        let value = self
            .may_count(shelved.sent)
            .then(|| self.value_of(found, shelved.sent, address, seat).ok());
        shelf.judged(why, value.as_ref().is_some_and(Option::is_some));
        value.flatten()
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
        // Drawn before it is judged: what is said from now on is later.
        let ordinal = flight::next_id();
        let Sound {
            envelope,
            stamp,
            deps,
            version,
            left,
            ..
        } = found.judge(
            &self.0.config.cipher,
            whole,
            self.schema_of::<T>(seat),
            &own,
            &self.0.index,
            Duration::ZERO,
        )?;
        // A `Deserialize` that panics is a user's.
        let decode = || Rmp::decode::<T>(&envelope.payload);
        let value = catch_unwind(AssertUnwindSafe(decode)).ok().flatten();
        let value = value.ok_or(FetchMiss::Type)?;
        let head = Head {
            checked: version,
            expires: time::deadline(sent, left),
            deps: deps.into(),
            ordinal,
            ..self.head(seat, address, stamp, sent)
        };
        let key = head.key.clone();
        let entry = head.with(Arc::new(value.clone()), envelope.payload.len());
        // Refused or not: it is the answer.
        let _ = self.insert(&key, &entry, self.max_weight());
        Ok((value, stamp))
    }
}
