//! The airports, and the SQLite database they are kept in. Nothing here knows of the cache.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

/// 28,298 airports, under the licence beside the file.
const CSV: &[u8] = include_bytes!("../data/airports.csv");

/// The table.
pub const SCHEMA: &str = "
    CREATE TABLE airports (
        code TEXT PRIMARY KEY, iata TEXT, name TEXT, city TEXT, region TEXT, country TEXT,
        elevation_ft REAL, lat REAL, lon REAL
    ) WITHOUT ROWID;
    CREATE INDEX by_country ON airports (country, region);";

/// The columns that [`Airport::read`] reads.
pub const COLUMNS: &str = "code, iata, name, city, region, country, elevation_ft, lat, lon";

/// One airport.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Airport {
    #[serde(alias = "icao")]
    pub code: String,
    pub iata: String,
    pub name: String,
    pub city: String,
    #[serde(alias = "subd")]
    pub region: String,
    pub country: String,
    #[serde(alias = "elevation")]
    pub elevation_ft: f64,
    pub lat: f64,
    pub lon: f64,
}

impl Airport {
    /// All of the file.
    pub fn all() -> Result<Vec<Self>, csv::Error> {
        csv::Reader::from_reader(CSV).deserialize().collect()
    }

    /// One row of a query for [`COLUMNS`].
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            code: row.get(0)?,
            iata: row.get(1)?,
            name: row.get(2)?,
            city: row.get(3)?,
            region: row.get(4)?,
            country: row.get(5)?,
            elevation_ft: row.get(6)?,
            lat: row.get(7)?,
            lon: row.get(8)?,
        })
    }

    /// Where it is.
    pub fn position(&self) -> (f64, f64) {
        (self.lat, self.lon)
    }
}

/// The great-circle distance of two points in kilometres: the haversine formula on a sphere.
pub fn kilometres((lat1, lon1): (f64, f64), (lat2, lon2): (f64, f64)) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let h = half(lat1, lat2) + lat1.to_radians().cos() * lat2.to_radians().cos() * half(lon1, lon2);
    2.0 * 6371.0088 * h.sqrt().asin()
}

/// A few connections to one SQLite file. Clones share them.
#[derive(Clone, Debug)]
pub struct Db(Arc<Pool>);

#[derive(Debug)]
struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    statements: AtomicU64,
}

impl Db {
    /// Opens the file, or makes it.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let pool = Pool {
            path: path.to_owned(),
            idle: Mutex::default(),
            statements: AtomicU64::new(0),
        };
        let db = Self(Arc::new(pool));
        // Readers do not wait for the writer.
        db.query(|sqlite| sqlite.pragma_update(None, "journal_mode", "wal"))?;
        Ok(db)
    }

    /// Runs one statement here and now: the thread waits for it.
    pub fn query<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> anyhow::Result<T> {
        let idle = self.idle().pop();
        let mut connection = idle.map_or_else(|| connect(&self.0.path), Ok)?;
        self.0.statements.fetch_add(1, Ordering::Relaxed);
        let out = work(&mut connection);
        self.idle().push(connection);
        Ok(out?)
    }

    /// Runs one statement on a thread that may wait.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let db = self.clone();
        tokio::task::spawn_blocking(move || db.query(work)).await?
    }

    /// How many statements ran so far: what a cache is there to save.
    pub fn statements(&self) -> u64 {
        self.0.statements.load(Ordering::Relaxed)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection whose SQL knows `kilometres(lat, lon, lat, lon)`.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "synchronous", "off")?; // A file that nobody will miss.
    connection.create_scalar_function(
        "kilometres",
        4,
        FunctionFlags::SQLITE_DETERMINISTIC,
        |args| {
            Ok(kilometres(
                (args.get(0)?, args.get(1)?),
                (args.get(2)?, args.get(3)?),
            ))
        },
    )?;
    Ok(connection)
}
