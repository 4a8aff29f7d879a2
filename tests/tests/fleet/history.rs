//! What the fleet did, and whether it may have been so: G1, G2 and G3 of the protocol.
//!
//! Calls come in the order of their ends, each with a tick of one clock; what one process has noted before another begins has the
//! smaller tick. Whatever the checker takes for "before" was so; of what overlaps it says nothing.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// Nanoseconds of the source's clock, each given once.
pub(crate) type Tick = u64;

/// What was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call of a cached function.
    Read,
    /// The same when all faults are over and every process has heard of everything.
    Last,
    /// A write whose invalidation is in the log.
    Logged,
    /// A write whose invalidation has taken effect in its process at least.
    Local,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Read, Self::Last, Self::Logged, Self::Local];

    pub(crate) fn from_code(code: u64) -> Self {
        Self::ALL[code as usize]
    }

    pub(crate) fn code(self) -> u64 {
        self as u64
    }
}

/// One call that has returned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call {
    /// One life of a process.
    pub(crate) process: u64,
    pub(crate) kind: Kind,
    /// What it was, for the reader of a trace.
    pub(crate) what: u64,
    pub(crate) row: u64,
    /// The version it wrote, or was given.
    pub(crate) version: u64,
    pub(crate) began: Tick,
    pub(crate) ended: Tick,
}

/// A guarantee that was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarantee {
    G1,
    G2,
    G3,
}

/// A read of what should not have been there any more.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) guarantee: Guarantee,
    read: Call,
    write: Write,
    /// What is known to have happened to this row lately.
    trace: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (read, write) = (&self.read, &self.write);
        writeln!(
            f,
            "{:?} of row {}: version {} of process {} was acknowledged at {}; process {} asked at {} and was given {}",
            self.guarantee,
            read.row,
            write.version,
            write.process,
            seconds(write.ended),
            read.process,
            seconds(read.began),
            read.version
        )?;
        self.trace
            .iter()
            .try_for_each(|line| writeln!(f, "    {line}"))
    }
}

fn seconds(tick: Tick) -> String {
    format!("{:.6}", tick as f64 / 1e9)
}

#[derive(Clone, Copy, Debug)]
struct Write {
    process: u64,
    version: u64,
    ended: Tick,
}

/// The greatest version so far, by the tick at which it became so.
#[derive(Debug, Default)]
struct Rising(Vec<Write>);

impl Rising {
    fn add(&mut self, write: Write) {
        if self
            .0
            .last()
            .is_none_or(|last| last.version < write.version)
        {
            self.0.push(write);
        }
    }

    fn before(&self, tick: Tick) -> Option<Write> {
        let upto = self.0.partition_point(|write| write.ended < tick);
        upto.checked_sub(1).map(|at| self.0[at])
    }
}

/// How many calls and faults are kept to explain a violation.
const REMEMBERED: usize = 200_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// After so long everybody must know of an acknowledged write.
    bound: Tick,
    /// By row: what the log has.
    logged: BTreeMap<u64, Rising>,
    /// By process and row: what has taken effect there.
    local: BTreeMap<(u64, u64), Rising>,
    /// Processes that died before they could tell what they had kept.
    dead: Vec<u64>,
    /// From and until when the log is being repaired, so that who was not there may not know.
    repairs: Vec<(Tick, Tick)>,
    recent: VecDeque<Call>,
    faults: VecDeque<(Tick, String)>,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) acknowledged: u64,
    /// Reads that had to be at least as new as something.
    pub(crate) bounded: [u64; 3],
    pub(crate) violations: Vec<Violation>,
}

impl History {
    pub(crate) fn new(bound: Tick) -> Self {
        Self {
            bound,
            ..Self::default()
        }
    }

    /// How many faults there were.
    pub(crate) fn faults(&self) -> usize {
        self.faults.len()
    }

    /// A fault, for the trace.
    pub(crate) fn fault(&mut self, tick: Tick, what: String) {
        self.faults.push_back((tick, what));
    }

    /// A server has lost acknowledged records since `from`, and until `until` those who have seen them may be away.
    pub(crate) fn repair(&mut self, from: Tick, until: Tick) {
        self.repairs.push((from, until));
    }

    /// The last repair is over.
    pub(crate) fn repaired(&mut self, until: Tick) {
        if let Some((_, end)) = self.repairs.last_mut() {
            *end = until;
        }
    }

    /// A process was killed: what it alone knew is lost.
    pub(crate) fn died(&mut self, process: u64) {
        self.dead.push(process);
    }

    /// Adds a call, and says what is wrong with it.
    pub(crate) fn add(&mut self, call: Call) {
        self.recent.push_back(call);
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
        match call.kind {
            Kind::Logged | Kind::Local => self.written(call),
            Kind::Read | Kind::Last => self.given(call),
        }
    }

    fn written(&mut self, call: Call) {
        self.writes += 1;
        let write = Write {
            process: call.process,
            version: call.version,
            ended: call.ended,
        };
        self.local
            .entry((call.process, call.row))
            .or_default()
            .add(write);
        if call.kind == Kind::Logged {
            self.acknowledged += 1;
            self.logged.entry(call.row).or_default().add(write);
        }
    }

