//! What an attribute says about values that have expired, or soon will have, and about when that is.

use std::time::Duration;

use super::Spec;
use crate::policy::Ttl;

impl Spec {
    /// `ttl = adaptive(…, …)`
    ///
    /// # Panics
    /// At compile time, on zero, on bounds that are no range, and on more milliseconds than 64 bits hold.
    #[must_use]
    pub const fn ttl_between(mut self, least: Duration, most: Duration) -> Self {
        assert!(!least.is_zero(), "a `ttl` of zero stores nothing");
        assert!(
            least.as_nanos() < most.as_nanos(),
            "the first bound of `adaptive` is the shorter one"
        );
        assert!(
            most.as_millis() <= u64::MAX as u128,
            "the longest `ttl` of `adaptive` has to end"
        );
        self.policy.ttl = Ttl::Adaptive { least, most };
        self
    }

    /// `stale_if_error = …`
    ///
    /// # Panics
    /// At compile time, on zero, and on more milliseconds than 64 bits hold.
    #[must_use]
    pub const fn stale_if_error(mut self, window: Duration) -> Self {
        assert!(!window.is_zero(), "a window of zero has no effect");
        assert!(fits(window), "this window is too long");
        self.policy.stale_if_error = Some(window);
        self
    }

    /// `stale_while_revalidate = …`
    ///
    /// # Panics
    /// At compile time, on zero, and on more milliseconds than 64 bits hold.
    #[must_use]
    pub const fn stale_while_revalidate(mut self, window: Duration) -> Self {
        assert!(!window.is_zero(), "a window of zero has no effect");
        assert!(fits(window), "this window is too long");
        self.policy.stale_while_revalidate = Some(window);
        self
    }

    /// `refresh_ahead = "20%"`, in thousandths.
    #[must_use]
    pub const fn refresh_ahead(mut self, permille: u16) -> Self {
        self.policy.refresh_ahead = permille;
        self
    }

    /// `timeout = …`
    ///
    /// # Panics
    /// At compile time, on zero.
    #[must_use]
    pub const fn timeout(mut self, longest: Duration) -> Self {
        assert!(!longest.is_zero(), "a `timeout` of zero waits for nothing");
        self.policy.timeout = Some(longest);
        self
    }
}

/// The longest duration is the same whether it is written as a literal or as a constant.
pub(super) const fn fits(ttl: Duration) -> bool {
    ttl.as_millis() <= u64::MAX as u128 || ttl.as_nanos() == Duration::MAX.as_nanos()
}
