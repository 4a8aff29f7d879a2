//! What is hot: what was used of late, of what other processes can have.

use std::collections::{HashMap, HashSet};
use std::sync::Weak;

use super::{Cache, Parts};
use crate::config::Config;
use crate::index::Dep;
use crate::key::KeyDigest;
use crate::remote::{Called, LONGEST_CALL, Listed, Memory, Used};
use crate::site::{self, HotCalls};
use crate::tier::memory::Resident;

impl Parts {
    /// What was used since this was last asked, with how often, up to three times: the names in Redis of what is there, and the calls of
    /// functions that want theirs made again.
    ///
    /// The memory knows: it remembers the use of each entry, to choose what leaves, and each entry's arguments. A hit does nothing more for it.
    pub(crate) fn used(&self) -> Used {
        let seats = || self.seats.iter();
        let shared = seats().flat_map(|seat| seat.shared_instances());
        let shared: HashSet<_> = shared.collect();
        let mut noted = HashMap::new();
        for calls in site::hot_calls() {
            let seats = seats().filter(|seat| calls.is_around(seat.closure));
            for instance in seats.flat_map(|seat| seat.all_instances()) {
                noted.insert(instance, Noted::new(calls));
            }
        }
        let mut names = Vec::new();
        self.memory.for_each_used(|entry, call, uses| {
            if shared.contains(&entry.instance.identity)
                && let Some(Dep::Entry { key, .. }) = entry.deps().first()
            {
                names.push((*key, uses));
            }
            if let Some(noted) = noted.get_mut(&entry.instance.identity) {
                call.with_canonical(|call| noted.note(call, uses));
            }
        });
        let noted = noted.into_values().filter(|noted| !noted.used.is_empty());
        Used {
            names,
            calls: noted.map(|noted| (noted.calls, noted.used)).collect(),
        }
    }
}

/// The calls of a function that were used.
struct Noted {
    calls: &'static HotCalls,
    used: Vec<(Called, u8)>,
    /// How many there are of each number of uses, and how many bytes they have.
    noted: [(usize, usize); 4],
}

impl Noted {
    fn new(calls: &'static HotCalls) -> Self {
        Self {
            calls,
            used: Vec::new(),
            noted: [(0, 0); 4],
        }
    }

    /// Of more that were used as often as there is room for on the list, those that come first.
    fn note(&mut self, call: &[u8], uses: u8) {
        if let Some((count, bytes)) = self.noted.get_mut(usize::from(uses))
            && *count < self.calls.most
            && *bytes + call.len() <= <Called as Listed>::MOST_BYTES
            && call.len() <= LONGEST_CALL
        {
            *count += 1;
            *bytes += call.len();
            self.used.push((call.into(), uses));
        }
    }
}

impl Cache {
    /// The functions whose hottest calls are kept, each with the name of its list.
    ///
    /// None where names are not to reveal any arguments and nothing is encrypted: that would be in vain.
    pub(super) fn kept_calls(config: &Config) -> Vec<(&'static HotCalls, KeyDigest)> {
        let secret = config.key_secret.as_ref().map(|secret| &*secret.0);
        if secret.is_some() && !config.cipher.is_on() {
            return Vec::new();
        }
        let all = site::hot_calls();
        all.map(|calls| (calls, calls.list(secret))).collect()
    }

    /// The hottest calls of a function, the hottest first; none without Redis.
    ///
    /// # Errors
    /// Why nobody knows.
    pub(crate) async fn hottest(&self, calls: &'static HotCalls) -> Result<Vec<Called>, String> {
        let Some(remote) = &self.0.remote else {
            return Ok(Vec::new());
        };
        if self.key_secret().is_some() && !self.0.config.cipher.is_on() {
            return Err(
                "with `key_secret` no arguments are left in Redis that are not encrypted; \
                 help: set `encryption`, too, or write `from = …` in place of `hot`"
                    .to_owned(),
            );
        }
        remote.hottest(calls).await
    }
}

impl Memory for Weak<Parts> {
    fn used(&self) -> Option<Used> {
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

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    static CALLS: HotCalls = HotCalls::new(|| "", &[], 1_000, |_| Err(String::new()));

    #[test]
    fn no_more_is_noted_than_there_is_room_for() {
        let mut short = Noted::new(&CALLS);
        let mut long = Noted::new(&CALLS);
        for n in 0..10_000_u64 {
            short.note(&n.to_le_bytes(), (n % 5) as u8);
            long.note(&[7; LONGEST_CALL], (n % 2) as u8);
            long.note(&[7; LONGEST_CALL + 1], 3);
        }
        assert_eq!(
            short.used.len(),
            4 * 1_000,
            "nobody counts more than three uses"
        );
        assert_eq!(long.used.len(), 2 * (1 << 20) / LONGEST_CALL);
    }
}
