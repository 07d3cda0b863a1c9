//! Lines and points in a frame of two axes.

use maud::{Markup, html};

use super::{Axis, at};

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 260.0;
/// From the left to the right edge of the frame.
const ACROSS: [f64; 2] = [50.0, 340.0];
/// From the bottom to the top.
const UP: [f64; 2] = [218.0, 12.0];

/// A line of points.
#[derive(Debug, Clone)]
pub struct Line {
    /// The class that gives its colour.
    pub class: &'static str,
    /// Its points.
    pub points: Vec<[f64; 2]>,
}

/// A point with an interval upwards.
#[derive(Debug, Clone)]
pub struct Point {
    /// The class that gives its colour.
    pub class: &'static str,
    /// Where it is.
    pub at: [f64; 2],
    /// From where to where it may be; none: nothing is drawn.
    pub reach: Option<[f64; 2]>,
    /// What is said of it.
    pub said: String,
}

/// Draws lines, and points over them.
#[must_use]
pub fn lines(title: &str, x: Axis<'_>, y: Axis<'_>, lines: &[Line], points: &[Point]) -> Markup {
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(title) {
            (frame(x, y))
            @for line in lines {
                polyline class={ "line " (line.class) } points=(places(x, y, &line.points)) {}
            }
            @for point in points {
                @let [left, top] = [x.place(point.at[0], ACROSS), y.place(point.at[1], UP)];
                @if let Some([low, high]) = point.reach {
                    line class={ "reach " (point.class) } x1=(at(left)) x2=(at(left))
                        y1=(at(y.place(low, UP))) y2=(at(y.place(high, UP))) {}
                }
                circle class={ "dot " (point.class) } cx=(at(left)) cy=(at(top)) r="3.5" { title { (point.said) } }
            }
        }
    }
}

fn places(x: Axis<'_>, y: Axis<'_>, points: &[[f64; 2]]) -> String {
    let place = |[a, b]: &[f64; 2]| format!("{},{}", at(x.place(*a, ACROSS)), at(y.place(*b, UP)));
    points.iter().map(place).collect::<Vec<_>>().join(" ")
}

/// The axes with their ticks and names.
fn frame(x: Axis<'_>, y: Axis<'_>) -> Markup {
    let ([left, right], [bottom, top]) = (ACROSS, UP);
    html! {
        @for tick in y.ticks() {
            @let place = at(y.place(tick, UP));
            line.grid x1=(left) x2=(right) y1=(place) y2=(place) {}
            text.tick x=(left - 5.0) y=(place) text-anchor="end" dominant-baseline="central" { (y.text(tick)) }
        }
        @for tick in x.ticks() {
            @let place = at(x.place(tick, ACROSS));
            line.grid x1=(place) x2=(place) y1=(bottom) y2=(top) {}
            text.tick x=(place) y=(bottom + 14.0) text-anchor="middle" { (x.text(tick)) }
        }
        line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
        line.axis x1=(left) x2=(left) y1=(bottom) y2=(top) {}
        text.name x=(at(f64::midpoint(left, right))) y=(HEIGHT - 6.0) text-anchor="middle" { (x.name) }
        text.name x="11" y=(at(f64::midpoint(bottom, top))) text-anchor="middle"
            transform={ "rotate(-90 11 " (at(f64::midpoint(bottom, top))) ")" } { (y.name) }
    }
}
