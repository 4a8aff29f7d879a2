//! Who hears what is invalidated here, as it takes effect.
//!
//! A listener misses nothing that takes effect after it began to listen: what is said is handed over under the lock under which it
//! is applied, and woken is whoever waits for it after that.

use std::collections::VecDeque;
use std::sync::Weak;
use std::task::{Context, Poll, Waker};

use crate::matcher::Matcher;
use crate::position::Position;
use crate::sync::{Arc, Mutex, lock, wake_all};

/// So much waits for a listener; who is slower hears that everything is invalid in its place.
pub(crate) const MOST: usize = 1_024;

/// One thing that was invalidated.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Where it stands in the log; of what is pending, its ordinal in generation 0. Nowhere, if it is a guess.
    pub(crate) at: Position,
    pub(crate) matcher: Matcher,
}

/// Everything may have changed, and nobody knows what.
const UNKNOWN: Heard = Heard {
    at: Position::ZERO,
    matcher: Matcher::All,
};

/// What waits for a listener.
#[derive(Debug, Default)]
struct Ear(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    heard: VecDeque<Heard>,
    missed: u64,
    waker: Option<Waker>,
    /// Nothing will be said any more.
    over: bool,
}

/// Hears what is said from when it was made.
#[derive(Debug)]
pub(crate) struct Listener(Arc<Ear>);

impl Listener {
    /// What was said next; nothing when there will be nothing any more.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Heard>> {
        let mut waiting = lock(&self.0.0);
        match waiting.heard.pop_front() {
            Some(heard) => Poll::Ready(Some(heard)),
            None if waiting.over => Poll::Ready(None),
            None => {
                let old = waiting.waker.replace(cx.waker().clone());
                drop(waiting);
                // The last of a task, perhaps, whose end may invalidate.
                drop(old);
                Poll::Pending
            }
        }
    }

    /// What was said and is not taken yet.
    pub(crate) fn take(&self) -> Option<Heard> {
        lock(&self.0.0).heard.pop_front()
    }

    /// How much of what was said nobody was told of one by one.
    pub(crate) fn missed(&self) -> u64 {
        lock(&self.0.0).missed
    }
}

/// Everybody who listens.
#[derive(Debug, Default)]
pub(super) struct Audience {
    listeners: Vec<Weak<Ear>>,
    /// What has been said, and not been heard yet.
    said: Vec<Heard>,
}

impl Audience {
    /// One more.
    pub(super) fn join(&mut self) -> Listener {
        if self.listeners.len() == self.listeners.capacity() {
            // As seldom as they need room.
            self.listeners.retain(|ear| ear.strong_count() > 0);
        }
        let ear = Arc::default();
        self.listeners.push(Arc::downgrade(&ear));
        Listener(ear)
    }

    /// How many have a place.
    #[cfg(all(test, not(loom)))]
    pub(super) fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Something is being invalidated.
    #[inline]
    pub(super) fn say(&mut self, at: Position, matchers: &[Matcher]) {
        if self.listeners.is_empty() {
            return;
        }
        let said = matchers.iter().map(|matcher| Heard {
            at,
            matcher: matcher.clone(),
        });
        self.said.extend(said);
    }

    /// So is everything, perhaps.
    #[cfg(feature = "redis")]
    pub(super) fn say_unknown(&mut self) {
        if !self.listeners.is_empty() {
            self.said.push(UNKNOWN);
        }
    }

    /// Hands what was said over; who is to be woken when the lock is no longer held.
    pub(super) fn hear(&mut self) -> Woken {
        let mut woken = Vec::new();
        if self.said.is_empty() {
            return Woken(woken);
        }
        let said = std::mem::take(&mut self.said);
        self.listeners.retain(|ear| {
            let Some(ear) = ear.upgrade() else {
                return false;
            };
            let mut waiting = lock(&ear.0);
            if waiting.heard.len() + said.len() > MOST {
                waiting.missed += (waiting.heard.len() + said.len()) as u64;
                waiting.heard.clear();
                waiting.heard.push_back(UNKNOWN);
            } else {
                waiting.heard.extend(said.iter().cloned());
            }
            woken.extend(waiting.waker.take());
            true
        });
        Woken(woken)
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        for ear in self.listeners.iter().filter_map(Weak::upgrade) {
            let mut waiting = lock(&ear.0);
            waiting.over = true;
            let waker = waiting.waker.take();
            drop(waiting);
            wake_all(waker);
        }
    }
}

/// Who is to be told that there is something to hear.
#[must_use = "who waits has to be woken"]
pub(super) struct Woken(Vec<Waker>);

impl Woken {
    /// Runs code of others' runtimes: no lock may be held.
    #[inline]
    pub(super) fn wake(self) {
        wake_all(self.0);
    }
}
