//! Why it can't be decided how times are written, in words that say which setting decides it.

use std::fmt;

use super::{Clock, Format};

/// Why it can't be decided how times are written.
#[derive(Debug, Clone, PartialEq)]
pub enum Undecided {
    /// No reading gives plausible times; an example.
    None(String),
    /// Two readings do, and differ.
    Several {
        /// The text that can be read in two ways.
        example: String,
        /// The ways, and what each makes of the example.
        readings: [(Clock, String); 2],
    },
    /// No reading is plausible for nine tenths of the sample, but two together are.
    Mixed {
        /// A text that the first one reads, and one that only the second does.
        examples: [String; 2],
        /// The two.
        formats: [Format; 2],
    },
}

impl Undecided {
    /// Whether a format is one of the readings that are possible.
    #[must_use]
    pub fn may_be(&self, format: &Format) -> bool {
        match self {
            Self::None(_) => false,
            Self::Several { readings, .. } => readings.iter().any(|(clock, _)| clock.formats().contains(format)),
            Self::Mixed { formats, .. } => formats.contains(format),
        }
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(example) => write!(
                out,
                "{example:?} is no time after ingest.earliest and before tomorrow in any known form; ingest.\
                 timestamp_unit = \"s\" (or days, ms, us, ns), ingest.timestamp_format = \"%d.%m.%Y %H:%M\" and ingest.earliest = \
                 \"1970-01-01\" say how to read it"
            ),
            Self::Several { example, readings: [(one, by_one), (other, by_other)] } => write!(
                out,
                "{example:?} can be read in two ways; choose one: ingest.{} (reads {by_one}) or ingest.{} (reads \
                 {by_other})",
                setting(one),
                setting(other)
            ),
            Self::Mixed { examples: [one, other], formats: [first, second] } => write!(
                out,
                "times are written in several ways, such as {one:?} and {other:?}; ingest.timestamp_format = [\"{}\", \
                 \"{}\"] reads each by the first that fits",
                first.as_str(),
                second.as_str()
            ),
        }
    }
}

/// The setting that chooses a reading.
fn setting(clock: &Clock) -> String {
    match (clock, clock.formats().as_slice()) {
        (Clock::Unit(unit), _) => format!("timestamp_unit = \"{unit}\""),
        (_, [format, ..]) => format!("timestamp_format = \"{}\"", format.as_str()),
        (_, []) => String::new(),
    }
}
