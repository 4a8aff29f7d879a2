//! A trip on its way.

use std::task::Waker;
use std::time::Instant;

use super::riders::Rider;
use super::{Batch, Queue, Values, and_values};
use crate::key::KeyDigest;
use crate::link::{LinkError, Reply, Request, Trip, pack, pack_count, scripts};
use crate::sync::{Arc, lock};

/// See the module. Dropped, it tells those who wait that there is none.
pub(super) struct Going {
    pub(super) queue: Arc<Queue>,
    pub(super) batch: Arc<Batch>,
    pub(super) keys: Vec<Option<KeyDigest>>,
    pub(super) deadlines: Vec<Instant>,
    /// Those that come along, and nobody waits for.
    pub(super) riders: Vec<Rider>,
    /// How many have waited for long enough.
    pub(super) late: usize,
}

impl Going {
    pub(super) fn tell(&self, outcome: Result<Values, LinkError>) {
        self.batch.tell(outcome, self.keys.len());
    }

    /// It is over, and the next ones may begin.
    fn land(self) {
        let queue = Arc::clone(&self.queue);
        drop(self);
        queue.go_on(false);
    }

    fn asked(&self) -> impl Iterator<Item = KeyDigest> {
        let riders = self.riders.iter().map(|(key, _)| *key);
        self.keys.iter().flatten().copied().chain(riders)
    }

    /// The commands as they are sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let (prefix, count) = (&*self.queue.prefix, self.asked().count());
        let longest = prefix.len() + KeyDigest::TEXT_LEN;
        let mut bytes = Vec::with_capacity(count * (longest + 8) + 256);
        pack_count(b'*', count + 1, &mut bytes);
        bytes.extend_from_slice(b"$4\r\nMGET\r\n");
        for key in self.asked() {
            pack_count(b'$', longest, &mut bytes);
            bytes.extend_from_slice(prefix.as_bytes());
            bytes.extend_from_slice(&key.letters());
            bytes.extend_from_slice(b"\r\n");
        }
        pack(&[b"TIME"], &mut bytes);
        self.queue.log.pack_news(&mut bytes);
        bytes
    }

    /// What an answer says.
    fn values(&self, reply: Reply) -> Result<Values, LinkError> {
        let news = if reply.is_nothing(2) {
            Vec::new()
        } else {
            scripts::tailed(reply.value(2)?)?
        };
        let known = self.queue.log.absorb_news(news);
        let now = reply.items(1, 2)?;
        let part = |at: usize| {
            let place = now.get(at).cloned().flatten();
            place
                .and_then(|place| reply.bytes().get(place))
                .unwrap_or_default()
        };
        let now = scripts::clock(part(0), part(1))?;
        let found = reply.items(0, self.asked().count())?;
        // What comes along stands behind what was asked for.
        let places = if found.len() == self.keys.len() + self.riders.len() {
            found
        } else {
            let mut found = found.into_iter();
            let place = |key: &Option<KeyDigest>| key.and_then(|_| found.next().flatten());
            let mut places: Vec<_> = self.keys.iter().map(place).collect();
            places.extend(found);
            places
        };
        Ok(Values {
            reply,
            places,
            now,
            known,
        })
    }
}

impl Trip for Going {
    fn commands(&self) -> Request {
        let keys: Vec<KeyDigest> = self.asked().collect();
        let queue = &self.queue;
        and_values(
            Request::default(),
            &queue.prefix,
            keys.into_iter(),
            &queue.log,
        )
    }

    fn len(&self) -> usize {
        3
    }

    fn deadlines(&self) -> &[Instant] {
        self.deadlines.get(self.late..).unwrap_or_default()
    }

    fn late(&mut self, now: Instant) -> Vec<Waker> {
        let late = self
            .deadlines()
            .iter()
            .take_while(|deadline| **deadline <= now);
        let late = late.count();
        if late == 0 {
            return Vec::new();
        }
        self.late += late;
        self.batch.late(self.late)
    }

    fn end(mut self: Box<Self>, outcome: Result<Reply, LinkError>) {
        let count = self.keys.len() + self.riders.len();
        lock(&self.queue.waiting).learn(count, &outcome);
        let values = outcome.and_then(|reply| self.values(reply));
        if let Ok(values) = &values {
            // Before anybody is told, who may ask for it at once.
            self.set_down(values);
            // Of the same name others may be on their way from now on.
            self.riders.clear();
        }
        self.tell(values);
        self.land();
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        if !self.batch.is_told() {
            self.tell(Err(LinkError::closed()));
        }
        self.queue.leave_behind(std::mem::take(&mut self.riders));
        let mut waiting = lock(&self.queue.waiting);
        waiting.under_way -= 1;
        waiting.many_under_way -= usize::from(self.batch.many);
        waiting.last = self.keys.len();
        waiting.flying -= self.keys.len();
    }
}
