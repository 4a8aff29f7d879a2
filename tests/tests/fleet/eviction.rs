//! A server whose memory is full.

use std::io;
use std::thread;
use std::time::Duration;

use super::nemesis::Fleet;

/// As many bytes as one filler has.
const FILLER: usize = 32 << 10;

/// So many fill what is left, and make room for themselves.
const FILLERS: u64 = 64;

/// What a server may do when its memory is full. Only the third is right for the log.
const POLICIES: [(&str, &str); 4] = [
    (
        "allkeys-random",
        "memory filled until eviction, of anything",
    ),
    (
        "allkeys-lru",
        "memory filled until eviction, of what is old",
    ),
    (
        "volatile-lru",
        "memory filled until eviction, of what expires",
    ),
    ("noeviction", "memory filled"),
];

impl Fleet {
    /// Fills the memory until something has to go, and keeps it full for a while.
    pub(crate) fn fill(&mut self, pause: Duration) -> io::Result<()> {
        let (policy, what) = POLICIES[self.chance.below(POLICIES.len() as u64) as usize];
        self.note(what);
        let used = self.server.info("memory")?.remove("used_memory");
        let used: usize = used.and_then(|used| used.parse().ok()).unwrap_or(0);
        let most = (used + FILLER * FILLERS as usize / 2).to_string();
        self.configure("maxmemory-policy", policy)?;
        self.configure("maxmemory", &most)?;
        let filler = vec![b'x'; FILLER];
        for number in 0..FILLERS {
            let name = format!("filler:{number}");
            let set: [&[u8]; 5] = [b"SET", name.as_bytes(), &filler, b"PX", b"60000"];
            // Refused, where nothing may go.
            let _ = self.server.command(set);
        }
        thread::sleep(pause);
        self.configure("maxmemory", "0")?;
        for number in 0..FILLERS {
            self.server.command(["DEL", &format!("filler:{number}")])?;
        }
        Ok(())
    }

    fn configure(&self, name: &str, value: &str) -> io::Result<()> {
        self.server
            .command(["CONFIG", "SET", name, value])
            .map(drop)
    }
}
