//! Turns rows of text into events, and gives the reason for every row that becomes none.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use shared::contract::event::event_key;
use shared::contract::id::{canonical, check};
use shared::contract::kind::{KindIdx, Kinds};

use super::erased::ERASED;
use super::items::told::Field;
use super::pasts::Pasts;
use super::plan::Plan;
use super::quantity::{self, Quantity};
use super::raw::{Extra, Keep, RawEvent, RawLog};
use super::settings::{IngestConfig, MissingTimestamps, OtherKinds, Role, SessionsFrom};
use super::words::{KindWords, Meaning};

/// How a row is treated.
pub enum Verdict {
    /// It is an event.
    Event(RawEvent),
    /// It is bad.
    Rejected(&'static str),
    /// It is no interaction.
    Skipped(String),
    /// An earlier row of the user has the same event id.
    Duplicate {
        /// The time of that row.
        timestamp_ms: i64,
    },
}

/// What the log may say about items.
const TOLD: [(Role, Field); 4] = [
    (Role::Name, Field::Name),
    (Role::Category, Field::Category),
    (Role::Brand, Field::Brand),
    (Role::Price, Field::Price),
];

/// The times of the events read so far that have an id, by user and id: an id is unique within its user only.
pub type SeenIds = HashMap<(u32, u64), Seen>;

/// The event that an id was first seen with.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    timestamp_ms: i64,
    item: u32,
}

/// The rows of one file, and what they are read into.
pub struct Judge<'a> {
    /// How the file is read.
    pub plan: &'a Plan,
    /// Its words for kinds.
    pub words: KindWords<'a>,
    /// The kind of goods that came back.
    pub refund: Option<KindIdx>,
    /// The settings for all files.
    pub config: &'a IngestConfig,
    /// Which fields are kept.
    pub keep: Keep,
    /// The number of the file.
    pub file: u32,
    /// Whose the events are.
    pub pasts: &'a Pasts,
    /// Whether the file is the service's own: its lines say when they were accepted, which decides.
    pub of_service: bool,
}

