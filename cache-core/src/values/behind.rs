//! Values that reach their source after the cache: write-behind.
//!
//! A value is put as [`Cache::set`] puts it, and then queued; until it is written, the source is older than the cache. Whoever finds
//! no value meanwhile, as it was evicted, may read the source, and what a cached function makes of that has a stamp after the put. So
//! when a batch has been written, one more record names the *answers* under its addresses, as the last one of a `set` does: what was
//! made of the older source is dead. The values stay: they are what the source has now. Putting them again would bring an older
//! one back, where somebody else has put a newer one meanwhile.

use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};

use crate::cache::{Cache, Token};
use crate::error::{Error, ErrorKind};
use crate::matcher::Matcher;
use crate::scope::{self, Scope};
use crate::shape::CacheValue;
use crate::sync::{Arc, Mutex, lock};

mod queue;
mod queues;
mod slots;
mod writer;
use queue::Queue;
pub(crate) use queues::Queues;
use writer::Writer;

/// How values go on from a cache to their source; see [`Cache::write_behind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Behind {
    delay: Duration,
    capacity: usize,
    batch: usize,
    timeout: Duration,
}

impl Default for Behind {
    fn default() -> Self {
        Self::new()
    }
}

impl Behind {
    /// After a second, 100 at a time, 10,000 at most; a write may take a minute.
    pub const fn new() -> Self {
        Self {
            delay: Duration::from_secs(1),
            capacity: 10_000,
            batch: 100,
            timeout: Duration::from_secs(60),
        }
    }

    /// How long a value waits for a newer one of its address, which is then written in its place. With zero it is written as soon as
    /// the batch before it is; with `Duration::MAX` when the queue is full, flushed, or has no handle any more.
    pub const fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// How many addresses can have a value in the queue. One more waits until there is room. 0 counts as 1.
    pub const fn capacity(mut self, addresses: usize) -> Self {
        self.capacity = if addresses == 0 { 1 } else { addresses };
        self
    }

    /// How many values are written together, at most. 0 counts as 1.
    pub const fn batch(mut self, values: usize) -> Self {
        self.batch = if values == 0 { 1 } else { values };
        self
    }

