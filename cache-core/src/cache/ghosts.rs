//! Why an entry that is gone has gone: a small table of hashes, so that a miss can say more than "absent".

use std::sync::atomic::{AtomicU64, Ordering};

use crate::stats::MissReason;

const SLOTS: usize = 8_192;

/// The bits of a slot that hold a reason and one more, so that an empty slot is nobody's. The others are the hash's.
const REASON: u64 = 15;
const _: () = assert!(MissReason::COUNT < REASON as usize);

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
            slot.store((hash & !REASON) | (reason as u64 + 1), Ordering::Relaxed);
        }
    }

    /// Why the entry of this hash left, if it is remembered; once.
    pub(super) fn recall(&self, hash: u64) -> MissReason {
        let Some(slot) = self.slot(hash) else {
            return MissReason::Absent;
        };
        let found = slot.load(Ordering::Relaxed);
        if found & REASON == 0 || found & !REASON != hash & !REASON {
            return MissReason::Absent;
        }
        slot.store(0, Ordering::Relaxed);
        let at = (found & REASON) as usize - 1;
        MissReason::ALL
            .get(at)
            .copied()
            .unwrap_or(MissReason::Absent)
    }
}
