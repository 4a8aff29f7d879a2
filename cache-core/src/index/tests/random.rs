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

    /// Of a key that is no other entry's.
    fn undescribed(&mut self) -> Dep {
        let head = format!("{}::", self.name());
        undescribed(&head, &head)
    }

    fn matcher(&mut self) -> Matcher {
        match self.roll(14) {
            0 => key(&self.name()),
            1 => {
                let dep = self.undescribed();
                Matcher::Key(digest(dep.seen()), dep.text().into())
            }
            2 | 3 => address(&self.name()),
            4 | 5 => tag(&self.name()),
            6 => prefix(&self.text()),
            7 => glob(&format!("{}*", self.text())),
            8 => pattern(&format!("{}*", self.text())),
            9 => pattern(&self.name()),
            10 => pattern(&format!("tag:{}", self.name())),
            11 => pattern(&format!("{}*{}", self.text(), self.roll(3))),
            12 => pattern(&format!("{}?{}", self.text(), self.name())),
            _ if self.roll(5) == 0 => Matcher::All,
            _ => tag("busy"),
        }
    }

    fn dep(&mut self) -> Dep {
        if self.roll(3) == 0 {
            Dep::tag(&self.name())
        } else if self.roll(4) == 0 {
            self.undescribed()
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
            matches!(dep, Dep::Entry { key, .. } if key == of)
        }
        Matcher::Address(address) => **address == *text,
        Matcher::Tag(tag) => matches!(dep, Dep::Tag { .. }) && text == format!("tag:{tag}"),
        Matcher::Prefix(prefix) => dep.seen().starts_with(&**prefix),
        Matcher::Glob(pattern) => pattern.matches(dep.seen()),
        Matcher::All => true,
    }
}

struct Value {
    stamp: Position,
    /// What it depends on, before anything was coarsened.
    fine: Vec<Dep>,
    deps: Box<[Dep]>,
    /// What is remembered of when it was last found valid.
    checked: u64,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    records: usize,
    globs: usize,
    deps: usize,
}

const AMPLE: Bounds = Bounds {
    records: 10_000,
    globs: 10_000,
    deps: 10_000,
};

fn play(seed: u64, bounds: Bounds) -> [usize; 3] {
    let mut dice = Dice(seed);
    let index = index_of_few(bounds.records, bounds.globs);
    let mut records: Vec<(Position, Vec<Matcher>)> = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    // How often what was valid was found to be; how often it was not, for what had been forgotten or coarsened; and how often it
    // was without a check.
    let mut found = [0, 0, 0];
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
                    checked: 0,
                    deps: collected(&fine, bounds.deps),
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
                if let Some(checked) = index.pass(value.checked) {
                    assert!(
                        !dead,
                        "seed {seed}, step {step}: passed, though invalidated: {:?}",
                        value.fine
                    );
                    found[2] += usize::from(checked != value.checked);
                    value.checked = checked;
                }
                let verdict = index.check(value.stamp, 0, &value.deps);
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
                if verdict.valid {
                    value.checked = super::super::checked(verdict.version, &value.deps);
                    if dice.roll(2) == 0 {
                        value.stamp = verdict.applied;
                    }
                }
            }
        }
    }
    found
}

fn play_all(bounds: Bounds) -> [usize; 3] {
    (0..300)
        .map(|seed| play(seed, bounds))
        .fold([0, 0, 0], |sum, one| [0, 1, 2].map(|at| sum[at] + one[at]))
}

#[test]
fn nothing_forgotten_and_nothing_coarsened_is_exact() {
    let [valid, lost, passed] = play_all(AMPLE);
    assert!(valid > 1_000 && passed > 100, "{valid} {passed}");
    assert_eq!(lost, 0);
}

fn only_loses(bounds: Bounds) {
    let [valid, lost, _] = play_all(bounds);
    assert!(valid > 100 && lost > 100, "{bounds:?}: {valid} {lost}");
}

#[test]
fn forgetting_only_loses() {
    for records in [1, 2, 7] {
        only_loses(Bounds { records, ..AMPLE });
    }
}

#[test]
fn coarsening_only_loses() {
    for deps in [1, 2, 3] {
        only_loses(Bounds { deps, ..AMPLE });
    }
    only_loses(Bounds {
        records: 5,
        deps: 2,
        ..AMPLE
    });
}

#[test]
fn trying_few_patterns_only_loses() {
    for globs in [1, 2] {
        only_loses(Bounds { globs, ..AMPLE });
        only_loses(Bounds {
            records: 7,
            globs,
            deps: 2,
        });
    }
}
