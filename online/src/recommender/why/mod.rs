//! Explains a slate: asks the engine again, and tells what it says in ids, names and words.
//!
//! In: a [`CheckedQuery`] and some items. Out: [`Explanation`]. Nothing is logged, counted or remembered of it: nobody
//! was served. It takes some milliseconds, and so a thread of its own.

mod sentences;
mod words;

use std::time::Duration;

use shared::contract::id::{ItemId, ItemIdx};
use shared::contract::why::{
    Explanation, FeatureWhy, ItemWhy, MAX_UNWANTED, Named, RankerWhy, RefusedItems, SourceStep, SourceWhy, Step, Trail,
    Unwanted,
};
use shared::engine::recommend::Scratch;
use shared::engine::rules::Rules;
use shared::engine::snapshot::Snapshot;
use shared::engine::state::UserState;
use shared::engine::why::words::{of_feature, of_source};
use shared::engine::why::{self, Ranking, SourceShare, Why};
use shared::tables;

use super::{CheckedQuery, NoAnswer, Recommender};
use crate::store::{State, StoreError};

/// What the words of an explanation go by.
struct Told<'a> {
    snapshot: &'a Snapshot,
    rules: &'a Rules,
    k: usize,
    now_ms: i64,
    /// What the query itself excludes, and what its scenario does; what else is excluded was served.
    excluded: [&'a [ItemId]; 2],
}

impl Recommender {
    /// Explains the slate of a query; `clock_ms` is the time.
    ///
    /// * `of`: the items to explain; those of the slate if there are none.
    /// * `answer`: the id of the answer that is meant, which draws what it explored; may be empty.
    ///
    /// # Errors
    /// [`NoAnswer`] as of [`Recommender::recommend`], and when the store does not answer or the history can't be read.
    pub async fn why(
        &self,
        query: &CheckedQuery,
        of: &[ItemId],
        answer: &str,
        clock_ms: i64,
    ) -> Result<Explanation, NoAnswer> {
        let snapshot = self.snapshot()?;
        let mut asked = self.asker.ask(query, answer, &snapshot)?;
        let (user, version) = (&query.user_id, &snapshot.manifest().version);
        let stored = match asked.heed.is_needed() {
            true => self.store.read_served(None, user, version, clock_ms).await?,
            false => self.store.read(user, version, clock_ms).await?,
        };
        if stored.state == State::Unreadable {
            return Err(StoreError::Unreadable.into());
        }
        let state = asked.state(&snapshot, user, Some(&stored), &self.metrics.store_unreadable);
        let now_ms = query.now.unwrap_or(clock_ms);
        if asked.heed.is_needed() {
            self.asker.heed(&mut asked, answer, &snapshot, &stored, now_ms)?;
        }
        let excluded = self.asker.excluded(query);
        let (query, of, asked) = (query.clone(), of.to_vec(), asked.query);
        let work = tokio::task::spawn_blocking(move || {
            let indices: Vec<Option<ItemIdx>> = of.iter().map(|item| snapshot.items().index(item.as_str())).collect();
            let known: Vec<ItemIdx> = indices.iter().copied().flatten().collect();
            let named = (!of.is_empty()).then_some(&known[..]);
            let mut scratch = Scratch::default();
            let explained = why::explain(&snapshot, &state, &asked, named, now_ms, &mut scratch);
            let (none, k) = (Rules::default(), asked.k);
            let rules = asked.rules.as_deref().unwrap_or(&none);
            let told = Told { snapshot: &snapshot, rules, k, now_ms, excluded: [&query.exclude, &excluded] };
            let mut known = explained.items.iter().map(|why| told.item(why));
            let items = match of.is_empty() {
                true => known.collect(),
                false => of
                    .iter()
                    .zip(&indices)
                    .filter_map(|(item, index)| match index {
                        Some(_) => known.next(),
                        None => Some(words::unknown(item)),
                    })
                    .collect(),
            };
            let (trail, unwanted) = (told.trail(&explained.trail), told.unwanted(&state));
            let model_version = snapshot.manifest().version.clone();
            Explanation { user_id: query.user_id, model_version, items, trail, unwanted }
        });
        work.await.map_err(|panic| StoreError::Answer(panic.to_string()).into())
    }
}

