//! Bars to both sides of 0, one below the other.

use maud::{Markup, html};

use super::{Axis, Unit, at};
use crate::page::number::{cut, short};

/// A bar to either side of 0.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub value: f64,
    /// How far it may be off, to each side.
    pub reach: f64,
}

/// Draws bars to both sides of 0, one below the other.
#[must_use]
pub fn signed(title: &str, bars: &[Signed]) -> Markup {
    const LINE: f64 = 20.0;
    const WIDTH: f64 = 360.0;
    const ACROSS: [f64; 2] = [160.0, 306.0];
    let end = |sign: f64| bars.iter().map(|bar| sign * bar.value + bar.reach).fold(0.0, f64::max);
    let (low, high) = (-end(-1.0), end(1.0));
    let axis = Axis { low, high: if high > low { high } else { 1.0 }, unit: Unit::Number, name: "" };
    let zero = axis.place(0.0, ACROSS);
    html! {
        svg.plot viewBox={ "0 0 " (WIDTH) " " (at(LINE * bars.len() as f64 + 4.0)) } role="img" aria-label=(title) {
            @for (place, bar) in bars.iter().enumerate() {
                @let top = LINE * place as f64 + 2.0;
                @let centre = at(top + LINE / 2.0);
                @let end = axis.place(bar.value, ACROSS);
                g {
                    title { (bar.name) ": " (short(bar.value)) }
                    text.tick x=(ACROSS[0] - 6.0) y=(centre) text-anchor="end" dominant-baseline="central" { (cut(&bar.name, 24)) }
                    rect class=(if bar.value < 0.0 { "bar less" } else { "bar more" }) x=(at(zero.min(end))) y=(at(top + 3.0))
                        width=(at((end - zero).abs().max(0.5))) height=(LINE - 6.0) {}
                    @if bar.reach > 0.0 {
                        line class="reach" x1=(at(axis.place(bar.value - bar.reach, ACROSS))) x2=(at(axis.place(bar.value + bar.reach, ACROSS)))
                            y1=(centre) y2=(centre) {}
                    }
                    text.tick x=(WIDTH) y=(centre) text-anchor="end" dominant-baseline="central" { (short(bar.value)) }
                }
            }
            line.axis x1=(at(zero)) x2=(at(zero)) y1="0" y2=(at(LINE * bars.len() as f64 + 4.0)) {}
        }
    }
}
