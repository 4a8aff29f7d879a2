//! The programme with a map in memory, values in Redis, and a deletion that is published: as it is usually written, but with
//! care. Whoever has lost the connection takes nothing in memory for valid when it is back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{sync::mpsc, thread};

use anyhow::{Context, Result};
use redis::{Client, Commands, Connection, RedisResult};

use crate::process::{Answers, Rows};
use crate::table;

const TTL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_millis(50);

/// See the module.
pub struct ByHand(Arc<Shared>);

struct Shared {
    client: Client,
    connection: Mutex<Option<Connection>>,
    namespace: String,
    map: Mutex<HashMap<u64, (u64, Instant)>>,
    memory: AtomicU64,
    redis: AtomicU64,
    table: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ByHand {
    /// Waits for the subscription.
    pub fn new(url: &str, namespace: &str) -> Result<Self> {
        let shared = Arc::new(Shared {
            client: Client::open(url)?,
            connection: Mutex::default(),
            namespace: namespace.to_owned(),
            map: Mutex::default(),
            memory: AtomicU64::new(0),
            redis: AtomicU64::new(0),
            table: AtomicU64::new(0),
        });
        let (ready, wait) = mpsc::channel();
        let listener = Arc::clone(&shared);
        thread::spawn(move || {
            loop {
                let _lost = listener.listen(&ready);
                thread::sleep(Duration::from_millis(20));
            }
        });
        wait.recv_timeout(Duration::from_secs(5))
            .context("no subscription")?;
        Ok(Self(shared))
    }
}

impl Shared {
    /// Deletes here what others have deleted.
    fn listen(&self, ready: &mpsc::Sender<()>) -> RedisResult<()> {
        let mut connection = self.client.get_connection_with_timeout(TIMEOUT)?;
        let mut messages = connection.as_pubsub();
        messages.subscribe(&self.namespace)?;
        // What was published in between is lost.
        lock(&self.map).clear();
        let _ = ready.send(());
        loop {
            let id: u64 = messages.get_message()?.get_payload()?;
            lock(&self.map).remove(&id);
        }
    }

    fn redis<T>(&self, ask: impl FnOnce(&mut Connection) -> RedisResult<T>) -> RedisResult<T> {
        let mut slot = lock(&self.connection);
        let mut connection = match slot.take() {
            Some(connection) => connection,
            None => {
                let connection = self.client.get_connection_with_timeout(TIMEOUT)?;
                connection.set_read_timeout(Some(TIMEOUT))?;
                connection
            }
        };
        let answer = ask(&mut connection)?;
        *slot = Some(connection);
        Ok(answer)
    }

    fn key(&self, id: u64) -> String {
        format!("{}:rows:{id}", self.namespace)
    }
}

impl Rows for ByHand {
    fn read(&self, id: u64) -> u64 {
        let this = &self.0;
        if let Some((value, expires)) = lock(&this.map).get(&id)
            && *expires > Instant::now()
        {
            this.memory.fetch_add(1, Relaxed);
            return *value;
        }
        let found: Option<u64> = this.redis(|redis| redis.get(this.key(id))).unwrap_or(None);
        let value = match found {
            Some(value) => {
                this.redis.fetch_add(1, Relaxed);
                value
            }
            None => {
                this.table.fetch_add(1, Relaxed);
                let value = table::shared().load(id);
                let _ = this
                    .redis(|redis| redis.set_ex::<_, _, ()>(this.key(id), value, TTL.as_secs()));
                value
            }
        };
        lock(&this.map).insert(id, (value, Instant::now() + TTL));
        value
    }

    fn invalidate(&self, id: u64) -> bool {
        let this = &self.0;
        lock(&this.map).remove(&id);
        this.redis(|redis| {
            redis.del::<_, ()>(this.key(id))?;
            redis.publish::<_, _, ()>(&this.namespace, id)
        })
        .is_ok()
    }

    fn answers(&self) -> Answers {
        Answers {
            memory: self.0.memory.load(Relaxed),
            redis: self.0.redis.load(Relaxed),
            table: self.0.table.load(Relaxed),
        }
    }
}
