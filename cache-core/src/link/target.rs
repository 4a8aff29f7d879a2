//! Where the server is: named by its address, by sentinels, or by any node of its cluster.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisResult};

use super::error::Secrets;
use super::tls::RedisTls;
use crate::error::{Error, ErrorKind};

/// Where sentinels listen, unless it is said.
const SENTINEL_PORT: &str = "26379";

/// What an URL says.
pub(super) struct Target {
    /// Who is asked first: servers, nodes of a cluster, or sentinels.
    pub(super) doors: Vec<ConnectionInfo>,
    /// What the sentinels call the server, if they are to be asked.
    pub(super) service: Option<Box<str>>,
    /// How to speak with any server that is named later.
    server: ConnectionInfo,
}

impl Target {
    /// Reads an URL.
    ///
    /// # Errors
    /// One that says nothing, or what this build cannot do. What the `redis` crate says about a bad one may quote it, and is not
    /// shown.
    pub(super) fn parse(url: &str, tls: &RedisTls) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once(':').unwrap_or_default();
        let plain = scheme.strip_suffix("+sentinel").unwrap_or(scheme);
        let encrypted = matches!(plain, "rediss" | "valkeys");
        if encrypted && !cfg!(feature = "redis-tls") {
            return Err(wrong(
                "the URL of the Redis server asks for TLS, which needs the cargo feature `redis-tls` of this crate",
            ));
        }
        if url.ends_with("#insecure") {
            return Err(wrong(
                "the URL of the Redis server asks for TLS with anybody (`#insecure`): name the certificate that is to be trusted \
                 with `RedisTls::ca_certificate`",
            ));
        }
        if !encrypted && !tls.is_empty() {
            return Err(wrong(
                "there are certificates for TLS, and the URL of the Redis server asks for none: write rediss://",
            ));
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if plain.ends_with("unix") && !path.starts_with('/') {
            return Err(wrong(
                "the URL of the Redis server names a socket whose path does not begin with `/`: write redis+unix:///path/to/socket",
            ));
        }
        let parsed = match rest.strip_prefix("//") {
            Some(rest) if !plain.ends_with("unix") => parts(scheme, plain, rest),
            _ => Some(Parts {
                doors: vec![url.to_owned()],
                server: url.to_owned(),
                service: None,
            }),
        };
        let open = |url: &String| tls.apply(unnamed(url.as_str().into_connection_info()?));
        let target = parsed.filter(|_| tls.is_whole()).and_then(|parts| {
            let doors: RedisResult<Vec<_>> = parts.doors.iter().map(open).collect();
            Some(Self {
                doors: doors.ok()?,
                service: parts.service.map(Into::into),
                server: open(&parts.server).ok()?,
            })
        });
        target.ok_or_else(|| {
            wrong(if tls.is_empty() {
                "the URL of the Redis server is not understood (it is not repeated here, as it may hold a password): write \
                 redis://[user:password@]host[:port][,host[:port]...][/database], the same with rediss for TLS, \
                 redis+sentinel://[user:password@]host[:port][,host[:port]...]/service[/database] or \
                 redis+unix:///path/to/socket, with special characters of the password percent-encoded"
            } else {
                "the URL of the Redis server, or a certificate for it, is not understood (neither is repeated here): certificates \
                 and keys are PEM, as text"
            })
        })
    }

    /// A server that somebody has named.
    pub(super) fn server(&self, host: &str, port: u16) -> ConnectionInfo {
        let host = host.to_owned();
        let address = match self.server.addr() {
            ConnectionAddr::TcpTls {
                insecure,
                tls_params,
                ..
            } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host, port),
        };
        self.server.clone().set_addr(address)
    }

    /// What must not be shown of it.
    pub(super) fn secrets(&self) -> Secrets {
        let settings = || self.doors.iter().chain([&self.server]);
        let passwords = settings().filter_map(|info| info.redis_settings().password());
        let users = settings().filter_map(|info| info.redis_settings().username());
        Secrets::new(passwords.chain(users))
    }
}

/// A connection that does not say which library has made it: that takes a right of its own, which nothing else needs, and fails at every
/// connection without it.
fn unnamed(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    info.set_redis_settings(settings)
}

/// An URL for each who is asked first, and one of a server.
struct Parts {
    doors: Vec<String>,
    server: String,
    service: Option<String>,
}

/// Takes a list of hosts apart.
fn parts(scheme: &str, plain: &str, rest: &str) -> Option<Parts> {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let url = |host: &str| format!("{plain}://{user}{host}{tail}");
    if scheme == plain {
        let doors: Vec<String> = hosts.split(',').map(url).collect();
        return Some(Parts {
            server: doors.first()?.clone(),
            doors,
            service: None,
        });
    }
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let (service, database) = path
        .strip_prefix('/')?
        .split_once('/')
        .unwrap_or((&path[1..], ""));
    if service.is_empty() {
        return None;
    }
    let said = |name| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let own = match (said("sentinel_user"), said("sentinel_pass")) {
        (None, None) => String::new(),
        (name, pass) => format!("{}:{}@", name.unwrap_or_default(), pass.unwrap_or_default()),
    };
    let sentinel = |host: &str| {
        // Of an IPv6 address the colons are in brackets.
        let port = match host.rsplit(']').next() {
            Some(end) if end.contains(':') => String::new(),
            _ => format!(":{SENTINEL_PORT}"),
        };
        format!("{plain}://{own}{host}{port}")
    };
    Some(Parts {
        doors: hosts.split(',').map(sentinel).collect(),
        server: format!(
            "{plain}://{user}{}/{database}?{query}",
            hosts.split(',').next()?
        ),
        service: Some(service.to_owned()),
    })
}

fn wrong(text: &str) -> Error {
    Error::new(ErrorKind::Config, text)
}

#[cfg(test)]
mod tests;
