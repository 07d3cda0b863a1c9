//! A served model: the version that is its champion, and where each field of a row goes; perhaps a challenger beside it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use shared::engine::tabular::challenge::Challenge;
use shared::engine::tabular::column::Column;
use shared::engine::tabular::live::{Live, Origin};
use shared::engine::tabular::manifest::ModelManifest;
use shared::engine::tabular::model::Scored;

use super::challenger::Challenger;
use super::rows::Rows;
use super::version::Version;

/// A served model.
pub struct Served {
    /// The champion, which reads the rows.
    pub champion: Arc<Version>,
    /// What the folder says of a challenger.
    pub challenge: Option<Challenge>,
    /// The challenger, if there is one that can score the champion's rows.
    pub challenger: Option<Challenger>,
    places: HashMap<String, Place>,
    /// The fields of scored rows that are counted.
    counted: Vec<usize>,
}

/// Where a name of a row leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To a field of the schema.
    Field(usize),
    /// To what names the row: one of the manifest's ids.
    Id(usize),
    /// Nowhere: it is not looked at.
    Nowhere,
}

/// What is answered of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What each output says.
    pub scored: Vec<Scored>,
    /// The categories whose level no training row had, as positions in the schema.
    pub unseen: Vec<usize>,
    /// What each field adds to the log-odds, if that was asked: of the one output; of several, of those that are
    /// predicted, or of the most probable one.
    pub explained: Vec<Explained>,
    /// Who answers.
    pub by: By,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The champion.
    Champion,
    /// The challenger.
    Challenger,
}

/// What each field adds to the log-odds of a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// The output.
    pub output: usize,
    /// The mean over the training rows.
    pub base: f64,
    /// The fields, or two of them together, with what they add; the largest first.
    pub fields: Vec<(String, f64)>,
}

/// Whether contributions are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explain {
    /// They are.
    Yes,
    /// They are not.
    No,
}

impl Served {
    /// Puts a champion and a challenger together.
    ///
    /// * `challenge`: what the folder says of a challenger.
    pub fn new(champion: Arc<Version>, challenge: Option<Challenge>, challenger: Option<Challenger>) -> Self {
        let manifest = champion.manifest();
        let fields = manifest.schema.iter().enumerate().map(|(at, field)| (field.name.clone(), Place::Field(at)));
        let ids = manifest.ids.iter().enumerate().map(|(at, id)| (id.clone(), Place::Id(at)));
        let ignored = manifest.ignored.iter().map(|name| (name.clone(), Place::Nowhere));
        let places = ignored.chain(ids).chain(fields).collect();
        let mut served = Self { champion, challenge, challenger, places, counted: Vec::new() };
        served.counted = served.fields_to_count();
        served
    }

    fn fields_to_count(&self) -> Vec<usize> {
        let names = self.versions().flat_map(|version| {
            let counted = version.followed().iter().filter(|followed| followed.origin == Origin::Scored);
            counted.flat_map(|followed| followed.columns).map(|column| &version.manifest().schema[column].name)
        });
        let places = names.filter_map(|name| match self.place(name) {
            Some(Place::Field(at)) => Some(at),
            _ => None,
        });
        places.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The fields of scored rows that are counted, as positions in the schema.
    #[must_use]
    pub fn counted(&self) -> &[usize] {
        &self.counted
    }

    /// The champion's name.
    #[must_use]
    pub fn version(&self) -> &str {
        self.champion.version()
    }

    /// The champion's manifest.
    #[must_use]
    pub fn manifest(&self) -> &ModelManifest {
        self.champion.manifest()
    }

    /// Where a name of a row leads; `None` for an unknown one.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<Place> {
        self.places.get(name).copied()
    }

    /// Empty columns for the fields of the schema.
    #[must_use]
    pub fn columns(&self, rows: usize) -> Vec<Column> {
        self.champion.columns(rows)
    }

    /// Answers for rows.
    ///
    /// * `live`: what is known of their keys.
    #[must_use]
    pub fn answer(&self, rows: &Rows, live: &Live, explain: Explain) -> Vec<Answer> {
        self.champion.count_inputs(&rows.columns);
        match &self.challenger {
            Some(challenger) => challenger.answer(&self.champion, rows, live, explain),
            None => self.champion.answer(&rows.columns, live, explain, By::Champion),
        }
    }

    /// What the champion would answer for one row. It counts nowhere: nobody's row is scored.
    ///
    /// * `live`: what is known of its keys.
    ///
    /// # Panics
    /// Without a row.
    #[must_use]
    pub fn try_out(&self, rows: &Rows, live: &Live, explain: Explain) -> Answer {
        self.champion.try_out(&rows.columns, live, explain).pop().expect("a row has an answer")
    }

    /// The manifest of who answered.
    #[must_use]
    pub fn answered(&self, by: By) -> &ModelManifest {
        match (by, &self.challenger) {
            (By::Challenger, Some(challenger)) => challenger.version.manifest(),
            _ => self.manifest(),
        }
    }

    /// The versions that are in use.
    pub fn versions(&self) -> impl Iterator<Item = &Arc<Version>> {
        std::iter::once(&self.champion).chain(self.challenger.as_ref().map(|challenger| &challenger.version))
    }
}
