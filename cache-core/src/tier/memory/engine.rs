//! What the memory tier asks of the table underneath.

use super::{
    Resident,
    key::{Lookup, Probe},
};
use crate::sync::Arc;

/// An entry as an engine holds it.
pub(crate) struct Slot<R: ?Sized> {
    pub(crate) entry: Arc<R>,
    /// Bytes charged against the bound, never 0. Kept here, so that an engine that evicts cannot be misled by an entry whose idea of its
    /// weight changes.
    pub(crate) weight: u32,
    /// Tells apart the successive slots of one key.
    pub(crate) ticket: u32,
}

// Not derived, which would ask for `R: Clone`.
impl<R: ?Sized> Clone for Slot<R> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            entry: Arc::clone(&self.entry),
            ..*self
        }
    }
}

/// Names a slot without its key: what the rings remember, in 16 bytes.
///
/// It finds a key by its 64-bit hash alone. Should two resident keys ever share a hash, one of them may be overlooked by the rings; it
/// then leaves by eviction. The ticket sees to it that nothing is removed in another's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) hash: u64,
    pub(crate) ticket: u32,
}

impl Token {
    /// Whether this is the slot that the token was made for.
    #[inline]
    pub(crate) fn names<R: ?Sized>(&self, slot: &Slot<R>) -> bool {
        self.ticket == slot.ticket
    }
}

impl Probe for Token {
    #[inline]
    fn hashed(&self) -> u64 {
        self.hash
    }

    #[inline]
    fn matches<R: Resident + ?Sized>(&self, _: &R) -> bool {
        // Whoever holds a token compares its ticket, too.
        true
    }
}

/// Slots that an operation pushed out, to be reported and dropped where no lock is held.
pub(crate) type Departed<R> = Vec<Slot<R>>;

/// A concurrent table bounded by weight.
pub(crate) trait Engine<R: Resident + ?Sized>: Send + Sync {
    /// Bytes that a slot costs beside its entry.
    const OVERHEAD: u64;

    /// An engine for at most `bytes` in total that admits slots of up to `largest` bytes, as far as the total allows.
    fn new(bytes: u64, largest: u64) -> Self;

    /// Shows the entry of a key. The visit is under a lock: it must not touch the engine nor run a user's code.
    fn view<T>(&self, lookup: &Lookup<'_>, visit: impl FnOnce(&Arc<R>) -> T) -> Option<T>;

    /// The slot of a key.
    fn peek<P: Probe>(&self, probe: &P) -> Option<Slot<R>>;

    /// Puts a slot under its entry's key, and hands back every slot that left for it: the previous one under this key, evicted ones, or
    /// the new one itself if it was not admitted.
    ///
    /// # Errors
    ///
    /// The slot, if the entry under its key began later.
    fn insert(&self, slot: Slot<R>) -> Result<Departed<R>, Slot<R>>;

    /// Takes a slot out if the condition holds. The condition is evaluated under a lock and must not touch the engine.
    fn remove_if<P: Probe>(
        &self,
        probe: &P,
        condition: impl FnOnce(&Slot<R>) -> bool,
    ) -> Option<Slot<R>>;

    /// Visits all slots, in any order, holding no lock during a visit. Slots that come or go meanwhile may be missed.
    fn for_each(&self, visit: impl FnMut(&Slot<R>));

    /// Changes the total, and hands back what no longer fits.
    fn resize(&self, bytes: u64) -> Departed<R>;

    /// The heaviest slot that is admitted.
    fn largest(&self) -> u64;

    /// The number of slots.
    fn len(&self) -> usize;

    /// The weight of all slots, never above the total.
    fn weight(&self) -> u64;
}
