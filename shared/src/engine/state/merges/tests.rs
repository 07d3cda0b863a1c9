use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::contract::event_log::{CoveredFile, FileId};
use crate::contract::id::{ItemId, ItemIdx};
use crate::contract::item_change::{FieldValue, Stamp};
use crate::contract::kind::{KindIdx, KindName};
use crate::contract::merge::{self, Merge, Merging, Undo};
use crate::engine::state::{Interaction, LiveErasure, LiveSaid};

/// A line of a log; its number is the time at which it was accepted.
#[derive(Debug, Clone)]
enum Line {
    Event {
        user: usize,
        key: u64,
    },
    Merge {
        from: usize,
        into: usize,
    },
    /// Of the merge with this number, if there is one.
    Undo {
        of: usize,
    },
    Erasure {
        user: usize,
    },
    /// Something of a user beside events.
    Said {
        user: usize,
        field: usize,
    },
}

fn user(at: usize) -> UserId {
    UserId::new(["a", "b", "c"][at]).expect("an id")
}

fn place(number: i64) -> Option<Place> {
    Some(Place { file: FileId::of("a", 1, b"first\n"), end: 10 * number.unsigned_abs() + 10 })
}

fn event(key: u64, received_ms: i64) -> LiveEvent {
    let (item, kind) = (ItemId::new(format!("i{key}")).expect("an id"), KindName::VIEW);
    LiveEvent { received_ms, event_key: key, timestamp_ms: received_ms, kind, item, place: place(received_ms) }
}

fn said(field: usize, received_ms: i64) -> LiveSaid {
    let place = place(received_ms).expect("a place");
    let value = Some(FieldValue::Number(received_ms as f64));
    let stamp = Stamp { timestamp_ms: received_ms, received_ms, place };
    LiveSaid { set: [(format!("f{field}").into(), value)].into(), stamp }
}

/// When the last was said of each field.
type Told = BTreeMap<String, i64>;

fn told_of(history: &LiveHistory) -> Told {
    history.said.iter().map(|(field, latest)| (field.to_string(), latest.stamp.received_ms)).collect()
}

fn none() -> &'static Coverage {
    static NONE: std::sync::LazyLock<Coverage> = std::sync::LazyLock::new(Coverage::default);
    &NONE
}

fn bounds() -> HistoryBounds<'static> {
    HistoryBounds { max_events: 1000, max_older: 1000, covered: none() }
}

/// The histories of a store, and the messages that are on their way between them.
#[derive(Default)]
struct World {
    histories: BTreeMap<UserId, LiveHistory>,
    sent: BTreeSet<(UserId, UserId, i64, u64)>,
    old: Vec<(UserId, Taken)>,
}

impl World {
    /// Changes a history by what was accepted at a time.
    fn change(&mut self, of: &UserId, at_ms: i64, change: impl FnOnce(&mut LiveHistory)) -> Vec<(UserId, Taken)> {
        let history = self.histories.entry(of.clone()).or_default();
        history.changing(of, 0, bounds(), change);
        history.flows(of, at_ms, bounds())
    }

    /// Applies a line to the history of its user alone.
    fn apply(&mut self, lines: &[Line], at: usize) -> Vec<(UserId, Taken)> {
        let received_ms = at as i64;
        match lines[at] {
            Line::Event { user: of, key } => self.change(&user(of), received_ms, |history| {
                history.apply(event(key, received_ms), bounds());
            }),
            Line::Merge { from, into } => {
                let merge = LiveMerge { into: user(into), received_ms, place: place(received_ms), undone: false };
                self.change(&user(from), merge.received_ms, |history| history.merge(merge, bounds()))
            }
            Line::Undo { of } => match lines.get(of) {
                Some(&Line::Merge { from, into }) => {
                    let merge = LiveMerge { into: user(into), received_ms: of as i64, place: None, undone: true };
                    self.change(&user(from), merge.received_ms, |history| history.merge(merge, bounds()))
                }
                _ => Vec::new(),
            },
            Line::Erasure { user: of } => self.change(&user(of), received_ms, |history| {
                history.erase(LiveErasure { received_ms, place: place(received_ms) })
            }),
            Line::Said { user: of, field } => self.change(&user(of), received_ms, |history| {
                history.say(&said(field, received_ms), none());
            }),
        }
    }

