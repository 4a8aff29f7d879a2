//! What is sent again until the server has done it: what gives something back that nobody else can give back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Shared;
use super::request::{Command, Request};
use crate::sync::{Mutex, lock};

/// A command that is sent again until it is answered well, or of no use any more.
#[derive(Clone)]
pub(super) struct Debt {
    pub(super) command: Command,
    pub(super) until: Instant,
    /// Whether it has been sent again before.
    pub(super) old: bool,
}

/// What was not sent, not answered or refused, and is sent again.
#[derive(Default)]
pub(super) struct Owed {
    debts: Mutex<VecDeque<Debt>>,
    filled: Notify,
}

impl Owed {
    /// At most so many are kept, the latest.
    const MOST: usize = 4_096;
    /// How long before they are sent, ...
    const PAUSE: Duration = Duration::from_millis(100);
    /// ... and at most, where that was in vain.
    const LONGEST_PAUSE: Duration = Duration::from_millis(800);
    /// How long the end waits for them, where the server may yet answer.
    const LAST: Duration = Duration::from_secs(1);

    pub(super) fn keep(&self, debts: Vec<Debt>) {
        if debts.is_empty() {
            return;
        }
        let mut kept = lock(&self.debts);
        kept.extend(debts);
        let too_many = kept.len().saturating_sub(Self::MOST);
        kept.drain(..too_many);
        drop(kept);
        self.filled.notify_one();
    }

    fn take(&self) -> Vec<Debt> {
        let debts = std::mem::take(&mut *lock(&self.debts));
        let now = Instant::now();
        debts.into_iter().filter(|debt| now < debt.until).collect()
    }

    fn is_empty(&self) -> bool {
        lock(&self.debts).is_empty()
    }
}

/// Sends what is owed, when that may help.
pub(super) async fn pay(shared: Arc<Shared>) {
    let mut pause = Owed::PAUSE;
    loop {
        shared.owed.filled.notified().await;
        while shared.breaker.is_open() {
            sleep(Owed::PAUSE).await;
        }
        // A server that was paused runs, after its pause, what came by a connection that was given up meanwhile, too: what takes must not
        // come behind what gives back.
        sleep(pause).await;
        let debts = shared.owed.take();
        pause = match debts.iter().any(|debt| debt.old) {
            true => (pause * 2).min(Owed::LONGEST_PAUSE),
            false => Owed::PAUSE,
        };
        for debt in debts {
            shared.send(Request::again(debt));
        }
    }
}

/// When all is sent that nobody waits for; what is owed for a while only.
pub(super) async fn settled(shared: &Shared) {
    shared.queue.empty().await;
    let paid = async {
        while !shared.owed.is_empty() {
            sleep(Owed::PAUSE / 4).await;
            shared.queue.empty().await;
        }
    };
    let _ = timeout(Owed::LAST, paid).await;
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    fn debt(n: usize, until: Instant) -> Debt {
        let mut cmd = redis::cmd("DEL");
        cmd.arg(n);
        Debt {
            command: cmd.into(),
            until,
            old: false,
        }
    }

    fn last(debt: &Debt) -> String {
        let mut bytes = Vec::new();
        Request::again(debt.clone()).pack(&mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        text.lines().last().unwrap().to_owned()
    }

    #[test]
    fn the_latest_are_kept() {
        let owed = Owed::default();
        let later = Instant::now() + Duration::from_secs(60);
        for n in 0..Owed::MOST + 10 {
            owed.keep(vec![debt(n, later)]);
        }
        let kept = owed.take();
        assert_eq!((kept.len(), &*last(&kept[0])), (Owed::MOST, "10"));
        assert!(owed.is_empty() && owed.take().is_empty());
    }

    #[test]
    fn what_is_of_no_use_any_more_is_forgotten() {
        let owed = Owed::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        owed.keep(vec![debt(1, now), debt(2, later), debt(3, now)]);
        let kept: Vec<String> = owed.take().iter().map(last).collect();
        assert_eq!(kept, ["2"]);
    }
}
