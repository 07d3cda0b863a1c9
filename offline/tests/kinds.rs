//! What users take back or block is so in the next version: in popularity, in their records, and in their slates.

use std::path::{Path, PathBuf};

use shared::contract::api::Seen;
use shared::contract::id::ItemIdx;
use shared::contract::kind::KindIdx;
use shared::engine::packed::unpack_user;
use shared::engine::recommend::{Query, Scratch, recommend};
use shared::engine::snapshot::Snapshot;
use shared::engine::state::{BatchUser, LiveHistory, UserState};

use crate::support::{DAY_MS, SMALL, champion, offline_with, text, write_log};

/// Publishes a version of a log and loads it.
fn built(folder: &Path, name: &str, rows: &[(i64, &str, &str, &str)], environment: &[(&str, &str)]) -> Snapshot {
    let (log, artifacts): (PathBuf, PathBuf) = (folder.join(format!("{name}.csv")), folder.join(name));
    write_log(&log, rows);
    let environment = [&SMALL[..], environment].concat();
    let output = offline_with(&["run", "--events", text(&log), "--artifacts", text(&artifacts)], &environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Snapshot::load(&champion(&artifacts)).expect("loads")
}

fn record(snapshot: &Snapshot, user: &str) -> BatchUser {
    unpack_user(snapshot.users().record(user).expect("a record")).expect("whole")
}

fn slate(snapshot: &Snapshot, user: &str, seen: Seen) -> Vec<String> {
    let state = UserState::join(snapshot, record(snapshot, user), &LiveHistory::default());
    let now_ms = snapshot.manifest().last_event_ms;
    let slate = recommend(snapshot, &state, &Query::of(50, seen), now_ms, &mut Scratch::default());
    slate.picks.iter().map(|pick| snapshot.items().id(pick.item).to_owned()).collect()
}

/// Two users look at every item; `u` puts one into the cart, buys two and likes one.
fn past() -> Vec<(i64, &'static str, &'static str, &'static str)> {
    let items = ["bed", "chair", "lamp", "rug", "table"];
    let views = (0..).zip(items).flat_map(|(at, item)| [(at, "u", "view", item), (at, "v", "view", item)]);
    let own = [(10, "u", "addtocart", "bed"), (11, "u", "transaction", "chair"), (12, "u", "transaction", "lamp")];
    views.chain(own).chain([(13, "u", "like", "rug")]).collect()
}

#[test]
fn the_next_version_knows_what_was_removed_refunded_and_disliked() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let end = [(DAY_MS, "w", "view", "table")];
    let before = built(folder.path(), "before", &[&past()[..], &end].concat(), &[]);
    let taken_back = [(20, "u", "remove_from_cart", "bed"), (21, "u", "refund", "lamp"), (22, "u", "dislike", "rug")];
    let after = built(folder.path(), "after", &[&past()[..], &taken_back, &end].concat(), &[]);
    let item = |snapshot: &Snapshot, id: &str| snapshot.items().index(id).expect("an item");
    let kinds = &after.params().kinds;
    let dislike = kinds.index("dislike").expect("built in");

    let history = |snapshot: &Snapshot, id: &str| -> Vec<KindIdx> {
        let own = item(snapshot, id);
        record(snapshot, "u").history.iter().filter(|event| event.item == own).map(|event| event.kind).collect()
    };
    assert_eq!(history(&before, "bed"), [KindIdx::VIEW, KindIdx::ADD_TO_CART]);
    for (id, expected) in [("bed", 1), ("chair", 2), ("lamp", 1), ("rug", 0)] {
        assert_eq!(history(&after, id).len(), expected, "{id}");
    }
    let seen = |id: &str| -> Vec<KindIdx> {
        let seen = record(&after, "u").seen;
        seen.iter().filter(|seen| seen.item == item(&after, id)).map(|seen| seen.kind).collect()
    };
    assert_eq!(
        [seen("chair"), seen("lamp"), seen("rug")],
        [vec![KindIdx::TRANSACTION], vec![KindIdx::VIEW], vec![dislike]]
    );

    let popularity = |snapshot: &Snapshot, id: &str| snapshot.popularity().score(item(snapshot, id));
    // One event less of the bed and the lamp; of the rug the view and the like of `u`, and the weight of the block.
    let event = popularity(&before, "chair") / 3.0;
    for (id, less) in [("bed", 1.0), ("lamp", 1.0), ("rug", 3.0), ("chair", 0.0)] {
        let lost = (popularity(&before, id) - popularity(&after, id)) / event;
        assert!((lost - less).abs() < 0.01, "{id}: {lost}");
    }

    let shown = |snapshot: &Snapshot, seen| {
        let slate = slate(snapshot, "u", seen);
        ["chair", "lamp", "rug"].map(|id| slate.contains(&id.to_owned()))
    };
    assert_eq!(shown(&before, Seen::ExcludePurchased), [false, false, true]);
    assert_eq!(shown(&after, Seen::ExcludePurchased), [false, true, false]);
    assert_eq!(shown(&after, Seen::Allow), [true, true, false]);
    assert_eq!(after.manifest().counts["events"] + after.manifest().counts["taken_back"], 18);
    assert_eq!(after.manifest().counts["blocked"], 1);
    let cached = record(&after, "u").cached;
    assert!(cached.iter().all(|candidate| candidate.item != item(&after, "rug")));
}

#[test]
fn a_user_of_whom_only_a_block_is_known_has_a_record_of_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let rows = [&past()[..], &[(30, "x", "view", "bed"), (31, "x", "hide", "bed")]].concat();
    let snapshot = built(folder.path(), "hidden", &rows, &[]);
    let BatchUser { history, seen, .. } = record(&snapshot, "x");
    assert!(history.is_empty());
    assert_eq!(
        seen.iter().map(|seen| seen.item).collect::<Vec<ItemIdx>>(),
        [snapshot.items().index("bed").expect("one")]
    );
    assert!(!slate(&snapshot, "x", Seen::Allow).contains(&"bed".to_owned()));
}

#[test]
fn a_shop_adds_kinds_of_its_own_also_in_the_environment() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let own = [
        ("TANDEM_KINDS__GIFT", "3"),
        ("TANDEM_KINDS__RETURN__WEIGHT", "0"),
        ("TANDEM_KINDS__RETURN__UNDOES", "gift"),
        ("TANDEM_KINDS__ORDER__WEIGHT", "7"),
        ("TANDEM_KINDS__ORDER__BUYS", "true"),
        ("TANDEM_KINDS__VIEW", "2"),
    ];
    let of_own =
        [(20, "u", "gift", "rug"), (21, "u", "gift", "bed"), (22, "u", "return", "rug"), (23, "u", "order", "bed")];
    let snapshot = built(folder.path(), "own", &[&past()[..], &of_own].concat(), &own);
    let kinds = &snapshot.params().kinds;
    let row = |name: &str| kinds.index(name).expect("a kind");
    assert_eq!([kinds.weight(row("gift")), kinds.weight(KindIdx::VIEW)], [3.0, 2.0]);
    let BatchUser { history, seen, .. } = record(&snapshot, "u");
    assert_eq!(history.iter().filter(|event| event.kind == row("gift")).count(), 1);
    let bed = snapshot.items().index("bed").expect("an item");
    assert!(seen.iter().any(|seen| seen.item == bed && seen.kind == row("order")));
    assert!(!slate(&snapshot, "u", Seen::ExcludePurchased).contains(&"bed".to_owned()));
}
