//! What is waited for, by whoever asks the log.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::task::unconstrained;

use crate::link::LinkError;
use crate::position::Position;

/// Something that the log is asked for: a future for any runtime, or none. Dropped, it goes on.
#[must_use = "what is not waited for may fail unseen"]
pub(crate) struct Told<T>(pub(super) oneshot::Receiver<Result<T, LinkError>>);

/// Done when all that the log had when it was asked for is applied.
pub(crate) type Confirming = Told<()>;

/// An append on its way.
#[must_use = "an append that is not waited for may fail unseen"]
pub(crate) struct Appending {
    pub(super) ordinal: u64,
    pub(super) told: Told<Position>,
}

impl Appending {
    /// Where the record stands until the log has it: later than all that began before.
    pub(crate) fn ordinal(&self) -> u64 {
        self.ordinal
    }
}

impl Future for Appending {
    type Output = Result<Position, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.told).poll(cx)
    }
}

impl<T> Future for Told<T> {
    type Output = Result<T, LinkError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // As an `Answer` is polled, whoever blocks on it.
        Pin::new(&mut unconstrained(&mut self.0))
            .poll(cx)
            .map(|told| {
                told.unwrap_or_else(|_| Err(LinkError::Disconnected("the cache is closed".into())))
            })
    }
}
