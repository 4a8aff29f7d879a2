//! Everything that reads or writes the database, annotated: this file is what the example is about.

use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use cache_core::{cache, cache_query, cache_resource, invalidate_cache, warmup_cache};
use rusqlite::{OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::data::{Airport, COLUMNS, Db, SCHEMA, kilometres};

/// An airport and how far away it is.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Near {
    pub km: f64,
    pub airport: Arc<Airport>,
}

/// A part of a country and its number of airports.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Region {
    pub name: String,
    pub airports: u32,
}

/// One airport; that there is none is remembered as well.
#[cache_resource("airports:{code}", skip(db))]
pub async fn airport(db: &Db, code: &str) -> Result<Option<Arc<Airport>>> {
    let code = code.to_owned();
    db.run(move |sqlite| {
        let sql = format!("SELECT {COLUMNS} FROM airports WHERE code = ?1");
        sqlite
            .prepare_cached(&sql)?
            .query_row([code], Airport::read)
            .optional()
    })
    .await
    .map(|found| found.map(Arc::new))
}

/// The great-circle distance of two airports in kilometres. It is made of two cached values, and gone with either.
#[cache(ttl = "1h", skip(db))]
pub async fn distance(db: &Db, from: &str, to: &str) -> Result<Option<f64>> {
    let (Some(from), Some(to)) = (airport(db, from).await?, airport(db, to).await?) else {
        return Ok(None);
    };
    Ok(Some(kilometres(from.position(), to.position())))
}

/// The `n` airports nearest to a point, nearest first: looks at every row. Gone when one of those it lists is.
#[cache_query(ttl = "10m", skip(db), tables(airports))]
pub async fn nearest(db: &Db, lat: f64, lon: f64, n: u32) -> Result<Arc<Vec<Near>>> {
    let found: Vec<(String, f64)> = db
        .run(move |sqlite| {
            let sql = "SELECT code, kilometres(lat, lon, ?1, ?2) AS km FROM airports ORDER BY km LIMIT ?3";
            let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            sqlite.prepare_cached(sql)?.query_map(params![lat, lon, n], read)?.collect()
        })
        .await?;
    let mut near = Vec::with_capacity(found.len());
    for (code, km) in found {
        if let Some(airport) = airport(db, &code).await? {
            near.push(Near { km, airport });
        }
    }
    Ok(Arc::new(near))
}

/// The `n` highest airports of a country. The tag is for those who change one of its airports.
#[cache_query(skip(db), tables(airports), tags("country:{country}"))]
pub async fn highest(db: &Db, country: &str, n: u32) -> Result<Arc<Vec<Airport>>> {
    let country = country.to_owned();
    db.run(move |sqlite| {
        let sql = format!(
            "SELECT {COLUMNS} FROM airports WHERE country = ?1 ORDER BY elevation_ft DESC LIMIT ?2"
        );
        sqlite
            .prepare_cached(&sql)?
            .query_map(params![country, n], Airport::read)?
            .collect()
    })
    .await
    .map(Arc::new)
}

/// The regions of a country, those with most airports first. Not async: an index has it all, and answers in about a
/// millisecond.
#[cache_query(skip(db), tables(airports))]
pub fn regions(db: &Db, country: &str) -> Result<Arc<Vec<Region>>> {
    let sql = "SELECT region, count(*) FROM airports WHERE country = ?1 GROUP BY region ORDER BY 2 DESC, 1";
    db.query(|sqlite| {
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Region {
                name: row.get(0)?,
                airports: row.get(1)?,
            })
        };
        sqlite
            .prepare_cached(sql)?
            .query_map([country], read)?
            .collect()
    })
    .map(Arc::new)
}

/// Gives an airport another name, if there is such an airport.
#[invalidate_cache("resource:airports:{code}", tag = "country:{return.country}")]
pub async fn rename(db: &Db, code: &str, name: &str) -> Result<Option<Airport>> {
    update(db, code, name).await
}

/// [`rename`] as it would be without a word to the cache.
pub async fn update(db: &Db, code: &str, name: &str) -> Result<Option<Airport>> {
    let (code, name) = (code.to_owned(), name.to_owned());
    db.run(move |sqlite| {
        let sql = format!("UPDATE airports SET name = ?2 WHERE code = ?1 RETURNING {COLUMNS}");
        sqlite
            .prepare_cached(&sql)?
            .query_row([code, name], Airport::read)
            .optional()
    })
    .await
}

/// Puts these airports in place of all others.
#[invalidate_cache("resource:airports:*", tag = "table:airports")]
pub async fn import(db: &Db, airports: Vec<Airport>) -> Result<usize> {
    db.run(move |sqlite| {
        let transaction = sqlite.transaction()?;
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS airports; {SCHEMA}"))?;
        let sql =
            format!("INSERT INTO airports ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
        let mut insert = transaction.prepare(&sql)?;
        for a in &airports {
            let Airport {
                code,
                iata,
                name,
                city,
                region,
                country,
                elevation_ft,
                lat,
                lon,
            } = a;
            insert.execute(params![
                code,
                iata,
                name,
                city,
                region,
                country,
                elevation_ft,
                lat,
                lon
            ])?;
        }
        drop(insert);
        transaction.commit()?;
        Ok(airports.len())
    })
    .await
}

/// Airports that people ask for first.
pub const HUBS: [&str; 8] = [
    "EDDF", "EGLL", "KATL", "KJFK", "LFPG", "OMDB", "RJTT", "WSSS",
];

/// Loads the hubs, and how far they are from each other, at start-up.
#[warmup_cache]
async fn hubs() -> Result<()> {
    let db = SHARED.get().context("the database is not open yet")?;
    for from in HUBS {
        for to in HUBS {
            distance(db, from, to).await?;
        }
    }
    Ok(())
}

static SHARED: OnceLock<Db> = OnceLock::new();

/// Start-up calls are registered before there is a database: this is where they find it.
pub fn share(db: &Db) {
    SHARED.get_or_init(|| db.clone());
}

#[cfg(test)]
mod tests {
    use super::{airport, distance, highest, import, nearest, rename};
    use crate::data::{Airport, Db};
    use cache_core::TestCache;

    /// Every function that shows a name or is made of one that does is computed again after a write, and only then.
    #[tokio::test]
    async fn a_write_reaches_all_that_was_made_of_the_airport() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let db = Db::open(&folder.path().join("airports.sqlite"))?;
        let test = TestCache::new();
        test.run(async {
            import(&db, Airport::all()?).await?;
            for name in ["Frankfurt am Main International Airport", "Rhein-Main"] {
                rename(&db, "EDDF", name).await?;
                for _ in 0..2 {
                    let found = airport(&db, "EDDF")
                        .await?
                        .map(|airport| airport.name.clone());
                    assert_eq!(found.as_deref(), Some(name));
                    assert_eq!(
                        nearest(&db, 50.0264, 8.5431, 1).await?[0].airport.name,
                        name
                    );
                    assert!(
                        highest(&db, "DE", 500)
                            .await?
                            .iter()
                            .any(|airport| airport.name == name)
                    );
                    let km = distance(&db, "EDDF", "KJFK").await?.unwrap_or_default();
                    assert_eq!(km.round(), 6188.0);
                }
            }
            anyhow::Ok(())
        })
        .await?;
        test.assert_computed("resource:airports:EDDF", 2);
        test.assert_computed("resource:airports:KJFK", 1); // The other airport was not touched.
        test.assert_computed("query:nearest:*", 2);
        test.assert_computed("query:highest:*", 2);
        test.assert_computed("distance:*", 2);
        Ok(())
    }
}
