//! What is hot: what was used of late, of what other processes can have.

use std::any::TypeId;
use std::collections::HashSet;
use std::sync::Weak;

use super::Parts;
use crate::index::Dep;
use crate::key::KeyDigest;
use crate::remote::Memory;
use crate::sync::read;
use crate::tier::memory::Resident;

impl Parts {
    /// The names in Redis of what was used since this was last asked, with how often, up to three times.
    ///
    /// The memory knows: it remembers the use of each entry, to choose what leaves. A hit does nothing more for it.
    pub(crate) fn used(&self) -> Vec<(KeyDigest, u8)> {
        let shared: HashSet<TypeId> = {
            let seats = read(&self.sites);
            let seats = seats.iter().flatten();
            seats.flat_map(|seat| seat.shared_instances()).collect()
        };
        let mut used = Vec::new();
        self.memory.for_each_used(|entry, uses| {
            if shared.contains(&entry.instance.identity)
                && let Some(Dep::Entry { key, .. }) = entry.deps().first()
            {
                used.push((*key, uses));
            }
        });
        used
    }
}

impl Memory for Weak<Parts> {
    fn used(&self) -> Option<Vec<(KeyDigest, u8)>> {
        Some(self.upgrade()?.used())
    }

    fn absent(&self, mut keys: Vec<KeyDigest>) -> Option<Vec<KeyDigest>> {
        let parts = self.upgrade()?;
        // Those that are asked for are few, and those that are there may be millions.
        let mut absent: HashSet<_> = keys.iter().copied().collect();
        parts.memory.for_each(|entry| {
            if let (Some(Dep::Entry { key, .. }), false) = (entry.deps().first(), entry.dead()) {
                absent.remove(key);
            }
        });
        keys.retain(|key| absent.contains(key));
        Some(keys)
    }
}
