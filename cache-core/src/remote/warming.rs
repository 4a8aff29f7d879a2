//! What is fetched before it is asked for: the values that were hot before this process began.
//!
//! Tasks on the link's thread. The one fetches what is on the [list](super::hot), some hundred values at a time, one trip after the other,
//! as soon as the log has been heard of; the other writes the list, now and then. What was used the memory knows, and is asked for it:
//! a hit does nothing for it. Where values are predicted there is a list for each hour of the day, too, which is fetched shortly before
//! that hour begins. Where functions want their hottest calls made again, their lists are written, too; who makes those calls asks for them.

use std::time::{Duration, Instant};

use redis::Value;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::hot::{Called, HEAT, Hot, List, Listed, Used, WARMTH};
use super::reads::Reads;
use super::shelf::{Shelf, Why};
use super::successors::Successors;
use crate::cipher::Cipher;
use crate::key::KeyDigest;
use crate::link::{Link, LinkError, Request};
use crate::log::Contact;
use crate::site::HotCalls;
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

/// How many values are fetched for an hour of the day.
const TIMELY: usize = 1_000;

/// How long before it they are; half of that at least.
const BEFORE: Duration = Duration::from_secs(120);

/// In milliseconds.
const HOUR: u64 = 3_600_000;

/// What is asked of the memory. Nothing is said if there is nobody to ask any more.
pub(crate) trait Memory: Send + Sync {
    /// What was used since this was last asked.
    fn used(&self) -> Option<Used>;

    /// Those of these that it does not have.
    fn absent(&self, keys: Vec<KeyDigest>) -> Option<Vec<KeyDigest>>;
}

