//! What the entrants are compared with, by the book and for one trace at a time.

use std::collections::{BinaryHeap, VecDeque};

use crate::Trace;

/// The hits of who knows what is to come (Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems
/// Journal 5, 1966): out goes what is needed last, which may be what has just come.
pub(crate) fn optimum(trace: &Trace, entries: usize) -> u64 {
    let mut next = vec![usize::MAX; trace.calls.len()];
    let mut last = vec![usize::MAX; trace.keys];
    for (at, key) in trace.calls.iter().enumerate().rev() {
        next[at] = std::mem::replace(&mut last[*key as usize], at);
    }
    let (mut hits, mut len) = (0, 0);
    let mut there = vec![false; trace.keys];
    // What it says of an entry is over once that is used, and then below all that is still to come.
    let mut needed = BinaryHeap::new();
    for (key, next) in trace.calls.iter().zip(next) {
        match std::mem::replace(&mut there[*key as usize], true) {
            true => hits += 1,
            false => len += 1,
        }
        needed.push((next, *key));
        if len > entries
            && let Some((_, key)) = needed.pop()
        {
            there[key as usize] = false;
            len -= 1;
        }
    }
    hits
}

/// The hits if exactly what was used least recently goes out.
pub(crate) fn lru(trace: &Trace, entries: usize) -> u64 {
    let (mut hits, mut len) = (0, 0);
    // When an entry that is there was used last.
    let mut used = vec![None; trace.keys];
    let mut uses = VecDeque::new();
    for (at, key) in trace.calls.iter().enumerate() {
        match used[*key as usize].replace(at) {
            Some(_) => hits += 1,
            None => len += 1,
        }
        uses.push_back((at, *key));
        while len > entries
            && let Some((at, key)) = uses.pop_front()
        {
            if used[key as usize] == Some(at) {
                used[key as usize] = None;
                len -= 1;
            }
        }
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways to choose what goes out, or stays out.
    fn best(calls: &[u32], entries: usize, there: &[u32]) -> u64 {
        let Some((key, rest)) = calls.split_first() else {
            return 0;
        };
        if there.contains(key) {
            return 1 + best(rest, entries, there);
        }
        let all = [there, &[*key]].concat();
        if all.len() <= entries {
            return best(rest, entries, &all);
        }
        let without = |out: &u32| all.iter().copied().filter(|key| key != out).collect();
        let ways = all.iter().map(|out| {
            let there: Vec<u32> = without(out);
            best(rest, entries, &there)
        });
        ways.max().unwrap_or(0)
    }

    #[test]
    fn nothing_is_better_than_the_optimum() {
        let mut random = crate::generated::Random::default();
        for entries in [1, 2, 3] {
            for _ in 0..200 {
                let calls = (0..10).map(|_| random.below(5));
                let trace = Trace::new("", calls.collect::<Vec<_>>().into_iter());
                let found = optimum(&trace, entries);
                assert_eq!(found, best(&trace.calls, entries, &[]), "{:?}", trace.calls);
                assert!(lru(&trace, entries) <= found);
            }
        }
    }

    #[test]
    fn what_was_used_least_recently_goes_out() {
        let calls = [1, 2, 1, 3, 1, 2, 3, 1];
        let trace = Trace::new("", calls.into_iter());
        assert_eq!(lru(&trace, 2), 2);
        assert_eq!(lru(&trace, 3), 5);
        assert_eq!(optimum(&trace, 2), 4);
    }
}
