//! Whatever stands at the server, in the environment and in a file: read without a panic, never as a value that nobody wrote, never into
//! more memory than it has bytes for.
//!
//! A short run is a part of the tests. A long one, on as many threads as there are processors:
//!
//! ```text
//! FUZZ_INPUTS=10000000 cargo test -p cache-core --release --features encryption,config --lib fuzz -- --nocapture
//! ```
//!
//! `FUZZ_SEED` begins elsewhere. Each input is made of its number, its target and the seed alone: what fails says how to have it
//! again (`FUZZ_FIRST=<number> FUZZ_INPUTS=1 FUZZ_TARGET=<name>`).

#![expect(clippy::unwrap_used, reason = "it is a test")]

mod inputs;
mod random;
mod replies;
mod settings;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use random::Random;

/// What is done with one input. Whether it was taken for something.
type Target = fn(&mut Random) -> bool;

/// THE TABLE. Whatever parses bytes of others has a row.
const TARGETS: &[(&str, Target)] = &[
    ("envelope", inputs::envelope),
    ("sealed", inputs::sealed),
    ("payload", inputs::payload),
    ("hot", inputs::hot),
    ("calls", inputs::calls),
    ("record", inputs::record),
    ("dependencies", inputs::dependencies),
    ("answer", replies::answer),
    ("append", replies::append),
    ("tail", replies::tail),
    ("lease", replies::lease),
    ("environment", settings::environment),
    #[cfg(feature = "config")]
    ("file", settings::file),
    ("url", settings::url),
];

fn setting(name: &str, otherwise: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.map_or(otherwise, |text| text.parse().unwrap())
}

/// Says how to have an input again, if it panics.
struct Under(&'static str, u64, u64);

impl Drop for Under {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(target, seed, number) = self;
            eprintln!("FUZZ_TARGET={target} FUZZ_SEED={seed} FUZZ_FIRST={number} FUZZ_INPUTS=1");
        }
    }
}

#[test]
fn what_others_wrote_does_no_harm() {
    let seed = setting("FUZZ_SEED", 1);
    let first = setting("FUZZ_FIRST", 0);
    let only = std::env::var("FUZZ_TARGET").ok();
    let targets: Vec<_> = TARGETS
        .iter()
        .filter(|(name, _)| only.as_ref().is_none_or(|only| only == name))
        .collect();
    assert!(!targets.is_empty(), "there is no such target");
    let inputs = setting("FUZZ_INPUTS", 40_000).div_ceil(targets.len() as u64);
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    for (name, target) in targets {
        let began = Instant::now();
        let (next, taken) = (AtomicU64::new(first), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..threads.min(inputs) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= first + inputs {
                            break;
                        }
                        let under = Under(name, seed, number);
                        let mut random = Random::new(seed, name, number);
                        if target(&mut random) {
                            taken.fetch_add(1, Ordering::Relaxed);
                        }
                        drop(under);
                    }
                });
            }
        });
        let (taken, seconds) = (taken.into_inner(), began.elapsed().as_secs_f64());
        println!("{name}: {inputs} inputs, {taken} read, {seconds:.1} s");
        // Of neither all nor none: a target that refuses everything tests nothing.
        assert!(
            inputs < 1_000 || (inputs / 100..inputs).contains(&taken),
            "{name}"
        );
    }
}
