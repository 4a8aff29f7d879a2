//! Keeps a connection to the server.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError,
    RedisResult, ServerError, Value,
};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::error::{LinkError, Secrets};
use super::request::Request;
use super::socket::{self, ReadHalf, WriteHalf};
use super::target::Target;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many requests may wait for the socket; more wait one by one.
const SOCKET_QUEUE: usize = 1_024;

/// So many nodes of a cluster may send from one to the other.
const HOPS: usize = 5;

/// Where the server is, and how long to try.
pub(super) struct Address {
    target: Target,
    /// A key: of a cluster, the server is the node that has it.
    key: Box<[u8]>,
    /// How long each step may take.
    within: Duration,
    /// Who is asked first the next time: the one before may know it no better.
    next: AtomicUsize,
    pub(super) secrets: Secrets,
}

impl Address {
    pub(super) fn new(target: Target, key: Box<[u8]>, within: Duration) -> Self {
        Self {
            secrets: target.secrets(),
            target,
            key,
            within,
            next: AtomicUsize::new(0),
        }
    }

    /// A new connection with the server, wherever it is by now. Only on the link's thread, where its task runs from then on.
    async fn find(&self) -> Result<Connection, LinkError> {
        let doors = &self.target.doors;
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let mut error = LinkError::closed();
        for door in 0..doors.len() {
            let door = &doors[(first + door) % doors.len()];
            let found = match &self.target.service {
                None => self.follow(door.clone()).await,
                Some(service) => match self.ask_sentinel(door, service).await {
                    Ok(named) => self.follow(named).await,
                    Err(error) => Err(error),
                },
            };
            match found {
                Ok(connection) => return Ok(connection),
                Err(why) => error = why,
            }
        }
        Err(error)
    }

    /// Where the server is, as a sentinel knows it.
    async fn ask_sentinel(
        &self,
        sentinel: &ConnectionInfo,
        service: &str,
    ) -> Result<ConnectionInfo, LinkError> {
        let mut ask = redis::cmd("SENTINEL");
        ask.arg("GET-MASTER-ADDR-BY-NAME").arg(service);
        let named = self.open(sentinel, &ask).await.and_then(|(_, named)| named);
        let named = named.map_err(|error| self.error(&error))?;
        match redis::from_redis_value::<Option<(String, u16)>>(named) {
            Ok(Some((host, port))) => Ok(self.target.server(&host, port)),
            _ => Err(LinkError::unexpected(format!(
                "the sentinel knows of no service `{service}`"
            ))),
        }
    }

    /// Connects, and goes where the nodes of a cluster send.
    async fn follow(&self, mut at: ConnectionInfo) -> Result<Connection, LinkError> {
        // A server that wants a password says so only when it is asked something, and hangs up on whoever asks for more.
        let mut ask = redis::cmd("PTTL");
        ask.arg(&*self.key);
        for _ in 0..HOPS {
            let opened = self.open(&at, &ask).await;
            let (wire, answer) = opened.map_err(|error| self.error(&error))?;
            let refusal = answer.err();
            match refusal.as_ref().and_then(moved) {
                Some(("", port)) => at = self.target.server(&host(&at), port),
                Some((host, port)) => at = self.target.server(host, port),
                None => {
                    return match refusal {
                        Some(error) if error.code() == Some("NOAUTH") || !is_said(&error) => {
                            Err(self.error(&error))
                        }
                        // What else it refuses, whoever asks for it is told.
                        _ => Ok(Connection {
                            wire,
                            at: Arc::new(at),
                            broken: Arc::new(Notify::new()),
                        }),
                    };
                }
            }
        }
        Err(LinkError::unexpected(
            "the nodes of the cluster send from one to the other",
        ))
    }

    /// One more connection with the same server.
    pub(super) async fn beside(&self, connection: &Connection) -> Result<Connection, LinkError> {
        self.follow(ConnectionInfo::clone(&connection.at)).await
    }

    /// A socket of one's own with the same server; none where there can be none: a second connection reaches another server, or
    /// nobody is told which one this is.
    ///
    /// # Errors
    /// It did not come about this time.
    pub(super) async fn wire(
        &self,
        connection: &Connection,
    ) -> RedisResult<Option<(ReadHalf, WriteHalf)>> {
        let mut who = redis::cmd("INFO");
        who.arg("server");
        let mut main = connection.wire.clone();
        let there = match main.req_packed_command(&who).await {
            // The user may not ask, or the command has no such name here. All else that a server says is for now.
            Err(error) if matches!(error.code(), Some("NOPERM" | "ERR")) => return Ok(None),
            there => run_id(there?),
        };
        if there.is_none() {
            return Ok(None);
        }
        let (halves, here) = socket::open(&connection.at, &who).await?;
        Ok((run_id(here) == there).then_some(halves))
    }

    /// A connection, and the answer to the first question.
    async fn open(
        &self,
        at: &ConnectionInfo,
        ask: &Cmd,
    ) -> RedisResult<(MultiplexedConnection, RedisResult<Value>)> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(SOCKET_QUEUE);
        let connecting = async {
            let client = Client::open(at.clone())?;
            let mut wire = client
                .get_multiplexed_async_connection_with_config(&config)
                .await?;
            let answer = ask.query_async(&mut wire).await;
            Ok((wire, answer))
        };
        match timeout(self.within, connecting).await {
            Ok(opened) => opened,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    fn error(&self, error: &RedisError) -> LinkError {
        LinkError::of(error, &self.secrets)
    }
}

/// Where a node of a cluster sends; without a host, to another port of its own.
fn moved(error: &RedisError) -> Option<(&str, u16)> {
    if error.code() != Some("MOVED") {
        return None;
    }
    let (host, port) = error.redirect_node()?.0.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host, port.parse().ok()?))
}

