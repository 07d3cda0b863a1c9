//! Bars from 0 to the right, one below the other, each with its name and what is said of it.

use maud::{Markup, html};

use super::at;
use crate::page::number::cut;

const WIDTH: f64 = 360.0;
const LINE: f64 = 21.0;
/// Where bars begin and end; what is said of them follows.
const ACROSS: [f64; 2] = [150.0, 276.0];
/// The most letters of a name.
const LETTERS: usize = 20;

/// A bar.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// How long it is, at least 0.
    pub value: f64,
    /// From where to where it may be; none: nothing is drawn.
    pub reach: Option<[f64; 2]>,
    /// What is said of it, in few letters.
    pub said: String,
    /// The class that gives its colour; empty for that of bars.
    pub class: &'static str,
}

impl Row {
    /// A bar without an interval.
    #[must_use]
    pub fn of(name: impl Into<String>, value: f64, said: impl Into<String>) -> Self {
        Self { name: name.into(), value, reach: None, said: said.into(), class: "" }
    }
}

/// Draws bars one below the other.
#[must_use]
pub fn rows(title: &str, rows: &[Row]) -> Markup {
    let end = |row: &Row| row.reach.map_or(row.value, |[_, high]| high.max(row.value));
    let largest = rows.iter().map(end).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let place = |value: f64| ACROSS[0] + (ACROSS[1] - ACROSS[0]) * (value / largest).clamp(0.0, 1.0);
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (at(LINE * rows.len() as f64 + 4.0)) } role="img" aria-label=(title) {
            @for (line, row) in rows.iter().enumerate() {
                @let top = LINE * line as f64 + 2.0;
                @let centre = at(top + LINE / 2.0);
                g {
                    title { (row.name) ": " (row.said) }
                    text x=(ACROSS[0] - 6.0) y=(centre) text-anchor="end" dominant-baseline="central" { (cut(&row.name, LETTERS)) }
                    rect class={ "bar " (row.class) } x=(ACROSS[0]) y=(at(top + 3.0)) height=(LINE - 6.0)
                        width=(at((place(row.value) - ACROSS[0]).max(0.5))) {}
                    @if let Some([low, high]) = row.reach {
                        line.reach x1=(at(place(low))) x2=(at(place(high))) y1=(centre) y2=(centre) {}
                    }
                    text.tick x=(WIDTH - 1.0) y=(centre) text-anchor="end" dominant-baseline="central" { (row.said) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_or_interval_fills_the_width_and_names_are_text() {
        let with = Row { reach: Some([1.0, 4.0]), ..Row::of("<b>", 2.0, "2") };
        let drawn = rows("t", &[with, Row::of("b", 0.0, "none")]).into_string();
        assert!(drawn.contains("width=\"63.0\"") && drawn.contains("x1=\"181.5\" x2=\"276.0\""), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;") && drawn.contains("width=\"0.5\""));
    }
}
