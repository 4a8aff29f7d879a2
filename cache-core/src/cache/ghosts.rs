//! Why an entry that is gone has gone: a small table of hashes, so that a miss can say more than "absent".

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stats::MissReason;

const SLOTS: usize = 8_192;

/// The last departures, as many as do not share a slot. 64 KiB.
pub(super) struct Ghosts(Box<[AtomicU64]>);

impl Ghosts {
    pub(super) fn new() -> Self {
        Self((0..SLOTS).map(|_| AtomicU64::new(0)).collect())
    }

    fn slot(&self, hash: u64) -> Option<&AtomicU64> {
        self.0.get(hash as usize % SLOTS)
    }

    pub(super) fn remember(&self, hash: u64, reason: MissReason) {
        if let Some(slot) = self.slot(hash) {
            slot.store((hash & !7) | (reason as u64 + 1), Ordering::Relaxed);
        }
    }

    /// Why the entry of this hash left, if it is remembered; once.
    pub(super) fn recall(&self, hash: u64) -> MissReason {
        let Some(slot) = self.slot(hash) else {
            return MissReason::Absent;
        };
        let found = slot.load(Ordering::Relaxed);
        if found & 7 == 0 || found & !7 != hash & !7 {
            return MissReason::Absent;
        }
        slot.store(0, Ordering::Relaxed);
        let at = (found & 7) as usize - 1;
        MissReason::ALL
            .get(at)
            .copied()
            .unwrap_or(MissReason::Absent)
    }
}
