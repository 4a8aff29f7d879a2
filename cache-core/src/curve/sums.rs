//! Sums of the ends of a list, while its items change.

/// Numbers, each of which can be set, and the sum of all behind any of them, both in logarithmic time (Fenwick, "A new data structure
/// for cumulative frequency tables", Software: Practice and Experience 1994).
#[derive(Debug)]
pub(super) struct Sums {
    items: Box<[u64]>,
    /// Of each place, the sum of so many items up to it as its lowest bit says.
    tree: Box<[u64]>,
    total: u64,
}

impl Sums {
    pub(super) fn new(len: usize) -> Self {
        Self {
            items: vec![0; len].into(),
            tree: vec![0; len + 1].into(),
            total: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn set(&mut self, at: usize, item: u64) {
        let Some(old) = self.items.get_mut(at) else {
            return;
        };
        // Modulo 2^64: a difference may be negative.
        let more = item.wrapping_sub(std::mem::replace(old, item));
        self.total = self.total.wrapping_add(more);
        let mut place = at + 1;
        while let Some(sum) = self.tree.get_mut(place) {
            *sum = sum.wrapping_add(more);
            place += place & place.wrapping_neg();
        }
    }

    /// The sum of all items behind this one.
    pub(super) fn after(&self, at: usize) -> u64 {
        let mut place = at + 1;
        let mut up_to: u64 = 0;
        while place > 0 {
            up_to = up_to.wrapping_add(self.tree.get(place).copied().unwrap_or(0));
            place &= place - 1;
        }
        self.total.wrapping_sub(up_to)
    }

    /// The first place behind which there is no more than this, itself included.
    pub(super) fn first_before(&self, most: u64) -> usize {
        let mut sum: u64 = 0;
        let beyond = self.items.iter().rposition(|item| {
            sum = sum.saturating_add(*item);
            sum > most
        });
        beyond.map_or(0, |at| at + 1)
    }

    /// Sets the first items to these, and all others to nothing.
    pub(super) fn fill(&mut self, first: &[u64]) {
        self.items.fill(0);
        self.tree.fill(0);
        self.total = 0;
        for (at, item) in first.iter().enumerate() {
            self.set(at, *item);
        }
    }
}
