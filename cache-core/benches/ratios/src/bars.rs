//! The table, and what it has to show.

use crate::entrants::{ENTRANTS, Whose};

/// One trace at one size; everything in hits.
pub(crate) struct Cell {
    pub(crate) calls: u64,
    pub(crate) optimum: u64,
    pub(crate) lru: u64,
    pub(crate) hits: [u64; ENTRANTS.len()],
}

/// What share of the hits of exact LRU the default has to have wherever that is.
const OF_LRU: f64 = 0.9;

fn share(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
    sum / f64::max(count, 1.0)
}

pub(crate) fn heading() {
    print!("| hits in 100 calls | entries | optimum |");
    ENTRANTS.iter().for_each(|one| print!(" {} |", one.name));
    println!(" exact LRU |");
    println!("| --- |{}", " --: |".repeat(ENTRANTS.len() + 3));
}

impl Cell {
    pub(crate) fn print(&self, name: &str, entries: usize) {
        let hundred = |hits| format!(" {:.2} |", 100.0 * share(hits, self.calls));
        let hits: String = self.hits.iter().map(|hits| hundred(*hits)).collect();
        let (optimum, lru) = (hundred(self.optimum), hundred(self.lru));
        println!("| {name} | {entries} |{optimum}{hits}{lru}");
    }

    fn of_optimum(&self, hits: u64) -> f64 {
        share(hits, self.optimum)
    }
}

fn of_entrant(cells: &[Cell], at: usize) -> f64 {
    mean(cells.iter().map(|cell| cell.of_optimum(cell.hits[at])))
}

/// The last row of a table.
pub(crate) fn means(name: &str, cells: &[Cell]) {
    if cells.is_empty() {
        return;
    }
    print!("| **{name}, of the optimum** | {} cells | 1 |", cells.len());
    (0..ENTRANTS.len()).for_each(|at| print!(" {:.4} |", of_entrant(cells, at)));
    let lru = mean(cells.iter().map(|cell| cell.of_optimum(cell.lru)));
    println!(" {lru:.4} |");
}

/// Prints whether the default is as good as it has to be, beside the peers if these cells are to compare with them; whether it is.
pub(crate) fn check(name: &str, cells: &[Cell], beside_peers: bool) -> bool {
    let mut met = true;
    if cells.is_empty() {
        return met;
    }
    let mut bar = |what: String, value: f64, least: f64| {
        let verdict = if value >= least { "pass" } else { "MISS" };
        println!("| {name}: {what} | {value:.4} | {least:.4} | {verdict} |");
        met &= value >= least;
    };
    let defaults = (0..ENTRANTS.len()).filter(|at| ENTRANTS[*at].whose == Whose::Default);
    for default in defaults {
        let name = ENTRANTS[default].name;
        let own = of_entrant(cells, default);
        for (at, peer) in ENTRANTS.iter().enumerate() {
            if beside_peers && peer.whose == Whose::Peer {
                let what = format!("{name} of the optimum, against {}", peer.name);
                bar(what, own, of_entrant(cells, at));
            }
        }
        // Where LRU has no hits, everybody has at least as many.
        let of_lru = cells.iter().filter(|cell| cell.lru > 0);
        let of_lru = of_lru.map(|cell| share(cell.hits[default], cell.lru));
        let least = of_lru.fold(f64::INFINITY, f64::min);
        let what = format!("{name} of exact LRU, wherever it is least");
        bar(what, least, OF_LRU);
    }
    met
}
