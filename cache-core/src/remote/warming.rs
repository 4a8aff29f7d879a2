//! What is fetched before it is asked for: the values that were hot before this process began.
//!
//! Tasks on the link's thread. The one fetches what is on the [list](super::hot), some hundred values at a time, one trip after the other,
//! as soon as the log has been heard of; the other writes the list, now and then. What was used the memory knows, and is asked for it:
//! a hit does nothing for it.

use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::hot::Hot;
use super::reads::Reads;
use super::shelf::{Shelf, Why};
use super::successors::Successors;
use crate::cipher::Cipher;
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, Request};
use crate::log::Contact;
use crate::sync::Arc;
use crate::time::{self, Clock};

/// How many values are asked for together.
const TOGETHER: usize = 128;

/// How long values are fetched at the start. What has not come by then is asked for when it is needed.
const LONGEST: Duration = Duration::from_secs(30);

/// How long it is before something that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// How soon the list is written for the first time, ...
const FIRST: Duration = Duration::from_secs(5);

/// ... and how often from then on, more or less: the processes of a fleet do not write together.
const EVERY: Duration = Duration::from_secs(60);

/// The shortest time in which it is looked what is used.
const GLANCE: Duration = Duration::from_millis(50);

/// A list that nobody writes any more is gone after a week.
const LIFETIME: Duration = Duration::from_secs(7 * 86_400);

/// What was used since this was last asked, with how often, up to three times. Nothing if there is nobody to ask any more.
pub(crate) type Used = Arc<dyn Fn() -> Option<Vec<(KeyDigest, u8)>> + Send + Sync>;

/// What is fetched before it is asked for.
pub(crate) struct Ahead {
    pub(crate) namespace: Arc<str>,
    /// How many names of what is hot are kept; 0 for none.
    pub(crate) hot_keys: usize,
    /// Whether what usually comes next is fetched.
    pub(crate) predict: bool,
    /// How many bytes wait to be asked for.
    pub(crate) most_bytes: usize,
}

/// See the module.
pub(super) struct Warming {
    pub(super) link: Link,
    pub(super) reads: Reads,
    pub(super) shelf: Arc<Shelf>,
    pub(super) clock: Clock,
    pub(super) cipher: Cipher,
    /// Where the list stands.
    pub(super) list: String,
    /// How many values it has at most.
    pub(super) most: usize,
    /// What usually comes after what, if that is learnt.
    pub(super) successors: Option<Successors>,
}

impl Warming {
    /// Those that are to come along with another one, and when they are asked for.
    pub(super) fn riders(&self, followers: Vec<KeyDigest>) -> Vec<(KeyDigest, u64)> {
        let sent = self.clock.now();
        let new = self.shelf.predict(followers);
        new.into_iter().map(|key| (key, sent)).collect()
    }

    /// Fetches what is on the list, once the log has been heard of.
    pub(super) async fn fetch(self: Arc<Self>, mut contact: watch::Receiver<Contact>) {
        let made = contact.wait_for(|contact| matches!(contact, Contact::Made));
        if made.await.is_err() {
            return;
        }
        let ends = Instant::now() + LONGEST;
        let list = loop {
            match self.load(&self.list).await {
                Ok(list) => break list,
                Err(_) if Instant::now() >= ends => return,
                Err(_) => sleep(PAUSE).await,
            }
        };
        let keys = self.shelf.expect(list.keys().take(self.most));
        self.fill(&keys, ends).await;
        self.shelf.give_up(&keys);
    }

    /// Fetches these, in their order, as long as there is room and time.
    async fn fill(&self, keys: &[KeyDigest], ends: Instant) {
        for keys in keys.chunks(TOGETHER) {
            if Instant::now() >= ends || self.shelf.is_full() {
                return;
            }
            let keys = self.shelf.still_expected(keys);
            let sent = self.clock.now();
            let mut failed = false;
            for (key, read) in keys.iter().zip(self.reads.ask_many(&keys)) {
                match read.await {
                    Ok(found) => {
                        // Without what came with it, of which most may be taken soon.
                        let found = found.map(|found| found.alone());
                        self.shelf.put(*key, found, sent, Why::Hot);
                    }
                    Err(_) => failed = true,
                }
            }
            if failed {
                sleep(PAUSE).await;
            }
        }
    }

    /// Writes the list, now and then, for as long as there is somebody to ask what was used.
    pub(super) async fn keep(self: Arc<Self>, used: Used) {
        let (mut pause, mut window) = (FIRST, EVERY);
        loop {
            // Of more than there is room for, those that are used within a short time are the hottest.
            if let Some(before) = pause.checked_sub(window) {
                sleep(before).await;
                if look(&used).await.is_none() {
                    return;
                }
            }
            sleep(window.min(pause)).await;
            let Some(used) = look(&used).await else {
                return;
            };
            window = if used.len() > 2 * self.most {
                (window / 2).max(GLANCE)
            } else if used.len() < self.most {
                (window * 2).min(EVERY)
            } else {
                window
            };
            // The next one is as good.
            let _ = self.save(&used).await;
            self.shelf.clear_away(self.clock.now());
            pause = EVERY.mul_f64(0.75 + 0.5 * time::fraction());
        }
    }

    /// Writes the list with what was used.
    pub(super) async fn save(&self, used: &[(KeyDigest, u8)]) -> Result<(), LinkError> {
        let list = self.load(&self.list).await?.and_used(used, self.most);
        let Some(bytes) = list.bytes(&self.cipher).filter(|_| !list.is_empty()) else {
            return Ok(());
        };
        let mut set = redis::cmd("SET");
        set.arg(&self.list).arg(bytes);
        set.arg("PX")
            .arg(u64::try_from(LIFETIME.as_millis()).unwrap_or(u64::MAX >> 2));
        self.link.ask(Request::of(set)).await.map(drop)
    }

    /// A list as it stands there. What is no list is as good as none.
    async fn load(&self, name: &str) -> Result<Hot, LinkError> {
        let mut get = redis::cmd("GET");
        get.arg(name);
        let found = match self.link.ask(Request::of(get)).await {
            Ok(mut replies) => replies.pop(),
            Err(LinkError::Refused(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(match found {
            Some(Value::BulkString(bytes)) => Hot::parse(&bytes, &self.cipher).unwrap_or_default(),
            _ => Hot::default(),
        })
    }
}

/// Asks what was used, where it holds nobody up.
async fn look(used: &Used) -> Option<Vec<(KeyDigest, u8)>> {
    let used = Arc::clone(used);
    spawn_blocking(move || used()).await.ok().flatten()
}
