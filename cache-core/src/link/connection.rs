//! Keeps a connection to the server.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, Value};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::error::{LinkError, Secrets};
use super::request::Request;

/// How many requests may wait for the socket; more wait one by one.
const SOCKET_QUEUE: usize = 1_024;

/// Where the server is, and how long to try.
pub(super) struct Address {
    client: Client,
    within: Duration,
    pub(super) secrets: Secrets,
}

impl Address {
    pub(super) fn new(client: Client, within: Duration) -> Self {
        let settings = client.get_connection_info().redis_settings();
        let secrets = Secrets::new(settings.password().into_iter().chain(settings.username()));
        Self {
            client,
            within,
            secrets,
        }
    }

    /// A new connection. Only on the link's thread, where its task runs from then on.
    pub(super) async fn connect(&self) -> Result<Connection, LinkError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(SOCKET_QUEUE);
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let connecting = async {
            let mut wire = connecting.await?;
            // A server that wants a password says so only when it is asked something, and hangs up on whoever goes on.
            redis::cmd("PING").exec_async(&mut wire).await?;
            Ok(wire)
        };
        match timeout(self.within, connecting).await {
            Ok(Ok(wire)) => Ok(Connection {
                wire,
                broken: Arc::new(Notify::new()),
            }),
            Ok(Err(error)) => Err(LinkError::of(&error, &self.secrets)),
            Err(_) => Err(LinkError::TimedOut),
        }
    }
}

/// One connection, shared by all who ask.
#[derive(Clone)]
pub(super) struct Connection {
    wire: MultiplexedConnection,
    broken: Arc<Notify>,
}

impl Connection {
    /// One trip. The outer error: there was none; the inner one: the server's answer.
    pub(super) async fn exchange(
        mut self,
        request: Request,
        secrets: &Secrets,
    ) -> Result<Result<Vec<Value>, LinkError>, LinkError> {
        let values = match request.exchange(&mut self.wire).await {
            Ok(values) => values,
            Err(error) => {
                // After what does not parse, the next reply cannot be found.
                if matches!(error.kind(), ErrorKind::Io | ErrorKind::Parse) {
                    self.abandon();
                }
                return Err(LinkError::of(&error, secrets));
            }
        };
        let refusal = values.iter().find_map(|value| match value {
            Value::ServerError(error) => Some(error),
            _ => None,
        });
        if refusal.is_some_and(|error| matches!(error.code(), "READONLY" | "MASTERDOWN" | "MOVED"))
        {
            // The server is not, or no longer, the one to ask. Its name may mean another one by now.
            self.abandon();
        }
        let refusal = refusal.map(|error| LinkError::refused(error, secrets));
        Ok(refusal.map_or(Ok(values), Err))
    }

    /// Says that this connection is of no use any more. Does not touch the one that has replaced it.
    pub(super) fn abandon(&self) {
        self.broken.notify_one();
    }
}

/// What there is at the moment.
#[derive(Clone)]
pub(super) enum State {
    /// An attempt is under way; it is worth waiting for.
    Connecting,
    Connected(Connection),
    /// Waiting for the next attempt.
    Down(LinkError),
}

/// Connects, and again whenever the connection is gone.
pub(super) async fn keep(address: &Address, state: &watch::Sender<State>, connected: impl Fn()) {
    let mut backoff = Backoff::new();
    loop {
        state.send_replace(State::Connecting);
        let error = match address.connect().await {
            Ok(connection) => {
                let since = Instant::now();
                let broken = Arc::clone(&connection.broken);
                connected();
                state.send_replace(State::Connected(connection));
                broken.notified().await;
                // A server that closes each connection at once gets them ever more slowly.
                if since.elapsed() > Backoff::LONGEST {
                    backoff = Backoff::new();
                    continue;
                }
                LinkError::Disconnected("the connection broke".into())
            }
            Err(error) => error,
        };
        state.send_replace(State::Down(error));
        sleep(backoff.next()).await;
    }
}

/// The pauses between attempts: doubling, and each of a random length, so that a fleet does not come back in one instant.
struct Backoff(Duration);

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    fn new() -> Self {
        Self(Self::SHORTEST)
    }

    /// Between half of the pause and all of it.
    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::LONGEST);
        let share = (RandomState::new().hash_one(()) % 1_024) as u32;
        pause / 2 + pause / 2 * share / 1_024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_second() {
        let mut backoff = Backoff::new();
        let mut bound = Duration::from_millis(10);
        for _ in 0..20 {
            let pause = backoff.next();
            assert!(
                bound / 2 <= pause && pause <= bound,
                "{pause:?} of {bound:?}"
            );
            bound = (bound * 2).min(Duration::from_secs(1));
        }
    }
}
