//! Who waits for whom: A's body waits for B, while B's, in another task, waits for A. Nobody would ever answer.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use super::Flights;
use crate::sync::{Arc, lock};

/// For each computation, those that it waits for, and how often; more than one where its body joins several futures.
#[derive(Debug, Default)]
pub(super) struct Waits(HashMap<u64, HashMap<u64, usize>>);

impl Waits {
    /// Whether `from` waits, directly or not, for one of `goals`.
    fn leads(&self, from: u64, goals: &[u64]) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![from];
        while let Some(flight) = open.pop() {
            if goals.contains(&flight) {
                return true;
            }
            if seen.insert(flight) {
                open.extend(self.0.get(&flight).into_iter().flat_map(HashMap::keys));
            }
        }
        false
    }
}

/// The edges of one waiter, for as long as it waits.
#[derive(Debug)]
pub(crate) struct Waiting<K, V> {
    flights: Arc<Flights<K, V>>,
    chain: Box<[u64]>,
    target: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Waiting<K, V> {
    pub(super) fn new(flights: &Arc<Flights<K, V>>, chain: &[u64], target: u64) -> Option<Self> {
        let mut waits = lock(&flights.waits);
        if waits.leads(target, chain) {
            return None;
        }
        for flight in chain {
            let targets = waits.0.entry(*flight).or_default();
            *targets.entry(target).or_default() += 1;
        }
        drop(waits);
        Some(Self {
            flights: Arc::clone(flights),
            chain: chain.into(),
            target,
        })
    }
}

impl<K, V> Drop for Waiting<K, V> {
    fn drop(&mut self) {
        let mut waits = lock(&self.flights.waits);
        for flight in &self.chain {
            let Some(targets) = waits.0.get_mut(flight) else {
                continue;
            };
            if let Some(times) = targets.get_mut(&self.target) {
                *times -= 1;
                if *times == 0 {
                    targets.remove(&self.target);
                }
            }
            if targets.is_empty() {
                waits.0.remove(flight);
            }
        }
    }
}