/// What is fetched before it is asked for.
pub(crate) struct Ahead {
    pub(crate) namespace: Arc<str>,
    /// How many names of what is hot are kept; 0 for none.
    pub(crate) hot_keys: usize,
    /// Whether what usually comes next is fetched.
    pub(crate) predict: bool,
    /// How many bytes wait to be asked for.
    pub(crate) most_bytes: usize,
    /// The functions whose hottest calls are kept, each with the name of its list.
    pub(crate) calls: Vec<(&'static HotCalls, KeyDigest)>,
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
    /// The functions whose hottest calls are kept, each with where its list stands.
    pub(super) calls: Vec<(&'static HotCalls, String)>,
}

impl Warming {
    /// Whether any value is fetched before it is asked for.
    pub(super) fn fetches(&self) -> bool {
        self.most > 0 || self.successors.is_some()
    }

    /// Those that are to come along with another one, and when they are asked for.
    pub(super) fn riders(&self, followers: Vec<KeyDigest>) -> Vec<(KeyDigest, u64)> {
        let sent = self.clock.now();
        let new = self.shelf.predict(followers, Why::Follows);
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
        let keys = self.shelf.expect(list.into_all().take(self.most));
        self.fill(&keys, Why::Hot, ends).await;
    }

    /// Fetches these, in their order, as long as there is room and time. Each is settled once: it comes, or fails, or is not asked for.
    /// From then on others may expect it.
    async fn fill(&self, keys: &[KeyDigest], why: Why, ends: Instant) {
        for keys in keys.chunks(TOGETHER) {
            if Instant::now() >= ends || self.shelf.is_full() {
                self.shelf.give_up(keys);
                continue;
            }
            let keys = self.shelf.still_expected(keys);
            let sent = self.clock.now();
            let mut failed = false;
            for (key, read) in keys.iter().zip(self.reads.ask_many(&keys)) {
                match read.await {
                    Ok(found) => {
                        // Without what came with it, of which most may be taken soon.
                        let found = found.map(|found| found.alone());
                        self.shelf.put(*key, found, sent, why);
                    }
                    Err(_) => {
                        self.shelf.give_up(&[*key]);
                        failed = true;
                    }
                }
            }
            if failed {
                sleep(PAUSE).await;
            }
        }
    }

    /// Writes the lists, now and then, for as long as there is somebody to ask what was used.
    pub(super) async fn keep(self: Arc<Self>, memory: Arc<dyn Memory>) {
        let (mut pause, mut window) = (FIRST, EVERY);
        let mut written = None;
        loop {
            // Of more than there is room for, those that are used within a short time are the hottest.
            if let Some(before) = pause.checked_sub(window) {
                sleep(before).await;
                if look(&memory, |memory| memory.used()).await.is_none() {
                    return;
                }
            }
            sleep(window.min(pause)).await;
            let Some(used) = look(&memory, |memory| memory.used()).await else {
                return;
            };
            let most = self.most.max(TIMELY);
            window = if used.names.len() > 2 * most {
                (window / 2).max(GLANCE)
            } else if used.names.len() < most {
                (window * 2).min(EVERY)
            } else {
                window
            };
            // The next one is as good.
            let _ = self.save(&used).await;
            if self.successors.is_some() {
                let hour = hour(time::unix_millis());
                let _ = self
                    .save_hour(hour, &used.names, written != Some(hour))
                    .await;
                written = Some(hour);
            }
            self.shelf.clear_away(self.clock.now());
            pause = EVERY.mul_f64(0.75 + 0.5 * time::fraction());
        }
    }

    /// Fetches what was hot at this hour of the day, shortly before it begins, in each hour.
    pub(super) async fn follow_the_day(self: Arc<Self>, memory: Arc<dyn Memory>) {
        loop {
            let now = time::unix_millis();
            sleep(before_the_next(now) + BEFORE.mul_f64(0.5 * time::fraction())).await;
            let next = hour(time::unix_millis() + time::millis(BEFORE));
            if self.fetch_hour(next, &memory).await.is_none() {
                return;
            }
            // Into that hour, so that it is not the next one once more.
            sleep(BEFORE).await;
        }
    }

    /// Fetches what was hot at an hour and is not in memory. Nothing if there is nobody to ask any more what is.
    pub(super) async fn fetch_hour(&self, hour: u64, memory: &Arc<dyn Memory>) -> Option<()> {
        let list: Hot = self.load(&self.of_hour(hour)).await.unwrap_or_default();
        let keys: Vec<_> = list.into_all().take(TIMELY).collect();
        let absent = look(memory, |memory| memory.absent(keys)).await?;
        let keys = self.shelf.predict(absent, Why::Timely);
        self.fill(&keys, Why::Timely, Instant::now() + LONGEST)
            .await;
        Some(())
    }

    /// Writes the lists with what was used.
    pub(super) async fn save(&self, used: &Used) -> Result<(), LinkError> {
        if self.most > 0 {
            let list = self.load(&self.list).await?.cooled();
            let list = list.and_used(&used.names, HEAT, self.most);
            self.store(&self.list, list).await?;
        }
        for (calls, used) in &used.calls {
            if let Some(name) = self.list_of(calls) {
                let list = self.load(name).await?.cooled();
                let list = list.and_used(used, HEAT, calls.most);
                self.store(name, list).await?;
            }
        }
        Ok(())
    }

    /// The hottest calls of a function, the hottest first.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(super) async fn hottest(&self, calls: &'static HotCalls) -> Result<Vec<Called>, String> {
        let Some(name) = self.list_of(calls) else {
            return Ok(Vec::new());
        };
        let found = self.read::<Called>(name).await;
        let bytes = found.map_err(|error| error.to_string())?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        match List::<Called>::parse(&bytes, &self.cipher) {
            Some(list) => Ok(list.into_all().take(calls.most).collect()),
            None => Err(format!(
                "what stands in Redis under `{name}` is no list of calls, or one with other keys; it is written anew"
            )),
        }
    }

    fn list_of(&self, calls: &'static HotCalls) -> Option<&str> {
        let mut all = self.calls.iter();
        let found = all.find(|(known, _)| std::ptr::eq(*known, calls))?;
        Some(&found.1)
    }

    /// Writes the list of an hour with what was used in it. What is there of another day cools once.
    pub(super) async fn save_hour(
        &self,
        hour: u64,
        used: &[(KeyDigest, u8)],
        begins: bool,
    ) -> Result<(), LinkError> {
        let name = self.of_hour(hour);
        let list = self.load(&name).await?;
        let list = if begins { list.cooled() } else { list };
        self.store(&name, list.and_used(used, WARMTH, TIMELY)).await
    }

    fn of_hour(&self, hour: u64) -> String {
        format!("{}:{hour:02}", self.list)
    }

    async fn store<K: Listed>(&self, name: &str, list: List<K>) -> Result<(), LinkError> {
        // Without randomness to encrypt it with there is none.
        let Some(bytes) = list.bytes(&self.cipher) else {
            return Ok(());
        };
        let mut set = redis::cmd("SET");
        set.arg(name).arg(bytes);
        set.arg("PX").arg(time::millis(LIFETIME));
        self.link.ask(Request::of(set)).await.map(drop)
    }

    /// A list as it stands there. What is no list is as good as none.
    async fn load<K: Listed>(&self, name: &str) -> Result<List<K>, LinkError> {
        let bytes = match self.read::<K>(name).await {
            Err(LinkError::Refused(_)) => Vec::new(),
            read => read?,
        };
        Ok(List::parse(&bytes, &self.cipher).unwrap_or_default())
    }

    /// The bytes of a list, none if there is nothing.
    async fn read<K: Listed>(&self, name: &str) -> Result<Vec<u8>, LinkError> {
        // One byte more than a list can have tells that it is none, however much there is.
        let mut get = redis::cmd("GETRANGE");
        get.arg(name).arg(0).arg(List::<K>::LONGEST);
        match self.link.ask(Request::of(get)).await?.pop() {
            Some(Value::BulkString(bytes)) => Ok(bytes),
            _ => Ok(Vec::new()),
        }
    }
}

/// Asks the memory, where it holds nobody up.
async fn look<T: Send + 'static>(
    memory: &Arc<dyn Memory>,
    ask: impl FnOnce(&dyn Memory) -> Option<T> + Send + 'static,
) -> Option<T> {
    let memory = Arc::clone(memory);
    spawn_blocking(move || ask(&*memory)).await.ok().flatten()
}

/// The hour of the day (UTC) of a time in milliseconds since 1970.
fn hour(unix_millis: u64) -> u64 {
    unix_millis / HOUR % 24
}

/// How long it is until shortly before the next hour.
fn before_the_next(unix_millis: u64) -> Duration {
    let left = HOUR - unix_millis % HOUR;
    Duration::from_millis(left).saturating_sub(BEFORE)
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
