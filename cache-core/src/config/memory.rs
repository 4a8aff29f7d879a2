//! How much memory there is for values.

use std::ops::RangeInclusive;

use crate::tier::memory::{Eviction, MemoryOptions};

/// The bounds of the memory tier.
///
/// ```
/// use cache_core::Memory;
/// let memory = Memory::new().max_bytes(256 << 20).max_entry_bytes(8 << 20);
/// # let _ = memory;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct Memory {
    pub(super) options: MemoryOptions,
    pub(super) sizing: Sizing,
}

/// What is done to find out how much memory there should be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizing {
    /// Whether a curve is estimated.
    pub(crate) curve: bool,
    pub(crate) adaptive: Option<Adaptive>,
}

/// Between which bounds the memory tier is resized, and for what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adaptive {
    /// In bytes.
    pub(crate) least: u64,
    pub(crate) most: u64,
    /// The share of calls that should be hits.
    pub(crate) hit_rate: f64,
}

impl Memory {
    /// 128 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most this many bytes for all entries of all functions together, keys and bookkeeping included.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.options.max_bytes = bytes;
        self
    }

    /// At most this many bytes for one entry; what is larger is returned, but not stored. By default a 32nd of
    /// [`max_bytes`](Self::max_bytes).
    pub fn max_entry_bytes(mut self, bytes: u64) -> Self {
        self.options.max_entry_bytes = Some(bytes);
        self
    }

    /// Who leaves when there is no more room. [`Eviction::S3Fifo`] by default.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// use cache_core::{Cache, Eviction, Memory};
    ///
    /// let memory = Memory::new().eviction(Eviction::Lru);
    /// let cache = Cache::builder().memory(memory).build().await?;
    /// assert_eq!(cache.stats().eviction, "lru");
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    pub fn eviction(mut self, eviction: Eviction) -> Self {
        self.options.eviction = eviction;
        self
    }

    /// Estimates, while the cache runs, what the hit rate would be with more memory, or with less:
    /// [`Stats::memory_curve`](crate::Stats::memory_curve). Every key is looked at for the first 65,536 calls, then every other one, until
    /// twice as many were seen, and so on, down to one of 16; and at most 8,192 of them, of those that were used so lately that four times
    /// the memory would hold them. That is one MiB at most, some 100 ns for each of their hits, less for those of other keys among the one
    /// of 16, and nothing for all others. Of some hundred keys it says little.
    ///
    /// Off by default.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// use cache_core::{Cache, Memory};
    ///
    /// let cache = Cache::builder().memory(Memory::new().curve()).build().await?;
    /// // Some traffic later:
    /// println!("{}", cache.stats()); // ... with half the memory 71.2 %, as it is 80.1 %, with twice 84.0 %
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    pub fn curve(mut self) -> Self {
        self.sizing.curve = true;
        self
    }

    /// Lets the bound move between these numbers of bytes, toward the least that gives this hit rate, 0 to 1, by the
    /// [curve](Self::curve). Where no size gives it, toward the least that gives nearly (within one hundredth) what the most would.
    ///
    /// The curve is that of a cache which throws out what was not used for the longest time, and of a sample of the keys; the memory does
    /// better, most often. What it was found to do better by lately over the same calls, 3/16 of that from each step, is taken off the hit
    /// rate that is looked for. That is the mean of the last calls: of at least half of those that were looked at so far, up to four
    /// million calls and more; or of the last hundred thousand if they want twice as much, as by day after a night of hits. Where the
    /// last step had too few hits nothing is taken away. So of loads that take turns, each for some hundred thousand calls, one that wants much
    /// more than the mean of all has it, and all together may have more than was asked for; one that wants little more has the mean's.
    ///
    /// It begins with the most, and stays there as long as there is room and there are too few hits. What was asked for until it was full, or
    /// had hits enough, does not count: it was missing from a cache of any size. A step goes at most two sevenths down, so that nobody has to
    /// throw much out at once, and a third up; the first is taken after 1,024 calls of keys that are looked at, then one after twice as
    /// many, and from then on after each 2,048, with the next value that is stored.
    ///
    /// [`max_bytes`](Self::max_bytes) has no effect beside it, and neither has the setting of that name. Values have to fit into a part of the
    /// least, too: what is larger than [`max_entry_bytes`](Self::max_entry_bytes), or than the bound at the time allows, is refused; the
    /// bound goes up for the latter as for what there is no room for.
    ///
    /// ```
    /// # cache_core::__private::block_on(async {
    /// use cache_core::{Cache, Memory};
    ///
    /// let memory = Memory::new().between(64 << 20..=1 << 30, 0.9);
    /// let cache = Cache::builder().memory(memory).build().await?;
    /// # Ok::<(), cache_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// Building fails if the range is empty or begins at 0, or the rate is none.
    pub fn between(mut self, bytes: RangeInclusive<u64>, hit_rate: f64) -> Self {
        self.sizing.curve = true;
        self.sizing.adaptive = Some(Adaptive {
            least: *bytes.start(),
            most: *bytes.end(),
            hit_rate,
        });
        self
    }
}
