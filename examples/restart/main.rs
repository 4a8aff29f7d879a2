//! What the first seconds of a restarted service are like, with what was hot before and without; and how many trips a service makes
//! whose memory is too small, with what usually comes next and without. Ends by itself, in about a minute.
//!
//! `cargo run --release --example restart` needs `redis-server` in the PATH; with `REDIS_URL=redis://…` it uses that server.
//!
//! `service.rs` is the service; each time that it is started it is a process of its own.

#![expect(
    unreachable_pub,
    reason = "within a program, `pub` means: for its other files"
)]

#[path = "../fleet/server.rs"]
#[expect(dead_code, reason = "nobody kills it here")]
mod server;
mod service;

use std::process::Command;

use anyhow::{Context, Result, bail};
use redis::Client;
use server::Server;
use service::Part;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [part, url, namespace] = &arguments[..] {
        return service::run(part.parse()?, url, namespace);
    }
    if !arguments.is_empty() {
        bail!("it takes no arguments; set REDIS_URL to use a server that is there");
    }
    let server = Server::start()?;
    println!("{server}\n");
    let namespace = format!("restart-{}", std::process::id());
    for part in Part::ALL {
        let trips = reads(&server)?;
        let status = Command::new(std::env::current_exe()?)
            .args([part.name(), server.url(), &namespace])
            .status()?;
        if !status.success() {
            bail!("{} has failed", part.name());
        }
        let trips = reads(&server)? - trips;
        println!("{:10} {trips} reads at the server in all\n", part.name());
    }
    server.clear(&namespace)
}

/// How often the server was asked for values.
fn reads(server: &Server) -> Result<u64> {
    let mut connection = Client::open(server.url())?.get_connection()?;
    let text: String = redis::cmd("INFO")
        .arg("commandstats")
        .query(&mut connection)?;
    let line = text.lines().find_map(|line| {
        let counts = line.strip_prefix("cmdstat_mget:calls=")?;
        counts.split(',').next()
    });
    line.unwrap_or("0").parse().context("no number")
}