    /// How long one write may take. What takes longer is dropped where it waits, and counts as failed: one that hangs would hold up all
    /// that is queued behind it. With `Duration::MAX` it may.
    ///
    /// A database may run a statement to its end after its client has gone: behind the next trial, then, with its older value. Give statements
    /// a shorter time of their own, or rows a version.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// Values that are in the cache at once, and in their source a little later; see [`Cache::write_behind`]. Clones are the same queue.
pub struct WriteBehind<T: CacheValue> {
    cache: Cache,
    shared: Arc<Shared<T>>,
}

/// What handles and writer have in common.
struct Shared<T> {
    queue: Queue<Arc<T>>,
    untold: Mutex<Untold>,
}

/// What was written, and others may not have been told of.
#[derive(Default)]
struct Untold {
    matchers: Vec<Matcher>,
    /// How often something was added.
    version: u64,
}

impl Cache {
    /// A queue of values that are in the cache at once, and reach their source later, many in one write: write-behind.
    ///
    /// Gives a handle, through which values are [set](WriteBehind::set), and the writer: a future that calls `write` with what is due,
    /// each address once and with its last value. Run it beside the program: as a task of any runtime, or in a thread that blocks on
    /// it. It ends when all handles are gone and everything is written.
    ///
    /// ```
    /// # use cache_core::__private::block_on;
    /// use std::sync::Mutex;
    /// use std::time::Duration;
    /// use cache_core::{Behind, Cache};
    ///
    /// # block_on(async {
    /// static TABLE: Mutex<Vec<(String, u64)>> = Mutex::new(Vec::new());
    ///
    /// let cache = Cache::builder().build().await?;
    /// let (seen, writer) = cache.write_behind(Behind::new().batch(500), |batch: Vec<(String, u64)>| async move {
    ///     TABLE.lock().unwrap().extend(batch);             // one `INSERT … ON CONFLICT … UPDATE` of many rows
    ///     Ok::<(), String>(())
    /// });
    /// let writer = std::thread::spawn(|| block_on(writer)); // or `tokio::spawn(writer)`
    /// for minute in 0..60 {
    ///     seen.set("seen:7", minute, Duration::from_secs(3600)).await?;
    /// }
    /// assert_eq!(cache.get("seen:7").await?, Some(59_u64));
    /// seen.flush().await?;
    /// assert_eq!(TABLE.lock().unwrap().last(), Some(&("seen:7".to_owned(), 59)));
    /// drop(seen);
    /// writer.join().unwrap();
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// A `write` that gives an `Err`, panics or takes longer than [`timeout`](Behind::timeout) counts as not done: [`EventKind::NotWritten`](crate::EventKind::NotWritten), and the same addresses are written again after
    /// a pause of 100 ms to 10 s, with their last values by then. So it has to be such that twice is as good as once. In it the
    /// cache is the [current](crate::current) one, and what else the write changes can be invalidated; waiting there for room in the
    /// queue, or for a flush, would wait for itself.
    ///
    /// What a crash loses, and what others see meanwhile: [`guide::writing`](crate::guide::writing).
    ///
    /// A writer that is dropped leaves what it has not written: `set` fails from then on, and [`shutdown`](Self::shutdown) tells of it.
    pub fn write_behind<T, W, F, E>(
        &self,
        behind: Behind,
        write: W,
    ) -> (WriteBehind<T>, impl Future<Output = ()> + use<T, W, F, E>)
    where
        T: CacheValue + Serialize + DeserializeOwned,
        W: FnMut(Vec<(String, T)>) -> F,
        F: Future<Output = Result<(), E>>,
        E: Display,
    {
        let (queues, clock) = (&self.0.queues, self.0.config.clock.clone());
        let shared = Arc::new(Shared {
            queue: Queue::new(behind, queues.counters(), clock),
            untold: Mutex::default(),
        });
        queues.add(&shared);
        let writer = Writer {
            cache: self.clone(),
            shared: Arc::clone(&shared),
            timeout: behind.timeout,
        };
        shared.queue.join();
        let handle = WriteBehind {
            cache: self.clone(),
            shared,
        };
        let scope = Scope {
            cache: Some(self.clone()),
            ..Scope::default()
        };
        (handle, scope::within(scope, writer.run(write)))
    }
}

impl<T: CacheValue + Serialize + DeserializeOwned> WriteBehind<T> {
    /// [`Cache::set`], and the value is queued for its source. Waits for room, and for others who set this address just then.
    ///
    /// Cancel safe: dropped, it has done neither, or the value is queued and is there, or none is.
    ///
    /// # Errors
    /// [`ErrorKind::NoWriter`] if the writer was dropped, [`ErrorKind::Unsupported`] in a [transaction](Cache::transaction), which could
    /// not take it back, and those of [`Cache::set`]. After [`ErrorKind::NotLogged`] and [`ErrorKind::NotShared`], which are of Redis,
    /// the value is queued all the same, and is in the cache as that says; after any other it is not queued.
    pub async fn set(&self, address: &str, value: T, ttl: Duration) -> Result<(), Error> {
        outside_of_transactions()?;
        let claim = self.shared.queue.claim(address).await;
        let mut claim = claim.ok_or_else(no_writer)?;
        claim.value = Some(Arc::new(value.clone()));
        let put = self.cache.put(address, value, ttl, None).await;
        let kept =
            |error: &Error| matches!(error.kind(), ErrorKind::NotLogged | ErrorKind::NotShared);
        if put.as_ref().is_err_and(|error| !kept(error)) {
            claim.value = None;
            return put;
        }
        if !claim.settle() {
            // It will never be written, so it is none.
            self.cache.drop_addresses(&[address]).await?;
            return Err(no_writer());
        }
        put
    }