/// What no other server has, and this one no longer after a restart.
fn run_id(info: Value) -> Option<String> {
    let info: String = redis::from_redis_value(info).ok()?;
    let id = |line: &str| line.strip_prefix("run_id:").map(str::to_owned);
    info.lines().find_map(id)
}

/// Whether the server has said so, and there is a connection still.
fn is_said(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

fn host(at: &ConnectionInfo) -> String {
    match at.addr() {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    }
}

/// One connection, shared by all who ask.
#[derive(Clone)]
pub(super) struct Connection {
    wire: MultiplexedConnection,
    at: Arc<ConnectionInfo>,
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
        let mut refusals = values.iter().filter_map(|value| match value {
            Value::ServerError(error) => Some(self.refused(error, secrets)),
            _ => None,
        });
        // Of several one that may pass: what is worth another trial has it.
        let refusal = match refusals.next() {
            Some(first) if !first.may_pass() => {
                let passing = refusals.find(LinkError::may_pass);
                Some(passing.unwrap_or(first))
            }
            first => first,
        };
        Ok(refusal.map_or(Ok(values), Err))
    }

    /// What an error means that the server put in the place of an answer.
    pub(super) fn refused(&self, error: &ServerError, secrets: &Secrets) -> LinkError {
        if matches!(error.code(), "READONLY" | "MASTERDOWN" | "MOVED") {
            // The server is not, or no longer, the one to ask. Its name may mean another one by now.
            self.abandon();
        }
        LinkError::refused(error, secrets)
    }

    /// Where the server is.
    pub(super) fn at(&self) -> &ConnectionInfo {
        &self.at
    }

    /// Whether this is another handle of the same connection.
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.broken, &other.broken)
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

impl State {
    /// Whether this connection is the present one.
    pub(super) fn has(&self, connection: &Connection) -> bool {
        matches!(self, Self::Connected(present) if present.is(connection))
    }
}

/// Connects, and again whenever the connection is gone. `attempted` is told of each attempt, and whether it has succeeded.
pub(super) async fn keep(
    address: &Address,
    state: &watch::Sender<State>,
    attempted: impl Fn(bool),
) {
    let mut backoff = Backoff::new();
    loop {
        state.send_replace(State::Connecting);
        let error = match address.find().await {
            Ok(connection) => {
                let since = Instant::now();
                let broken = Arc::clone(&connection.broken);
                attempted(true);
                state.send_replace(State::Connected(connection));
                broken.notified().await;
                // A server that closes each connection at once gets them ever more slowly.
                if backoff.ends(since.elapsed()) {
                    continue;
                }
                LinkError::Disconnected("the connection broke".into())
            }
            Err(error) => {
                attempted(false);
                error
            }
        };
        state.send_replace(State::Down(error));
        sleep(backoff.next()).await;
    }
}

/// The pauses between attempts: doubling, and each of a random length, so that a fleet does not come back in one instant.
pub(super) struct Backoff(Duration);

impl Backoff {
    const SHORTEST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(super) fn new() -> Self {
        Self(Self::SHORTEST)
    }

    /// Whether what has lasted for so long was no failed attempt: the pauses are short again.
    pub(super) fn ends(&mut self, lasted: Duration) -> bool {
        let ends = lasted > Self::LONGEST;
        if ends {
            self.0 = Self::SHORTEST;
        }
        ends
    }

    /// Between half of the pause and all of it.
    pub(super) fn next(&mut self) -> Duration {
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
    fn a_node_of_a_cluster_says_where_to_go() {
        let refusal = |text: &str| {
            let reply = redis::parse_redis_value(format!("-{text}\r\n").as_bytes());
            reply.and_then(Value::extract_error).unwrap_err()
        };
        for (text, place) in [
            ("MOVED 1 10.0.0.7:6381", Some(("10.0.0.7", 6381))),
            ("MOVED 1 name.example:1", Some(("name.example", 1))),
            ("MOVED 1 ::1:7000", Some(("::1", 7000))),
            ("MOVED 1 [::1]:7000", Some(("::1", 7000))),
            ("MOVED 1 :6381", Some(("", 6381))),
            ("MOVED 1 host:65536", None),
            ("MOVED 1 host", None),
            ("MOVED x host:1", None),
            ("MOVED", None),
            ("ASK 1 host:1", None),
            ("ERR MOVED 1 host:1", None),
        ] {
            assert_eq!(moved(&refusal(text)), place, "{text}");
        }
    }

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

    #[test]
    fn pauses_are_short_again_after_what_has_lasted() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.next();
        }
        assert!(!backoff.ends(Duration::from_secs(1)));
        assert!(backoff.next() >= Duration::from_millis(500));
        assert!(backoff.ends(Duration::from_millis(1_001)));
        assert!(backoff.next() <= Duration::from_millis(10));
    }
}
