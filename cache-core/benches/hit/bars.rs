//! The table, and what it has to show.

use crate::ours;
use crate::rounds::Timing;

/// The rows of one function, in the order of the entrants.
pub(crate) struct Measured {
    pub(crate) names: Vec<&'static str>,
    pub(crate) one: Vec<Timing>,
    pub(crate) two: Vec<Timing>,
    pub(crate) allocations: Vec<f64>,
    pub(crate) storm: Option<f64>,
}

/// What the asynchronous attribute may cost, as a ratio to the baseline of the same round.
struct Bars {
    one: f64,
    two: f64,
    storm: f64,
}

const USER: Bars = Bars {
    one: 1.9,
    two: 1.9,
    storm: 2.0,
};
const PAGE: Bars = Bars {
    one: 2.4,
    two: 2.4,
    storm: 2.0,
};

/// Prints everything; whether every bar is met.
pub(crate) fn print(user: &Measured, page: &Measured) -> bool {
    println!("| | user | page | user, two threads | page, two threads | allocations user / page |");
    println!("| --- | --: | --: | --: | --: | --: |");
    let cell = |timing: &Timing| format!("{:.0} ({:.1})", timing.ns, timing.ratio);
    for (row, name) in user.names.iter().enumerate() {
        println!(
            "| {name} | {} | {} | {} | {} | {:.1} / {:.1} |",
            cell(&user.one[row]),
            cell(&page.one[row]),
            cell(&user.two[row]),
            cell(&page.two[row]),
            user.allocations[row],
            page.allocations[row],
        );
    }
    println!("\n| bar | value | at most | |\n| --- | --: | --: | --- |");
    // Both, so that both are printed.
    let (user, page) = (check("user", user, &USER), check("page", page, &PAGE));
    user && page
}

fn check(function: &str, measured: &Measured, bars: &Bars) -> bool {
    let find = |name| measured.names.iter().position(|row| *row == name);
    let (Some(sync), Some(suspending)) = (find(ours::SYNC), find(ours::ASYNC)) else {
        println!("| {function}: ours is not in this run | | | |");
        return true;
    };
    let mut met = true;
    let mut bar = |what: String, value: f64, most: f64, pass: bool| {
        let verdict = if pass { "pass" } else { "MISS" };
        println!("| {function}: {what} | {value:.2} | {most:.2} | {verdict} |");
        met &= pass;
    };
    let ratio = measured.one[suspending].ratio;
    bar("one thread".into(), ratio, bars.one, ratio <= bars.one);
    let ratio = measured.two[suspending].ratio;
    bar("two threads".into(), ratio, bars.two, ratio <= bars.two);
    for row in [sync, suspending] {
        let count = measured.allocations[row];
        let what = format!("allocations of {}", measured.names[row]);
        bar(what, count, 0.0, count == 0.0);
    }
    if let Some(storm) = measured.storm {
        let what = "1,000 invalidations a second".into();
        bar(what, storm, bars.storm, storm <= bars.storm);
    }
    // Only against what keeps the same promise: without `ttl_secs`, an entry of `cached` lives
    // for ever and a hit reads no clock. Those rows are in the table for the reader to see.
    for (row, name) in measured.names.iter().enumerate() {
        if !name.contains("ttl_secs") {
            continue;
        }
        let own = if name.ends_with("async") {
            suspending
        } else {
            sync
        };
        let (ns, theirs) = (measured.one[own].ns, measured.one[row].ns);
        bar(format!("ns, against {name}"), ns, theirs, ns < theirs);
    }
    met
}
