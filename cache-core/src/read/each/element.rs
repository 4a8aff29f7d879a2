//! One element of a batch.

use super::super::compute::{Driver, Stage};
#[cfg(feature = "redis")]
use super::super::fetch::{Asked, Fetching};
#[cfg(feature = "redis")]
use super::super::peek::Peeking;
use crate::flight::Status;
#[cfg(feature = "redis")]
use crate::remote::Read;
use crate::stats::RefusalReason;

impl Stage {
    pub(super) fn is_claimed(&self) -> bool {
        matches!(self, Self::Claimed { .. })
    }

    /// Whether it goes on by itself, or waits for others.
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Claimed { .. } | Self::Computing(_) | Self::Done)
    }

    /// Whether it will be known soon what becomes of it, whatever others do.
    pub(super) fn is_about_to_be_known(&self) -> bool {
        #[cfg(feature = "redis")]
        return matches!(
            self,
            Self::Confirming(_) | Self::Fetching(_) | Self::Peeking(_)
        );
        #[cfg(not(feature = "redis"))]
        false
    }
}

impl Driver {
    /// The flight that this element is computed in, if it is one.
    pub(super) fn flight(&self) -> Option<u64> {
        let leader = match &self.stage {
            Stage::Claimed { leader, .. } => leader.as_ref(),
            Stage::Computing(computation) => computation.leader.as_ref(),
            _ => None,
        };
        leader.map(|leader| leader.flight().id)
    }

    /// The body that is about to run is that of so many elements, and this is one.
    pub(super) fn begin_with(&mut self, sharers: u32) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Claimed { leader, may_store } => {
                let mut computation = self.computation(leader, may_store);
                computation.sharers = sharers;
                self.stage = Stage::Computing(computation);
            }
            other => self.stage = other,
        }
    }

    /// From now on, whoever drops this element does so because of a panic.
    pub(super) fn is_in_body(&mut self) {
        if let Stage::Computing(computation) = &mut self.stage
            && let Some(leader) = &mut computation.leader
        {
            leader.computing = true;
        }
    }

    /// The body has given nothing that is known to be this element's: every other caller asks for himself.
    pub(super) fn give_up(&mut self) {
        let Stage::Computing(computation) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return;
        };
        let used = computation.frame.take();
        self.report(used.stamp, used.deps.as_slice());
        if computation.frame.is_late() {
            self.report_late();
        }
        if let Some(leader) = computation.leader {
            self.refuse(RefusalReason::Length);
            leader.finish(Status::Failed);
        }
    }

    #[cfg(feature = "redis")]
    pub(super) fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking(_))
    }

    /// Redis has been asked for it.
    #[cfg(feature = "redis")]
    pub(super) fn asked(&mut self, read: Read, sent: u64) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Asking(Some(leader)) => {
                self.stage = Stage::Fetching(Fetching {
                    asked: Asked::Value(read),
                    bid: None,
                    leader,
                    sent,
                });
            }
            Stage::Asking(None) => self.stage = Stage::Peeking(Peeking { read, sent }),
            other => self.stage = other,
        }
    }
}
