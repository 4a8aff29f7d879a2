//! What goes wrong.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tests::redis::{Reply, Server};

use super::chance::Chance;
use super::source::Source;
use super::wire::Wire;
use super::worker::Orders;

/// Within so long after a server has lost records, those who have seen them are back: the longest pauses before a connection and a
/// probe, and as much again for a busy machine.
const REPAIRED: Duration = Duration::from_secs(4);

/// The processes, their ways to Redis, and the Redis at the moment.
pub(crate) struct Fleet {
    pub(crate) source: Source,
    plan: Plan,
    pub(super) server: Server,
    /// The primary before, which is alive and believes that it still is one.
    demoted: Option<Server>,
    members: Vec<Member>,
    lives: u64,
    pub(super) chance: Chance,
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

/// What its processes are told.
pub(crate) struct Plan {
    /// Where the source is.
    pub(crate) address: String,
    pub(crate) seed: u64,
    /// A rule of the protocol that they do not keep.
    pub(crate) without: Option<&'static str>,
}

struct Member {
    wire: Wire,
    child: Child,
    process: u64,
}

pub(super) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn signal(child: &Child, name: &str) -> io::Result<()> {
    let line = format!("kill -{name} {}", child.id());
    Command::new("sh").args(["-c", &line]).status().map(drop)
}

/// The place of the last record in a log.
fn tip(server: &Server) -> io::Result<Option<(u64, u64)>> {
    let last = server.command(["XREVRANGE", "fc:{fleet}:log", "+", "-", "COUNT", "1"])?;
    let first = |reply| match reply {
        Reply::Array(all) => all.into_iter().next(),
        other => Some(other),
    };
    let Some(Reply::Bytes(id)) = first(last).and_then(first) else {
        return Ok(None);
    };
    let id = String::from_utf8_lossy(&id).into_owned();
    let place = id.split_once('-');
    Ok(place
        .and_then(|(generation, number)| Some((generation.parse().ok()?, number.parse().ok()?))))
}

fn port(url: &str) -> u16 {
    let port = url.trim_end_matches('/').rsplit(':').next();
    port.unwrap().parse().unwrap()
}

impl Fleet {
    pub(crate) fn start(
        server: Server,
        source: Source,
        plan: Plan,
        size: usize,
    ) -> io::Result<Self> {
        let mut fleet = Self {
            source,
            chance: Chance::new(plan.seed),
            plan,
            server,
            demoted: None,
            members: Vec::new(),
            lives: 0,
            faults: BTreeMap::new(),
        };
        for _ in 0..size {
            let wire = Wire::to(fleet.port())?;
            let (child, process) = fleet.spawn(&wire)?;
            fleet.members.push(Member {
                wire,
                child,
                process,
            });
        }
        Ok(fleet)
    }

    fn port(&self) -> u16 {
        port(&self.server.url())
    }

    fn spawn(&mut self, wire: &Wire) -> io::Result<(Child, u64)> {
        self.lives += 1;
        let orders = Orders {
            source: self.plan.address.clone(),
            redis: wire.port,
            process: self.lives,
            seed: self.plan.seed,
        };
        let mut command = Command::new(std::env::current_exe()?);
        if let Some(rule) = self.plan.without {
            command.env("CACHE_FAULT", rule);
        }
        let child = command
            .args(["--exact", super::TEST, "--nocapture", "--quiet"])
            .env("FLEET_MEMBER", orders.write())
            .stdout(std::process::Stdio::null())
            .spawn()?;
        Ok((child, self.lives))
    }

    pub(super) fn note(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
        self.source.fault(what);
    }