    fn given(&mut self, call: Call) {
        self.reads += 1;
        let own = self.local.get(&(call.process, call.row));
        self.judge(
            Guarantee::G1,
            call,
            own.and_then(|own| own.before(call.began)),
        );
        let repairing = |&(from, until): &(Tick, Tick)| from <= call.began && call.began <= until;
        if !self.repairs.iter().any(repairing) {
            let known = call.began.saturating_sub(self.bound);
            let logged = self.logged.get(&call.row);
            self.judge(
                Guarantee::G2,
                call,
                logged.and_then(|logged| logged.before(known)),
            );
        }
        if call.kind == Kind::Last {
            let survivors = self
                .local
                .iter()
                .filter(|((process, row), _)| *row == call.row && !self.dead.contains(process))
                .map(|(_, rising)| rising);
            let all = survivors.chain(self.logged.get(&call.row));
            let newest = all
                .filter_map(|rising| rising.0.last().copied())
                .max_by_key(|write| write.version);
            self.judge(Guarantee::G3, call, newest);
        }
    }

    fn judge(&mut self, guarantee: Guarantee, read: Call, write: Option<Write>) {
        let Some(write) = write else { return };
        self.bounded[guarantee as usize] += 1;
        if read.version >= write.version {
            return;
        }
        let trace = if self.violations.len() < 3 {
            self.trace(read, write)
        } else {
            Vec::new()
        };
        self.violations.push(Violation {
            guarantee,
            read,
            write,
            trace,
        });
    }

    /// What happened to the row, and to the servers, from shortly before the write to the read.
    fn trace(&self, read: Call, write: Write) -> Vec<String> {
        let since = write.ended.saturating_sub(3_000_000_000);
        let faults = self.faults.iter().filter(|(tick, _)| *tick >= since);
        let mut lines: Vec<(Tick, String)> = faults.cloned().collect();
        let concerned = |call: &&Call| {
            let read_there = call.process == read.process && call.version <= write.version;
            let near = call.version + 1 >= read.version;
            call.row == read.row
                && call.ended >= since
                && near
                && (read_there || call.version == write.version)
        };
        let calls: Vec<&Call> = self.recent.iter().filter(concerned).collect();
        for call in calls.iter().rev().take(40) {
            lines.push((
                call.ended,
                format!(
                    "process {} {:?} #{} from {}: {}",
                    call.process,
                    call.kind,
                    call.what,
                    seconds(call.began),
                    call.version
                ),
            ));
        }
        lines.sort();
        lines
            .into_iter()
            .map(|(tick, text)| format!("{} {text}", seconds(tick)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the checker says of a write by process 1 that ended at 100, and one read.
    fn verdict(write: Kind, process: u64, kind: Kind, began: Tick, version: u64) -> Vec<Guarantee> {
        let mut history = History::new(50);
        let call = |process, kind, version, began, ended| Call {
            process,
            kind,
            what: 0,
            row: 7,
            version,
            began,
            ended,
        };
        history.add(call(1, write, 5, 90, 100));
        history.add(call(process, kind, version, began, 1_000));
        history
            .violations
            .iter()
            .map(|violation| violation.guarantee)
            .collect()
    }

    #[test]
    fn a_doctored_history_is_found_out() {
        use Guarantee::{G1, G2, G3};
        use Kind::{Last, Local, Logged, Read};
        assert_eq!(verdict(Logged, 1, Read, 101, 4), [G1]);
        assert_eq!(verdict(Local, 1, Read, 101, 4), [G1]);
        assert_eq!(verdict(Logged, 2, Read, 151, 4), [G2]);
        assert_eq!(verdict(Logged, 1, Read, 151, 4), [G1, G2]);
        assert_eq!(verdict(Logged, 2, Last, 101, 4), [G3]);
        assert_eq!(verdict(Local, 2, Last, 101, 4), [G3]);
    }

    #[test]
    fn a_history_that_may_be_is_not() {
        use Kind::{Last, Local, Logged, Read};
        assert_eq!(verdict(Logged, 1, Last, 1_000, 5), []);
        assert_eq!(verdict(Logged, 1, Read, 100, 4), []);
        assert_eq!(verdict(Logged, 2, Read, 150, 4), []);
        assert_eq!(verdict(Local, 2, Read, 900, 4), []);
    }

    #[test]
    fn what_died_with_its_process_is_asked_of_nobody() {
        let mut history = History::default();
        let call = |process, kind, version| Call {
            process,
            kind,
            what: 0,
            row: 1,
            version,
            began: 200,
            ended: 300,
        };
        history.add(call(1, Kind::Local, 2));
        history.died(1);
        history.add(call(2, Kind::Last, 1));
        assert!(history.violations.is_empty());
    }

    #[test]
    fn while_the_log_is_repaired_others_may_not_know() {
        for (until, found) in [(400, 0), (399, 1)] {
            let mut history = History::new(50);
            history.repair(350, until);
            let call = |process, kind, version, began| Call {
                process,
                kind,
                what: 0,
                row: 1,
                version,
                began,
                ended: began,
            };
            history.add(call(1, Kind::Logged, 2, 100));
            history.add(call(2, Kind::Read, 1, 400));
            assert_eq!(history.violations.len(), found);
        }
    }
}
