//! The rules of the protocol. Tests switch one off, to see what it is for and that somebody would notice.
//!
//! In a test of this crate it is off for one thread ([`without`]), in a build with `--cfg cache_fault` for a process:
//! the one that the environment's `CACHE_FAULT` names. Anywhere else they all hold, and nothing is asked.

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// A value is judged before it is served or stored.
    Check,
    /// A stamp is what the log was when the computation began.
    Stamp,
    /// Nobody joins a computation that began before an invalidation.
    Join,
    /// A value depends on what those depend on that it was made of, ...
    Union,
    /// ... and its stamp is the oldest of theirs.
    Oldest,
    /// A stamp is not raised over the beginning of a generation.
    Raise,
    /// What is forgotten raises the floor.
    Floor,
    /// All that was missed is applied, not only the last.
    #[cfg(feature = "redis")]
    CatchUp,
    /// A server that has lost records opens a generation.
    #[cfg(all(feature = "redis", any(test, cache_fault)))]
    Generation,
    /// So does one that is not the one that wrote the log, whatever it has.
    #[cfg(all(feature = "redis", any(test, cache_fault)))]
    Incarnation,
    /// Whoever has seen a lost record says it again.
    #[cfg(feature = "redis")]
    Witness,
    /// What the log does not have yet is later than every value that began before it.
    Pending,
}

/// Whether a rule holds.
#[cfg(not(any(test, cache_fault)))]
#[inline(always)]
pub(crate) const fn holds(_: Rule) -> bool {
    true
}

/// Whether a rule holds.
#[cfg(any(test, cache_fault))]
pub(crate) fn holds(rule: Rule) -> bool {
    #[cfg(test)]
    if OFF.get().contains(&rule) {
        return false;
    }
    #[cfg(cache_fault)]
    {
        static FAULT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
        let fault = FAULT.get_or_init(|| std::env::var("CACHE_FAULT").ok());
        fault.as_deref() != Some(&format!("{rule:?}"))
    }
    #[cfg(not(cache_fault))]
    true
}

#[cfg(test)]
thread_local! {
    static OFF: std::cell::Cell<&'static [Rule]> = const { std::cell::Cell::new(&[]) };
}

/// Runs a test without these rules, in this thread.
#[cfg(test)]
pub(crate) fn without<R>(rules: &'static [Rule], test: impl FnOnce() -> R) -> R {
    struct Restore(&'static [Rule]);
    impl Drop for Restore {
        fn drop(&mut self) {
            OFF.set(self.0);
        }
    }
    let _restore = Restore(OFF.replace(rules));
    test()
}
