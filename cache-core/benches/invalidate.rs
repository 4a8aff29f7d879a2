//! Invalidation by pattern with 1, 1,000 and 1,000,000 matching entries: one append each, so the
//! three cost the same (within 2×), and no later call is served an old value.
//!
//! `cargo bench -p cache-core --bench invalidate`

#[path = "measure/block_on.rs"]
mod block_on;

mod live {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
    use std::time::{Duration, Instant};

    use cache_core::{cache_resource, invalidate_pattern};

    use super::block_on::block_on;

    const ROUNDS: usize = 21;

    /// The version of the data that the body reads.
    static VERSION: AtomicU64 = AtomicU64::new(0);

    #[cache_resource("{kind}:{id}", ttl = "1h")]
    async fn item(kind: &str, id: u64) -> u64 {
        VERSION.load(Relaxed)
    }

    fn kind(entries: u64) -> String {
        format!("items-{entries}")
    }

    fn fill(entries: u64) {
        let kind = kind(entries);
        for id in 0..entries {
            block_on(item(&kind, id));
        }
    }

    /// Pushes everything out of the processor's caches, as filling in a million entries does: otherwise the first row
    /// would be measured warm and the last one cold.
    fn chill() {
        let memory = vec![1_u8; 128 << 20];
        std::hint::black_box(
            memory
                .iter()
                .step_by(64)
                .map(|byte| u64::from(*byte))
                .sum::<u64>(),
        );
    }

    /// Invalidates, and proves on a sample that the new data is served.
    fn round(entries: u64) -> Duration {
        let kind = kind(entries);
        let pattern = format!("resource:{kind}:*");
        let version = VERSION.fetch_add(1, Relaxed) + 1;
        chill();
        let begin = Instant::now();
        let outcome = block_on(invalidate_pattern(&pattern));
        let spent = begin.elapsed();
        assert!(outcome.is_ok(), "{pattern}: {outcome:?}");
        for id in (0..entries).step_by((entries / 100).max(1) as usize) {
            let served = block_on(item(&kind, id));
            assert_eq!(served, version, "{kind}:{id} is old");
        }
        spent
    }

    pub(super) fn main() -> std::process::ExitCode {
        // A million entries of 8 bytes stay below the default bound only if it allows for it.
        let bound = cache_core::Memory::new().max_bytes(2 << 30);
        let installed = block_on(cache_core::Cache::builder().memory(bound).install());
        assert!(installed.is_ok(), "{:?}", installed.err());

        println!("\n## Invalidation by pattern\n");
        println!("| matching entries | µs, median of {ROUNDS} | to one entry |");
        println!("| --: | --: | --: |");
        let mut one = f64::NAN;
        let (mut thousand, mut ratio) = (f64::NAN, f64::NAN);
        for entries in [1, 1_000, 1_000_000] {
            let mut spent: Vec<f64> = (0..ROUNDS)
                .map(|_| {
                    fill(entries);
                    round(entries).as_secs_f64() * 1e6
                })
                .collect();
            spent.sort_by(f64::total_cmp);
            let median = spent[ROUNDS / 2];
            if entries == 1 {
                one = median;
            }
            // The bar is about a thousand against a million; one entry is there to compare with.
            if entries == 1_000 {
                thousand = median;
            }
            ratio = median / thousand;
            println!("| {entries} | {median:.2} | {:.2} |", median / one);
        }
        let verdict = if ratio <= 2.0 { "pass" } else { "MISS" };
        println!("\na million against a thousand, {ratio:.2}, within 2x: {verdict}");
        if ratio <= 2.0 {
            std::process::ExitCode::SUCCESS
        } else {
            std::process::ExitCode::FAILURE
        }
    }
}

fn main() -> std::process::ExitCode {
    live::main()
}
