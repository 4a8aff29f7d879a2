//! Who computes a value, among processes.

use redis::Value;

use super::super::error::LinkError;
use super::super::request::{Command, Script};
use super::{bytes, stamp, unstamp};
use crate::position::Position;

static TAKE: Script = Script::new(include_str!("take.lua"));
static RELEASE: Script = Script::new(include_str!("release.lua"));
static RENEW: Script = Script::new(include_str!("renew.lua"));
static PASS: Script = Script::new(include_str!("pass.lua"));

/// Asks for the lease of a value, for some milliseconds; [`leased`] tells.
pub(crate) fn lease(lease: &[u8], token: [u8; 16], began: Position, lifetime: u64) -> Command {
    let mut cmd = redis::cmd("SET");
    cmd.arg(lease).arg([token, stamp(began)].concat());
    cmd.arg("NX").arg("GET").arg("PX").arg(lifetime.max(1));
    cmd.into()
}

/// Who has a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Leased {
    /// The caller, now.
    Mine,
    /// Somebody else.
    Theirs(Lease),
}

/// A lease as somebody else holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    /// Who.
    pub(crate) token: [u8; 16],
    /// The position at which the holder's computation began.
    pub(crate) began: Position,
}

impl Lease {
    /// What stands in the place of a lease for a while after a computation that had nothing for others. Releases that do not know it take
    /// it for the lease of a computation that is dead, as no value with this stamp is valid, and take it over.
    const NOBODYS: Self = Self {
        token: [0; 16],
        began: Position::ZERO,
    };

    /// Whether nobody computes for others, and nobody is to wait.
    pub(crate) fn is_nobodys(self) -> bool {
        self.token == Self::NOBODYS.token
    }

    fn bytes(self) -> Vec<u8> {
        [self.token, stamp(self.began)].concat()
    }
}

/// What [`lease`] answers.
pub(crate) fn leased(reply: Value) -> Result<Leased, LinkError> {
    if reply == Value::Nil {
        return Ok(Leased::Mine);
    }
    let held = bytes(reply)?;
    match held.as_chunks::<16>() {
        ([token, began], []) => Ok(Leased::Theirs(Lease {
            token: *token,
            began: unstamp(*began),
        })),
        _ => Err(LinkError::unexpected("a lease of a wrong length")),
    }
}

/// Takes a lease over from a leader whose computation is dead already; a [`flag`](super::flag) tells.
pub(crate) fn take(
    lease: &[u8],
    seen: Lease,
    token: [u8; 16],
    began: Position,
    lifetime: u64,
) -> Command {
    let lifetime = lifetime.max(1).to_string();
    TAKE.call(
        &[lease],
        &[&seen.bytes(), &token, &stamp(began), lifetime.as_bytes()],
    )
}

/// Makes a lease last longer, if it is still one's own; a [`flag`](super::flag) tells.
pub(crate) fn renew(lease: &[u8], token: [u8; 16], lifetime: u64) -> Command {
    let lifetime = lifetime.max(1).to_string();
    RENEW.call(&[lease], &[&token, lifetime.as_bytes()])
}

/// Gives a lease back, if it is still one's own; a [`flag`](super::flag) tells.
pub(crate) fn release(lease: &[u8], token: [u8; 16]) -> Command {
    RELEASE.call(&[lease], &[&token])
}

/// Gives a lease back, if it is not somebody else's, and lets nobody wait for one for some milliseconds; a [`flag`](super::flag) tells.
pub(crate) fn pass(lease: &[u8], token: [u8; 16], lifetime: u64) -> Command {
    let lifetime = lifetime.max(1).to_string();
    PASS.call(
        &[lease],
        &[&token, &Lease::NOBODYS.bytes(), lifetime.as_bytes()],
    )
}
