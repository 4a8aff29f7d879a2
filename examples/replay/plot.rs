//! The picture: ten minutes from left to right, a row for each step.

use std::fmt::{Result, Write};

use crate::database::{MINUTES, State};
use crate::report::grouped;
use crate::seen::{Seen, Wave};
use crate::steps::Step;

const LEFT: usize = 140;
const CELL: usize = 10;
const WAVES: usize = 6 * MINUTES.len();
const RIGHT: usize = LEFT + WAVES * CELL;
const WIDTH: usize = RIGHT + 200;
const TOP: usize = 84;
const ROW: usize = 62;

/// How high a bar is for ten calls; twice as high for a hundred.
const DECADE: f64 = 7.0;

/// How high the strip is of what callers have seen.
const STRIP: usize = 8;

/// Legible on a light page and on a dark one.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#1f2328}.small{font-size:11px;fill:#59636e}.end{text-anchor:end}\
    .fast{fill:#1a9e77}.slow{fill:#e3a008}.down{fill:#d1435b}.calls{fill:#7d8590}.line{stroke:#8b949e;stroke-opacity:.4}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}}";

/// Draws it.
///
/// # Errors
/// None that could happen to a `String`.
pub fn draw(rows: &[(Step, Seen)]) -> std::result::Result<String, std::fmt::Error> {
    let mut svg = String::new();
    let height = TOP + (rows.len() + 1) * ROW;
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">
<title id="title">Calls of the database and what callers saw, step by step</title><style>{STYLE}</style>"#
    )?;
    legend(&mut svg)?;
    text(&mut svg, "", 10, TOP - 8, "the database")?;
    for (minute, state) in MINUTES.iter().enumerate() {
        let (class, x) = (class_of(*state), LEFT + minute * 6 * CELL);
        rect(&mut svg, class, x, TOP - 16, 6 * CELL - 1, STRIP)?;
        let end = height - 30;
        writeln!(
            svg,
            r#"<line class="line" x1="{x}" x2="{x}" y1="{TOP}" y2="{end}"/>"#
        )?;
        text(
            &mut svg,
            "small",
            x + 2,
            height - 16,
            &format!("{minute} min"),
        )?;
    }
    text(&mut svg, "small end", RIGHT + 100, TOP - 8, "calls")?;
    text(&mut svg, "small end", WIDTH - 10, TOP - 8, "published")?;
    for (number, (step, seen)) in rows.iter().enumerate() {
        row(&mut svg, TOP + (number + 1) * ROW - 16, step, seen)?;
    }
    svg.push_str("</svg>\n");
    Ok(svg)
}

fn legend(svg: &mut String) -> Result {
    let mut x = LEFT;
    for (class, name) in [
        ("calls", "calls of the database, logarithmic"),
        ("fast", "answers within 100 ms"),
        ("slow", "some slower"),
        ("down", "some errors"),
    ] {
        rect(svg, class, x, 22, 10, 10)?;
        text(svg, "", x + 15, 32, name)?;
        x += 45 + 7 * name.chars().count();
    }
    Ok(())
}

fn row(svg: &mut String, base: usize, step: &Step, seen: &Seen) -> Result {
    text(svg, "", 10, base, step.name)?;
    for (number, wave) in seen.waves.iter().enumerate() {
        let x = LEFT + number * CELL;
        rect(svg, class(wave), x, base - STRIP, CELL - 1, STRIP)?;
        if wave.calls > 0 {
            let high = (1.0 + (wave.calls as f64).log10() * DECADE) as usize;
            rect(svg, "calls", x, base - STRIP - 1 - high, CELL - 1, high)?;
        }
    }
    let (published, at) = step.published;
    text(svg, "end", RIGHT + 100, base, &grouped(seen.calls()))?;
    text(svg, "end", WIDTH - 10, base, &grouped(published))?;
    text(
        svg,
        "small end",
        WIDTH - 10,
        base + 14,
        &format!("its step {at}"),
    )
}

/// What callers have seen.
fn class(wave: &Wave) -> &'static str {
    class_of(match wave {
        Wave { errors: 1.., .. } => State::Down,
        Wave { slowest: 101.., .. } => State::Slow,
        _ => State::Fast,
    })
}

const fn class_of(state: State) -> &'static str {
    match state {
        State::Fast => "fast",
        State::Slow => "slow",
        State::Down => "down",
    }
}

fn rect(svg: &mut String, class: &str, x: usize, y: usize, width: usize, height: usize) -> Result {
    writeln!(
        svg,
        r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#
    )
}

fn text(svg: &mut String, class: &str, x: usize, y: usize, text: &str) -> Result {
    writeln!(
        svg,
        r#"<text class="{class}" x="{x}" y="{y}">{text}</text>"#
    )
}
