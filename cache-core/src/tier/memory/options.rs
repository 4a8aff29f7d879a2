//! What can be chosen of a memory tier.

use std::{fmt, str::FromStr};

/// The bounds of a memory tier, and who leaves when they are reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryOptions {
    /// Bytes for everything: entries, keys, and what it takes to find and to judge them. 128 MiB by default.
    pub(crate) max_bytes: u64,
    /// The largest entry with its key; by default a 32nd of `max_bytes` (4 MiB of 128), or 64 KiB if that is more.
    ///
    /// It decides on the number of shards, which are at least twice as large: a 32nd leaves 16 of them to share the load, and one value
    /// can push out at most half of what is in its shard. Whatever is asked for, an entry has to fit into nine tenths of a shard.
    pub(crate) max_entry_bytes: Option<u64>,
    pub(crate) eviction: Eviction,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            max_bytes: 128 << 20,
            max_entry_bytes: None,
            eviction: Eviction::default(),
        }
    }
}

/// Who leaves memory when there is no more room.
///
/// ```
/// use cache_core::{Eviction, Memory};
///
/// let memory = Memory::new().eviction(Eviction::Sieve);
/// # let _ = memory;
/// assert_eq!("sieve".parse(), Ok(Eviction::Sieve));
/// assert_eq!(Eviction::default().to_string(), "s3-fifo");
/// ```
///
/// Memory is in shards, and each does this for itself, by bytes and not by number. A hit writes into its own entry at most, and with
/// `w-tinylfu` into what its shard counts.
/// No entry that comes goes past more than 1,024 others that are spared: after those the next one leaves, used or not, so that no hit waits for long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// `s3-fifo`: what is new queues in a tenth of the memory, and what is used there moves on to the rest, where up to three uses are good
    /// for as many more turns. Who was thrown out of the tenth, and is back before as many others were as there are entries, goes to the
    /// rest at once; and so does everybody while there is room. Right for most, and the default.
    ///
    /// Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023.
    #[default]
    S3Fifo,
    /// `w-tinylfu`: what is new is in a window, and from there takes the place of what was asked for less often, or leaves. The window
    /// is a hundredth at first, and grows or shrinks toward the size that gives most hits. For traffic with keys that stay popular for
    /// long, among many that are asked for once; it costs more than the others, on a hit and on a miss. What is used in the main part
    /// is found to be so when its turn to leave comes, and not at once.
    ///
    /// Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017;
    /// Einziger, Eytan, Friedman and Manes, "Adaptive software cache management", Middleware 2018.
    WTinyLfu,
    /// `lru`: what was not used for the longest time. Exact but for this: times are counted in entries that came to the shard, so what was
    /// used between two of those was used at one time; and the order of what nobody uses is forgotten after two thousand million of them.
    Lru,
    /// `fifo`: what is there for the longest time, used or not.
    Fifo,
    /// `sieve`: a hand goes from the oldest to the newest, spares what was used since it last came by, and takes what was not.
    /// For traffic without scans of what is asked for twice and then never again.
    ///
    /// Zhang et al., "SIEVE is simpler than LRU", NSDI 2024.
    Sieve,
}

impl Eviction {
    /// All there are.
    pub const ALL: &[Self] = &[
        Self::S3Fifo,
        Self::WTinyLfu,
        Self::Lru,
        Self::Fifo,
        Self::Sieve,
    ];

    /// As it is written in a file or in the environment.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::S3Fifo => "s3-fifo",
            Self::WTinyLfu => "w-tinylfu",
            Self::Lru => "lru",
            Self::Fifo => "fifo",
            Self::Sieve => "sieve",
        }
    }
}

impl fmt::Display for Eviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// By its name.
impl FromStr for Eviction {
    type Err = UnknownEviction;

    fn from_str(name: &str) -> Result<Self, UnknownEviction> {
        let mut all = Self::ALL.iter().copied();
        all.find(|eviction| eviction.name() == name)
            .ok_or(UnknownEviction(()))
    }
}

/// As its name.
impl serde::Serialize for Eviction {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The name of no [`Eviction`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownEviction(());

impl fmt::Display for UnknownEviction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of the ways to make room: write ")?;
        let last = Eviction::ALL.len() - 1;
        for (at, eviction) in Eviction::ALL.iter().enumerate() {
            let before = match at {
                0 => "",
                at if at == last => " or ",
                _ => ", ",
            };
            write!(f, "{before}`{eviction}`")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownEviction {}
