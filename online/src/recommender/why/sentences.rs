//! What is told of an item, in sentences.

use jiff::Timestamp;
use shared::contract::id::ItemIdx;
use shared::contract::kind::KindIdx;
use shared::contract::why::{AbsentWhy, RuleWhy};
use shared::engine::values::{Value, Values};
use shared::engine::why::words::{of_feature, of_source};
use shared::engine::why::{Absent, Effect, Refusal, Why};

use super::{Told, words};

impl Told<'_> {
    /// The whole in words.
    pub(super) fn sentence(&self, why: &Why) -> String {
        let Some(place) = why.place else {
            let absent = why.absent.map(|absent| self.absent(why, absent).sentence).unwrap_or_default();
            return format!("Not in the slate: {absent}.");
        };
        let mut sentences = vec![format!("At place {place}: {}.", self.reason(why))];
        if let (Some(before), Some(after), Some(ranking)) = (why.by_blend, why.by_ranker, &why.ranking) {
            let most = ranking.features.iter().find(|feature| (feature.log_odds > 0.0) == (after <= before));
            let most = most.map_or_else(String::new, |most| format!("; what counted most: {}", of_feature(&most.name)));
            sentences.push(match before == after {
                true => format!("The ranker left it at place {after}{most}."),
                false => format!("The ranker moved it from place {before} to {after}{most}."),
            });
        }
        match (why.before_rules, why.by_rules) {
            (Some(before), Some(after)) if before != after => {
                sentences.push(format!("Rules moved it from {before} to {after}."));
            }
            _ => {}
        }
        sentences.join(" ")
    }

    /// Why it is in the slate at all.
    fn reason(&self, why: &Why) -> String {
        let placed = why.effects.iter().find_map(|effect| match effect {
            Effect::Pinned => Some("a rule gives it that place".to_owned()),
            Effect::Explored(_) => Some("it is tried as a new item".to_owned()),
            Effect::Together(_) => Some(self.rule(effect).sentence),
            _ => None,
        });
        let because = || why.because.map_or_else(String::new, |item| format!(", because of {}", self.label(item)));
        let by_source = || {
            let first = why.sources.first().filter(|source| source.adds > 0.0)?;
            let share = (first.share * 100.0).round();
            Some(format!("{} speaks most for it ({share} %){}", of_source(first.source), because()))
        };
        placed.or_else(by_source).unwrap_or_else(|| "it is popular, and the slate was not full without it".to_owned())
    }

    /// Why it is not in the slate.
    pub(super) fn absent(&self, why: &Why, absent: Absent) -> AbsentWhy {
        let further_down = || {
            why.by_rules.or(why.by_blend).map_or_else(
                || "its place is further down".to_owned(),
                |place| format!("its place is {place}, and the slate ends at {}", self.k),
            )
        };
        let (reason, sentence) = match absent {
            Absent::Refused(refusal) => (words::of_refused(refusal.into()).0, self.refused(why, refusal)),
            Absent::Below => ("below", further_down()),
            Absent::NotProposed => ("not_proposed", "no source has it among its best for this person".to_owned()),
            Absent::HeldBack { rule, value } => ("held_back", self.full(rule, value)),
            Absent::Buried { rule } => ("buried", format!("bury[{rule}] puts it after everything else")),
            Absent::GaveWay => ("gave_way", "its place was given to a new item to be tried".to_owned()),
        };
        AbsentWhy { reason: reason.to_owned(), sentence }
    }

    fn refused(&self, why: &Why, refusal: Refusal) -> String {
        match refusal {
            Refusal::Unavailable { from_ms: Some(from), .. } if from > self.now_ms => {
                format!("it is to be had from {} on", day(from))
            }
            Refusal::Unavailable { until_ms: Some(i64::MIN), .. } => "it was withdrawn".to_owned(),
            Refusal::Unavailable { until_ms: Some(until), .. } => format!("it was to be had until {}", day(until)),
            Refusal::Unavailable { .. } => "it is not to be had now".to_owned(),
            Refusal::Blocked(kind) => format!("this person does not want to see it ({})", self.kind(kind)),
            Refusal::Seen { kind, at_ms } => {
                let when = at_ms.map_or_else(String::new, |at| format!(" on {}", day(at)));
                format!("what this person did with it keeps it out ({}{when})", self.kind(kind))
            }
            Refusal::InBasket => "it is in the basket".to_owned(),
            Refusal::OnPage => "it is the item of the page".to_owned(),
            Refusal::Excluded => {
                let is_in = |at: usize| self.excluded[at].iter().any(|item| item.as_str() == self.id(why));
                match (is_in(0), is_in(1)) {
                    (true, _) => "the query excludes it",
                    (false, true) => "the scenario excludes it",
                    (false, false) => "this person was served it already",
                }
                .to_owned()
            }
            Refusal::Filtered => "the filter leaves it out".to_owned(),
            Refusal::OtherCategory => "it is of another category".to_owned(),
        }
    }

    /// What a rule did to an item.
    pub(super) fn rule(&self, effect: &Effect) -> RuleWhy {
        let (rule, sentence) = match *effect {
            Effect::Together(Some(item)) => ("together", format!("since it is bought with {}", self.label(item))),
            Effect::Together(None) => ("together", "since it is bought with the basket".to_owned()),
            Effect::Boosted { rule, factor, add } => {
                let times = if factor == 1.0 { String::new() } else { format!(" times {factor}") };
                let plus = if add == 0.0 { String::new() } else { format!(" plus {add}") };
                ("boost", format!("boost[{rule}]: its score{times}{plus}"))
            }
            Effect::Decayed(left) => {
                ("decay", format!("served lately: {} % of its score are left", (left * 100.0).round()))
            }
            Effect::Buried { rule } => ("bury", format!("bury[{rule}]: after everything else")),
            Effect::HeldBack { rule, value } => ("max_per", self.full(rule, value)),
            Effect::Pinned => ("pin", "a rule gives it its place".to_owned()),
            Effect::Explored(propensity) => {
                ("explore", format!("a new item that is tried: here with a probability of {propensity}"))
            }
        };
        RuleWhy { rule: rule.to_owned(), sentence }
    }

    /// What a cap does that holds an item back.
    fn full(&self, rule: usize, value: Value) -> String {
        let Some(cap) = self.rules.caps.get(rule) else { return "a cap holds it back".to_owned() };
        let name = Values::new(&cap.property, self.snapshot).map(|values| values.name(value).into_owned());
        let (property, most) = (&cap.property, cap.most);
        format!("max_per {property}:{most}: the slate has as many of {:?} before it", name.unwrap_or_default())
    }

    fn id(&self, why: &Why) -> &str {
        self.snapshot.items().id(why.item)
    }

    fn label(&self, item: ItemIdx) -> String {
        let items = self.snapshot.items();
        format!("{:?}", items.name(item).unwrap_or_else(|| items.id(item)))
    }

    pub(super) fn kind(&self, kind: KindIdx) -> &str {
        self.snapshot.params().kinds.get(kind).name.as_str()
    }
}

/// The day of a time, in UTC.
fn day(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms)
        .map_or_else(|_| "another time".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}
