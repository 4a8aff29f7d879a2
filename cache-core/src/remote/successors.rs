//! Which values are usually asked for soon after another one.
//!
//! Learnt from those who ask Redis, or would: hits in memory are not seen, and pay nothing. Of each value that is asked for, the few are
//! counted that the same task, or thread, asks for next; one that comes after it every other time is expected to come again.
//!
//! Everything has a bound: whoever does not find himself in his place of a table takes one from the count of him who is there, and has
//! the place when that is none; so who comes more often stays (as with Misra and Gries, "Finding repeated elements", 1982). What no value
//! has a place in yet takes no memory.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::key::KeyDigest;
use crate::sync::{Mutex, lock};

/// How many values are remembered, with those that come after them: at most 1 MiB of them.
const ROWS: usize = 8_192;

/// How many tasks are.
const STREAMS: usize = 4_096;

/// What has no place yet.
const NONE: u16 = u16::MAX;

/// So many of those that are asked for next come soon after.
const SOON: usize = 3;

/// So many of those that come soon after are counted: what comes again has to find itself among those that do not.
const COUNTED: usize = 2 * SOON;

/// A value was asked for so often before anything is expected of it.
const OFTEN: u8 = 2;

/// See the module.
pub(super) struct Successors(Mutex<Tables>);

struct Tables {
    rows: Table<Row, ROWS>,
    streams: Table<Stream, STREAMS>,
}

/// One that has `SIZE` places, and room for as many of them as something has ever been in.
struct Table<T, const SIZE: usize> {
    places: Box<[u16]>,
    all: Vec<T>,
}

impl<T, const SIZE: usize> Default for Table<T, SIZE> {
    fn default() -> Self {
        const { assert!(SIZE <= NONE as usize) }
        Self {
            places: vec![NONE; SIZE].into(),
            all: Vec::new(),
        }
    }
}

impl<T, const SIZE: usize> Table<T, SIZE> {
    /// What has this place.
    fn get(&mut self, hash: u64) -> Option<&mut T> {
        let at = *self.places.get(hash as usize % SIZE)?;
        self.all.get_mut(usize::from(at))
    }

    /// The same; where nothing has it, this.
    fn get_or_insert(&mut self, hash: u64, new: T) -> Option<&mut T> {
        let at = self.places.get_mut(hash as usize % SIZE)?;
        if *at == NONE {
            *at = u16::try_from(self.all.len()).ok()?;
            self.all.push(new);
        }
        self.all.get_mut(usize::from(*at))
    }

    fn bytes(&self) -> usize {
        self.places.len() * size_of::<u16>() + self.all.capacity() * size_of::<T>()
    }
}

#[derive(Clone, Copy)]
struct Row {
    key: KeyDigest,
    /// How often it was asked for.
    asked: u8,
    next: [Option<Next>; COUNTED],
}

#[derive(Clone, Copy)]
struct Next {
    key: KeyDigest,
    count: u8,
}

/// What one task has asked for last.
#[derive(Clone, Copy, Default)]
struct Stream {
    task: u64,
    last: [Option<KeyDigest>; SOON],
}

impl Successors {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Tables {
            rows: Table::default(),
            streams: Table::default(),
        }))
    }

    /// The memory that this takes.
    pub(super) fn bytes(&self) -> usize {
        let tables = lock(&self.0);
        tables.rows.bytes() + tables.streams.bytes()
    }

    /// A value is asked for, by this task. Those that are expected after it.
    pub(super) fn note(&self, key: KeyDigest, task: u64) -> Vec<KeyDigest> {
        let mut tables = lock(&self.0);
        let Tables { rows, streams } = &mut *tables;
        let new = Stream {
            task,
            ..Stream::default()
        };
        let Some(stream) = streams.get_or_insert(task, new) else {
            return Vec::new();
        };
        if stream.task != task {
            *stream = new;
        }
        for before in stream
            .last
            .iter()
            .flatten()
            .filter(|before| **before != key)
        {
            if let Some(row) = rows.get(before.head())
                && row.key == *before
            {
                row.count(key);
            }
        }
        let at = stream.last.iter().position(|last| *last == Some(key));
        let moved = at.map_or(SOON, |at| at + 1);
        if let Some(moved) = stream.last.get_mut(..moved) {
            moved.rotate_right(1);
        }
        stream.last[0] = Some(key);
        match place_of(rows, key) {
            Some(row) => row.ask(),
            None => Vec::new(),
        }
    }
}

/// The row of a value; nothing, where another one still has its place.
fn place_of(rows: &mut Table<Row, ROWS>, key: KeyDigest) -> Option<&mut Row> {
    let mine = Row {
        key,
        asked: 0,
        next: [None; COUNTED],
    };
    let row = rows.get_or_insert(key.head(), mine)?;
    if row.key != key {
        row.asked = row.asked.saturating_sub(1);
        if row.asked > 0 {
            return None;
        }
        *row = mine;
    }
    Some(row)
}

