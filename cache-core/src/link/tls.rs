//! Whom to trust, and as whom to come.

use std::fmt;
use std::sync::Arc;

use redis::{ConnectionInfo, RedisResult};

/// How a certificate begins. A text without any would trust nobody.
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Certificates for TLS with Redis, where those that the system trusts are not enough: PEM, as text.
///
/// ```
/// # fn run() -> std::io::Result<()> {
/// use cache_core::{Cache, RedisTls};
///
/// let tls = RedisTls::new().ca_certificate(std::fs::read("ca.pem")?);
/// let builder = Cache::builder().redis("rediss://cache.example/").redis_tls(tls);
/// # let _ = builder;
/// # Ok(()) }
/// # let _ = run;
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct RedisTls {
    ca: Option<Arc<[u8]>>,
    /// A certificate and its key.
    own: Option<[Arc<[u8]>; 2]>,
}

impl RedisTls {
    /// Those that the system trusts, and no certificate of one's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts servers whose certificate was issued by one of these, in place of those that the system trusts.
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into().into());
        self
    }

    /// Comes with this certificate, or chain of them, and its key, as servers with `tls-auth-clients` demand it.
    pub fn client_certificate(
        mut self,
        pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        self.own = Some([pem.into().into(), key_pem.into().into()]);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ca.is_none() && self.own.is_none()
    }

    /// Whether there are certificates in what was given.
    pub(super) fn is_whole(&self) -> bool {
        let some = |pem: &Arc<[u8]>| pem.windows(BEGIN.len()).any(|text| text == BEGIN);
        self.ca.as_ref().is_none_or(some) && self.own.as_ref().is_none_or(|[pem, _]| some(pem))
    }

    /// Adds them to where a server is.
    #[cfg(feature = "redis-tls")]
    pub(super) fn apply(&self, at: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        if !matches!(at.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            return Ok(at);
        }
        // rustls asks for one for the whole process, and panics where it cannot choose; one that is there already is used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if self.is_empty() {
            return Ok(at);
        }
        let own = |[pem, key]: &[Arc<[u8]>; 2]| redis::ClientTlsConfig {
            client_cert: pem.to_vec(),
            client_key: key.to_vec(),
        };
        let certificates = redis::TlsCertificates {
            client_tls: self.own.as_ref().map(own),
            root_cert: self.ca.as_ref().map(|pem| pem.to_vec()),
        };
        let client = redis::Client::build_with_tls(at, certificates)?;
        Ok(client.get_connection_info().clone())
    }

    /// Without TLS there is nothing to add.
    #[cfg(not(feature = "redis-tls"))]
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the other one does not"
    )]
    pub(super) fn apply(&self, at: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        Ok(at)
    }
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisTls").finish_non_exhaustive()
    }
}
