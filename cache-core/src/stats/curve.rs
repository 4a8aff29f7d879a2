//! Hit rates by size.

/// Which hit rate the memory tier would have with which bound: an estimate, of a tier that throws out what was not used for the longest
/// time. The present one does better, most of all where the
/// bound is far too small: what it says of less memory than there is, is the least to expect.
///
/// The formula: the share of calls whose key was used before, with so many bytes of other keys used in between (Mattson et al. 1970),
/// measured on a sample (SHARDS, FAST 2015). What expired, or was invalidated a moment ago, is a hit with no bound.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct MemoryCurve {
    /// Bounds in bytes, ascending, each with the hit rate that it would give, 0 to 1.
    pub points: Vec<(u64, f64)>,
}

impl MemoryCurve {
    /// The hit rate that a bound of so many bytes would give, 0 to 1.
    ///
    /// ```
    /// # fn example(cache: &cache_core::Cache) {
    /// if let Some(curve) = cache.stats().memory_curve {
    ///     println!("with 1 GiB: {:.3}", curve.hit_rate_with(1 << 30));
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn hit_rate_with(&self, max_bytes: u64) -> f64 {
        let within = self
            .points
            .partition_point(|(bytes, _)| *bytes <= max_bytes);
        let Some((below, less)) = within.checked_sub(1).and_then(|at| self.points.get(at)) else {
            return 0.0;
        };
        let Some((above, more)) = self.points.get(within) else {
            return *less;
        };
        let share = (max_bytes - below) as f64 / (above - below) as f64;
        less + (more - less) * share
    }
}
