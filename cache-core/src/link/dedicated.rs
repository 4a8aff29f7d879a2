//! Connections beside the link's own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use super::Shared;
use super::answer::Answer;
use super::connection::Connection;
use super::error::LinkError;
use super::request::Request;

/// A connection for commands that block. Closed when it is dropped; whoever has it makes another one when it breaks.
pub(crate) struct Dedicated {
    pub(super) connection: Connection,
    /// The link's connection that it was made beside: when there is another, the server may be another one, too.
    pub(super) main: Connection,
    pub(super) shared: Arc<Shared>,
}

impl Dedicated {
    /// Sends a request, whatever the breaker says.
    pub(crate) fn ask(&self, request: Request, within: Duration) -> Answer {
        let current = self.shared.state.borrow().has(&self.main);
        if !current {
            return Answer::failed(LinkError::Disconnected("the link has another".into()));
        }
        let deadline = Instant::now() + within;
        let (connection, shared) = (self.connection.clone(), Arc::clone(&self.shared));
        let task = async move {
            let exchange = connection.exchange(request, &shared.address.secrets);
            match timeout_at(deadline.into(), exchange).await {
                Ok(outcome) => outcome?,
                Err(_) => Err(LinkError::TimedOut),
            }
        };
        Answer::waiting(self.shared.io.spawn(task), deadline)
    }
}