    /// Passes on what merges move, until nothing is on its way.
    fn pass_on(&mut self, flows: Vec<(UserId, Taken)>) {
        self.sent.clear();
        let mut open: VecDeque<_> = flows.into();
        while let Some((into, taken)) = open.pop_front() {
            if self.sent.insert((into.clone(), taken.from.clone(), taken.received_ms, taken.version)) {
                self.old.push((into.clone(), taken.clone()));
                open.extend(self.change(&into, taken.received_ms, |history| history.take(taken)));
            }
        }
    }

    fn keys(&self) -> Vec<Vec<u64>> {
        let keys = |at| {
            let whole = self.histories.get(&user(at)).map(|history| history.with_taken(bounds()));
            let mut keys: Vec<u64> = whole.iter().flat_map(|of| &of.recent).map(|event| event.event_key).collect();
            keys.sort_unstable();
            keys
        };
        (0..3).map(keys).collect()
    }

    /// What is known of users beside events, with what came by merges.
    fn told(&self) -> Vec<Told> {
        let told = |at| self.histories.get(&user(at)).map(|history| told_of(&history.with_taken(bounds())));
        (0..3).map(|at| told(at).unwrap_or_default()).collect()
    }
}

/// What was said of users last, unless they were erased since: whatever was merged.
fn said_by_the_rule(lines: &[Line]) -> Vec<Told> {
    let mut told = vec![Told::new(); 3];
    for (line, received_ms) in lines.iter().zip(0..) {
        match *line {
            Line::Said { user: of, field } => {
                told[of].insert(format!("f{field}"), received_ms);
            }
            Line::Erasure { user: of } => told[of].clear(),
            Line::Event { .. } | Line::Merge { .. } | Line::Undo { .. } => {}
        }
    }
    told
}

/// Whose the events are, by the rule.
fn by_the_rule(lines: &[Line]) -> Vec<Vec<u64>> {
    let mut merges = merge::Merges::default();
    let mut erasures: Vec<(String, i64)> = Vec::new();
    for (line, received_ms) in lines.iter().zip(0..) {
        match *line {
            Line::Merge { from, into } => {
                merges.add(&Merging::Merge(Merge { from: user(from), into: user(into), received_ms }));
            }
            Line::Undo { of } => {
                if let Some(&Line::Merge { from, into }) = lines.get(of) {
                    let (from, into, merged_ms) = (user(from), user(into), of as i64);
                    merges.add(&Merging::Undo(Undo { from, into, merged_ms, received_ms }));
                }
            }
            Line::Erasure { user: of } => erasures.push((user(of).to_string(), received_ms)),
            Line::Event { .. } | Line::Said { .. } => {}
        }
    }
    let mut keys = vec![Vec::new(); 3];
    for (line, received_ms) in lines.iter().zip(0..) {
        let Line::Event { user: of, key } = *line else { continue };
        let name = user(of).to_string();
        let stays = merges.stays(&name, received_ms);
        let was_erased = stays.iter().any(|stay| {
            let until_ms = stay.until_ms.unwrap_or(i64::MAX);
            erasures.iter().any(|(user, at_ms)| user == stay.user && (stay.since_ms..until_ms).contains(at_ms))
        });
        let owner = stays.last().expect("a stay").user;
        let at = (0..3).find(|at| user(*at).as_str() == owner).expect("one of them");
        if !was_erased {
            keys[at].push(key);
        }
    }
    keys
}

fn line() -> impl Strategy<Value = Line> {
    prop_oneof![
        6 => (0usize..3).prop_map(|user| Line::Event { user, key: 0 }),
        3 => (0usize..3, 1usize..3).prop_map(|(from, by)| Line::Merge { from, into: (from + by) % 3 }),
        2 => (0usize..24).prop_map(|of| Line::Undo { of }),
        1 => (0usize..3).prop_map(|user| Line::Erasure { user }),
        2 => (0usize..3, 0usize..3).prop_map(|(user, field)| Line::Said { user, field }),
    ]
}

