//! Redis: the values and the log that this cache shares with others.

use std::time::Duration;

use redis::Value;
use tokio::sync::oneshot;
use tokio::task::unconstrained;
use tokio::time::timeout;

use crate::cipher::Cipher;
use crate::error::{Error, ErrorKind};
use crate::events::Events;
use crate::index::Index;
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, LinkOptions, Request, scripts};
use crate::log::{Appending, Confirming, Contact, Log, LogOptions};
use crate::matcher::Matcher;
use crate::site::HotCalls;
use crate::stats::{FetchCounters, Latencies, ShelfStats};
use crate::sync::atomic::AtomicU64;
use crate::sync::{Arc, Mutex, lock};
use crate::time::{self, Clock};

mod credit;
mod found;
mod greeting;
mod hot;
mod lease;
mod puts;
mod reads;
mod shelf;
mod successors;
mod warming;
pub(crate) use found::{Found, Sound};
use greeting::Greeting;
pub(crate) use hot::MOST as MOST_HOT;
pub(crate) use hot::{Called, LONGEST_CALL, Listed, Used};
#[cfg(test)]
pub(crate) use hot::{Hot, List};
pub(crate) use lease::{Claim, Claimed, claimed};
use puts::Puts;
pub(crate) use puts::{Shown, TOGETHER};
pub(crate) use reads::Read;
use reads::Reads;
pub(crate) use shelf::{Shelf, Shelved};
use successors::Successors;
use warming::Warming;
pub(crate) use warming::{Ahead, Memory};

/// By how much a lifetime is shortened at most, so that what was stored together does not expire together.
const JITTER: f64 = 0.1;

/// See the module.
pub(crate) struct Remote {
    link: Link,
    log: Log,
    reads: Reads,
    values: String,
    leases: String,
    turns: String,
    /// How long a lease lasts; zero for none.
    lease: Duration,
    greeting: Arc<Mutex<Greeting>>,
    puts: Arc<Puts>,
    /// What is fetched before it is asked for, if anything is.
    ahead: Option<Arc<Warming>>,
    /// What became of what was asked for.
    pub(crate) fetches: FetchCounters,
}

impl Remote {
    /// A link to the server. Returns at once: whether it is there is seen later.
    ///
    /// # Errors
    /// An URL that is none.
    pub(crate) fn link(
        url: &str,
        namespace: &str,
        mut options: LinkOptions,
    ) -> Result<Link, Error> {
        options.key = Log::name(namespace).into_bytes().into();
        Link::open(url, options)
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
        // In the same slot of a cluster as the log.
        let values = format!("fc:{{{namespace}}}/v/");
        Self {
            reads: Reads::new(&link, &log, &values),
            log,
            link,
            values,
            leases: format!("fc:{{{namespace}}}/l/"),
            turns: format!("fc:{{{namespace}}}/w/"),
            lease,
            greeting: Arc::default(),
            puts: Arc::default(),
            ahead: None,
            fetches: FetchCounters::default(),
        }
    }

    /// Fetches values before they are asked for.
    pub(crate) fn look_ahead(&mut self, options: &Ahead, clock: &Clock, cipher: &Cipher) {
        let shelf = Arc::new(Shelf::new(options.most_bytes));
        self.reads.carry_for(&shelf);
        let warming = Warming {
            link: self.link.weak(),
            reads: self.reads.weak(),
            shelf,
            clock: clock.clone(),
            cipher: cipher.clone(),
            list: format!("fc:{{{}}}:hot", options.namespace),
            most: options.hot_keys,
            successors: options.predict.then(Successors::new),
            calls: options
                .calls
                .iter()
                .map(|(calls, list)| (*calls, format!("fc:{{{}}}/h/{list}", options.namespace)))
                .collect(),
        };
        let warming = Arc::new(warming);
        if warming.most > 0 {
            let fetching = Arc::clone(&warming);
            self.link.spawn(fetching.fetch(self.log.contact()));
        }
        self.ahead = Some(warming);
    }

