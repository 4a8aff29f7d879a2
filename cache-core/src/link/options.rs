//! How a link behaves.

use std::time::Duration;

use super::tls::RedisTls;

/// How a [`Link`] behaves.
#[derive(Clone, Debug)]
pub(crate) struct LinkOptions {
    /// How long an answer may take.
    pub(crate) op_timeout: Duration,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// So many failures in a row open the breaker.
    pub(crate) failures: u32,
    /// How often an open breaker lets a probe through.
    pub(crate) probe_interval: Duration,
    /// How long one trip of requests that nobody waits for may take.
    pub(crate) send_timeout: Duration,
    /// So many requests that nobody waits for are queued.
    pub(crate) queue_length: usize,
    /// And so many bytes of them.
    pub(crate) queue_bytes: usize,
    /// A key of those that are asked for: the server is the one that has it.
    pub(crate) key: Box<[u8]>,
    /// Whom to trust.
    pub(crate) tls: RedisTls,
}

impl Default for LinkOptions {
    fn default() -> Self {
        Self {
            op_timeout: Duration::from_millis(50),
            connect_timeout: Duration::from_secs(1),
            failures: 5,
            probe_interval: Duration::from_millis(500),
            send_timeout: Duration::from_millis(500),
            queue_length: 16_384,
            queue_bytes: 16 << 20,
            key: Box::default(),
            tls: RedisTls::default(),
        }
    }
}
