//! What a configuration must not be.

use std::time::Duration;

use super::Config;
#[cfg(feature = "redis")]
use crate::remote::MOST_HOT;

/// Nobody waits longer for anything: what is meant as "for ever" must not overflow a clock.
const DAY: Duration = Duration::from_secs(86_400);

/// Tells `complain` of everything that cannot work.
pub(super) fn check(config: &Config, complain: &mut dyn FnMut(String)) {
    let mut refuse = |wrong: bool, problem: &str| {
        if wrong {
            complain(problem.to_owned());
        }
    };
    let namespace = &config.namespace;
    refuse(
        namespace.is_empty()
            || namespace.contains(['{', '}', ' '])
            || namespace.contains(char::is_control),
        "the namespace is empty, or has braces or spaces; it is a part of keys in Redis: use a word",
    );
    refuse(
        config.memory.max_bytes == 0 && config.sizing.adaptive.is_none(),
        "`max_bytes` is 0: nothing could be stored; give it at least a few MiB",
    );
    if let Some(adaptive) = config.sizing.adaptive {
        refuse(
            adaptive.least == 0 || adaptive.least > adaptive.most,
            "`between` has no bytes between its bounds, or begins at 0; write the fewer first, at least a few MiB",
        );
        refuse(
            !(0.0..=1.0).contains(&adaptive.hit_rate),
            "the hit rate of `between` is none; write one from 0 to 1, as in 0.9",
        );
    }
    refuse(
        config.memory.max_entry_bytes == Some(0),
        "`max_entry_bytes` is 0: nothing could be stored; leave it out, or give it at least a few KiB",
    );
    refuse(
        config.wait_max > DAY,
        "`wait_max` is longer than a day; write a shorter one",
    );
    #[cfg(feature = "redis")]
    {
        let link = &config.link;
        for (name, length, may_be_zero) in [
            ("lease", config.lease, true),
            ("op_timeout", link.op_timeout, false),
            ("connect_timeout", link.connect_timeout, false),
            ("breaker_probe", link.probe_interval, false),
            ("require_redis", config.require_redis.unwrap_or(DAY), false),
        ] {
            refuse(
                length.is_zero() && !may_be_zero,
                &format!(
                    "`{name}` is zero: Redis could never be used; write at least a millisecond"
                ),
            );
            refuse(
                length > DAY,
                &format!("`{name}` is longer than a day; write a shorter one"),
            );
        }
        refuse(
            config.require_redis.is_some() && config.redis.is_none(),
            "`require_redis` without a Redis: say where it is, by `redis`, `redis.url` in a file, or `REDIS_URL`",
        );
        refuse(
            config
                .hot_keys
                .is_some_and(|most| !(1..=MOST_HOT).contains(&most)),
            "`hot_keys` is not from 1 to 100000; write how many of the hottest values a restarted process is to find",
        );
        refuse(
            link.failures == 0,
            "`breaker_failures` is 0; write at least 1",
        );
    }
}
