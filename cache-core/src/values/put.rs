//! Putting values without a function, where there is only memory.

use std::any::TypeId;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use super::{ANSWER, SITE, VALUE, Values, key, too_large};
use crate::cache::{Cache, Content};
use crate::entry::{Class, Head};
use crate::error::{Error, ErrorKind};
use crate::events::EventKind;
use crate::flight;
use crate::invalidating::Invalidating;
use crate::matcher::Matcher;
use crate::position::Position;
use crate::scope;
use crate::shape::CacheValue;
use crate::stats::RefusalReason;
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use crate::time;
use crate::write::Witness;

impl Cache {
    /// Puts a value; of one that is written while there is a witness, only if nothing else has been said of it since.
    pub(super) async fn put<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        address: &str,
        value: T,
        ttl: Duration,
        witness: Option<&Witness>,
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
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote {
            return self
                .put_shared(remote, vec![(address.into(), value)], ttl, witness)
                .await;
        }
        let now = self.now();
        // Whoever puts another value while this one is measured, below, is later.
        let drawn = witness.map(|_| flight::next_id());
        let stamp = match witness {
            None => self.0.index.applied(),
            // What was there is dead from here on, and what is put lives from here on.
            Some(witness) => match self.say_written(witness, address).await? {
                Some(stamp) => stamp,
                None => {
                    seat.counters.refusal(RefusalReason::Invalidated);
                    self.0
                        .events
                        .tell(EventKind::Refused(RefusalReason::Invalidated), || {
                            (Arc::clone(&seat.name), address.into())
                        });
                    return Ok(());
                }
            },
        };
        let limit = self.max_weight();
        let weight = crate::weight::measure(&value, limit);
        let (instance, _) = seat.instance(self, TypeId::of::<Values>(), || Content {
            portable: true,
            measured: true,
            schema: None,
            ambiguous: None,
        });
        let head = Head {
            instance,
            key: key(address),
            class: Class::Value,
            stamp,
            checked: 0,
            expires: time::deadline(now, ttl),
            deps: Box::new([self.value_dep(VALUE, address)]),
            began: witness.map_or(now, |witness| witness.started.at),
            ordinal: drawn.unwrap_or_else(flight::next_id),
            cost_ns: 0,
            of_late: false,
        };
        let key = head.key.clone();
        let stored = self.insert(&key, &head.with(Arc::new(value), weight), limit);
        // After it: whoever asks from now on finds it. A record is worth much where many values are put, so there is none
        // while no cached function asks for values.
        let told = match self.0.values_used.load(Ordering::SeqCst) {
            true => Some(self.invalidate(vec![self.value_matcher(ANSWER, &address.into())])),
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
            return Err(too_large(address, limit));
        }
        self.0.events.tell(EventKind::Stored, || {
            (Arc::clone(&seat.name), address.into())
        });
        match told {
            Some(told) => told.await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Puts what a function has written, if nobody else has written since it began.
    pub(crate) async fn put_written<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        address: &str,
        value: T,
        ttl: Option<Duration>,
        witness: &Witness,
    ) -> Result<(), Error> {
        let configured = || self.ttl(&SITE, &SITE.spec.policy, address);
        match ttl.unwrap_or_else(configured) {
            Duration::ZERO => self.drop_addresses(&[address]).await.map(drop),
            ttl => self.put(address, value, ttl, Some(witness)).await,
        }
    }

    /// Invalidates what is there, and what was made of it. Where that stands in the log, if what is written is the last word.
    async fn say_written(
        &self,
        witness: &Witness,
        address: &str,
    ) -> Result<Option<Position>, Error> {
        let names = [VALUE, ANSWER];
        let matchers = names.map(|name| self.value_matcher(name, &address.into()));
        let token = self.invalidate(matchers.into()).await?;
        let deps = names.map(|name| self.value_dep(name, address));
        let stamp = token.position();
        Ok(stamp.filter(|stamp| witness.is_alone(&deps, &[*stamp])))
    }

    pub(super) async fn put_many<T: CacheValue + Serialize + DeserializeOwned>(
        &self,
        values: impl IntoIterator<Item = (impl AsRef<str>, T)>,
        ttl: Duration,
    ) -> Result<(), Error> {
        #[cfg(feature = "redis")]
        if let Some(remote) = &self.0.remote
            && !ttl.is_zero()
            && !scope::current().is_some_and(|scope| scope.holds_back())
        {
            let values = values.into_iter();
            let values = values.map(|(address, value)| (address.as_ref().into(), value));
            return self.put_shared(remote, values.collect(), ttl, None).await;
        }
        for (address, value) in values {
            self.put(address.as_ref(), value, ttl, None).await?;
        }
        Ok(())
    }

    /// [`remove_many`](Self::remove_many), begun.
    pub(crate) fn drop_addresses(&self, addresses: &[&str]) -> Invalidating {
        self.invalidate(
            addresses
                .iter()
                .map(|address| Matcher::Address((*address).into()))
                .collect(),
        )
    }
}
