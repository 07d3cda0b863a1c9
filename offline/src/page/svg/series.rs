//! Bars and lines over places that follow each other, such as hours or weeks.

use maud::{Markup, html};

use super::{Axis, Unit, at};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 180.0;
/// From the left to the right edge of the frame.
const ACROSS: [f64; 2] = [44.0, 354.0];
/// From the bottom to the top.
const UP: [f64; 2] = [154.0, 10.0];
/// How wide a letter is.
const LETTER: f64 = 6.6;
/// From so many places on, a place has no words of its own.
const MANY: usize = 120;

/// A line over the places; it is broken where there is no value.
#[derive(Debug, Clone)]
pub struct Series {
    /// The class that gives its colour.
    pub class: &'static str,
    /// Its values, place by place.
    pub values: Vec<Option<f64>>,
}

/// Draws bars, and lines over them, on one axis from 0.
///
/// * `names`: of the places.
/// * `bars`: place by place; empty for none.
#[must_use]
pub fn series(title: &str, names: &[String], bars: &[f64], lines: &[Series], unit: Unit) -> Markup {
    let values = lines.iter().flat_map(|line| &line.values).flatten();
    let y = Axis::up_to(values.chain(bars).copied().fold(0.0, f64::max), unit, "");
    let ([left, right], [bottom, top]) = (ACROSS, UP);
    let wide = (right - left) / names.len().max(1) as f64;
    let middle = |place: usize| left + wide * (place as f64 + 0.5);
    let longest = names.iter().map(|name| name.chars().count()).max().unwrap_or(1) as f64;
    // Every so many names fit below the places.
    let every = ((longest * LETTER + 12.0) / wide).ceil().max(1.0) as usize;
    let fits = |place: usize| place.is_multiple_of(every) && middle(place) + longest * LETTER / 2.0 < WIDTH + 4.0;
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            @for tick in y.ticks() {
                @let place = at(y.place(tick, UP));
                line.grid x1=(left) x2=(right) y1=(place) y2=(place) {}
                text.tick x=(left - 5.0) y=(place) text-anchor="end" dominant-baseline="central" { (y.text(tick)) }
            }
            @for (place, value) in bars.iter().enumerate() {
                @let height = y.place(*value, UP);
                rect.bar x=(at(left + wide * place as f64 + wide * 0.08)) y=(at(height)) width=(at(wide * 0.84))
                    height=(at(bottom - height)) {
                    @if names.len() <= MANY { title { (names[place]) ": " (y.text(*value)) } }
                }
            }
            line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
            @for line in lines {
                @for points in runs(&line.values) {
                    @if let [(place, value)] = &points[..] {
                        circle class={ "dot " (line.class) } cx=(at(middle(*place))) cy=(at(y.place(*value, UP))) r="2" {}
                    } @else {
                        @let places = points.iter().map(|(place, value)| format!("{},{}", at(middle(*place)), at(y.place(*value, UP))));
                        polyline class={ "line " (line.class) } points=(places.collect::<Vec<_>>().join(" ")) {}
                    }
                }
            }
            @for (place, name) in names.iter().enumerate().filter(|(place, _)| fits(*place)) {
                line.axis x1=(at(middle(place))) x2=(at(middle(place))) y1=(bottom) y2=(bottom + 3.0) {}
                text.tick x=(at(middle(place))) y=(bottom + 17.0) text-anchor="middle" { (name) }
            }
            line.axis x1=(left) x2=(left) y1=(bottom) y2=(top) {}
        }
    }
}

/// The runs of values that follow each other, with their places.
fn runs(values: &[Option<f64>]) -> Vec<Vec<(usize, f64)>> {
    let placed: Vec<(usize, f64)> =
        values.iter().enumerate().filter_map(|(place, value)| Some((place, (*value)?))).collect();
    placed.chunk_by(|(a, _), (b, _)| a + 1 == *b).map(<[_]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_broken_where_a_value_is_missing() {
        assert_eq!(runs(&[Some(1.0), Some(2.0), None, Some(3.0)]), [vec![(0, 1.0), (1, 2.0)], vec![(3, 3.0)]]);
        let names = ["a", "b", "c", "d"].map(str::to_owned);
        let line = Series { class: "view", values: vec![Some(1.0), Some(2.0), None, Some(3.0)] };
        let drawn = series("t", &names, &[1.0, 2.0, 3.0, 4.0], &[line], Unit::Number).into_string();
        assert_eq!((drawn.matches("<polyline").count(), drawn.matches("<circle").count()), (1, 1));
        assert_eq!(drawn.matches("<rect").count(), 4);
        assert!(!series("t", &[], &[], &[], Unit::Share).into_string().contains("NaN"));
    }
}