impl Row {
    /// It is asked for once more. What is expected after it.
    fn ask(&mut self) -> Vec<KeyDigest> {
        let expected = if self.asked < OFTEN {
            Vec::new()
        } else {
            let likely = |next: &&Next| u16::from(next.count) * 2 > u16::from(self.asked);
            let likely = self.next.iter().flatten().filter(likely);
            likely.map(|next| next.key).collect()
        };
        if self.asked == u8::MAX {
            // What was long ago counts for less.
            self.asked /= 2;
            for next in self.next.iter_mut().flatten() {
                next.count /= 2;
            }
        }
        self.asked += 1;
        expected
    }

    /// This came soon after it.
    fn count(&mut self, key: KeyDigest) {
        let mut next = self.next.iter_mut();
        if let Some(known) = next.find_map(|next| next.as_mut().filter(|next| next.key == key)) {
            known.count = known.count.saturating_add(1);
            return;
        }
        if let Some(free) = self.next.iter_mut().find(|next| next.is_none()) {
            *free = Some(Next { key, count: 1 });
            return;
        }
        // Of those that came least the one that came first.
        let least = self.next.iter().flatten().map(|next| next.count).min();
        let at = self
            .next
            .iter()
            .flatten()
            .position(|next| Some(next.count) == least);
        let Some(later) = at.and_then(|at| self.next.get_mut(at..)) else {
            return;
        };
        match later {
            [Some(least), ..] if least.count > 1 => least.count -= 1,
            later => {
                later.rotate_left(1);
                self.next[COUNTED - 1] = Some(Next { key, count: 1 });
            }
        }
    }
}

/// Who asks: a task, or a thread that runs none.
pub(crate) fn task() -> u64 {
    let mut hasher = DefaultHasher::new();
    match tokio::task::try_id() {
        Some(task) => task.hash(&mut hasher),
        None => std::thread::current().id().hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> KeyDigest {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        KeyDigest::from_bytes(bytes)
    }

    /// What is expected at the end of what one task asks for.
    fn after(asked: impl IntoIterator<Item = u64>) -> Vec<KeyDigest> {
        let successors = Successors::new();
        let notes = asked.into_iter().map(|n| successors.note(key(n), 7));
        notes.last().unwrap_or_default()
    }

    #[test]
    fn what_comes_after_a_value_every_other_time_is_expected() {
        let filler = |n: u64| [n, n + 1, n + 2];
        let session = |n: u64| [[1, 2, 50 + n].to_vec(), filler(100 * (n + 1)).to_vec()].concat();
        let sessions = |count: u64| (0..count).flat_map(session).chain([1]);
        assert_eq!(after(sessions(1)), [], "not often enough");
        assert_eq!(after(sessions(2)), [key(2)]);
        assert_eq!(after(sessions(1_000)), [key(2)]);
        // Every third time only.
        let seldom = (0..300).flat_map(|n| [1, if n % 3 == 0 { 2 } else { 1_000 + n }, 9_000 + n]);
        assert_eq!(after(seldom.chain([5_000, 5_001, 5_002, 1])), []);
    }

    #[test]
    fn what_others_ask_for_in_between_is_not_its_successor() {
        let successors = Successors::new();
        for n in 0..100 {
            for task in 1..=64 {
                successors.note(key(1_000 * task + 1), task);
            }
            for task in 1..=64 {
                let expected = successors.note(key(1_000 * task + 2), task);
                assert!(!expected.contains(&key(1_000 * (task % 64 + 1) + 2)));
            }
            for task in 1..=64 {
                for filler in 3..6 {
                    successors.note(key(1_000_000 + 1_000 * n * task + filler), task);
                }
            }
        }
        for task in 1..=64 {
            let expected = successors.note(key(1_000 * task + 1), task);
            assert_eq!(expected, [key(1_000 * task + 2)]);
        }
    }

    #[test]
    fn what_changes_is_learnt_anew() {
        let filler = |n: u64| [n, n + 1, n + 2];
        let session =
            |next: u64| move |n: u64| [vec![1, next], filler(100 + 3 * n).to_vec()].concat();
        let asked = (0..100)
            .flat_map(session(2))
            .chain((100..400).flat_map(session(3)));
        assert_eq!(after(asked.chain([1])), [key(3)]);
    }

    #[test]
    fn of_those_who_share_a_place_the_more_frequent_stays() {
        let successors = Successors::new();
        let (often, other) = (key(1), key(1 + ROWS as u64));
        for n in 0..100 {
            for asked in [
                often,
                key(2),
                key(100 + 4 * n),
                key(101 + 4 * n),
                key(102 + 4 * n),
            ] {
                successors.note(asked, 7);
            }
            if n % 4 == 0 {
                successors.note(other, 8);
            }
        }
        assert_eq!(successors.note(often, 7), [key(2)]);
    }

    #[test]
    fn it_takes_memory_for_what_it_knows() {
        let successors = Successors::new();
        let note = |n: u64| successors.note(key(n), n % 10);
        (0..1_000).for_each(|n| drop(note(n % 100)));
        assert!(successors.bytes() < 64 << 10, "{}", successors.bytes());
        (0..100_000).for_each(|n| drop(note(n)));
        (0..100_000).for_each(|n| drop(successors.note(key(n), n)));
        let most = ROWS * (size_of::<Row>() + 2) + STREAMS * (size_of::<Stream>() + 2);
        assert_eq!(successors.bytes(), most);
    }
}