    /// One of them, and then a while of peace.
    pub(crate) fn strike(&mut self) -> io::Result<()> {
        let at = self.chance.below(self.members.len() as u64) as usize;
        // Now and then longer than values count without word from the log.
        let long = if self.chance.one_in(3) { 3_500 } else { 400 };
        let pause = millis(20 + self.chance.below(long));
        match self.chance.below(18) {
            0 => {
                self.note("all connections killed");
                self.server
                    .command(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
            }
            1 => {
                self.note("one process's connections cut");
                self.members[at].wire.cut();
            }
            2 | 3 => {
                self.note("one process cut off");
                self.members[at].wire.hold(true);
                thread::sleep(pause);
                self.members[at].wire.hold(false);
            }
            4 => {
                self.note("Redis paused");
                self.server.pause()?;
                thread::sleep(pause);
                self.server.resume()?;
            }
            5 => {
                self.note("the log deleted");
                self.server.command(["DEL", "fc:{fleet}:log"])?;
            }
            6 => {
                self.note("FLUSHALL");
                self.server.command(["FLUSHALL"])?;
            }
            7 => {
                self.note("restarted without data");
                self.server.kill()?;
                thread::sleep(pause / 2);
                self.server.restart_empty()?;
            }
            8 => {
                self.note("restarted with old data");
                self.server.command(["SAVE"])?;
                thread::sleep(millis(self.chance.below(300)));
                self.lossy(|fleet| {
                    fleet.server.kill()?;
                    thread::sleep(pause / 2);
                    fleet.server.start_again()
                })?;
            }
            9 => {
                self.note("a process killed");
                let process = self.members[at].process;
                self.members[at].child.kill()?;
                self.members[at].child.wait()?;
                self.source.history(|history| history.died(process));
                let wire = Wire::to(self.port())?;
                let (child, process) = self.spawn(&wire)?;
                self.members[at] = Member {
                    wire,
                    child,
                    process,
                };
            }
            10 | 11 => {
                self.note("a process paused");
                signal(&self.members[at].child, "STOP")?;
                thread::sleep(pause);
                signal(&self.members[at].child, "CONT")?;
            }
            12 => {
                self.note("the lineage deleted");
                self.server.command(["DEL", "fc:{fleet}:meta"])?;
            }
            13 | 14 => self.fill(pause)?,
            15 => self.fail_over()?,
            _ => self.leave_behind()?,
        }
        thread::sleep(millis(50 + self.chance.below(2_000)));
        Ok(())
    }

    /// A replica takes over while the old primary lives, and some are still connected to that.
    fn fail_over(&mut self) -> io::Result<()> {
        self.note("a replica promoted");
        let replica = self.follower()?;
        let late = millis(self.chance.below(300));
        let lag = self.chance.one_in(2);
        self.lossy(|fleet| {
            if lag {
                // What is acknowledged now, it never gets.
                replica.command(["REPLICAOF", "127.0.0.1", "1"])?;
                thread::sleep(late);
            }
            replica.promote()?;
            fleet.demoted = Some(std::mem::replace(&mut fleet.server, replica));
            let port = fleet.port();
            for member in &fleet.members {
                member.wire.lead(port);
                member.wire.cut();
                thread::sleep(late / 3);
            }
            Ok(())
        })
    }

    /// A replica takes over while one process alone goes on with the old primary. It hears of that only when the others have been at
    /// the new one for long enough to write more than it has lost.
    pub(crate) fn leave_behind(&mut self) -> io::Result<()> {
        self.note("a process left behind with the old primary");
        let at = self.chance.below(self.members.len() as u64) as usize;
        let replica = self.follower()?;
        let alone = millis(200 + self.chance.below(300));
        self.lossy(|fleet| {
            let (behind, others): (Vec<_>, Vec<_>) = fleet
                .members
                .iter()
                .map(|member| &member.wire)
                .enumerate()
                .partition(|(number, _)| *number == at);
            let hold = |wires: &[(usize, &Wire)], held| {
                wires.iter().for_each(|(_, wire)| wire.hold(held));
            };
            hold(&others, true);
            replica.catch_up(&fleet.server)?;
            replica.command(["REPLICAOF", "127.0.0.1", "1"])?;
            thread::sleep(alone);
            let lost = tip(&fleet.server)?;
            hold(&behind, true);
            replica.promote()?;
            for (_, wire) in behind.iter().chain(&others) {
                wire.lead(port(&replica.url()));
                wire.cut();
            }
            hold(&others, false);
            let since = Instant::now();
            while tip(&replica)? <= lost && since.elapsed() < REPAIRED {
                thread::sleep(millis(20));
            }
            hold(&behind, false);
            fleet.demoted = Some(std::mem::replace(&mut fleet.server, replica));
            Ok(())
        })?;
        // What is missing now is missed before something else makes everything a miss.
        thread::sleep(millis(3_000));
        Ok(())
    }

    /// A replica, until it is told otherwise: not by its configuration, which a restart would go back to.
    fn follower(&self) -> io::Result<Server> {
        let replica = Server::start(&[])?.ok_or_else(|| io::Error::other("no server"))?;
        replica.command(["REPLICAOF", "127.0.0.1", &self.port().to_string()])?;
        let up = |info: BTreeMap<String, String>| {
            info.get("master_link_status").is_some_and(|up| up == "up")
        };
        while !up(replica.info("replication")?) {
            thread::sleep(millis(5));
        }
        Ok(replica)
    }

    /// Does what loses records, and lets those who have seen them come back before anything happens to them.
    fn lossy(&mut self, what: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let from = self.source.tick();
        // As long as nobody knows when it ends.
        self.source
            .history(|history| history.repair(from, u64::MAX));
        what(self)?;
        let until = self.source.tick() + REPAIRED.as_nanos() as u64;
        self.source.history(|history| history.repaired(until));
        thread::sleep(REPAIRED);
        Ok(())
    }

    /// Whether all of them have ended, and how.
    pub(crate) fn ended(&mut self) -> io::Result<bool> {
        let mut all = true;
        for member in &mut self.members {
            match member.child.try_wait()? {
                None => all = false,
                Some(status) if status.success() => {}
                Some(status) => {
                    return Err(io::Error::other(format!(
                        "process {}: {status}",
                        member.process
                    )));
                }
            }
        }
        Ok(all)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}
