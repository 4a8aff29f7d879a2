//! What goes wrong.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use tests::redis::Server;

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
    pub(crate) address: String,
    pub(crate) seed: u64,
    server: Server,
    /// The primary before, which is alive and believes that it still is one.
    demoted: Option<Server>,
    members: Vec<Member>,
    lives: u64,
    chance: Chance,
    pub(crate) faults: BTreeMap<&'static str, u64>,
}

struct Member {
    wire: Wire,
    child: Child,
    process: u64,
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn signal(child: &Child, name: &str) -> io::Result<()> {
    let line = format!("kill -{name} {}", child.id());
    Command::new("sh").args(["-c", &line]).status().map(drop)
}

impl Fleet {
    pub(crate) fn start(
        server: Server,
        source: Source,
        address: String,
        seed: u64,
        size: usize,
    ) -> io::Result<Self> {
        let mut fleet = Self {
            source,
            address,
            seed,
            server,
            demoted: None,
            members: Vec::new(),
            lives: 0,
            chance: Chance::new(seed),
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
        let url = self.server.url();
        let port = url.trim_end_matches('/').rsplit(':').next();
        port.unwrap().parse().unwrap()
    }

    fn spawn(&mut self, wire: &Wire) -> io::Result<(Child, u64)> {
        self.lives += 1;
        let orders = Orders {
            source: self.address.clone(),
            redis: wire.port,
            process: self.lives,
            seed: self.seed,
        };
        let child = Command::new(std::env::current_exe()?)
            .args(["--exact", super::TEST, "--nocapture", "--quiet"])
            .env("FLEET_MEMBER", orders.write())
            .stdout(std::process::Stdio::null())
            .spawn()?;
        Ok((child, self.lives))
    }

    fn note(&mut self, what: &'static str) {
        *self.faults.entry(what).or_default() += 1;
        self.source.fault(what);
    }

    /// One of them, and then a while of peace.
    pub(crate) fn strike(&mut self) -> io::Result<()> {
        let at = self.chance.below(self.members.len() as u64) as usize;
        // Now and then longer than values count without word from the log.
        let long = if self.chance.one_in(3) { 3_500 } else { 400 };
        let pause = millis(20 + self.chance.below(long));
        match self.chance.below(14) {
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
            _ => self.fail_over()?,
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
