//! Histories: when values change at their source, and when they are asked for.
//!
//! One is recorded, `changes.txt`: fifteen years of changes to the 402 files of a repository, by many hands. All others, and the
//! calls of all, are made anew with the same seed each time.

/// When a value changed, and when it was asked for, in seconds from the beginning.
#[derive(Default)]
pub(crate) struct Value {
    pub(crate) changes: Vec<f64>,
    pub(crate) calls: Vec<f64>,
}

/// What is replayed.
pub(crate) struct History {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Value>,
    /// Between which lifetimes one is looked for, in seconds.
    pub(crate) bounds: (u64, u64),
}

pub(crate) const HOUR: f64 = 3_600.0;
pub(crate) const DAY: f64 = 24.0 * HOUR;

/// Reproducible numbers from 0 to 1 (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time between two events of a Poisson process.
    fn apart(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.next()).ln()
    }

    /// Points in time of such a process.
    fn points(&mut self, apart: f64, from: f64, to: f64) -> Vec<f64> {
        let mut points = Vec::new();
        let mut at = from + self.apart(apart);
        while at < to {
            points.push(at);
            at += self.apart(apart);
        }
        points
    }
}

/// Makes one of the values, by its number.
type Make = Box<dyn FnMut(&mut Random, f64) -> Value>;

/// Of `share` of the values that the whole has, so that a test can have fewer.
pub(crate) fn histories(share: f64) -> Vec<History> {
    let usual = (30, 3_600);
    let make = |name, count: f64, mut value: Make| {
        let mut random = Random(7);
        let count = (count * share).ceil() as u32;
        let values = (0..count).map(|at| value(&mut random, f64::from(at) / share));
        History {
            name,
            values: values.collect(),
            bounds: usual,
        }
    };
    let of = |changes, calls| Value { changes, calls };
    vec![
        make(
            "the same rates",
            40.0,
            Box::new(move |random, _| {
                of(
                    random.points(1_200.0, 0.0, DAY),
                    random.points(5.0, 0.0, DAY),
                )
            }),
        ),
        make(
            "seldom changed",
            60.0,
            Box::new(move |random, _| {
                of(
                    random.points(4.0 * HOUR, 0.0, 3.0 * DAY),
                    random.points(20.0, 0.0, 3.0 * DAY),
                )
            }),
        ),
        make(
            "never changed",
            200.0,
            Box::new(move |random, at| of(Vec::new(), random.points(1.0 + at, 0.0, 2.0 * DAY))),
        ),
        make(
            "Zipf's rates",
            200.0,
            Box::new(move |random, at| {
                let rank = 1.0 + (at * 79.0) % 200.0;
                of(
                    random.points(60.0 * rank, 0.0, DAY),
                    random.points(1.0 + at, 0.0, DAY),
                )
            }),
        ),
        make(
            "in bursts",
            100.0,
            Box::new(move |random, at| {
                let (mut changes, mut from) = (Vec::new(), 0.0);
                while from < DAY {
                    let begins = from + random.apart(3.0 * HOUR);
                    from = begins + random.apart(HOUR / 3.0);
                    changes.extend(random.points(40.0, begins, from));
                }
                of(changes, random.points((1.0 + at).powf(0.7), 0.0, DAY))
            }),
        ),
        make(
            "by day",
            100.0,
            Box::new(move |random, at| {
                let mut value = Value::default();
                for day in 0..3 {
                    let from = f64::from(day) * DAY;
                    let rate = 2.0 * (1.0 + at).powf(0.7);
                    value.changes.extend(random.points(
                        300.0,
                        from + 8.0 * HOUR,
                        from + 18.0 * HOUR,
                    ));
                    value
                        .calls
                        .extend(random.points(rate, from + 7.0 * HOUR, from + 22.0 * HOUR));
                    value
                        .calls
                        .extend(random.points(10.0 * rate, from + 22.0 * HOUR, from + DAY));
                }
                value
            }),
        ),
        make(
            "faster from noon on",
            40.0,
            Box::new(move |random, _| {
                let mut changes = random.points(4.0 * HOUR, 0.0, DAY / 2.0);
                changes.extend(random.points(60.0, DAY / 2.0, DAY));
                of(changes, random.points(5.0, 0.0, DAY))
            }),
        ),
        recorded(share),
    ]
}

/// The recorded one: calls once in six hours of the file that is asked for most, by Zipf's law with half its skew.
fn recorded(share: f64) -> History {
    let lines = include_str!("changes.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#'));
    let every = (1.0 / share).round() as usize;
    let histories = lines.step_by(every.max(1)).map(|line| {
        let minutes = line
            .split(' ')
            .filter_map(|minutes| minutes.parse::<f64>().ok());
        let mut at = 0.0;
        minutes
            .map(|minutes| {
                at += 60.0 * minutes;
                at
            })
            .collect::<Vec<_>>()
    });
    let mut values: Vec<Value> = histories
        .map(|changes| Value {
            changes,
            calls: Vec::new(),
        })
        .collect();
    let last = values.iter().filter_map(|value| value.changes.last());
    let end = last.copied().fold(0.0, f64::max);
    let mut random = Random(9);
    let count = values.len();
    for (at, value) in values.iter_mut().enumerate() {
        // Neither the files that change most nor the others.
        let rank = 1.0 + (at * 79 % count) as f64;
        value.calls = random.points(6.0 * HOUR * rank.sqrt(), 0.0, end);
    }
    History {
        name: "files, recorded",
        values,
        bounds: (6 * 3_600, 365 * 86_400),
    }
}

/// All calls in their order, with the values that they are of.
pub(crate) fn calls(values: &[Value]) -> Vec<(f64, usize)> {
    let calls = values.iter().enumerate();
    let mut calls: Vec<(f64, usize)> = calls
        .flat_map(|(key, value)| value.calls.iter().map(move |at| (*at, key)))
        .collect();
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    calls
}
