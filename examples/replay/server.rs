//! The Redis of the nodes, of which a clock is a part that cannot be moved.

#[path = "../../tests/src/redis.rs"]
#[expect(dead_code, reason = "the tests do more with it")]
mod private;

use std::io::Result;
use std::time::Duration;

/// A private one. Dies with this.
pub struct Server(private::Server);

/// Takes so much from what each value has left: from its lifetime, and from the time at its end until which it is fresh.
const AGE: &str = "
for _, key in ipairs(redis.call('KEYS', '*/v/*')) do
  local by, length = tonumber(ARGV[1]), redis.call('STRLEN', key)
  local fresh = tonumber(redis.call('GETRANGE', key, -13, -1)) - by
  redis.call('SETRANGE', key, length - 13, string.format('%013.0f', fresh))
  redis.call('PEXPIRE', key, redis.call('PTTL', key) - by)
end";

impl Server {
    /// Starts one; none if there is to be none.
    pub fn start() -> Result<Option<Self>> {
        Ok(private::Server::start(&[])?.map(Self))
    }

    pub fn url(&self) -> String {
        self.0.url()
    }

    /// Makes what is stored so much older, as its own clock has not moved.
    pub fn age(&self, by: Duration) -> Result<()> {
        let by = by.as_millis().to_string();
        self.0.command(["EVAL", AGE, "0", &by]).map(drop)
    }
}
