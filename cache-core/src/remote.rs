//! Redis: the values and the log that this cache shares with others.

use std::time::Duration;

use redis::Value;

use crate::error::Error;
use crate::index::Index;
use crate::key::KeyDigest;
use crate::link::{Answer, Link, LinkError, LinkOptions, Request, scripts};
use crate::log::{Appending, Confirming, Log, LogOptions};
use crate::matcher::Matcher;
use crate::sync::Arc;
use crate::sync::atomic::AtomicU64;
use crate::time::{self, Clock};

mod lease;
pub(crate) use lease::{Claim, Claimed, claimed};

/// By how much a lifetime is shortened at most, so that what was stored together does not expire together.
const JITTER: f64 = 0.1;

/// See the module.
pub(crate) struct Remote {
    link: Link,
    log: Log,
    values: String,
    leases: String,
    /// How long a lease lasts; zero for none.
    lease: Duration,
}

/// What Redis has of a value.
pub(crate) struct Found {
    pub(crate) envelope: Vec<u8>,
    pub(crate) left: Duration,
}

impl Remote {
    /// A link to the server. Returns at once: whether it is there is seen later.
    ///
    /// # Errors
    /// An URL that is none.
    pub(crate) fn link(url: &str) -> Result<Link, Error> {
        Link::open(url, LinkOptions::default())
    }

    /// What is behind a link, for one namespace.
    pub(crate) fn new(
        link: Link,
        namespace: &str,
        index: &Arc<Index>,
        clock: &Clock,
        trusted_until: &Arc<AtomicU64>,
        options: LogOptions,
        lease: Duration,
    ) -> Self {
        let log = Log::follow(
            &link,
            namespace,
            Arc::clone(index),
            clock.clone(),
            Arc::clone(trusted_until),
            options,
        );
        Self {
            log,
            link,
            values: format!("fc:{namespace}/v/"),
            leases: format!("fc:{namespace}/l/"),
            lease,
        }
    }

    /// Applies all that the log has by now.
    pub(crate) fn confirm(&self) -> Confirming {
        self.log.confirm()
    }

    /// As long as the last word from the log counts.
    pub(crate) fn heard_until(&self) -> u64 {
        self.log.heard_until()
    }

    /// Invalidates here at once, and everywhere when it is awaited.
    pub(crate) fn append(&self, matchers: Vec<Matcher>) -> Appending {
        let exact: Vec<KeyDigest> = matchers
            .iter()
            .filter_map(|matcher| match matcher {
                Matcher::Key(key, _) => Some(*key),
                _ => None,
            })
            .collect();
        let appending = self.log.append(matchers);
        // Only to free memory: dead they are by the record.
        for key in exact {
            self.discard(key);
        }
        appending
    }

    /// Asks for a value, and for what the log has to say before it can be judged, in one trip.
    pub(crate) fn fetch(&self, key: KeyDigest) -> Answer {
        self.link.ask(self.and_value(Request::default(), key))
    }

    fn and_value(&self, request: Request, key: KeyDigest) -> Request {
        let value = self.value(key);
        let mut get = redis::cmd("GET");
        get.arg(&value);
        let mut left = redis::cmd("PTTL");
        left.arg(&value);
        request.and(get).and(left).and(self.log.range())
    }

    /// What a [`fetch`](Self::fetch) gave The log's part has been applied by then; nothing can be
    /// said of a value where a part of the log is missing.
    pub(crate) fn found(&self, replies: Vec<Value>) -> Result<Option<Found>, LinkError> {
        let Ok([value, left, records]) = <[Value; 3]>::try_from(replies) else {
            return Err(LinkError::Unexpected("not three replies".into()));
        };
        if !self.log.absorb_range(scripts::records(records)?) {
            return Ok(None);
        }
        Ok(match (value, left) {
            (Value::BulkString(envelope), Value::Int(left)) if left > 0 => Some(Found {
                envelope,
                left: Duration::from_millis(left.cast_unsigned()),
            }),
            _ => None,
        })
    }

    /// Stores a value, in the background, and gives its lease back.
    pub(crate) fn store(
        &self,
        key: KeyDigest,
        envelope: &[u8],
        lifetime: Duration,
        claim: Option<Claim>,
    ) {
        let lifetime = lifetime.mul_f64(1.0 - JITTER * time::fraction());
        let store = scripts::Store {
            envelope,
            lifetime: u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX >> 2),
            observed: None,
            token: claim.and_then(Claim::hand_over),
        };
        let (value, lease) = (self.value(key), self.lease_name(key));
        let command = scripts::store(value.as_bytes(), lease.as_bytes(), &store);
        self.link.send(Request::of(command));
    }

    /// Removes a value, in the background.
    pub(crate) fn discard(&self, key: KeyDigest) {
        let mut unlink = redis::cmd("UNLINK");
        unlink.arg(self.value(key));
        self.link.send(Request::of(unlink));
    }

    /// How the connection is.
    pub(crate) fn link_health(&self) -> crate::link::Health {
        self.link.health()
    }

    /// How many invalidations are not in the log yet.
    pub(crate) fn pending(&self) -> usize {
        self.log.pending()
    }

    fn value(&self, key: KeyDigest) -> String {
        format!("{}{{{key}}}", self.values)
    }

    /// In the same slot of a cluster as the value.
    fn lease_name(&self, key: KeyDigest) -> String {
        format!("{}{{{key}}}", self.leases)
    }
}