/// The numbers of lines in some order, but that an erasure comes after the merges of its user that were accepted before it.
fn in_order(lines: &[Line], mut numbers: Vec<usize>, order: impl Fn(usize) -> u32) -> Vec<usize> {
    numbers.sort_by_key(|&at| (matches!(lines[at], Line::Erasure { .. }), order(at)));
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn whatever_the_order_and_the_crashes_events_are_whose_the_rule_says(
        mut lines in prop::collection::vec(line(), 1..24),
        order in prop::collection::vec((any::<u32>(), 0u8..8), 24),
    ) {
        for (line, number) in lines.iter_mut().zip(1..) {
            if let Line::Event { key, .. } = line {
                *key = number;
            }
        }
        let numbers = in_order(&lines, (0..lines.len()).collect(), |at| order[at].0);
        let mut world = World::default();
        let mut crashed = Vec::new();
        for &at in &numbers {
            let flows = world.apply(&lines, at);
            match order[at].1 {
                // Between the history of the line's user and those of others.
                0 => crashed.push(at),
                // It comes twice.
                1 => {
                    let again = world.apply(&lines, at);
                    world.pass_on(again);
                    world.pass_on(flows);
                }
                // A message of long ago comes late.
                2 => {
                    world.pass_on(flows);
                    if let Some((into, taken)) = world.old.first().cloned() {
                        world.change(&into, taken.received_ms, |history| history.take(taken));
                    }
                }
                _ => world.pass_on(flows),
            }
        }
        for at in crashed {
            let flows = world.apply(&lines, at);
            world.pass_on(flows);
        }
        prop_assert_eq!(world.keys(), by_the_rule(&lines));
        prop_assert_eq!(world.told(), said_by_the_rule(&lines));
    }

    #[test]
    fn what_is_there_of_a_history_and_one_that_is_made_of_all_lines_are_the_latter(
        lines in prop::collection::vec(line(), 1..24),
        order in prop::collection::vec((any::<u32>(), any::<bool>()), 24),
    ) {
        // Those of one user.
        let of_one = |(line, key): (Line, u64)| match line {
            Line::Event { .. } => Line::Event { user: 0, key },
            Line::Merge { into, .. } => Line::Merge { from: 0, into: into.max(1) },
            Line::Undo { of } => Line::Undo { of },
            Line::Erasure { .. } => Line::Erasure { user: 0 },
            Line::Said { field, .. } => Line::Said { user: 0, field },
        };
        let lines: Vec<Line> = lines.into_iter().zip(1..).map(of_one).collect();
        let made = |is_in: &dyn Fn(usize) -> bool| {
            let mut world = World::default();
            for at in in_order(&lines, (0..lines.len()).filter(|at| is_in(*at)).collect(), |at| order[at].0) {
                world.apply(&lines, at);
            }
            world.histories.remove(&user(0)).unwrap_or_default()
        };
        // Versions go by how a history was made.
        let content = |mut history: LiveHistory| {
            history.merges.moves.iter_mut().for_each(|of| of.version = 0);
            history
        };
        let (mut there, whole) = (made(&|at| order[at].1), made(&|_| true));
        there.absorb(whole.clone(), bounds());
        prop_assert_eq!(told_of(&there), said_by_the_rule(&lines).swap_remove(0));
        prop_assert_eq!(content(there), content(whole));
    }
}

#[test]
fn what_was_said_stays_with_its_user_and_goes_with_their_erasure_alone() {
    let mut world = World::default();
    let lines = [Line::Said { user: 0, field: 0 }, Line::Said { user: 1, field: 0 }, Line::Merge { from: 0, into: 1 }];
    told(&mut world, &lines);
    let of = |told: &[(&str, i64)]| told.iter().map(|(field, at)| ((*field).to_owned(), *at)).collect::<Told>();
    assert_eq!(world.told(), [of(&[("f0", 0)]), of(&[("f0", 1)]), of(&[])]);
    let erased = [&lines[..], &[Line::Erasure { user: 1 }]].concat();
    world.apply(&erased, 3);
    assert_eq!(world.told(), [of(&[("f0", 0)]), of(&[]), of(&[])]);
    assert!(!world.histories[&user(0)].is_empty());
}

