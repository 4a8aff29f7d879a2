//! The same functions as JSON over HTTP, on this machine only.

use anyhow::Result;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use cache_core::explain;
use serde::{Deserialize, Serialize};

use crate::data::Db;
use crate::queries::{airport, distance, highest, nearest, regions, rename};

/// Serves until Ctrl-C.
pub async fn serve(db: Db, port: u16) -> Result<()> {
    let router = Router::new()
        .route("/airports/{code}", get(show).put(change))
        .route("/nearest", get(near))
        .route("/countries/{country}", get(country))
        .route("/distance/{from}/{to}", get(between))
        .route(
            "/stats",
            get(async || format!("{}\n", cache_core::current().stats())),
        )
        .with_state(db);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let at = listener.local_addr()?;
    println!("Try, each of them twice, and look at `x-cache`; Ctrl-C ends it.\n");
    for line in [
        format!("curl -i http://{at}/airports/EDDF"),
        format!(
            "curl -X PUT -H 'content-type: application/json' -d '{{\"name\":\"Rhein-Main\"}}' http://{at}/airports/EDDF"
        ),
        format!("curl -i 'http://{at}/nearest?lat=50.11&lon=8.68&n=3'"),
        format!("curl http://{at}/countries/NP"),
        format!("curl -i http://{at}/distance/EDDF/KJFK"),
        format!("curl http://{at}/stats"),
    ] {
        println!("  {line}");
    }
    let stop = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Ok(axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await?)
}

async fn show(State(db): State<Db>, Path(code): Path<String>) -> Result<Response, Fault> {
    explained(airport(&db, &code.to_ascii_uppercase())).await
}

#[derive(Deserialize)]
struct Change {
    name: String,
}

async fn change(
    State(db): State<Db>,
    Path(code): Path<String>,
    Json(new): Json<Change>,
) -> Result<Response, Fault> {
    found(rename(&db, &code.to_ascii_uppercase(), &new.name).await?)
}

#[derive(Deserialize)]
struct Point {
    lat: f64,
    lon: f64,
    n: Option<u32>,
}

async fn near(State(db): State<Db>, Query(at): Query<Point>) -> Result<Response, Fault> {
    explained(async {
        nearest(&db, at.lat, at.lon, at.n.unwrap_or(5).min(50))
            .await
            .map(Some)
    })
    .await
}

async fn country(State(db): State<Db>, Path(country): Path<String>) -> Result<Response, Fault> {
    #[derive(Serialize)]
    struct Country<R, H> {
        regions: R,
        highest: H,
    }
    let country = country.to_ascii_uppercase();
    let all = Country {
        regions: regions(&db, &country)?,
        highest: highest(&db, &country, 10).await?,
    };
    found((!all.regions.is_empty()).then_some(all))
}

async fn between(
    State(db): State<Db>,
    Path((from, to)): Path<(String, String)>,
) -> Result<Response, Fault> {
    explained(distance(
        &db,
        &from.to_ascii_uppercase(),
        &to.to_ascii_uppercase(),
    ))
    .await
}

/// The answer, and in a header what the cache did for it.
async fn explained<T: Serialize>(
    call: impl Future<Output = Result<Option<T>>>,
) -> Result<Response, Fault> {
    let (out, trace) = explain(call).await;
    Ok((
        [(HeaderName::from_static("x-cache"), trace.to_string())],
        found(out?)?,
    )
        .into_response())
}

fn found<T: Serialize>(out: Option<T>) -> Result<Response, Fault> {
    Ok(out.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        |value| Json(value).into_response(),
    ))
}

/// What went wrong in the database.
struct Fault(anyhow::Error);

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}\n", self.0)).into_response()
    }
}