impl Told<'_> {
    fn item(&self, why: &Why) -> ItemWhy {
        let Named { item_id, name } = self.named(why.item);
        ItemWhy {
            item_id,
            name,
            sentence: self.sentence(why),
            place: why.place,
            absent: why.absent.map(|absent| self.absent(why, absent)),
            sources: why.sources.iter().map(source).collect(),
            blended: why.blended,
            place_by_blend: why.by_blend,
            ranker: why.ranking.as_ref().map(ranker),
            place_by_ranker: why.by_ranker,
            place_before_rules: why.before_rules,
            place_by_rules: why.by_rules,
            because: why.because.map(|item| self.named(item)),
            rules: why.effects.iter().map(|effect| self.rule(effect)).collect(),
        }
    }

    /// What this person does not want to see, by item.
    fn unwanted(&self, state: &UserState) -> Vec<Unwanted> {
        let kinds = &self.snapshot.params().kinds;
        let mut blocked: Vec<_> = state.seen.iter().filter(|seen| kinds.blocks(seen.kind)).collect();
        blocked.sort_unstable();
        blocked.dedup_by_key(|seen| seen.item);
        let told = blocked.into_iter().take(MAX_UNWANTED).map(|seen| {
            let Named { item_id, name } = self.named(seen.item);
            let by = kinds.iter().find(|(_, kind)| kind.undoes == Some(seen.kind));
            let (event, undone_by) =
                (self.kind(seen.kind).to_owned(), by.map(|(_, kind)| kind.name.as_str().to_owned()));
            Unwanted { item_id, name, event, undone_by }
        });
        told.collect()
    }

    fn named(&self, item: ItemIdx) -> Named {
        let items = self.snapshot.items();
        Named { item_id: items.id(item).to_owned(), name: items.name(item).map(str::to_owned) }
    }

    fn trail(&self, trail: &why::Trail) -> Trail {
        let refused = trail.refused.iter().map(|&(reason, items)| {
            let (reason, words) = words::of_refused(reason);
            RefusedItems { reason: reason.to_owned(), words: words.to_owned(), items }
        });
        let sources = trail.sources.iter().map(|proposed| SourceStep {
            source: proposed.source.as_str().to_owned(),
            words: of_source(proposed.source).to_owned(),
            weight: proposed.weight,
            items: proposed.items,
            micros: micros(proposed.took),
        });
        let steps = trail.passed.iter().map(|passed| Step {
            step: passed.part.name().to_owned(),
            words: words::of_part(passed.part).to_owned(),
            items_in: passed.got,
            items_out: passed.left,
            micros: micros(passed.took),
        });
        let (refused, sources, steps) = (refused.collect(), sources.collect(), steps.collect());
        Trail { refused, sources, steps, held_back: trail.held_back }
    }
}

fn source(share: &SourceShare) -> SourceWhy {
    let &SourceShare { source, score, weight, adds, share, proposed } = share;
    let (name, words) = (source.as_str().to_owned(), of_source(source).to_owned());
    SourceWhy { source: name, words, score, weight, adds, share, proposed }
}

fn ranker(ranking: &Ranking) -> RankerWhy {
    let contributions = ranking.features.iter().map(|feature| FeatureWhy {
        feature: feature.name.clone(),
        words: of_feature(&feature.name),
        value: feature.value,
        log_odds: feature.log_odds,
    });
    let trees = match ranking.step {
        tables::Step::All => "all",
        tables::Step::First => "first",
    };
    RankerWhy {
        score: ranking.score,
        probability: ranking.probability,
        base: ranking.base,
        trees: trees.to_owned(),
        contributions: contributions.collect(),
    }
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}