    /// The hottest calls of a function, the hottest first; none where none are kept.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(crate) async fn hottest(&self, calls: &'static HotCalls) -> Result<Vec<Called>, String> {
        match self.ahead() {
            Some(ahead) => ahead.hottest(calls).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether what was used is written down.
    pub(crate) fn notes_used(&self) -> bool {
        self.ahead
            .as_ref()
            .is_some_and(|ahead| ahead.most > 0 || !ahead.calls.is_empty())
    }

    /// Writes down, now and then, what was used, and fetches what was at this time of the day.
    pub(crate) fn note_used(&self, memory: &Arc<dyn Memory>) {
        if let Some(warming) = &self.ahead {
            self.link
                .spawn(Arc::clone(warming).keep(Arc::clone(memory)));
            if warming.successors.is_some() {
                let day = Arc::clone(warming).follow_the_day(Arc::clone(memory));
                self.link.spawn(day);
            }
        }
    }

    /// Where values are that nobody has asked for yet.
    pub(crate) fn shelf(&self) -> Option<&Shelf> {
        let ahead = self.ahead().filter(|ahead| ahead.fetches());
        ahead.map(|ahead| &*ahead.shelf)
    }

    /// What became of what was fetched before it was asked for.
    pub(crate) fn shelf_stats(&self) -> Option<ShelfStats> {
        let ahead = self.ahead().filter(|ahead| ahead.fetches())?;
        let learnt = ahead.successors.as_ref().map_or(0, Successors::bytes);
        Some(ShelfStats {
            learnt_bytes: learnt as u64,
            ..ahead.shelf.stats()
        })
    }

    /// What is fetched before it is asked for; not in a fork, where nothing is.
    fn ahead(&self) -> Option<&Warming> {
        let ahead = self.ahead.as_deref();
        ahead.filter(|_| !self.link.is_forked())
    }

    /// Tells what the server is, now and whenever it is another one.
    pub(crate) fn greet(&self, events: Events) {
        let (link, known) = (self.link.weak(), Arc::clone(&self.greeting));
        self.link
            .spawn(greeting::greet(link, self.log.contact(), known, events));
    }

    /// What is known of the server.
    pub(crate) fn greeting(&self) -> Greeting {
        lock(&self.greeting).clone()
    }

    /// Whether there is no use in asking it for values: it does not let the log be read.
    pub(crate) fn is_refused(&self) -> bool {
        self.log.is_refused()
    }

    /// Waits until the log has been heard of. For any runtime, or none.
    ///
    /// # Errors
    /// It has not, within this time.
    pub(crate) async fn meet(&self, within: Duration) -> Result<(), Error> {
        let (told, heard) = oneshot::channel();
        let mut contact = self.log.contact();
        self.link.spawn(async move {
            let made = contact.wait_for(|contact| matches!(contact, Contact::Made));
            let met = timeout(within, made).await.is_ok_and(|met| met.is_ok());
            // Whoever does not want to know has dropped it.
            let _ = told.send(if met {
                Ok(())
            } else {
                Err(contact.borrow().why())
            });
        });
        let why = match unconstrained(heard).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => self.greeting().unusable.unwrap_or(why),
            Err(_) => "the cache is closed".to_owned(),
        };
        Err(Error::new(
            ErrorKind::Unreachable,
            format!(
                "`require_redis`: no contact within {within:.1?}: {why}. Without `require_redis` the cache would begin in memory, and \
                 share from when it can"
            ),
        ))
    }

    /// Applies all that the log has by now.
    pub(crate) fn confirm(&self) -> Confirming {
        self.log.confirm()
    }

    /// Whether the server has last said that it has the log: without, nothing that it answers is known to be all there is.
    pub(crate) fn is_in_touch(&self) -> bool {
        self.log.is_in_touch()
    }

    /// As long as the last word from the log counts.
    pub(crate) fn heard_until(&self) -> u64 {
        self.log.heard_until()
    }

    /// Invalidates here at once, and everywhere when it is awaited.
    pub(crate) fn append(&self, matchers: Vec<Matcher>) -> Appending {
        let exact = matchers
            .iter()
            .filter_map(|matcher| match matcher {
                Matcher::Key(key, _) => Some(self.value(*key).into_bytes()),
                _ => None,
            })
            .collect();
        self.log.append_and_free(matchers, exact)
    }

