//! What is sent in one trip.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Arg, Cmd, Pipeline, RedisResult, Value};

use super::owed::Debt;
use super::scripts;

/// A Lua script, called by its hash.
#[derive(Debug)]
pub(crate) struct Script {
    source: &'static str,
    hash: OnceLock<String>,
}

impl Script {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self {
            source,
            hash: OnceLock::new(),
        }
    }

    /// Its text.
    #[cfg(any(test, cache_fault))]
    pub(super) fn source(&self) -> &'static str {
        self.source
    }

    /// A call of it.
    pub(crate) fn call(&'static self, keys: &[&[u8]], arguments: &[&[u8]]) -> Command {
        let hash = self
            .hash
            .get_or_init(|| redis::Script::new(self.source).get_hash().to_owned());
        let mut cmd = Cmd::new();
        cmd.arg("EVALSHA").arg(hash).arg(keys.len());
        cmd.arg(keys).arg(arguments);
        Command {
            cmd,
            script: Some(self),
        }
    }

    /// The same call for a server that does not know the script. It knows it from then on.
    fn in_full(&self, call: &Cmd) -> Cmd {
        let mut cmd = Cmd::new();
        cmd.arg("EVAL").arg(self.source);
        for argument in call.args_iter().skip(2) {
            if let Arg::Simple(bytes) = argument {
                cmd.arg(bytes);
            }
        }
        cmd
    }
}

/// One command of a request.
#[derive(Clone)]
pub(crate) struct Command {
    cmd: Cmd,
    script: Option<&'static Script>,
}

impl Command {
    fn bytes(&self) -> usize {
        self.cmd
            .args_iter()
            .map(|argument| match argument {
                Arg::Simple(bytes) => bytes.len(),
                _ => 0,
            })
            .sum()
    }
}

impl From<Cmd> for Command {
    fn from(cmd: Cmd) -> Self {
        Self { cmd, script: None }
    }
}

/// Writes a command as it is sent.
pub(crate) fn pack(arguments: &[&[u8]], into: &mut Vec<u8>) {
    pack_count(b'*', arguments.len(), into);
    for argument in arguments {
        pack_count(b'$', argument.len(), into);
        into.extend_from_slice(argument);
        into.extend_from_slice(b"\r\n");
    }
}

/// How many arguments follow, or bytes.
pub(crate) fn pack_count(kind: u8, count: usize, into: &mut Vec<u8>) {
    into.push(kind);
    let mut unit = 10_usize.pow(count.checked_ilog10().unwrap_or(0));
    while unit > 0 {
        into.push(b'0' + (count / unit % 10) as u8);
        unit /= 10;
    }
    into.extend_from_slice(b"\r\n");
}

/// Commands that are sent, and answered, together.
#[derive(Default)]
pub(crate) struct Request {
    commands: Vec<Command>,
    /// What is sent again if they are not sent, or not answered well.
    otherwise: Vec<Debt>,
    /// How many requests it is; none if it is sent again.
    requests: u64,
    bytes: usize,
}

impl Request {
    /// A request of one command.
    pub(crate) fn of(command: impl Into<Command>) -> Self {
        let request = Self {
            requests: 1,
            ..Self::default()
        };
        request.and(command)
    }

    /// One that is sent again, and again until it is answered well.
    pub(super) fn again(debt: Debt) -> Self {
        let mut request = Self::default().and(debt.command.clone());
        request.otherwise.push(Debt { old: true, ..debt });
        request
    }

    /// And one more command.
    pub(crate) fn and(mut self, command: impl Into<Command>) -> Self {
        let command = command.into();
        self.bytes += command.bytes();
        self.commands.push(command);
        self
    }

    /// With what is sent if this is not, or not answered well, for so long.
    pub(crate) fn otherwise(mut self, command: impl Into<Command>, within: Duration) -> Self {
        self.otherwise.push(Debt {
            command: command.into(),
            until: Instant::now() + within,
            old: false,
        });
        self
    }

    /// What is sent if this is not, or not answered well.
    pub(super) fn take_otherwise(&mut self) -> Vec<Debt> {
        std::mem::take(&mut self.otherwise)
    }

    /// How many requests it is, of those that are counted.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// As they are sent, one after the other. Scripts are sent by their hash alone.
    #[cfg(test)]
    pub(crate) fn pack(&self, into: &mut Vec<u8>) {
        for command in &self.commands {
            into.extend_from_slice(&command.cmd.get_packed_command());
        }
    }

    /// How many commands it has, and replies it gets.
    pub(super) fn len(&self) -> usize {
        self.commands.len()
    }

    /// The length of all arguments.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The places of the commands that store a value.
    pub(super) fn stores(&self) -> Vec<usize> {
        let stores = |command: &Command| command.script.is_some_and(scripts::is_store);
        let all = self.commands.iter().enumerate();
        all.filter(|(_, command)| stores(command))
            .map(|(at, _)| at)
            .collect()
    }

    /// Takes the commands of another one over.
    pub(super) fn absorb(&mut self, other: Self) {
        self.commands.extend(other.commands);
        self.otherwise.extend(other.otherwise);
        self.requests += other.requests;
        self.bytes += other.bytes;
    }

    /// One trip; a second one for scripts that the server does not know.
    pub(super) async fn exchange(
        self,
        connection: &mut MultiplexedConnection,
    ) -> RedisResult<Vec<Value>> {
        let count = self.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut pipeline = Pipeline::with_capacity(count);
        let mut scripts = Vec::with_capacity(count);
        for command in self.commands {
            pipeline.add_command(command.cmd);
            scripts.push(command.script);
        }
        let mut values = connection.req_packed_commands(&pipeline, 0, count).await?;

        let mut unknown = Vec::new();
        let mut again = Pipeline::new();
        for (at, call) in pipeline.cmd_iter().enumerate() {
            if let (Some(script), Some(Value::ServerError(error))) = (scripts[at], values.get(at))
                && error.code() == "NOSCRIPT"
            {
                unknown.push(at);
                again.add_command(script.in_full(call));
            }
        }
        if !unknown.is_empty() {
            let replies = connection
                .req_packed_commands(&again, 0, unknown.len())
                .await?;
            for (at, reply) in unknown.into_iter().zip(replies) {
                values[at] = reply;
            }
        }
        Ok(values)
    }
}
