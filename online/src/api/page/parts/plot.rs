//! Small pictures of figures, as SVG.
//!
//! Places and sizes are attributes: the pages allow no styles but those of the style sheet.

use maud::{Markup, html};

/// The width of a line, in its own units; it is as wide as its place on the page.
const WIDTH: f64 = 600.0;
/// Its height.
const HEIGHT: f64 = 64.0;

/// A line through values at even distances.
#[must_use]
pub fn line(values: &[f64], label: &str) -> Markup {
    let most = values.iter().copied().fold(1e-9, f64::max);
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let point = |(at, value): (usize, &f64)| {
        format!("{:.1},{:.1}", at as f64 * step, HEIGHT - 2.0 - value / most * (HEIGHT - 4.0))
    };
    let points: Vec<String> = values.iter().enumerate().map(point).collect();
    html! {
        svg.line viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(label) {
            polyline points=(points.join(" ")) vector-effect="non-scaling-stroke";
        }
    }
}

/// A bar, and what is written beside it.
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Its length, in whatever all bars have.
    pub value: f64,
    /// The value in words.
    pub told: String,
}

/// Bars below each other, the longest as long as there is room.
#[must_use]
pub fn bars(bars: &[Bar]) -> Markup {
    let most = bars.iter().map(|bar| bar.value.abs()).fold(f64::MIN_POSITIVE, f64::max);
    html! {
        ul.bars {
            @for bar in bars {
                li {
                    span { (bar.name) }
                    svg class=[(bar.value < 0.0).then_some("against")] viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                        rect width=(format!("{:.1}", (bar.value.abs() / most * 100.0).max(0.5))) height="8" rx="1";
                    }
                    span.number { (bar.told) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_its_place_and_the_highest_point_its_height() {
        let bar = |value: f64| Bar { name: "a".to_owned(), value, told: String::new() };
        let html = bars(&[bar(2.0), bar(-4.0)]).into_string();
        assert!(html.contains("width=\"50.0\"") && html.contains("class=\"against\""), "{html}");
        assert!(html.contains("width=\"100.0\""), "{html}");
        assert!(line(&[0.0, 2.0, 1.0], "x").into_string().contains("points=\"0.0,62.0 300.0,2.0 600.0,32.0\""));
    }
}
