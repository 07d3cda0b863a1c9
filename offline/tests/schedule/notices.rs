//! Notices on their way to receivers.

use std::fs;
use std::time::{Duration, Instant};

use offline::notices::samples::sample;
use offline::notices::send::{self, Failure};
use offline::notices::{Kind, Notice};
use offline::schedule::config::Plan;

use super::receiver::{Answer, Http, smtp};
use super::scheduler::Place;
use crate::support::eventually;

/// What becomes of a notice that is sent by the first channel of a config.
fn sent(place: &Place, notice: &Notice) -> Result<(), Failure> {
    let plan = Plan::load(&place.path("schedule.toml")).unwrap_or_else(|error| panic!("{error}"));
    let client = send::client(&plan.channels).expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(send::send(&plan.channels.all[0], &plan.channels, &client, notice))
}

/// A place with a channel whose URL is in the file `url`.
fn with_url(kind: &str, url: &str, more: &str) -> Place {
    let place = Place::new("");
    let file = place.path("url");
    fs::write(&file, url).expect("writes");
    place.configure(&format!(
        "[notices]\ntimeout = '300ms'\n[[{kind}]]\nname = 'ops'\n{more}\nurl_file = '{}'\n",
        file.display()
    ));
    place
}

#[test]
fn a_webhook_is_signed_over_its_time_and_its_bytes() {
    let receiver = Http::start(&[]);
    let place = with_url("webhook", &receiver.url("/hook"), "secret_env = 'PATH'");
    let notice = sample(Kind::Refused);
    assert_eq!(sent(&place, &notice), Ok(()));
    let all = receiver.received();
    assert_eq!(all.len(), 1);
    let received = &all[0];
    assert_eq!((received.path.as_str(), received.header("tandem-notice")), ("/hook", notice.id.as_str()));
    assert_eq!(serde_json::from_slice::<Notice>(&received.body).expect("a notice"), notice);
    received.assert_signed(std::env::var("PATH").expect("a path").trim());
}

#[test]
fn what_a_receiver_answers_decides_whether_it_is_asked_again() {
    let answers = [Answer::Status(500), Answer::Busy(7), Answer::Status(404), Answer::Status(302), Answer::Status(400)];
    let receiver = Http::start(&answers);
    let place = with_url("slack", &receiver.url("/services/T0/SECRETPATH"), "");
    let mut told = Vec::new();
    for _ in answers {
        let failure = sent(&place, &sample(Kind::Failure)).expect_err("no 200");
        assert!(!format!("{failure:?}").contains("SECRETPATH"));
        told.push(match failure {
            Failure::Later(_, asked) => (true, asked.map(|asked| asked.as_secs())),
            Failure::Never(_) => (false, None),
        });
    }
    assert_eq!(told, [(true, None), (true, Some(7)), (true, None), (false, None), (false, None)]);
    assert_eq!(receiver.received()[0].json()["text"], "tandem: nightly failed");
}

#[test]
fn a_receiver_that_hangs_or_is_away_is_told_without_its_url() {
    let receiver = Http::start(&[Answer::Hang]);
    let place = with_url("slack", &receiver.url("/SECRETPATH"), "");
    let begin = Instant::now();
    let failure = sent(&place, &sample(Kind::Failure)).expect_err("it hangs");
    assert!(begin.elapsed() < Duration::from_secs(5) && matches!(failure, Failure::Later(..)));
    let away = with_url("slack", "http://127.0.0.1:9/SECRETPATH", "");
    for failure in [failure, sent(&away, &sample(Kind::Failure)).expect_err("it is away")] {
        assert!(!format!("{failure:?}").contains("SECRETPATH"), "{failure:?}");
    }
}

#[test]
fn telegram_gets_plain_text_at_an_address_that_has_the_token() {
    let receiver = Http::start(&[]);
    let place = Place::new("");
    let file = place.path("token");
    fs::write(&file, "12:abc").expect("writes");
    let base = receiver.url("/");
    place.configure(&format!(
        "[[telegram]]\nname = 't'\nchat = '-100'\ntoken_file = '{}'\nbase = '{base}'\n",
        file.display()
    ));
    assert_eq!(sent(&place, &sample(Kind::Timeout)), Ok(()));
    let received = &receiver.received()[0];
    assert_eq!((received.path.as_str(), &received.json()["chat_id"]), ("/bot12:abc/sendMessage", &"-100".into()));
    let text = received.json()["text"].as_str().expect("text").to_owned();
    assert!(text.starts_with("tandem: nightly took too long\n\nwhen: 2026-11-27"), "{text}");
}

#[test]
fn mail_is_taken_and_a_refused_address_is_not_tried_for_ever() {
    let (port, mails) = smtp(550);
    let place = Place::new(&format!(
        "[[email]]\nname = 'mail'\nhost = '127.0.0.1'\nport = {port}\ntls = 'none'\nfrom = 'Tandem <t@shop.example>'\nto = ['ops@shop.example']\n"
    ));
    assert!(matches!(sent(&place, &sample(Kind::Failure)), Err(Failure::Never(_))));
    assert_eq!(sent(&place, &sample(Kind::Failure)), Ok(()));
    let mails = mails.lock().expect("a lock");
    assert_eq!(mails.len(), 1);
    assert!(
        mails[0].contains("Subject: tandem: nightly failed") && mails[0].contains("To: ops@shop.example"),
        "{}",
        mails[0]
    );
}

#[test]
fn a_receiver_that_comes_back_gets_what_it_missed_and_no_secret_is_in_any_file() {
    let receiver = Http::start(&[Answer::Status(500), Answer::Busy(0), Answer::Hang]);
    let place = Place::new("");
    let url = receiver.url("/services/SECRETPATH?key=SECRETKEY");
    place.configure(
        "[jobs]\nretries = 0\n[notices]\nbackoff = '50ms'\nbackoff_cap = '100ms'\ntimeout = '200ms'\non = ['failure', 'recovery']\n\
         [[slack]]\nname = 'slack'\nurl_env = 'SLACK'\n\
         [[job]]\nname = 'fails'\ncron = '@yearly'\ncommand = ['ingest', '--events', 'no-such.csv']\n",
    );
    let (done, told) = place.run(&["--check"]);
    assert!(!done && told.contains("channel slack: the environment has no variable SLACK"), "{told}");
    let log = fs::File::create(place.path("log")).expect("a file");
    let mut command = place.command(&["--now", "fails"]);
    let mut child = command.env("SLACK", &url).env("RUST_LOG", "trace").stderr(log).spawn().expect("runs");
    eventually("the notice is taken", || place.state()["outbox"]["slack"]["sent"] == 1);
    child.kill().expect("it lives");
    child.wait().expect("own child");
    let received = receiver.received();
    assert_eq!(received.len(), 4);
    let text = received[3].json()["blocks"][1]["text"]["text"].as_str().expect("text").to_owned();
    assert!(text.contains("no-such.csv") && text.contains("--now fails"), "{text}");
    assert_eq!(place.state()["outbox"]["slack"]["failed"], 3);
    assert_in_no_file(place.folder.path(), "SECRET");
}

/// Panics for a file below a folder that has a text in it.
fn assert_in_no_file(folder: &std::path::Path, text: &str) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            assert_in_no_file(&path, text);
        } else {
            let bytes = fs::read(&path).expect("reads");
            let found = String::from_utf8_lossy(&bytes).contains(text);
            assert!(!found, "it is in {}", path.display());
        }
    }
}