#[test]
fn what_was_said_is_forgotten_when_every_version_covers_its_line() {
    let covered = |bytes: u64| -> Coverage {
        let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
        [&CoveredFile { replica, number: 1, id, bytes }].into_iter().collect()
    };
    let mut history = LiveHistory::default();
    assert_eq!(history.say(&said(0, 1), &covered(10)), Applied::New);
    assert_eq!(history.say(&said(0, 1), &covered(10)), Applied::Duplicate);
    assert_eq!(history.say(&said(1, 2), &covered(19)), Applied::New);
    history.forget_said(&covered(20));
    assert_eq!(told_of(&history), Told::from([("f1".to_owned(), 2)]));
    assert_eq!(history.say(&said(0, 1), &covered(20)), Applied::Duplicate);
    history.forget_said(&covered(30));
    assert!(history.is_empty());
}

fn told(world: &mut World, lines: &[Line]) {
    for at in 0..lines.len() {
        let flows = world.apply(lines, at);
        world.pass_on(flows);
    }
}

#[test]
fn an_event_that_both_had_stays_with_its_own_user_when_the_merge_is_undone() {
    let mut world = World::default();
    let lines = [Line::Event { user: 0, key: 7 }, Line::Event { user: 1, key: 7 }, Line::Merge { from: 0, into: 1 }];
    told(&mut world, &lines);
    assert_eq!(world.keys(), [vec![], vec![7], vec![]]);
    let undone = [&lines[..], &[Line::Undo { of: 2 }]].concat();
    let flows = world.apply(&undone, 3);
    world.pass_on(flows);
    assert_eq!(world.keys(), [vec![7], vec![7], vec![]]);
}

#[test]
fn the_batchs_record_goes_with_the_past_until_a_version_covers_the_merge() {
    let mut world = World::default();
    told(&mut world, &[Line::Merge { from: 0, into: 1 }, Line::Merge { from: 1, into: 2 }]);
    let covered = |bytes: u64| -> Coverage {
        let (replica, id) = ("a".to_owned(), FileId::of("a", 1, b"first\n"));
        [&CoveredFile { replica, number: 1, id, bytes }].into_iter().collect()
    };
    let [a, b, c] = [0, 1, 2].map(|at| world.histories[&user(at)].clone());
    let records = |of: &LiveHistory, bytes| of.records(&covered(bytes)).map(UserId::to_string).collect::<Vec<_>>();
    assert_eq!(
        (records(&c, 9), records(&c, 10), records(&c, 20)),
        (vec!["b".into(), "a".into()], vec!["b".into()], vec![])
    );
    assert!(a.gave_record(&covered(9)) && !a.gave_record(&covered(10)) && records(&a, 0).is_empty());
    assert!(b.gave_record(&covered(19)) && !b.gave_record(&covered(20)) && records(&b, 0).is_empty());
    assert!(!c.gave_record(&covered(0)));
}

#[test]
fn of_many_merges_the_last_are_remembered_and_what_the_others_moved_stays() {
    let mut world = World::default();
    let one = [Line::Event { user: 0, key: 0 }, Line::Merge { from: 0, into: 1 }];
    let keys = |at: usize| match one[at % 2] {
        Line::Event { user, .. } => Line::Event { user, key: at as u64 },
        ref merge => merge.clone(),
    };
    let lines: Vec<Line> = (0..2 * MAX_MOVES + 6).map(keys).collect();
    told(&mut world, &lines);
    assert_eq!(world.histories[&user(0)].merges.moves.len(), MAX_MOVES);
    assert_eq!(world.keys()[1].len(), MAX_MOVES + 3);
}

#[test]
fn two_records_are_one_with_the_seen_items_before_the_history() {
    let item = |at| SeenItem { item: ItemIdx(at), kind: KindIdx::VIEW };
    let event = |at: u32, timestamp_ms| Interaction {
        item: ItemIdx(at),
        kind: KindIdx::VIEW,
        timestamp_ms,
        event_key: u64::from(at),
    };
    let own = BatchUser { cached: Vec::new(), history: vec![event(3, 30), event(4, 40)], seen: vec![item(1), item(3)] };
    let other =
        BatchUser { cached: Vec::new(), history: vec![event(2, 20), event(4, 40), event(5, 50)], seen: Vec::new() };
    let both = own.with(other);
    assert_eq!(both.history, [event(3, 30), event(4, 40), event(5, 50)]);
    assert_eq!(both.seen, [item(1), item(2), item(3)]);
}
