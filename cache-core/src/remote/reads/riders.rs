//! Values that come along with those that are asked for, in the same trip, and that nobody waits for.

use super::{Found, Going, Queue, Read, Reads, Shelf, Values, Waiting};
use crate::key::KeyDigest;
use crate::remote::shelf::Why;
use crate::sync::{Arc, lock};

/// One of them, and when it was thought of, in milliseconds of the cache's clock.
pub(super) type Rider = (KeyDigest, u64);

impl Reads {
    /// What comes along is put there.
    pub(in crate::remote) fn carry_for(&self, shelf: &Arc<Shelf>) {
        let _ = self.queue.shelf.set(Arc::clone(shelf));
    }

    /// Asks for a value. The riders come along with it, and nobody waits for them.
    pub(in crate::remote) fn ask_with(&self, key: KeyDigest, riders: Vec<Rider>) -> Read {
        let deadline = match self.link.deadline() {
            Ok(deadline) => deadline,
            Err(error) => {
                self.queue.leave_behind(riders);
                return Read::failed(error);
            }
        };
        let mut waiting = lock(&self.queue.waiting);
        let read = waiting.add(key, deadline, &self.queue, false);
        let left = waiting.board(riders);
        let next = waiting.next(&self.queue.told, false);
        self.queue.hold_back(waiting);
        if let Some(next) = next
            && !self.queue.send(next)
        {
            self.queue.go_on(false);
        }
        self.queue.leave_behind(left);
        read
    }
}

impl Waiting {
    /// Puts these into the trip that was joined last. Those for which there is no room stay behind.
    pub(super) fn board(&mut self, mut riders: Vec<Rider>) -> Vec<Rider> {
        let burst = self.burst;
        let forming = self.forming.trips.back_mut();
        let Some(forming) = forming.filter(|_| !riders.is_empty()) else {
            return riders;
        };
        let room = burst.saturating_sub(forming.keys.len() + forming.riders.len());
        let left = riders.split_off(room.min(riders.len()));
        forming.riders.append(&mut riders);
        left
    }
}

impl Queue {
    /// These do not come.
    pub(super) fn leave_behind(&self, riders: Vec<Rider>) {
        if let (Some(shelf), false) = (self.shelf.get(), riders.is_empty()) {
            let keys: Vec<KeyDigest> = riders.into_iter().map(|(key, _)| key).collect();
            shelf.give_up(&keys);
        }
    }
}

impl Going {
    /// Puts what has come along where those will find it who ask for it.
    pub(super) fn set_down(&self, values: &Values) {
        let Some(shelf) = self.queue.shelf.get() else {
            return;
        };
        let places = values.places.iter().skip(self.keys.len());
        for (place, (key, sent)) in places.zip(&self.riders) {
            let place = place.clone().filter(|_| values.known);
            let bytes = place.and_then(|place| values.reply.bytes().get(place));
            let found = bytes.and_then(|bytes| {
                let all = 0..bytes.len();
                Found::of(Arc::new(bytes.to_vec()), all, values.now)
            });
            shelf.put(*key, found, *sent, Why::Follows);
        }
    }
}
