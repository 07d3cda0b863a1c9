//! What is told of a slate is what the engine did: places, scores, reasons, counts.

use std::collections::BTreeSet;

use super::rules::{ALWAYS, any_rules, boost, cap, pin, set};
use super::*;
use shared::contract::params::{Cascade, RankerModel};
use shared::engine::recommend::{Decay, Placed};
use shared::engine::rules::{Bury, Explore, Rules};
use shared::engine::why::{Absent, Effect, Explained, Part, Refusal, Refused, Why, explain};
use shared::tables::{LinearTable, RankerTable, Step, TreeTable};

const DEPTH: usize = 3;
const TREES: usize = 40;

/// A number from 0 to 1 that looks random.
fn number(at: usize) -> f32 {
    ((at as u32).wrapping_add(1).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32
}

/// The version with properties and a ranker that looks at all features.
fn with_ranker(model: RankerModel, cascade: Option<Cascade>, candidates: usize) -> Snapshot {
    let base = with_properties();
    let features = features::names(base.statistics(), base.profiles());
    let any = |at: usize| (number(at + 5000) * features.len() as f32) as u32;
    let (mut manifest, mut tables) = (base.manifest().clone(), base.tables().clone());
    tables.ranker = Some(match model {
        RankerModel::Trees { depth } => RankerTable::Trees(
            depth,
            TreeTable {
                features: (0..depth * TREES).map(any).collect(),
                borders: (0..depth * TREES).map(|at| number(at) * 2.0 - 0.5).collect(),
                leaves: (0..TREES << depth).map(|at| (number(at + 9000) - 0.5) * 0.3).collect(),
                ..TreeTable::default()
            },
        ),
        RankerModel::Linear => RankerTable::Linear(LinearTable {
            features: (0..features.len() as u32).collect(),
            slopes: (0..features.len()).map(|at| (number(at) - 0.5) * 0.1).collect(),
            missing: (0..features.len()).map(|at| (number(at + 700) - 0.5) * 0.2).collect(),
        }),
    });
    let ranker = manifest.engine.ranker.as_mut().expect("the golden version has one");
    (ranker.model, ranker.cascade, ranker.candidates, ranker.features) = (model, cascade, candidates, features);
    Snapshot::new(manifest, tables).expect("consistent")
}

/// The rankers that questions are asked with; the last version has none.
fn versions() -> Vec<Snapshot> {
    let trees = RankerModel::Trees { depth: DEPTH };
    let mut without = with_properties();
    without.params_mut().ranker = None;
    vec![
        with_ranker(trees, None, 9),
        with_ranker(trees, Some(Cascade { trees: 12, kept: 3 }), 6),
        with_ranker(RankerModel::Linear, None, 4),
        without,
    ]
}

/// Explains all items.
fn all(snapshot: &Snapshot, state: &UserState, query: &Query, scratch: &mut Scratch) -> Explained {
    let items: Vec<ItemIdx> = (0..9).map(ItemIdx).collect();
    explain(snapshot, state, query, Some(&items), 100, scratch)
}

/// What the ranker and the sources say adds up.
fn check_sums(why: &Why) -> Result<(), TestCaseError> {
    let blended: f32 = why.sources.iter().map(|source| source.adds).sum();
    prop_assert!(why.blended.is_none_or(|own| (own - blended).abs() < 1e-5));
    if blended > 0.0 {
        let shares: f32 = why.sources.iter().map(|source| source.share.abs()).sum();
        prop_assert!((shares - 1.0).abs() < 1e-5);
    }
    if let Some(ranking) = &why.ranking {
        let sum = ranking.base + ranking.features.iter().map(|feature| feature.log_odds).sum::<f64>();
        prop_assert!((sum - ranking.score).abs() < 1e-6);
        let probability = 1.0 / (1.0 + (-ranking.score).exp());
        match ranking.step {
            Step::All => prop_assert!((probability - f64::from(ranking.probability)).abs() < 2e-6, "{ranking:?}"),
            Step::First => prop_assert!(f64::from(ranking.probability) < probability + 2e-6, "{ranking:?}"),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_told_of_every_item_is_what_the_slate_and_its_scores_are(
        history in prop::collection::vec((0u32..9, 0u8..3), 0..12),
        seen in prop::collection::vec((0u32..9, 0u8..5), 0..4),
        (exclude, context, basket) in (
            prop::collection::vec(0u32..9, 0..3),
            prop::collection::vec(0u32..9, 0..2),
            prop::collection::vec(0u32..9, 0..2),
        ),
        rules in prop::option::of(any_rules()),
        explores in any::<bool>(),
        (only, category) in (prop::option::of(1u32..512), any::<bool>()),
        decays in prop::collection::vec((0u32..9, 0.0f32..1.0), 0..3),
        (version, policy, k, seed) in (0usize..4, 0usize..3, 1usize..11, any::<u64>()),
    ) {
        let snapshot = &versions()[version];
        let kinds = |events: Vec<(u32, u8)>| -> Vec<(u32, KindIdx)> {
            events.into_iter().map(|(item, kind)| (item, KindIdx(kind))).collect()
        };
        let state = state(&kinds(history), &kinds(seen));
        let items = |items: Vec<u32>| items.into_iter().map(ItemIdx).collect::<Vec<_>>();
        let explore = explores.then(|| Explore { share: 0.5, items: items(vec![1, 4, 7]).into() });
        let query = Query {
            context: items(context),
            basket: items(basket),
            exclude: items(exclude),
            rules: rules.map(|rules| Arc::new(Rules { explore, ..rules })),
            only: only.map(set),
            category: snapshot.items().category("fruit").filter(|_| category),
            decays: decays.into_iter().map(|(item, left)| Decay { item: ItemIdx(item), left }).collect(),
            seed,
            ..Query::of(k, [Seen::Allow, Seen::ExcludePurchased, Seen::ExcludeAll][policy])
        };
        let mut scratch = Scratch::default();
        let slate = recommend(snapshot, &state, &query, 100, &mut scratch);
        let told = all(snapshot, &state, &query, &mut scratch);
        prop_assert_eq!(&told.slate.picks, &slate.picks);
        let explores = query.rules.as_ref().is_some_and(|rules| rules.explore.is_some());

        for why in &told.items {
            check_sums(why)?;
            let place = slate.picks.iter().position(|pick| pick.item == why.item).map(|at| at + 1);
            prop_assert_eq!(why.place, place);
            prop_assert_eq!(why.absent.is_none(), place.is_some());
            if !explores {
                prop_assert_eq!(why.by_rules.filter(|place| *place <= k), place, "the beginning of the longest slate");
            }
            let is_refused = matches!(why.absent, Some(Absent::Refused(_)));
            prop_assert_eq!(is_refused, why.by_rules.is_none(), "all nine fit into the longest slate: {:?}", why);
            let pick = slate.picks.iter().find(|pick| pick.item == why.item);
            let effect = |placed| match placed {
                Placed::Ranked => !why.effects.iter().any(|effect| {
                    matches!(effect, Effect::Pinned | Effect::Explored(_) | Effect::Together(_))
                }),
                Placed::Pinned => why.effects.contains(&Effect::Pinned),
                Placed::Explored => why.effects.iter().any(|effect| matches!(effect, Effect::Explored(_))),
                Placed::Together => why.effects.iter().any(|effect| matches!(effect, Effect::Together(_))),
            };
            prop_assert!(pick.is_none_or(|pick| effect(pick.placed)));
        }

        // The orders are those of the scores that are told.
        let mut by_blend: Vec<&Why> = told.items.iter().filter(|why| why.by_blend.is_some()).collect();
        by_blend.sort_by_key(|why| why.by_blend);
        prop_assert!(by_blend.windows(2).all(|pair| pair[0].blended >= pair[1].blended.map(|one| one - 1e-5)));
        prop_assert!(by_blend.iter().enumerate().all(|(at, why)| why.by_blend == Some(at + 1)));
        let mut ranked: Vec<&Why> = told.items.iter().filter(|why| why.ranking.is_some()).collect();
        ranked.sort_by_key(|why| why.by_ranker);
        let scores: Vec<(Step, f64)> = ranked.iter().filter_map(|why| why.ranking.as_ref()).map(|own| (own.step, own.score)).collect();
        prop_assert!(scores.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].1 >= pair[1].1 - 1e-6), "{scores:?}");
        prop_assert!(ranked.iter().enumerate().all(|(at, why)| why.by_ranker == Some(at + 1)));
        // The base is the mean score, where one step scores all.
        if version != 1 && !scores.is_empty() {
            let mean = scores.iter().map(|(_, score)| score).sum::<f64>() / scores.len() as f64;
            let base = ranked[0].ranking.as_ref().expect("ranked").base;
            prop_assert!((mean - base).abs() < 1e-5, "{mean} {base}");
        }

        // Each item of the catalogue is refused once or not at all, and what leaves a part goes into the next.
        let trail = &told.trail;
        let refused: usize = trail.refused.iter().map(|(_, items)| items).sum();
        prop_assert_eq!(refused, told.items.iter().filter(|why| matches!(why.absent, Some(Absent::Refused(_)))).count());
        let left = |part: Part| trail.passed.iter().find(|passed| passed.part == part).map(|passed| passed.left);
        prop_assert_eq!(left(Part::Filter), Some(9 - refused));
        prop_assert_eq!(left(Part::Rules), Some(slate.picks.len()));
        prop_assert_eq!(left(Part::Retrieve), Some(by_blend.len()).filter(|_| left(Part::Extend).is_none()).or(left(Part::Retrieve)));
        for source in &trail.sources {
            prop_assert_eq!(source.items, slate.candidates[source.source.column()] as usize);
        }
    }
}

/// Why an item is not in the slate of a query.
fn absent(snapshot: &Snapshot, state: &UserState, query: &Query, id: &str) -> Option<Absent> {
    let item = snapshot.items().index(id).expect("known");
    explain(snapshot, state, query, Some(&[item]), 100, &mut Scratch::default()).items[0].absent
}

#[test]
fn the_reason_is_told_by_which_an_item_is_refused() {
    let base = with_properties();
    let mut tables = base.tables().clone();
    let item = |id: &str| base.items().index(id).expect("known");
    tables.items.available_from = (0..9).map(|at| if at == item("hook").0 { 200 } else { i64::MIN }).collect();
    tables.items.available_until = (0..9).map(|at| if at == item("knot").0 { i64::MIN } else { i64::MAX }).collect();
    let snapshot = Snapshot::new(base.manifest().clone(), tables).expect("consistent");
    let hide = snapshot.params().kinds.index("hide").expect("built in");
    let (view, bought) = (KindIdx::VIEW, KindIdx::TRANSACTION);
    let state = state(
        &[(item("pear").0, view), (item("plum").0, view), (item("plum").0, bought), (item("plum").0, view)],
        &[(item("rope").0, hide), (item("ink").0, bought)],
    );
    let of = |query: &Query, id: &str| match absent(&snapshot, &state, query, id) {
        Some(Absent::Refused(refusal)) => Some(refusal),
        _ => None,
    };
    let query = Query {
        exclude: vec![item("pen")],
        basket: vec![item("apple")],
        context: vec![item("new")],
        ..Query::of(9, Seen::ExcludePurchased)
    };
    assert_eq!(of(&query, "hook"), Some(Refusal::Unavailable { from_ms: Some(200), until_ms: None }));
    assert_eq!(of(&query, "knot"), Some(Refusal::Unavailable { from_ms: None, until_ms: Some(i64::MIN) }));
    assert_eq!(of(&query, "rope"), Some(Refusal::Blocked(hide)));
    assert_eq!(of(&query, "plum"), Some(Refusal::Seen { kind: bought, at_ms: Some(2) }));
    assert_eq!(of(&query, "ink"), Some(Refusal::Seen { kind: bought, at_ms: None }));
    assert_eq!(of(&query, "pen"), Some(Refusal::Excluded));
    assert_eq!(of(&query, "apple"), Some(Refusal::InBasket));
    assert_eq!(of(&query, "new"), Some(Refusal::OnPage));
    assert_eq!(of(&query, "pear"), None);
    let only = Query { only: Some(set(1 << item("pear").0)), ..query.clone() };
    assert_eq!(of(&only, "pear"), None);
    let plain = Query { only: Some(set(1 << item("pear").0)), ..Query::of(9, Seen::Allow) };
    assert_eq!(of(&plain, "apple"), Some(Refusal::Filtered));
    let fruit = Query { category: snapshot.items().category("fruit"), ..Query::of(9, Seen::Allow) };
    assert_eq!(of(&fruit, "ink"), Some(Refusal::OtherCategory));
    let told = explain(&snapshot, &state, &query, None, 100, &mut Scratch::default());
    let once = [Refused::Blocked, Refused::InBasket, Refused::OnPage, Refused::Excluded].map(|reason| (reason, 1));
    let refused: BTreeSet<(Refused, usize)> = told.trail.refused.iter().copied().collect();
    assert_eq!(refused, [(Refused::Unavailable, 2), (Refused::Seen, 2)].into_iter().chain(once).collect());
    assert_eq!(told.items.iter().map(|why| why.place).collect::<Vec<_>>(), [Some(1)], "pear alone is left");
}

#[test]
fn what_no_rule_refuses_is_further_down_held_back_buried_or_gave_way() {
    let snapshot = with_properties();
    let item = |id: &str| snapshot.items().index(id).expect("known");
    let nobody = UserState::default();
    // Without rules: ink rope pen pear knot plum hook apple new.
    let why = |rules: Rules, k: usize, id: &str| {
        let query = Query { rules: Some(Arc::new(rules)), ..Query::of(k, Seen::Allow) };
        explain(&snapshot, &nobody, &query, Some(&[item(id)]), 100, &mut Scratch::default()).items.remove(0)
    };
    let plum = why(Rules::default(), 3, "plum");
    assert_eq!((plum.absent, plum.by_rules, plum.by_blend), (Some(Absent::Below), Some(6), Some(6)));

    // Ink is of the office, rope of sailing, pear a fruit; pen is of the office, too.
    let caps = || Rules { caps: vec![cap("brand", 9), cap("category", 1)], ..Rules::default() };
    let pen = why(caps(), 3, "pen");
    let Some(Absent::HeldBack { rule: 1, value }) = pen.absent else { panic!("{pen:?}") };
    assert_eq!(value.category(), snapshot.items().category("office").expect("known"));
    assert_eq!((pen.before_rules, pen.by_rules), (Some(3), Some(4)));
    assert_eq!(why(caps(), 3, "apple").absent, Some(Absent::Below), "the slate is full before its turn");
    assert!(matches!(why(caps(), 9, "pen").effects[..], [Effect::HeldBack { rule: 1, .. }]));

    let buries = vec![Bury { items: set(1 << item("ink").0), during: ALWAYS }];
    assert_eq!(why(Rules { buries, ..Rules::default() }, 3, "ink").absent, Some(Absent::Buried { rule: 0 }));
    let boosts = vec![boost(set(0), 2.0), boost(set(1 << item("apple").0), 1000.0)];
    let apple = why(Rules { boosts, ..Rules::default() }, 3, "apple");
    assert_eq!((apple.before_rules, apple.place), (Some(8), Some(1)));
    assert_eq!(apple.effects, [Effect::Boosted { rule: 1, factor: 1000.0, add: 0.0 }]);
    let pins = vec![pin(item("new"), 2)];
    let new = why(Rules { pins: pins.clone(), ..Rules::default() }, 3, "new");
    assert_eq!((new.place, &new.effects[..]), (Some(2), &[Effect::Pinned][..]));
    assert_eq!(why(Rules { pins, ..Rules::default() }, 1, "new").absent, Some(Absent::Below));

    let explore = Some(Explore { share: 1.0, items: [item("new")].into() });
    let rules = Rules { explore, ..Rules::default() };
    assert_eq!(why(rules.clone(), 3, "ink").absent, Some(Absent::GaveWay));
    let new = why(rules, 3, "new");
    assert_eq!((new.place, &new.effects[..]), (Some(1), &[Effect::Explored(1.0)][..]));

    let rope = state(&[(item("rope").0, KindIdx::VIEW)], &[]);
    let mut alone = with_properties();
    alone.params_mut().weights = Weights::only(Source::ItemKnnSession);
    alone.params_mut().ranker = None;
    let found = explain(&alone, &rope, &Query::of(1, Seen::Allow), None, 100, &mut Scratch::default());
    let sources: Vec<Source> = found.items[0].sources.iter().map(|source| source.source).collect();
    assert_eq!((sources, found.items[0].because), (vec![Source::ItemKnnSession], Some(item("rope"))));
    assert_eq!(absent(&alone, &rope, &Query::of(1, Seen::Allow), "new"), Some(Absent::NotProposed));
}
