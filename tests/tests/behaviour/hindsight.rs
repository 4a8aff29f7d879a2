//! What `cargo bench -p cache-core --bench hindsight` shows, of fewer values: `ttl = adaptive(..)` costs hardly more than the best fixed
//! `ttl`, and far less where values differ.

#[path = "../../../cache-core/benches/hindsight/lifetimes.rs"]
#[expect(dead_code, reason = "the benchmark shows more of it")]
mod lifetimes;
#[path = "../../../cache-core/benches/hindsight/traces.rs"]
mod traces;

/// Those whose best `ttl` is not one of the bounds, with how much more may be needed.
const ROWS: [(&str, f64); 5] = [
    ("the same rates", 0.05),
    ("Zipf's rates", -0.1),
    ("in bursts", 0.0),
    ("faster from noon on", 0.0),
    ("files, recorded", 0.1),
];

#[test]
fn an_adaptive_ttl_beside_the_best_fixed_one() {
    for history in traces::histories(0.04) {
        let Some((_, bar)) = ROWS.iter().find(|(name, _)| *name == history.name) else {
            continue;
        };
        let row = lifetimes::compare(&history, 5);
        assert!(row.more() <= *bar, "{row:?}");
    }
}
