//! Stands for the database: a file that all processes read and one writes, and a ledger of when its writes were through.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// How many rows there are.
pub const ROWS: u64 = 32;

/// How often a row can be written.
const VERSIONS: u64 = 4096;

/// How long the answer to a read is on its way.
const LATENCY: Duration = Duration::from_millis(2);

/// Cells of eight bytes: the versions of the rows, and for each version of each row when its write was through.
#[derive(Debug)]
pub struct Table(Mutex<File>);

/// An answer that is older than it may be: by how much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Staleness {
    /// Since a later write had been acknowledged as invalidated everywhere.
    pub acknowledged: Option<Duration>,
    /// Since a later write had returned, whether its writer was told that the others do not know of it yet or not.
    pub written: Option<Duration>,
}

/// The time now, in microseconds.
pub fn now() -> u64 {
    let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(time.as_micros()).unwrap_or_default()
}

impl Table {
    /// A new one.
    pub fn create(path: &Path) -> Result<()> {
        File::create(path)?.set_len(8 * ROWS * (VERSIONS + 1))
    }

    fn open(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        Ok(Self(Mutex::new(file)))
    }

    fn cell(&self, cell: u64, work: impl FnOnce(&mut File) -> Result<()>) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = file.seek(SeekFrom::Start(8 * cell));
        if let Err(error) = done.and_then(|_| work(&mut file)) {
            eprintln!("the table cannot be read or written: {error}");
            std::process::exit(1);
        }
    }

    fn get(&self, cell: u64) -> u64 {
        let mut bytes = [0; 8];
        self.cell(cell, |file| file.read_exact(&mut bytes));
        u64::from_le_bytes(bytes)
    }

    fn set(&self, cell: u64, value: u64) {
        self.cell(cell, |file| file.write_all(&value.to_le_bytes()));
    }

    /// A row as it is now.
    pub fn version(&self, id: u64) -> u64 {
        self.get(id)
    }

    /// A row, as a reader gets it.
    pub fn load(&self, id: u64) -> u64 {
        let version = self.version(id);
        sleep(LATENCY);
        version
    }

    /// Writes a row's next version, invalidates, and notes when that was through. False if the row has had all of its versions.
    pub fn write(&self, id: u64, invalidate: impl FnOnce() -> bool) -> bool {
        let version = self.version(id) + 1;
        if version >= VERSIONS {
            return false;
        }
        self.set(id, version);
        let acknowledged = invalidate();
        self.set(ledger(id, version), now() << 1 | u64::from(acknowledged));
        true
    }

    /// How stale this answer was to a question that was asked at `asked`.
    pub fn staleness(&self, id: u64, version: u64, asked: u64) -> Staleness {
        let mut found = Staleness::default();
        for later in version + 1..=self.version(id) {
            let note = self.get(ledger(id, later));
            let (time, acknowledged) = (note >> 1, note & 1 == 1);
            if note == 0 || time >= asked {
                break;
            }
            let stale = Duration::from_micros(asked - time);
            found.written.get_or_insert(stale);
            if acknowledged {
                found.acknowledged = Some(stale);
                break;
            }
        }
        found
    }
}

fn ledger(id: u64, version: u64) -> u64 {
    ROWS + id * VERSIONS + version
}

static SHARED: OnceLock<Table> = OnceLock::new();

/// Opens the table of this process.
pub fn open(path: &Path) -> Result<()> {
    let table = Table::open(path)?;
    SHARED.get_or_init(|| table);
    Ok(())
}

/// The table of this process.
pub fn shared() -> &'static Table {
    SHARED.get().unwrap_or_else(|| {
        eprintln!("the table is not open yet");
        std::process::exit(1)
    })
}
