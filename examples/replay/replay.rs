//! One step, from its beginning to its end: waves of calls on all nodes, writes in between, and time that passes when all that can
//! happen by now has happened.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cache_core::{Cache, Position};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::database::{Database, State};
use crate::seen::{Known, Seen, Wave};
use crate::server::Server;
use crate::steps::{Step, write, write_through};
use crate::time::Time;

/// How many nodes there are.
const NODES: usize = 3;

/// From one wave of calls to the next, in milliseconds.
const WAVE: u64 = 10_000;

/// The guide's soft time-out, in milliseconds.
const LIMIT: u64 = 100;

/// When in a wave products are written: while the database answers what the wave has asked it.
const WRITES: u64 = 50;

/// One of so many products is written between two waves.
const WRITTEN: usize = 100;

/// How long nothing happens when nothing will: only for what goes on behind all callers, of which it cannot be seen where it is.
const QUIET: Duration = Duration::from_millis(25);

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    pub products: usize,
    /// Of each product on each node, at a time.
    pub callers: usize,
    pub minutes: &'static [State],
}

/// See the module.
struct Replay {
    step: Step,
    scale: Scale,
    time: Time,
    database: Arc<Database>,
    nodes: Vec<Cache>,
    seen: Mutex<Seen>,
    /// Of each product, the version whose invalidation has returned.
    invalidated: Vec<AtomicU64>,
    /// Of each product, how many crowds wait.
    waiting: Vec<AtomicUsize>,
    /// Crowds that have not asked yet, and writes that are not through.
    busy: AtomicUsize,
    /// Tasks that write.
    writers: AtomicUsize,
}

/// Runs a step; what its callers have seen.
pub async fn run(step: Step, scale: Scale, server: Option<&Server>) -> Result<Seen> {
    let time = Time::default();
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        nodes.push(node(&step, &time, server).await?);
    }
    let zeros = || 0..scale.products;
    let replay = Arc::new(Replay {
        database: Arc::new(Database::new(time.clone(), scale.minutes, scale.products)),
        seen: Mutex::default(),
        invalidated: zeros().map(|_| AtomicU64::new(0)).collect(),
        waiting: zeros().map(|_| AtomicUsize::new(0)).collect(),
        busy: AtomicUsize::new(0),
        writers: AtomicUsize::new(0),
        step,
        scale,
        time,
        nodes,
    });
    for wave in 0..scale.minutes.len() as u64 * (60_000 / WAVE) {
        replay.wave(wave, server).await?;
    }
    for node in &replay.nodes {
        let _ = node.shutdown(Duration::from_secs(5)).await;
    }
    let seen = replay.seen().clone();
    Ok(seen)
}

async fn node(step: &Step, time: &Time, server: Option<&Server>) -> Result<Cache> {
    let mut node = Cache::builder()
        .namespace(step.name.replace([' ', '+'], ""))
        .clock(time.clock())
        // By that clock nothing is heard for ten seconds at a time, of a log that is there.
        .max_staleness(Duration::from_secs(86_400))
        // By a real one some of this takes longer than it would.
        .wait_max(Duration::from_secs(600));
    if step.shared {
        let server = server.context("this step needs a server")?;
        node = node
            .redis(&server.url())
            .require_redis(Duration::from_secs(10))
            .op_timeout(Duration::from_secs(10));
    }
    Ok(node.build().await?)
}

impl Replay {
    async fn wave(self: &Arc<Self>, number: u64, server: Option<&Server>) -> Result<()> {
        let (began, before) = (self.time.now(), self.database.calls());
        self.seen().waves.push(Wave::default());
        let mut tasks = JoinSet::new();
        for node in 0..NODES {
            for id in 0..self.scale.products {
                tasks.spawn(self.crowd(node, id, self.scale.callers));
            }
        }
        tasks.spawn(Arc::clone(self).writes(number as usize));
        let end = began + WAVE;
        let mut limit = self.step.prompt.then_some(began + LIMIT);
        loop {
            self.settle().await;
            if limit == Some(self.time.now()) {
                self.be_prompt(number as usize).await;
                limit = None;
            }
            let next = [self.time.next(), limit].into_iter().flatten().min();
            let next = next.filter(|next| *next < end).unwrap_or(end);
            self.advance(next, server).await?;
            if next == end {
                break;
            }
        }
        while let Some(done) = tasks.join_next().await {
            done?;
        }
        if let Some(wave) = self.seen().waves.last_mut() {
            wave.calls = self.database.calls() - before;
        }
        Ok(())
    }

