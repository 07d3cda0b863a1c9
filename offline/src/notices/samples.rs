//! A made-up notice of each kind: for `--test-notices`, and for tests of texts.

use super::{Figure, Kind, Notice};

/// A notice of a run that never was.
#[must_use]
pub fn sample(kind: Kind) -> Notice {
    let run = "r20261127-013000-3f9a";
    let mut notice = Notice {
        id: format!("{run}-{kind:?}").to_lowercase(),
        kind,
        shop: "tandem".to_owned(),
        job: "nightly".to_owned(),
        run: Some(run.to_owned()),
        at: "2026-11-27T02:31:07+01:00[Europe/Berlin]".to_owned(),
        seconds: Some(67.5),
        attempts: Some(1),
        reason: None,
        version: Some("v000012-da425381".to_owned()),
        figures: vec![
            Figure {
                name: "tandem ndcg@20".to_owned(),
                value: 0.4712,
                interval: Some([0.4621, 0.4803]),
                champion: Some(0.4673),
            },
            Figure { name: "tandem hr@20".to_owned(), value: 0.6120, interval: None, champion: None },
        ],
        settings: Vec::new(),
        last_lines: Vec::new(),
        report: Some(format!("https://reports.example/nightly/{run}")),
        next_step: "nothing".to_owned(),
    };
    let failed = |notice: &mut Notice, reason: &str| {
        notice.reason = Some(reason.to_owned());
        (notice.version, notice.report) = (None, None);
        notice.figures.clear();
    };
    match kind {
        Kind::Success | Kind::Recovery => {}
        Kind::Failure => {
            failed(&mut notice, "events.csv: no such file");
            notice.attempts = Some(3);
            notice.last_lines =
                ["ingest: 0.01 s, 12 MiB", "error: events.csv: no such file"].map(String::from).to_vec();
            notice.next_step = "offline run --events events.csv, and then offline schedule --now nightly".to_owned();
        }
        Kind::Refused => {
            notice.reason = Some("the new configuration stays a challenger".to_owned());
            notice.figures[0].value = 0.0674;
            notice.figures[0].interval = Some([0.06, 0.075]);
            notice.figures[1].value = 0.12;
            notice.settings = vec!["blend.fit true → false".to_owned()];
            notice.next_step = "put the settings back, or accept the new ones: offline run --no-gate".to_owned();
        }
        Kind::Timeout => {
            failed(&mut notice, "it took longer than its timeout and was ended");
            notice.next_step = "give the job a longer `timeout`, or look at what took so long".to_owned();
        }
        Kind::Stale => {
            notice.reason = Some("the newest event is of 2026-11-20 18:02:11 Europe/Berlin".to_owned());
            notice.next_step = "look whether events still reach the log that the job reads".to_owned();
        }
        Kind::Dropped => {
            failed(&mut notice, "12 notices of job nightly dropped: the channel was away for too long");
            (notice.run, notice.seconds, notice.attempts) = (None, None, None);
            notice.next_step = "offline schedule --status".to_owned();
        }
    }
    notice
}
