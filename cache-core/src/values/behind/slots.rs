//! What waits to be written behind, and in what order.
//!
//! Each address has a slot while there is anything to be said of it:
//!
//! * **waiting**: its last value. One that comes takes the place of one that waits, with the time that this had, so that no value
//!   waits for longer because it is replaced often.
//! * **writing**: what the writer has taken. There is one batch at a time, so that no address is ever written twice at a time. If
//!   it fails, the address waits again, with a newer value if there is one.
//! * **claimed**: somebody puts a value into the cache, and then here. Others who want to wait until he is through, so that cache
//!   and source have the values of an address in one order.
//!
//! What has failed waits apart from what has not, so that it holds up nothing else: it is tried again after a pause, in batches half
//! as large as the one that failed, until a value that cannot be written stands alone; each batch that succeeds doubles them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::task::Waker;

use super::Behind;
use crate::stats::BehindCounters;
use crate::sync::Arc;
use crate::time;

/// Milliseconds until what has failed is tried again: the first time, and at most.
const PAUSE: std::ops::RangeInclusive<u64> = 100..=10_000;

pub(super) struct Slots<V> {
    bounds: Behind,
    counters: Arc<BehindCounters>,
    slots: HashMap<Arc<str>, Slot<V>>,
    /// Whose values have not been tried, by their place.
    fresh: BTreeMap<u64, Arc<str>>,
    /// Whose values have failed.
    failed: BTreeMap<u64, Arc<str>>,
    /// The numbers of all values that are not written; one that took another's place has that one's.
    pub(super) unwritten: BTreeSet<u64>,
    next: u64,
    /// What has a lesser number is not waited with.
    hurry: u64,
    /// What is being written had failed before.
    retrying: bool,
    /// How many of those that have failed are tried together.
    together: usize,
    pause: u64,
    retry_at: u64,
    handles: usize,
    pub(super) closed: bool,
    pub(super) writer: Option<Waker>,
    pub(super) waiters: BTreeMap<u64, Waker>,
    /// What is to be woken and dropped, which may run what users wrote.
    pub(super) woken: Vec<Waker>,
    pub(super) gone: (Vec<Waker>, Vec<V>),
}

struct Slot<V> {
    waiting: Option<Waiting<V>>,
    writing: Option<Writing<V>>,
    claimed: bool,
    /// Somebody else would claim it.
    wanted: bool,
}

struct Waiting<V> {
    value: V,
    number: u64,
    place: u64,
    due: u64,
}

struct Writing<V> {
    value: V,
    number: u64,
    /// It was removed meanwhile: should it fail, nobody misses it.
    forgotten: bool,
}

/// What the writer does next.
#[derive(Debug, PartialEq)]
pub(super) enum Next<V> {
    /// It writes these.
    Write(Vec<(Arc<str>, V)>),
    /// There is nothing to do until then, or until it is woken.
    Wait(u64),
    /// There will never be anything to do.
    End,
}

impl<V> Slot<V> {
    const fn claimed() -> Self {
        Self {
            waiting: None,
            writing: None,
            claimed: true,
            wanted: false,
        }
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_none() && self.writing.is_none() && !self.claimed
    }
}

impl<V> Slots<V> {
    pub(super) fn new(bounds: Behind, counters: Arc<BehindCounters>) -> Self {
        Self {
            together: bounds.batch,
            bounds,
            counters,
            slots: HashMap::new(),
            fresh: BTreeMap::new(),
            failed: BTreeMap::new(),
            unwritten: BTreeSet::new(),
            next: 0,
            hurry: 0,
            retrying: false,
            pause: 0,
            retry_at: 0,
            handles: 0,
            closed: false,
            writer: None,
            waiters: BTreeMap::new(),
            woken: Vec::new(),
            gone: (Vec::new(), Vec::new()),
        }
    }

    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    fn is_full(&self) -> bool {
        self.slots.len() >= self.bounds.capacity
    }

    /// There may be something to do for the writer.
    fn rouse(&mut self) {
        self.woken.extend(self.writer.take());
    }

    /// There may be an answer for those who wait.
    fn wake(&mut self) {
        let waiters = std::mem::take(&mut self.waiters);
        self.woken.extend(waiters.into_values());
    }

    pub(super) fn join(&mut self) {
        self.handles += 1;
    }

    pub(super) fn leave(&mut self) {
        self.handles -= 1;
        if self.handles == 0 {
            self.rouse();
        }
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
        self.wake();
    }

    /// Nothing that is queued by now is waited with. The number that it is less than.
    pub(super) fn hurry(&mut self) -> u64 {
        self.hurry = self.next;
        self.retry_at = 0;
        self.rouse();
        self.next
    }

    /// Whether there is a writer; nothing as long as the address cannot be had, or there is no room.
    pub(super) fn claim(&mut self, address: &Arc<str>) -> Option<bool> {
        if self.closed {
            return Some(false);
        }
        let full = self.is_full();
        match self.slots.get_mut(address) {
            Some(slot) if slot.claimed => {
                slot.wanted = true;
                return None;
            }
            Some(slot) => slot.claimed = true,
            None if full => return None,
            None => {
                self.slots.insert(Arc::clone(address), Slot::claimed());
            }
        }
        Some(true)
    }

    /// Claims an address, and forgets what was to be written. Whether there was anything; nothing as long as it cannot be had.
    pub(super) fn take_back(&mut self, address: &Arc<str>) -> Option<bool> {
        let Some(slot) = self.slots.get_mut(address) else {
            return Some(false);
        };
        if slot.claimed {
            slot.wanted = true;
            return None;
        }
        slot.claimed = true;
        if let Some(writing) = &mut slot.writing {
            writing.forgotten = true;
        }
        if let Some(waiting) = slot.waiting.take() {
            self.fresh.remove(&waiting.place);
            self.failed.remove(&waiting.place);
            self.gone.1.push(waiting.value);
            self.done(waiting.number);
        }
        Some(true)
    }

