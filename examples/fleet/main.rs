//! What three processes are served that share a Redis, while one of them writes and the Redis dies and comes back empty:
//! by the cache, and by the same programme with deletions that are published by hand. Ends by itself, in about 17 seconds.
//!
//! `cargo run --release --example fleet` needs `redis-server` in the PATH; with `REDIS_URL=redis://…` it uses that server, and
//! leaves it alive.
//!
//! `annotated.rs` is all that the cache needs; `by_hand.rs` is what it stands for.

#![expect(
    unreachable_pub,
    reason = "within a program, `pub` means: for its other files"
)]

mod annotated;
mod by_hand;
mod process;
mod report;
mod server;
mod table;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use process::Kind;
use report::Seen;
use server::Server;
use table::Table;

/// How many processes read; the first of them also writes.
const PROCESSES: usize = 3;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [kind, writes, url, namespace, table] = &arguments[..] {
        return process::run(kind.parse()?, writes == "writes", url, namespace, table);
    }
    if !arguments.is_empty() {
        bail!("it takes no arguments; set REDIS_URL to use a server that is there");
    }
    let began = Instant::now();
    let mut server = Server::start()?;
    println!("{server}");
    let annotated = show(Kind::Annotated, &mut server)?;
    let by_hand = show(Kind::ByHand, &mut server)?;
    report::print(&annotated, &by_hand);
    println!("\n{:.0?} in all", began.elapsed());
    Ok(())
}

/// Runs one of the programmes in several processes; what each of them has seen.
fn show(kind: Kind, server: &mut Server) -> Result<Vec<Seen>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("table");
    Table::create(&path)?;
    let namespace = format!("fleet-{}", std::process::id());
    let mut fleet = Vec::new();
    for number in 0..PROCESSES {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(kind.name())
            .arg(if number == 0 { "writes" } else { "reads" })
            .args([server.url(), &namespace])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stdout.take().context("no pipe")?);
        fleet.push((child, lines));
    }
    for (_, lines) in &mut fleet {
        line(lines)?; // It is ready.
    }
    let step = |time: u64, what: &str| {
        println!("{:10} {what}", kind.name());
        sleep(Duration::from_millis(time));
    };
    tell(&mut fleet, "go")?;
    step(2_000, "reads and writes");
    if server.is_own() {
        tell(&mut fleet, "outage")?;
        server.kill()?;
        step(1_000, "… Redis is killed …");
        server.launch()?;
        step(3_000, "… Redis is back, empty …");
    } else {
        step(4_000, "… the server of REDIS_URL is left alone …");
    }
    tell(&mut fleet, "quiet")?;
    step(1_000, "no more writes");
    tell(&mut fleet, "end")?;
    let seen = fleet
        .iter_mut()
        .map(|(_, lines)| line(lines)?.parse())
        .collect();
    for (mut child, _) in fleet {
        child.wait()?;
    }
    server.clear(&namespace)?;
    seen
}

fn tell(fleet: &mut [(Child, BufReader<ChildStdout>)], word: &str) -> Result<()> {
    for (child, _) in fleet {
        writeln!(child.stdin.as_mut().context("no pipe")?, "{word}")?;
    }
    Ok(())
}

fn line(lines: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        bail!("a process has ended too soon");
    }
    Ok(line)
}
