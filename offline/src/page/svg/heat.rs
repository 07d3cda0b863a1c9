//! A matrix of numbers from -1 to 1 as coloured cells.

use maud::{Markup, html};

use super::at;
use crate::page::number::cut;

/// Draws a matrix with the names of its rows; the columns have the same.
#[must_use]
pub fn matrix(title: &str, names: &[String], values: &[Vec<Option<f64>>]) -> Markup {
    const CELL: f64 = 26.0;
    const LEFT: f64 = 118.0;
    const LETTERS: usize = 18;
    let side = CELL * names.len() as f64;
    // Names below stand slantwise.
    let longest = names.iter().map(|name| name.chars().count().min(LETTERS)).max().unwrap_or(0);
    let (width, height) = (LEFT + side + 2.0, side + 18.0 + 4.7 * longest as f64);
    html! {
        svg.plot viewBox={ "0 0 " (at(width)) " " (at(height)) } style={ "max-width:" (at(width * 1.2)) "px;min-width:" (at(width.min(520.0))) "px" } role="img" aria-label=(title) {
            @for (row, (name, values)) in names.iter().zip(values).enumerate() {
                @let top = CELL * row as f64;
                text.tick x=(LEFT - 5.0) y=(at(top + CELL / 2.0)) text-anchor="end" dominant-baseline="central" { title { (name) } (cut(name, LETTERS)) }
                @for (column, value) in values.iter().enumerate() {
                    @let left = LEFT + CELL * column as f64;
                    @if let Some(value) = value {
                        rect class=(if *value < 0.0 { "cell less" } else { "cell more" }) x=(at(left)) y=(at(top)) width=(CELL - 1.0)
                            height=(CELL - 1.0) fill-opacity=(format!("{:.2}", value.abs())) {
                            title { (name) " and " (names[column]) ": " (format!("{value:.3}")) }
                        }
                        text.value x=(at(left + CELL / 2.0)) y=(at(top + CELL / 2.0)) text-anchor="middle" dominant-baseline="central" {
                            (format!("{:.0}", value * 100.0).replace("-0", "0"))
                        }
                    }
                }
                @let middle = LEFT + CELL * row as f64 + CELL / 2.0;
                text.tick x=(at(middle)) y=(at(side + 8.0)) text-anchor="end" dominant-baseline="central"
                    transform={ "rotate(-50 " (at(middle)) " " (at(side + 8.0)) ")" } { (cut(name, LETTERS)) }
            }
        }
    }
}
