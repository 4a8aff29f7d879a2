//! What the memory tier asks of what is underneath.

use super::{
    Resident,
    key::{Lookup, MemoryKey, Probe},
    options::Eviction,
    places::Place,
    remainder::Remainder,
};
#[cfg(feature = "redis")]
use crate::key::Encoded;
use crate::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

/// What the tier knows of an entry since it was admitted.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    ticket: AtomicU32,
    charge: AtomicU32,
    /// When it was last used, where the engine's order asks.
    used: AtomicU32,
}

impl Standing {
    /// Before the entry is in the engine.
    pub(super) fn admit(&self, ticket: u32, charge: u32) {
        self.ticket.store(ticket, Ordering::Relaxed);
        self.charge.store(charge, Ordering::Relaxed);
    }

    /// Tells apart the successive entries of one key.
    pub(super) fn ticket(&self) -> u32 {
        self.ticket.load(Ordering::Relaxed)
    }

    /// Bytes charged against the bound, never 0.
    pub(super) fn charge(&self) -> u32 {
        self.charge.load(Ordering::Relaxed)
    }

    /// When it was last used, in the time of its shard's order.
    pub(super) fn used(&self) -> u32 {
        self.used.load(Ordering::Relaxed)
    }

    /// It was used just now.
    pub(super) fn use_at(&self, now: u32) {
        // Compared first, as in a hit.
        if self.used() != now {
            self.used.store(now, Ordering::Relaxed);
        }
    }
}

/// Names an entry without its key: what the rings and queues remember, in 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) hash: u64,
    pub(crate) ticket: u32,
}

impl Token {
    /// That of an admitted entry.
    pub(super) fn of<R: Resident>(entry: &R) -> Self {
        Self {
            hash: entry.hash(),
            ticket: entry.standing().ticket(),
        }
    }

    /// Whether this is the entry that the token was made for.
    #[inline]
    pub(super) fn names<R: Resident>(&self, entry: &R) -> bool {
        self.ticket == entry.standing().ticket() && self.hash == entry.hash()
    }
}

impl Probe for Token {
    #[inline]
    fn hashed(&self) -> u64 {
        self.hash
    }

    #[inline]
    fn finds<R: Resident>(&self, place: &Place<R>, _: &Remainder) -> bool {
        self.names(&*place.entry)
    }
}

/// What a look-up sees.
pub(crate) struct Seen<'a, R: Resident> {
    pub(crate) face: &'a R::Face,
    pub(crate) entry: &'a Arc<R>,
    /// As [`Resident::due`] was when it was inserted; never is 2⁵⁶.
    pub(crate) due: u64,
}

/// Entries that had to go for others, to be reported and dropped where no lock is held.
pub(crate) type Evicted<R> = Vec<Arc<R>>;

/// What left for an entry that was inserted.
pub(crate) struct Inserted<R> {
    /// The previous one under its key.
    pub(crate) replaced: Option<Arc<R>>,
    /// The new one among them if there was no room for it.
    pub(crate) evicted: Evicted<R>,
}

/// A concurrent table bounded by weight.
pub(crate) trait Engine<R: Resident>: Send + Sync {
    /// Bytes that an entry costs beside its own weight.
    const OVERHEAD: u64;

    /// An engine for at most `bytes` in total that admits entries of up to `largest` bytes, as far as the total allows.
    fn new(bytes: u64, largest: u64, eviction: Eviction) -> Self;

    /// Shows the entry of a key, and counts the use. The visit is under a lock: it must not touch the engine nor run a user's code.
    fn view<T>(&self, lookup: &Lookup<'_>, visit: impl FnOnce(Seen<'_, R>) -> T) -> Option<T>;

    /// The entry that a probe finds.
    fn peek<P: Probe>(&self, probe: &P) -> Option<Arc<R>>;

    /// Whether a probe finds an entry.
    fn holds<P: Probe>(&self, probe: &P) -> bool;

    /// Whether the entry was used since this was last asked, if it is there.
    fn spare(&self, token: &Token) -> Option<bool>;

    /// Puts an admitted entry under its key, and hands back every entry that left for it.
    ///
    /// # Errors
    ///
    /// The entry, if that under its key began later.
    fn insert(&self, key: &MemoryKey, entry: Arc<R>) -> Result<Inserted<R>, Arc<R>>;

    /// Takes an entry out if the condition holds. The condition is evaluated under a lock and must not touch the engine.
    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Arc<R>) -> bool,
    ) -> Option<Arc<R>>;

    /// Visits all entries, in any order, holding no lock during a visit. Entries that come or go meanwhile may be missed.
    fn for_each(&self, visit: impl FnMut(&Arc<R>));

    /// Visits the entries that were used since this was last called, with their encoded arguments and how often, up to three; holding no
    /// lock during a visit.
    #[cfg(feature = "redis")]
    fn for_each_used(&self, visit: impl FnMut(&Arc<R>, Encoded<'_>, u8));

    /// Changes the total, and hands back what no longer fits.
    fn resize(&self, bytes: u64) -> Evicted<R>;

    /// The heaviest entry that is admitted.
    fn largest(&self) -> u64;

    /// The number of entries.
    fn len(&self) -> usize;

    /// The weight of all entries, never above the total.
    fn weight(&self) -> u64;
}