    /// Callers who ask for the same on the same node at the same time, from now on.
    fn crowd(
        self: &Arc<Self>,
        node: usize,
        id: usize,
        callers: usize,
    ) -> impl Future<Output = ()> + Send + use<> {
        self.waiting[id].fetch_add(1, SeqCst);
        self.busy.fetch_add(1, SeqCst);
        let this = Arc::clone(self);
        async move {
            let cache = this.nodes[node].clone();
            let _left = Leave(&this.waiting[id]);
            let known = Known {
                at: this.time.now(),
                written: this.database.version(id),
                invalidated: this.invalidated[id].load(SeqCst),
            };
            let call = |_| (this.step.read)(Arc::clone(&this.database), id);
            let mut calls: Vec<_> = (0..callers).map(call).collect();
            let mut asked = false;
            let all = poll_fn(|cx| {
                let mut seen = this.seen();
                calls.retain_mut(|call| match call.as_mut().poll(cx) {
                    Poll::Ready(answer) => {
                        seen.count(known, answer, this.time.now());
                        false
                    }
                    Poll::Pending => true,
                });
                if !std::mem::replace(&mut asked, true) {
                    this.busy.fetch_sub(1, SeqCst);
                }
                match calls.is_empty() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            });
            cache.scope(all).await;
        }
    }

    /// The products that are written in a wave.
    fn written(&self, wave: usize) -> impl Iterator<Item = usize> + use<> {
        let products = self.scale.products;
        let count = products.div_ceil(WRITTEN);
        (wave * count..(wave + 1) * count).map(move |n| n % products)
    }

    /// Writes, on one of the nodes, some products; and looks at once what is served there.
    async fn writes(self: Arc<Self>, wave: usize) {
        self.writers.fetch_add(1, SeqCst);
        let _left = Leave(&self.writers);
        self.time.sleep(WRITES).await;
        if self.database.state() == State::Down {
            return;
        }
        if !self.step.invalidates {
            for id in self.written(wave) {
                write(&self.database, id).await;
            }
            return;
        }
        self.busy.fetch_add(1, SeqCst);
        let node = wave % NODES;
        for id in self.written(wave) {
            let write = write_through(&self.database, id);
            self.nodes[node].scope(write).await;
            self.invalidated[id].store(self.database.version(id), SeqCst);
        }
        // What the log says is on its way to the others, for as long as a trip takes; the next wave is seconds away.
        let last = self.applied(node);
        while (0..NODES).any(|node| self.applied(node) < last) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut looks = JoinSet::new();
        for id in self.written(wave) {
            looks.spawn(self.crowd(node, id, 1));
        }
        self.busy.fetch_sub(1, SeqCst);
        looks.join_all().await;
    }

    /// Up to where in the log this node knows it.
    fn applied(&self, node: usize) -> Option<Position> {
        self.nodes[node].health().redis.map(|redis| redis.applied)
    }

    /// Waits until all that can happen without time's passing has happened.
    async fn settle(&self) {
        let mut last = (0, 0, Instant::now());
        for turn in 0.. {
            match turn {
                0..8 => tokio::task::yield_now().await,
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
            let products = 0..self.scale.products;
            let waits = |id: &usize| self.waiting[*id].load(SeqCst);
            let sum: usize = products.clone().map(|id| waits(&id)).sum();
            // Of callers who wait, one has asked the database; of the crowds of a node, or of all nodes if they share.
            let is_asked = |id: usize| {
                let needed = match self.step.shared {
                    true => waits(&id).min(1),
                    false => waits(&id),
                };
                self.database.asking(id) >= needed
            };
            let ready = self.time.is_awake() && self.busy.load(SeqCst) == 0;
            if !ready || !products.clone().all(is_asked) {
                continue;
            }
            let alive = Handle::current().metrics().num_alive_tasks();
            if alive <= sum + self.writers.load(SeqCst) {
                return;
            }
            let (alive_before, calls_before, since) = last;
            let calls = self.database.calls();
            if (alive, calls) != (alive_before, calls_before) {
                last = (alive, calls, Instant::now());
            } else if since.elapsed() > QUIET {
                return;
            }
        }
    }

    /// Waits until whoever has something to be given has been given it, as the time-out is over.
    async fn be_prompt(&self, wave: usize) {
        let began = Instant::now();
        // Of what was invalidated since the database last answered there is nothing.
        let mut cold: Vec<_> = self.written(wave).collect();
        cold.extend(
            wave.checked_sub(1)
                .into_iter()
                .flat_map(|last| self.written(last)),
        );
        let waits = |id: usize| self.waiting[id].load(SeqCst) > 0 && !cold.contains(&id);
        while (0..self.scale.products).any(waits) && began.elapsed() < Duration::from_secs(5) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn advance(&self, until: u64, server: Option<&Server>) -> Result<()> {
        let by = Duration::from_millis(until - self.time.now());
        if let Some(server) = server.filter(|_| self.step.shared) {
            let queued = |node: &Cache| node.health().redis.is_some_and(|redis| redis.queued > 0);
            while self.nodes.iter().any(queued) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            server.age(by)?;
        }
        self.time.advance(until);
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one less when it is dropped.
struct Leave<'a>(&'a AtomicUsize);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}
