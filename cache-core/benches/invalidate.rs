//! Invalidation by pattern with 1, 1,000 and 1,000,000 matching entries: one append each, so the
//! three cost the same (within 2×), and no later call is served an old value. And with ever more
//! patterns that are no prefixes, which a hit has to try one by one: few of them, however many there were.
//!
//! `cargo bench -p cache-core --bench invalidate`
//!
//! `… -- --only ENTRIES PASSES` invalidates that often and prints nothing: for `benches/instructions`.

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

        let args: Vec<_> = std::env::args().skip(1).collect();
        if let Some(at) = args.iter().position(|arg| arg == "--only") {
            let number = |at: usize| args.get(at).and_then(|arg| arg.parse().ok());
            let (Some(entries), Some(passes)) = (number(at + 1), number(at + 2)) else {
                eprintln!("--only ENTRIES PASSES");
                return std::process::ExitCode::FAILURE;
            };
            count(entries, passes);
            return std::process::ExitCode::SUCCESS;
        }
        match by_entries() & by_patterns() {
            true => std::process::ExitCode::SUCCESS,
            false => std::process::ExitCode::FAILURE,
        }
    }

    /// Invalidates `passes` times what so many entries match.
    fn count(entries: u64, passes: u64) {
        fill(entries);
        let pattern = format!("resource:{}:*", kind(entries));
        for _ in 0..passes {
            let outcome = block_on(invalidate_pattern(&pattern));
            assert!(outcome.is_ok(), "{pattern}: {outcome:?}");
        }
    }

    fn verdict(passed: bool) -> &'static str {
        if passed { "pass" } else { "MISS" }
    }

    fn median(mut spent: Vec<Duration>) -> f64 {
        spent.sort();
        spent[spent.len() / 2].as_secs_f64() * 1e6
    }

    fn by_entries() -> bool {
        println!("\n## Invalidation by pattern\n");
        println!("| matching entries | µs, median of {ROUNDS} | to one entry |");
        println!("| --: | --: | --: |");
        let mut one = f64::NAN;
        let (mut thousand, mut ratio) = (f64::NAN, f64::NAN);
        for entries in [1, 1_000, 1_000_000] {
            let spent = (0..ROUNDS).map(|_| {
                fill(entries);
                round(entries)
            });
            let median = median(spent.collect());
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
        let passed = ratio <= 2.0;
        println!(
            "\na million against a thousand, {ratio:.2}, within 2x: {}",
            verdict(passed)
        );
        passed
    }

    /// Invalidates by one more pattern that nothing matches, and that no entry of `globs` can be told from by its prefix.
    fn invalidate_glob(number: &mut u64) {
        *number += 1;
        let outcome = block_on(invalidate_pattern(&format!("resource:globs:*:{number}")));
        assert!(outcome.is_ok(), "{outcome:?}");
    }

    fn by_patterns() -> bool {
        /// A hit is to take no longer than this, in µs, after whatever was invalidated.
        const BAR: f64 = 25.0;
        println!("\n## Distinct patterns that are no prefixes\n");
        println!(
            "| patterns | µs to invalidate by one more | µs of a hit that none of the last 250 was tried on |"
        );
        println!("| --: | --: | --: |");
        let (mut number, mut hit) = (0, f64::NAN);
        for patterns in [0, 100, 80_000] {
            while number < patterns {
                invalidate_glob(&mut number);
            }
            let (mut appended, mut hits) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let version = VERSION.fetch_add(1, Relaxed) + 1;
                block_on(cache_core::refresh(item("globs", 1)));
                for _ in 0..patterns.min(250) {
                    let begin = Instant::now();
                    invalidate_glob(&mut number);
                    appended.push(begin.elapsed());
                }
                VERSION.fetch_add(1, Relaxed);
                let begin = Instant::now();
                let served = block_on(item("globs", 1));
                hits.push(begin.elapsed());
                assert_eq!(served, version, "not a hit");
            }
            if appended.is_empty() {
                appended.push(Duration::ZERO);
            }
            hit = median(hits);
            println!("| {patterns} | {:.2} | {hit:.2} |", median(appended));
        }
        let passed = hit <= BAR;
        println!(
            "\na hit after 80,000 patterns, {hit:.2} µs, within {BAR}: {}",
            verdict(passed)
        );
        passed
    }
}

fn main() -> std::process::ExitCode {
    live::main()
}
