//! Whether scores say what happens: the hit rate of the items that were shown, by tenths of their scores and by their places.

use serde::Serialize;

/// How many parts the scores are cut into.
const PARTS: usize = 10;

/// What became of an item of a slate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// Its place in the slate, from 0.
    pub place: usize,
    /// Its score.
    pub score: f32,
    /// Whether it was asked for.
    pub hit: bool,
}

/// A tenth of the shown items.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Tenth {
    /// The mean of their scores.
    pub score: f64,
    /// The share of them that were asked for.
    pub rate: f64,
    /// How many there are.
    pub shown: usize,
    /// How many of them were asked for.
    pub hits: usize,
}

/// How scores and places go with hits.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Tenths by score, the lowest first.
    pub tenths: Vec<Tenth>,
    /// The share of the slates of which the item at each place was asked for.
    pub places: Vec<f64>,
}

impl Calibration {
    /// The share of neighbouring tenths of which the higher one has no lower rate.
    #[must_use]
    pub fn in_order(&self) -> Option<f64> {
        let pairs = self.tenths.len().checked_sub(1).filter(|pairs| *pairs > 0)?;
        let rising = self.tenths.windows(2).filter(|pair| pair[1].rate >= pair[0].rate).count();
        Some(rising as f64 / pairs as f64)
    }
}

/// Counts hits by score and by place.
///
/// * `slates`: how many slates there were.
#[must_use]
pub fn calibration(mut shown: Vec<Shown>, slates: usize) -> Calibration {
    let longest = shown.iter().map(|own| own.place + 1).max().unwrap_or(0);
    let mut places = vec![0.0; longest];
    shown.iter().filter(|own| own.hit).for_each(|own| places[own.place] += 1.0);
    places.iter_mut().for_each(|hits| *hits /= slates.max(1) as f64);
    // Items that only fill a slate have no score.
    shown.retain(|own| own.score > 0.0);
    shown.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.place.cmp(&b.place)).then(a.hit.cmp(&b.hit)));
    let part = |at: usize| {
        let own = &shown[at * shown.len() / PARTS..(at + 1) * shown.len() / PARTS];
        let hits = own.iter().filter(|own| own.hit).count();
        let mean = |sum: f64| sum / own.len().max(1) as f64;
        let score = mean(own.iter().map(|own| f64::from(own.score)).sum());
        Tenth { score, rate: mean(hits as f64), shown: own.len(), hits }
    };
    let tenths = if shown.len() < PARTS { Vec::new() } else { (0..PARTS).map(part).collect() };
    Calibration { tenths, places }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_counted_by_tenths_of_the_score_and_by_place() {
        // Twenty slates of one item; the upper half are hits, and one of the lowest.
        let shown =
            (0..20).map(|at: usize| Shown { place: 0, score: 0.05 * (at + 1) as f32, hit: at >= 10 || at == 1 });
        let filler = Shown { place: 1, score: 0.0, hit: true };
        let found = calibration(shown.chain([filler]).collect(), 20);
        assert_eq!(found.places, [0.55, 0.05]);
        let rates: Vec<f64> = found.tenths.iter().map(|tenth| tenth.rate).collect();
        assert_eq!(rates, [0.5, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0]);
        assert!((found.tenths[0].score - 0.075).abs() < 1e-6 && found.tenths[0].shown == 2);
        assert_eq!(found.in_order(), Some(8.0 / 9.0));
        assert_eq!(calibration(Vec::new(), 0), Calibration::default());
    }
}
