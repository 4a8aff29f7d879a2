//! What is sent again when the server answers again: what gives something back that nobody else can give back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::Shared;
use super::request::{Command, Request};
use crate::sync::{Mutex, lock};

/// Commands that were not answered, or not sent, and are sent again.
#[derive(Default)]
pub(super) struct Owed {
    commands: Mutex<VecDeque<Command>>,
    filled: Notify,
}

impl Owed {
    /// At most so many are kept, the latest.
    const MOST: usize = 4_096;
    /// How long before they are sent.
    const PAUSE: Duration = Duration::from_millis(100);

    pub(super) fn keep(&self, commands: Vec<Command>) {
        if commands.is_empty() {
            return;
        }
        let mut kept = lock(&self.commands);
        kept.extend(commands);
        let too_many = kept.len().saturating_sub(Self::MOST);
        kept.drain(..too_many);
        drop(kept);
        self.filled.notify_one();
    }

    fn take(&self) -> VecDeque<Command> {
        std::mem::take(&mut *lock(&self.commands))
    }
}

/// Sends what is owed, when that may help.
pub(super) async fn pay(shared: Arc<Shared>) {
    loop {
        shared.owed.filled.notified().await;
        while shared.breaker.is_open() {
            sleep(Owed::PAUSE).await;
        }
        // A server that was paused runs, after its pause, what came by a connection that was given up meanwhile, too: what takes must not
        // come behind what gives back.
        sleep(Owed::PAUSE).await;
        for command in shared.owed.take() {
            shared.send(Request::of(command.clone()).otherwise(command));
        }
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_kept() {
        let owed = Owed::default();
        for n in 0..Owed::MOST + 10 {
            let mut cmd = redis::cmd("DEL");
            cmd.arg(n);
            owed.keep(vec![cmd.into()]);
        }
        let mut bytes = Vec::new();
        let kept = owed.take();
        assert_eq!(kept.len(), Owed::MOST);
        let first = kept.into_iter().next().unwrap();
        Request::of(first).pack(&mut bytes);
        assert!(bytes.ends_with(b"\r\n10\r\n"), "the oldest was kept");
        assert!(owed.take().is_empty());
    }
}
