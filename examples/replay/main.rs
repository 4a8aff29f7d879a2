//! Ten minutes of a shop whose database is slow for two of them and down for three. Every ten seconds 1,000 products are asked for on three
//! nodes, each by 100 callers at the same time: the scenario of FusionCache's guide "Step By Step"
//! (<https://github.com/ZiggyCreatures/FusionCache/blob/main/docs/StepByStep.md>), with a cache that grows step by step, and products that
//! are written meanwhile.
//!
//! `cargo run --release --example replay` needs `redis-server` in the PATH; without it, the steps without Redis are shown. It ends by
//! itself, in about three minutes, as time is virtual; with `-- 10` there are ten callers in place of 100, and it is through sooner. It leaves a
//! picture, `target/replay.svg`.
//!
//! `steps.rs` is what to read first: all that the cache is told stands there.

#![expect(
    unreachable_pub,
    reason = "within a program, `pub` means: for its other files"
)]

mod database;
mod plot;
mod replay;
mod report;
mod seen;
mod server;
mod steps;
#[cfg(test)]
mod tests;
mod time;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use replay::Scale;
use server::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let callers = match std::env::args().nth(1) {
        None => 100,
        Some(text) => text
            .parse()
            .context("the argument is how many callers there are")?,
    };
    let scale = Scale {
        products: 1_000,
        callers,
        minutes: &database::MINUTES,
    };
    let began = Instant::now();
    let server = Server::start().unwrap_or_else(|error| {
        println!("The steps with Redis are left out: {error}");
        None
    });
    report::head();
    let mut rows = Vec::new();
    for step in steps::STEPS {
        if step.shared && server.is_none() {
            continue;
        }
        let seen = replay::run(step, scale, server.as_ref()).await?;
        report::row(&step, &seen);
        rows.push((step, seen));
    }
    report::foot();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/replay.svg");
    if let Some(folder) = picture.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&picture, plot::draw(&rows)?)?;
    println!(
        "\n{:.0?} in all; the picture is target/replay.svg",
        began.elapsed()
    );
    Ok(())
}
