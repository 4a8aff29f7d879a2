//! The index against a list of records.

use super::*;

/// A small generator, so that a failing seed can be named.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn name(&mut self) -> String {
        format!("{}:{}", ["a", "b", "ab", "a:b"][self.roll(4)], self.roll(3))
    }

    fn text(&mut self) -> String {
        let whole = format!("{}{}", ["", "tag:"][self.roll(2)], self.name());
        whole[..self.roll(whole.len() + 1)].to_owned()
    }

    fn matcher(&mut self) -> Matcher {
        match self.roll(12) {
            0 | 1 => key(&self.name()),
            2 | 3 => address(&self.name()),
            4 | 5 => tag(&self.name()),
            6 => prefix(&self.text()),
            7 => glob(&format!("{}*", self.text())),
            8 => pattern(&format!("{}*", self.text())),
            9 => pattern(&self.name()),
            10 => pattern(&format!("tag:{}", self.name())),
            _ if self.roll(5) == 0 => Matcher::All,
            _ => tag("busy"),
        }
    }

    fn dep(&mut self) -> Dep {
        if self.roll(3) == 0 {
            Dep::tag(&self.name())
        } else {
            entry(&self.name())
        }
    }
}

/// What the words mean, without hashes, maps or floors.
fn meets(matcher: &Matcher, dep: &Dep) -> bool {
    let text = dep.text();
    match matcher {
        Matcher::Key(of, _) => {
            matches!(dep, Dep::Entry { key_hash, .. } if *key_hash == super::super::key_hash(of))
        }
        Matcher::Address(address) => **address == *text,
        Matcher::Tag(tag) => matches!(dep, Dep::Tag { .. }) && text == format!("tag:{tag}"),
        Matcher::Prefix(prefix) => text.starts_with(&**prefix),
        Matcher::Glob(pattern) => pattern.matches(text),
        Matcher::All => true,
    }
}

struct Value {
    stamp: Position,
    /// What it depends on, before anything was coarsened.
    fine: Vec<Dep>,
    deps: Box<[Dep]>,
}

fn play(seed: u64, max_records: usize, max_deps: usize) -> [usize; 2] {
    let mut dice = Dice(seed);
    let index = index(max_records);
    let mut records: Vec<(Position, Vec<Matcher>)> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    // How often what was valid was found to be; and how often it was not, for what had been forgotten or coarsened.
    let mut found = [0, 0];
    for step in 0..400 {
        match dice.roll(4) {
            0 => {
                let matchers: Vec<_> = (0..=dice.roll(3)).map(|_| dice.matcher()).collect();
                records.push((index.append(matchers.clone()), matchers));
            }
            1 => {
                let fine: Vec<_> = (0..=dice.roll(6)).map(|_| dice.dep()).collect();
                values.push(Value {
                    stamp: index.applied(),
                    deps: collected(&fine, max_deps),
                    fine,
                });
            }
            _ if values.is_empty() => {}
            _ => {
                let at = dice.roll(values.len());
                let value = &mut values[at];
                let dead = records.iter().any(|(position, matchers)| {
                    *position > value.stamp
                        && matchers
                            .iter()
                            .any(|m| value.fine.iter().any(|dep| meets(m, dep)))
                });
                let verdict = index.check(value.stamp, &value.deps);
                assert_eq!(verdict.applied, index.applied());
                assert!(
                    !(verdict.valid && dead),
                    "seed {seed}, step {step}: served, though invalidated: {:?}",
                    value.fine
                );
                if !dead {
                    found[usize::from(!verdict.valid)] += 1;
                }
                // As an entry does that was found valid.
                if verdict.valid && dice.roll(2) == 0 {
                    value.stamp = verdict.applied;
                }
            }
        }
    }
    found
}

fn play_all(max_records: usize, max_deps: usize) -> [usize; 2] {
    (0..300)
        .map(|seed| play(seed, max_records, max_deps))
        .fold([0, 0], |sum, one| [sum[0] + one[0], sum[1] + one[1]])
}

#[test]
fn nothing_forgotten_and_nothing_coarsened_is_exact() {
    let [valid, lost] = play_all(10_000, 10_000);
    assert!(valid > 1_000, "{valid}");
    assert_eq!(lost, 0);
}

#[test]
fn forgetting_only_loses() {
    for max_records in [1, 2, 7] {
        let [valid, lost] = play_all(max_records, 10_000);
        assert!(valid > 100 && lost > 100, "{max_records}: {valid} {lost}");
    }
}

#[test]
fn coarsening_only_loses() {
    for (max_records, max_deps) in [(10_000, 1), (10_000, 2), (10_000, 3), (5, 2)] {
        let [valid, lost] = play_all(max_records, max_deps);
        assert!(
            valid > 100 && lost > 100,
            "{max_records} {max_deps}: {valid} {lost}"
        );
    }
}