    /// A value is not to be written any more.
    fn done(&mut self, number: u64) {
        self.unwritten.remove(&number);
        self.counters.queued.sub(1);
    }

    /// Gives an address up, and queues its value. Whether that will be written.
    pub(super) fn settle(&mut self, address: &Arc<str>, value: Option<V>, now: u64) -> bool {
        let number = self.number();
        let Some(slot) = self.slots.get_mut(address) else {
            return false;
        };
        slot.claimed = false;
        let wanted = std::mem::take(&mut slot.wanted);
        let queued = value.is_some() && !self.closed;
        match (value, &mut slot.waiting) {
            (Some(value), _) if !queued => self.gone.1.push(value),
            (Some(value), Some(waiting)) => {
                let old = std::mem::replace(&mut waiting.value, value);
                self.gone.1.push(old);
                self.counters.coalesced.add(1);
            }
            (Some(value), waiting) => {
                *waiting = Some(Waiting {
                    value,
                    number,
                    place: number,
                    due: time::deadline(now, self.bounds.delay),
                });
                self.fresh.insert(number, Arc::clone(address));
                self.unwritten.insert(number);
                self.counters.queued.add(1);
            }
            (None, _) => {}
        }
        let gone = slot.is_empty();
        if gone {
            self.slots.remove(address);
        }
        if wanted || gone {
            self.wake();
        }
        // It waits for what is due first, and for nothing if there is no room left.
        if self.fresh.len() == 1 || self.is_full() {
            self.rouse();
        }
        queued
    }

    pub(super) fn find(&self, address: &str) -> Option<&V> {
        let slot = self.slots.get(address)?;
        let writing = slot.writing.as_ref().filter(|writing| !writing.forgotten);
        match &slot.waiting {
            Some(waiting) => Some(&waiting.value),
            None => writing.map(|writing| &writing.value),
        }
    }

    pub(super) fn is_writing(&self, address: &str) -> bool {
        let slot = self.slots.get(address);
        slot.is_some_and(|slot| slot.writing.is_some())
    }

    /// What the writer has taken is through.
    pub(super) fn finish(&mut self, batch: &[Arc<str>], written: bool, now: u64) {
        for address in batch {
            self.end(address, written);
        }
        match written {
            true if self.retrying => {
                self.together = self.together.saturating_mul(2).min(self.bounds.batch);
                (self.pause, self.retry_at) = (0, 0);
            }
            true => {}
            false => {
                self.counters.failed.add(1);
                self.together = self.together.min(batch.len() / 2).max(1);
                // What has not failed before does not put off what has.
                if self.retrying || self.pause == 0 {
                    self.pause = (2 * self.pause).clamp(*PAUSE.start(), *PAUSE.end());
                    self.retry_at = now.saturating_add(self.pause);
                }
            }
        }
        self.wake();
    }

    fn end(&mut self, address: &Arc<str>, written: bool) {
        let place = self.number();
        let Some(slot) = self.slots.get_mut(address) else {
            return;
        };
        let Some(Writing {
            value,
            number,
            forgotten,
        }) = slot.writing.take()
        else {
            return;
        };
        if written || forgotten {
            if slot.is_empty() {
                self.slots.remove(address);
            }
            if written {
                self.counters.written.add(1);
            }
            self.gone.1.push(value);
            return self.done(number);
        }
        // The source is as old as this one's number, whatever is written in its place.
        let mut again = Waiting {
            value,
            number,
            place,
            due: 0,
        };
        self.failed.insert(place, Arc::clone(address));
        if let Some(newer) = slot.waiting.take() {
            self.fresh.remove(&newer.place);
            let older = std::mem::replace(&mut again.value, newer.value);
            self.gone.1.push(older);
            self.counters.coalesced.add(1);
            slot.waiting = Some(again);
            return self.done(newer.number);
        }
        slot.waiting = Some(again);
    }
}

impl<V: Clone> Slots<V> {
    pub(super) fn take(&mut self, now: u64) -> Next<V> {
        let (full, last) = (self.is_full(), self.handles == 0);
        if last && self.slots.is_empty() {
            return Next::End;
        }
        self.retrying = !self.failed.is_empty() && now >= self.retry_at;
        let (list, limit) = match self.retrying {
            true => (&mut self.failed, self.together),
            false => (&mut self.fresh, self.bounds.batch),
        };
        let mut batch = Vec::new();
        let mut next_due = u64::MAX;
        while batch.len() < limit
            && let Some(first) = list.first_entry()
            && let Some(slot) = self.slots.get_mut(first.get())
        {
            let is_due = |waiting: &mut Waiting<V>| {
                next_due = waiting.due;
                now >= waiting.due || waiting.number < self.hurry || full || last
            };
            let Some(Waiting { value, number, .. }) = slot.waiting.take_if(is_due) else {
                break;
            };
            batch.push((first.remove(), value.clone()));
            slot.writing = Some(Writing {
                value,
                number,
                forgotten: false,
            });
        }
        if !batch.is_empty() {
            return Next::Write(batch);
        }
        match self.failed.is_empty() {
            true => Next::Wait(next_due),
            false => Next::Wait(next_due.min(self.retry_at)),
        }
    }
}

impl<V> Drop for Slots<V> {
    fn drop(&mut self) {
        let left = self.unwritten.len();
        self.counters.queued.sub(left);
        self.counters.lost.add(left);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
