//! Draws the bins of a column: rows as bars with the label rate over them, or levels one below the other.

use maud::{Markup, html};

use crate::page::number::{cut, percent, short};
use crate::page::svg::{Axis, Unit, at};
use crate::score::report::distribution::Bin;

/// How large a histogram is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Its width.
    pub width: f64,
    /// Its height.
    pub height: f64,
}

/// Draws rows by bins as bars, and the label rate as a line over those that have rows.
#[must_use]
pub fn histogram(title: &str, bins: &[Bin], Size { width, height }: Size) -> Markup {
    let (across, up) = ([36.0, width - 40.0], [height - 20.0, 8.0]);
    let largest = bins.iter().map(|bin| bin.rows).max().unwrap_or(0) as f64;
    let rows = Axis::up_to(largest, Unit::Number, "rows");
    let highest = bins.iter().filter_map(Bin::rate).fold(0.0, f64::max);
    let rates = Axis::up_to(highest, Unit::Share, "label rate");
    let wide = (across[1] - across[0]) / bins.len().max(1) as f64;
    let left = |place: usize| across[0] + wide * place as f64;
    let middle = |place: usize| left(place) + wide / 2.0;
    let points: Vec<String> = bins
        .iter()
        .enumerate()
        .filter_map(|(place, bin)| Some(format!("{},{}", at(middle(place)), at(rates.place(bin.rate()?, up)))))
        .collect();
    // Every so many names fit below the bars.
    let longest = bins.iter().map(|bin| begin(bin).chars().count()).max().unwrap_or(1) as f64;
    let every = ((longest * 6.0 + 10.0) / wide).ceil().max(1.0) as usize;
    let ends = |axis: &Axis<'_>| [axis.low, axis.high];
    html! {
        svg.plot viewBox={ "0 0 " (width) " " (height) } role="img" aria-label=(title) {
            @for tick in ends(&rows) {
                text.tick x=(across[0] - 4.0) y=(at(rows.place(tick, up))) text-anchor="end" dominant-baseline="central" { (rows.text(tick)) }
            }
            @for tick in ends(&rates) {
                text class="tick rate" x=(across[1] + 4.0) y=(at(rates.place(tick, up))) dominant-baseline="central" { (rates.text(tick)) }
            }
            @for (place, bin) in bins.iter().enumerate() {
                @let top = rows.place(bin.rows as f64, up);
                rect class=(if bin.name == "missing" { "bar missing" } else { "bar" }) x=(at(left(place) + 0.5)) y=(at(top))
                    width=(at((wide - 1.0).max(0.5))) height=(at(up[0] - top)) { title { (said(bin)) } }
                @if place % every == 0 {
                    text.tick x=(at(middle(place))) y=(height - 6.0) text-anchor="middle" { (begin(bin)) }
                }
            }
            line.axis x1=(across[0]) x2=(across[1]) y1=(up[0]) y2=(up[0]) {}
            polyline class="line rate" points=(points.join(" ")) {}
            @for (place, bin) in bins.iter().enumerate() {
                @if let Some(rate) = bin.rate() {
                    circle class="dot rate" cx=(at(middle(place))) cy=(at(rates.place(rate, up))) r="2" { title { (said(bin)) } }
                }
            }
        }
    }
}

/// What is written below a bin.
fn begin(bin: &Bin) -> String {
    let number = bin.bounds.filter(|[from, to]| from < to);
    number.map_or_else(|| cut(&bin.name, 16), |[from, _]| short(from))
}

/// What is said of a bin.
fn said(bin: &Bin) -> String {
    let rate = bin.rate().map_or_else(String::new, |rate| format!(", label rate {}", percent(rate)));
    format!("{}: {} rows{rate}", bin.name, bin.rows)
}

/// Draws levels one below the other: their rows as bars, their label rates as points and numbers.
#[must_use]
pub fn levels(title: &str, bins: &[Bin]) -> Markup {
    const LINE: f64 = 18.0;
    const BARS: [f64; 2] = [118.0, 222.0];
    const RATES: [f64; 2] = [232.0, 284.0];
    let largest = bins.iter().map(|bin| bin.rows).max().unwrap_or(0).max(1) as f64;
    let highest = bins.iter().filter_map(Bin::rate).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    html! {
        svg.plot viewBox={ "0 0 330 " (at(LINE * bins.len() as f64 + 4.0)) } role="img" aria-label=(title) {
            @for (place, bin) in bins.iter().enumerate() {
                @let top = LINE * place as f64 + 2.0;
                @let centre = at(top + LINE / 2.0);
                g {
                    title { (said(bin)) }
                    text.tick x=(BARS[0] - 5.0) y=(centre) text-anchor="end" dominant-baseline="central" { (cut(&bin.name, 18)) }
                    rect class=(if bin.name == "missing" { "bar missing" } else { "bar" }) x=(BARS[0]) y=(at(top + 2.0))
                        width=(at((BARS[1] - BARS[0]) * bin.rows as f64 / largest)) height=(LINE - 4.0) {}
                    @if let Some(rate) = bin.rate() {
                        @let end = RATES[0] + (RATES[1] - RATES[0]) * rate / highest;
                        line class="reach rate" x1=(RATES[0]) x2=(at(end)) y1=(centre) y2=(centre) {}
                        circle class="dot rate" cx=(at(end)) cy=(centre) r="2.5" {}
                        text class="tick rate" x="330" y=(centre) text-anchor="end" dominant-baseline="central" { (percent((rate * 1e3).round() / 1e3)) }
                    }
                }
            }
        }
    }
}
