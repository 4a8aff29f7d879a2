//! Trips that have not begun.

use std::collections::VecDeque;
use std::time::Instant;

use super::{Batch, Queue, Rider};
use crate::key::KeyDigest;
use crate::sync::Arc;

/// The next trips, in order; all but the last are full.
#[derive(Default)]
pub(super) struct Line {
    pub(super) trips: VecDeque<Forming>,
    /// How many have left it.
    gone: usize,
}

/// A trip that has not begun.
pub(super) struct Forming {
    pub(super) batch: Arc<Batch>,
    /// What they ask for; nothing, where somebody does not wait any more.
    pub(super) keys: Vec<Option<KeyDigest>>,
    pub(super) deadlines: Vec<Instant>,
    /// Those that come along, and nobody waits for.
    pub(super) riders: Vec<Rider>,
}

impl Line {
    /// Begins another trip at its end, for so many values at first.
    pub(super) fn push(&mut self, queue: &Arc<Queue>, values: usize, many: bool) {
        let number = self.gone + self.trips.len();
        self.trips.push_back(Forming {
            batch: Arc::new(Batch::new(Arc::clone(queue), number, many)),
            keys: Vec::with_capacity(values),
            deadlines: Vec::with_capacity(values),
            riders: Vec::new(),
        });
    }

    pub(super) fn pop(&mut self) -> Option<Forming> {
        let next = self.trips.pop_front()?;
        self.gone += 1;
        Some(next)
    }

    /// The trip of this batch, if it is still in line.
    pub(super) fn find(&mut self, batch: &Arc<Batch>) -> Option<&mut Forming> {
        let at = batch.number.checked_sub(self.gone)?;
        let forming = self.trips.get_mut(at);
        forming.filter(|forming| Arc::ptr_eq(&forming.batch, batch))
    }
}