impl Judge<'_> {
    /// Decides about a row; a new event's fields are noted in `raw` and `seen_ids`.
    ///
    /// * `element`: the number of the row in its record.
    /// * `accepted_ms`: when the service accepted it, if it says so, milliseconds since the epoch.
    pub fn judge(
        &mut self,
        values: &[Option<&str>],
        element: u32,
        accepted_ms: Option<i64>,
        seen_ids: &mut SeenIds,
        raw: &mut RawLog,
    ) -> Verdict {
        let of_rules = self.plan.wanted.len() - self.plan.rules.len();
        let rules = self.plan.rules.iter().zip(&values[of_rules..]);
        let skipped = |kind: Option<KindIdx>| {
            let mut rules = rules.clone().filter(|(rule, _)| rule.kind == kind);
            rules.find(|(rule, value)| rule.skips(**value)).map(|(rule, _)| Verdict::Skipped(rule.reason.clone()))
        };
        if let Some(verdict) = skipped(None) {
            return verdict;
        }
        let plan = self.plan;
        let field = |role| plan.value(values, role);
        let word = field(Role::Event);
        let kind = match self.kind(values, word) {
            Ok(kind) => kind,
            Err(verdict) => return verdict,
        };
        if let Some(verdict) = skipped(Some(kind)) {
            return verdict;
        }
        let Some(user) = field(Role::User).and_then(canonical) else {
            return match self.plan.reading.without_user {
                _ if plan.is_guest(values) => Verdict::Skipped("a guest (no_user)".to_owned()),
                Some(OtherKinds::Skip) => Verdict::Skipped("no user".to_owned()),
                _ => Verdict::Rejected("no user"),
            };
        };
        let Some(item) = field(Role::Item).and_then(canonical) else {
            let may_lack = |word: &str| self.plan.reading.may_lack_item.iter().any(|other| other == word);
            return match word {
                Some(word) if may_lack(word) => Verdict::Skipped(format!("`{word}` without an item")),
                _ => Verdict::Rejected("no item"),
            };
        };
        if is_list(&item) {
            return Verdict::Rejected("a list of items in one cell (a row has one item)");
        }
        // Users and items obey the same rules.
        if check(&user).is_err() {
            return Verdict::Rejected("user id too long or with control characters");
        }
        if check(&item).is_err() {
            return Verdict::Rejected("item id too long or with control characters");
        }
        let timestamp_ms = match self.time(values) {
            Ok(time) => time,
            Err(reason) => return Verdict::Rejected(reason),
        };
        let at_ms = if self.of_service { accepted_ms } else { Some(timestamp_ms) };
        let Some(owner) = at_ms.map_or(Some(user.as_ref()), |at_ms| self.pasts.whose(&user, at_ms)) else {
            return Verdict::Skipped(ERASED.to_owned());
        };
        let was_merged = owner != user;
        let order = match field(Role::Order).map(str::parse) {
            Some(Ok(order)) => order,
            Some(Err(_)) => return Verdict::Rejected("order not a whole number"),
            None => 0,
        };
        let (user, name, item) = (raw.users.row(owner), item.as_ref(), raw.items.row(&item));
        let key = match field(Role::EventId) {
            None => 0,
            Some(id) => match identity(id, element, name, (user, Seen { timestamp_ms, item }), seen_ids) {
                Ok(key) => key,
                Err(earlier) => return Verdict::Duplicate { timestamp_ms: earlier.timestamp_ms },
            },
        };
        let transaction = field(Role::Transaction).map_or(0, |order| event_key(order) as u16 | 1);
        for (role, of_item) in TOLD {
            if let Some(text) = field(role) {
                raw.told.note(item, timestamp_ms, of_item, text);
            }
        }
        let session = match self.config.sessions {
            SessionsFrom::Column => field(Role::Session).map_or(0, |name| raw.sessions.row(user, name) + 1),
            SessionsFrom::Gap => 0,
        };
        raw.merged += u64::from(was_merged);
        let line = raw.events.len() as u32;
        if !plan.places[Role::Order as usize].is_empty() || !raw.orders.is_empty() {
            raw.orders.resize(line as usize, 0);
            raw.orders.push(order);
        }
        if self.keep == Keep::All {
            raw.extras.push(extra(plan, values, element));
        }
        let (event_key, file) = (key, self.file);
        Verdict::Event(RawEvent { user, item, session, line, timestamp_ms, event_key, file, transaction, kind })
    }

    /// The kind of a row: by its rating where bounds are set, by its word, else the default.
    fn kind(&mut self, values: &[Option<&str>], word: Option<&str>) -> Result<KindIdx, Verdict> {
        let field = |role| self.plan.value(values, role);
        let of_rating = match field(Role::Rating) {
            Some(rating) => self.words.of_rating(rating).map_err(Verdict::Rejected)?,
            None => None,
        };
        let meaning = match (of_rating, word) {
            (Some(meaning), _) => meaning,
            (None, Some(word)) => self.words.of_word(word),
            (None, None) => match self.words.default() {
                Some(meaning) => meaning,
                None => return Err(Verdict::Rejected("no kind of event")),
            },
        };
        let kind = match meaning {
            Meaning::Kind(kind) => kind,
            Meaning::Skip => return Err(Verdict::Skipped(self.words.no_interaction(word.unwrap_or_default()))),
            Meaning::Unknown => return Err(Verdict::Rejected("unknown kind of event")),
        };
        if kind != KindIdx::TRANSACTION {
            return Ok(kind);
        }
        let plan = self.plan;
        match field(Role::Quantity).map(Quantity::read) {
            Some(None) => Err(Verdict::Rejected("quantity not a number")),
            Some(Some(Quantity::Zero)) => Err(Verdict::Skipped("a quantity of 0".to_owned())),
            Some(Some(Quantity::Below)) => self.refund.ok_or_else(|| Verdict::Skipped("a quantity below 0".to_owned())),
            Some(Some(Quantity::Above)) if all_came_back(plan, values) => {
                Err(Verdict::Skipped("all pieces were cancelled or given back".to_owned()))
            }
            None if field(Role::Amount).is_some_and(quantity::is_below_zero) => {
                self.refund.ok_or_else(|| Verdict::Skipped("an amount below 0".to_owned()))
            }
            Some(Some(Quantity::Above)) | None => Ok(kind),
        }
    }

    fn time(&self, values: &[Option<&str>]) -> Result<i64, &'static str> {
        match (self.plan.time(values), &self.plan.times) {
            (Some(text), Some(times)) => times.read(&text),
            _ if self.plan.missing_timestamps == MissingTimestamps::Allow => Ok(0),
            _ => Err("no timestamp"),
        }
    }
}