    /// [`Cache::get`]; what the cache has lost, or was told to forget, is found as long as it is queued.
    ///
    /// Cancel safe: it changes nothing.
    ///
    /// # Errors
    /// Those of [`Cache::get`].
    pub async fn get(&self, address: &str) -> Result<Option<T>, Error> {
        let found = self.cache.get(address).await?;
        if found.is_some() || scope::current().is_some_and(|scope| scope.holds_back()) {
            return Ok(found);
        }
        let queued = self.shared.queue.find(address);
        Ok(queued.map(|value| T::clone(&value)))
    }
}

impl<T: CacheValue> WriteBehind<T> {
    /// [`Cache::remove`]; what is queued under the address is not written, and what is being written is waited for. The source is
    /// told nothing: what it has under the address is yours to delete, when this has returned.
    ///
    /// Cancel safe: dropped, it has done neither or both.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] in a [transaction](Cache::transaction), and those of [`Cache::remove`].
    pub async fn remove(&self, address: &str) -> Result<Token, Error> {
        outside_of_transactions()?;
        let claim = self.shared.queue.take_back(address).await;
        // Begun before anything is waited for.
        let removed = self.cache.drop_addresses(&[address]);
        if let Some(claim) = claim {
            claim.rest().await;
        }
        removed.await
    }

    /// Writes what is queued by now without delay, and waits until it is written: until then a source that fails is tried again, so
    /// that this takes as long as it does. Once it has returned `Ok`, no cached function that has asked for these values serves what
    /// it made of an older source; in other processes, as after an [invalidation](crate::guide::coherence).
    ///
    /// Cancel safe: dropped, the queue goes on.
    ///
    /// # Errors
    /// [`ErrorKind::NoWriter`] if the writer was dropped before everything was written. [`ErrorKind::NotLogged`] if all is written,
    /// and others could not be told.
    pub async fn flush(&self) -> Result<(), Error> {
        self.shared.flush(&self.cache).await
    }
}

impl<T: CacheValue> Clone for WriteBehind<T> {
    fn clone(&self) -> Self {
        self.shared.queue.join();
        Self {
            cache: self.cache.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T: CacheValue> Drop for WriteBehind<T> {
    fn drop(&mut self) {
        self.shared.queue.leave();
    }
}

impl<T: CacheValue> std::fmt::Debug for WriteBehind<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteBehind").finish_non_exhaustive()
    }
}

fn outside_of_transactions() -> Result<(), Error> {
    if scope::in_transaction() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "what is written behind is not part of a transaction; do it after the commit",
        ));
    }
    Ok(())
}

fn no_writer() -> Error {
    Error::new(
        ErrorKind::NoWriter,
        "the writer of this queue was dropped; run the future that `write_behind` gives for as long as values are set",
    )
}

impl<T> Shared<T> {
    async fn flush(&self, cache: &Cache) -> Result<(), Error> {
        let below = self.queue.hurry();
        if !self.queue.written(below).await {
            return Err(no_writer());
        }
        self.tell(cache, Vec::new()).await
    }

    /// Invalidates what was made of an older source, and what could not be told before.
    async fn tell(&self, cache: &Cache, more: Vec<Matcher>) -> Result<(), Error> {
        let (matchers, version) = {
            let mut untold = lock(&self.untold);
            untold.version += u64::from(!more.is_empty());
            untold.matchers.extend(more);
            cache.0.index.fit(&mut untold.matchers);
            (untold.matchers.clone(), untold.version)
        };
        if matchers.is_empty() {
            return Ok(());
        }
        cache.invalidate(matchers).await?;
        let mut untold = lock(&self.untold);
        if untold.version == version {
            untold.matchers.clear();
        }
        Ok(())
    }
}
