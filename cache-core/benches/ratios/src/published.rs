//! Recorded traces, as they are published:
//!
//! * <https://github.com/ben-manes/caffeine>, under `simulator/src/main/resources`. `orm` and `web` (of cache2k): an application's
//!   look-ups of database objects, and the product pages of a shop. `w106`: blocks that a virtual machine reads and writes
//!   (CloudPhysics; Waldspurger et al., "Efficient MRC construction with SHARDS", FAST 2015). `recs`: products recommended to the
//!   visitors of shops (Scarab Research). `vault`: what the vault service of a ledger's node looks up (Corda). `sprite`: two days of
//!   requests to the file server of a network of workstations; `multi`: programs that run at once, among them a preprocessor, searches
//!   in texts and a database; `2 pools`: an index and its records, made (Jiang and Zhang, "LIRS", SIGMETRICS 2002, has all three).
//!   `gcc`, `twolf`: addresses of memory that two programs read and write.
//! * <https://github.com/cache2k/cache2k-benchmark>, under `traces/src/main/resources`. `oltp`: an hour of a database's references to
//!   its pages (Megiddo and Modha, "ARC", FAST 2003).

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Trace;

pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    form: Form,
}

/// What a file has of each call.
#[derive(Clone, Copy)]
enum Form {
    /// So many bytes.
    Bytes(usize),
    /// A line with the key as this word of it; lines without are of something else.
    Word(usize),
}

const fn source(name: &'static str, file: &'static str, form: Form) -> Source {
    Source { name, file, form }
}

pub(crate) const SOURCES: &[Source] = &[
    source("orm, day", "orm-busy.trace.xz", Form::Bytes(4)),
    source("orm, night", "orm-night.trace.xz", Form::Bytes(4)),
    source("web, December", "web12.trace.xz", Form::Bytes(4)),
    source("web, July", "web07.trace.xz", Form::Bytes(4)),
    source("oltp", "trace-oltp.trc.bin.gz", Form::Bytes(4)),
    source("w106", "w106.trace.xz", Form::Bytes(4)),
    source("recs", "scarab-recs.trace.xz", Form::Bytes(8)),
    source("vault", "trace_vaultservice.gz", Form::Bytes(8)),
    source("sprite", "sprite.trace.gz", Form::Word(0)),
    source("multi 2", "multi2.trace.gz", Form::Word(0)),
    source("multi 3", "multi3.trace.gz", Form::Word(0)),
    source("2 pools", "2_pools.trace.gz", Form::Word(0)),
    source("gcc", "gcc.trace.gz", Form::Word(1)),
    source("twolf", "twolf.trace.gz", Form::Word(1)),
];

impl Source {
    /// So many calls, if the file is in this folder or one below.
    ///
    /// # Errors
    /// Something cannot be read.
    pub(crate) fn find(
        &self,
        folder: &Path,
        calls: usize,
    ) -> Result<Option<Trace>, Box<dyn Error>> {
        let Some(file) = search(folder, self.file)? else {
            return Ok(None);
        };
        let by = match file.extension().is_some_and(|kind| kind == "xz") {
            true => "xz",
            false => "gzip",
        };
        let unpacked = Command::new(by)
            .arg("-dc")
            .arg(file)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("{by}: {error}"))?;
        if !unpacked.status.success() {
            return Err(format!("{}: {by} cannot unpack it", self.file).into());
        }
        let bytes = unpacked.stdout;
        let number = |key: &[u8]| key.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let trace = match self.form {
            Form::Bytes(width) => {
                let keys = bytes.chunks_exact(width).map(number);
                Trace::new(self.name, keys.take(calls))
            }
            Form::Word(at) => {
                let text = String::from_utf8(bytes)?;
                let words = text.lines().filter_map(|line| line.split(' ').nth(at));
                Trace::new(self.name, words.filter_map(key).take(calls))
            }
        };
        Ok(Some(trace))
    }
}

fn key(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => word.trim().parse().ok(),
    }
}

fn search(folder: &Path, name: &str) -> Result<Option<PathBuf>, Box<dyn Error>> {
    for found in std::fs::read_dir(folder)? {
        let found = found?;
        if found.file_type()?.is_dir() {
            if let Some(file) = search(&found.path(), name)? {
                return Ok(Some(file));
            }
        } else if found.file_name() == name {
            return Ok(Some(found.path()));
        }
    }
    Ok(None)
}