/// The key of an event by its id, or the event that had it before. Lines of an order may share an id: with another item
/// at the same time it is another event.
///
/// * `item`: its external id.
/// * `event`: its user, and what is noted of it.
fn identity(
    id: &str,
    element: u32,
    item: &str,
    (user, event): (u32, Seen),
    seen_ids: &mut SeenIds,
) -> Result<u64, Seen> {
    let mut keep = |key| match seen_ids.entry((user, key)) {
        Entry::Occupied(earlier) => Err(*earlier.get()),
        Entry::Vacant(place) => {
            place.insert(event);
            Ok(key)
        }
    };
    let first = keep(if element == 0 { event_key(id) } else { event_key(&format!("{id}#{element}")) });
    match first {
        Err(earlier) if earlier.item != event.item && earlier.timestamp_ms == event.timestamp_ms => {
            keep(event_key(&format!("{id}#{item}")))
        }
        first => first,
    }
}

/// Whether a text is a JSON list of objects or texts.
fn is_list(text: &str) -> bool {
    text.ends_with(']') && (text.starts_with("[{") || text.starts_with("[\""))
}

/// Whether as many pieces of a row were cancelled or given back later as were bought.
fn all_came_back(plan: &Plan, values: &[Option<&str>]) -> bool {
    // A comma may stand before thousands.
    let number = |text: &str| quantity::rating(text).filter(|_| !text.contains(','));
    let pieces = values[plan.places[Role::ReturnedQuantity as usize].clone()].iter();
    let columns = plan.reading.columns.of(Role::ReturnedQuantity).iter();
    let (mut cancelled, mut returned) = (0.0, 0.0f64);
    for (column, pieces) in columns.zip(pieces) {
        let pieces = pieces.and_then(number).unwrap_or(0.0);
        // What was sent back is paid back, too.
        match column.to_lowercase().contains("cancel") {
            true => cancelled += pieces,
            false => returned = returned.max(pieces),
        }
    }
    let bought = plan.value(values, Role::Quantity).and_then(number);
    cancelled + returned > 0.0 && bought.is_some_and(|bought| cancelled + returned >= bought)
}

/// The fields that nothing is learnt from.
fn extra(plan: &Plan, values: &[Option<&str>], element: u32) -> Extra {
    const KEPT: [Role; 7] =
        [Role::EventId, Role::Transaction, Role::Session, Role::Name, Role::Category, Role::Brand, Role::Price];
    let field = |role: Role| {
        let text = plan.value(values, role)?;
        Some((
            role,
            if role == Role::EventId && element > 0 { format!("{text}#{element}").into() } else { text.into() },
        ))
    };
    KEPT.into_iter().filter_map(field).collect()
}

/// The kind of goods that came back.
#[must_use]
pub fn refund(kinds: &Kinds) -> Option<KindIdx> {
    kinds.iter().find(|(_, kind)| kind.undoes == Some(KindIdx::TRANSACTION)).map(|(row, _)| row)
}