    /// Asks for a value, and for what the log has to say before it can be judged, in one trip, with others that are asked for at
    /// the same time.
    pub(crate) fn fetch(&self, key: KeyDigest) -> Read {
        self.reads.ask(key)
    }

    /// The same; its `followers` come with it, if it pays, for whoever asks for them next.
    pub(crate) fn fetch_with(&self, key: KeyDigest, followers: Vec<KeyDigest>) -> Read {
        let riders = match self.ahead() {
            Some(ahead) if !followers.is_empty() => ahead.riders(followers),
            _ => Vec::new(),
        };
        self.reads.ask_with(key, riders)
    }

    /// A value is asked for that was not in memory. Those that usually follow it.
    pub(crate) fn note(&self, key: KeyDigest) -> Vec<KeyDigest> {
        match self.ahead().and_then(|ahead| ahead.successors.as_ref()) {
            Some(successors) => successors.note(key, successors::task()),
            None => Vec::new(),
        }
    }

    /// Asks for several values in one trip, or, of very many, in as few as they fit into.
    pub(crate) fn fetch_many(&self, keys: &[KeyDigest]) -> Vec<Read> {
        self.reads.ask_many(keys)
    }

    /// What the value's part of a trip [for a lease](Self::ask_for) gave.
    pub(crate) fn found(&self, replies: Vec<Value>) -> Result<Option<Found>, LinkError> {
        reads::found(replies, &self.log)
    }

    /// Stores a value, in the background, and gives its lease back if it is of use to those who wait. It is fresh for its lifetime in
    /// milliseconds, or was until so long ago, and stays for `grace` after it. One that `yields` takes the place of nothing that is fresh.
    pub(crate) fn store(
        &self,
        key: KeyDigest,
        envelope: &[u8],
        lifetime: i64,
        grace: Duration,
        yields: bool,
        claim: Option<Claim>,
    ) {
        let lifetime = match lifetime {
            ..1 => lifetime,
            1.. => ((lifetime as f64 * (1.0 - JITTER * time::fraction())) as i64).max(1),
        };
        // With what is late the lease is not given back: those who wait for it would follow each other, each too late. They compute at once.
        let claim = claim.filter(|_| lifetime > 0);
        let store = scripts::Store {
            envelope,
            lifetime,
            grace: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX),
            yields,
            observed: None,
            token: claim.and_then(Claim::hand_over),
        };
        let (value, lease) = (self.value(key), self.lease_name(key));
        let command = scripts::store(value.as_bytes(), lease.as_bytes(), &store);
        let request = Request::of(command);
        self.link.send(match store.token {
            Some(token) => request.otherwise(scripts::release(lease.as_bytes(), token), self.lease),
            None => request,
        });
    }

    /// When what was stored by now is there.
    pub(crate) fn sent(&self) -> crate::link::Answer {
        self.link.sent()
    }

    /// Brings to an end what was begun, at most for a while, writes down what was used, and closes the connection. How much was not
    /// sent.
    pub(crate) async fn close(&self, within: Duration, used: Used) -> u64 {
        let (settled, warming) = (self.log.settled(), self.ahead.clone());
        let done = async move {
            let save = async {
                if let Some(warming) = warming {
                    // It costs the next process some hits.
                    let _ = warming.save(&used).await;
                }
            };
            futures_util::future::join(settled, save).await;
        };
        self.link.finish(within, done).await
    }

    /// How the connection is.
    pub(crate) fn link_health(&self) -> crate::link::Health {
        self.link.health()
    }

    /// How long trips took that somebody waited for, and those that nobody did.
    pub(crate) fn latencies(&self) -> (Latencies, Latencies) {
        self.link.latencies()
    }

    /// How often the log has begun a new generation.
    pub(crate) fn generations(&self) -> u64 {
        self.log.generations()
    }

    /// How many invalidations are not in the log yet.
    pub(crate) fn pending(&self) -> usize {
        self.log.pending()
    }

    fn value(&self, key: KeyDigest) -> String {
        format!("{}{key}", self.values)
    }

    fn lease_name(&self, key: KeyDigest) -> String {
        format!("{}{key}", self.leases)
    }

    fn turn_name(&self, name: KeyDigest) -> String {
        format!("{}{name}", self.turns)
    }
}
