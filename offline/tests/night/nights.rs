//! A scheduler whose job is due when a test says so, and who is told of it.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::schedule::receiver::Http;
use crate::schedule::scheduler::{Place, Scheduler};
use crate::support::objects::Machine;
use crate::support::{QUICK, eventually, within};

/// What signs notices.
const SECRET: &str = "a-word-between-two";
/// Where the scheduler has its lease.
const LOCK: &str = "s3://tandem/shop/schedule";
/// A time that does not come while a test runs.
const NEVER: &str = "@yearly";
/// How long a night may take on a busy machine.
const NIGHT: Duration = Duration::from_secs(600);

pub struct Nights {
    place: Place,
    receiver: Http,
    scheduler: Scheduler,
    command: Vec<String>,
}

/// The config of a scheduler that tells everything.
fn config(command: &[String], cron: &str) -> String {
    let command = serde_json::to_string(command).expect("an array of TOML, too");
    format!(
        "lock = '{LOCK}'\n---\n[notices]\non = ['success', 'failure', 'refused', 'recovery']\n\
         [[webhook]]\nname = 'ops'\nurl_env = 'NIGHT_URL'\nsecret_env = 'NIGHT_SECRET'\n\
         [[job]]\nname = 'nightly'\ncron = '{cron}'\nretries = 1\nbackoff = '1s'\nbackoff_cap = '1s'\n\
         command = {command}\n"
    )
}

/// What the scheduler of a machine finds in its environment.
fn environment(machine: &Machine, receiver: &Http, command: &mut Command) {
    machine.environment(command);
    command.envs(QUICK).env("NIGHT_URL", receiver.url("/hook")).env("NIGHT_SECRET", SECRET);
}

impl Nights {
    /// Starts a scheduler on a machine, with nothing to do yet.
    pub fn begin(machine: &Machine, command: &[String]) -> Self {
        let (place, receiver) = (Place::new(&config(command, NEVER)), Http::start(&[]));
        let scheduler = place.start_with("log", &[], |command| environment(machine, &receiver, command));
        scheduler.says("runs the jobs");
        Self { place, receiver, scheduler, command: command.to_vec() }
    }

    /// Lets a night pass: every other second is one until the job begins. Returns the notice of its end, which must be
    /// of a kind.
    pub fn pass(&self, kind: &str) -> Value {
        let (told, begun) = (self.receiver.received().len(), self.place.runs().len());
        self.is_due("*/2 * * * * *");
        eventually("the job begins", || self.place.runs().len() > begun);
        self.is_due(NEVER);
        within(NIGHT, "the notice of the night", || self.receiver.received().len() > told);
        let received = &self.receiver.received()[told];
        received.assert_signed(SECRET);
        let notice = received.json();
        assert_eq!(notice["kind"], kind, "{notice}\n{}", self.scheduler.log());
        notice
    }

    fn is_due(&self, cron: &str) {
        self.place.configure(&config(&self.command, cron));
        self.scheduler.signal(Signal::HUP);
    }

    /// Checks that a scheduler of another machine, with a state of its own, does not run the jobs beside this one.
    pub fn assert_has_no_rival(&self, machine: &Machine) {
        let rival = Place::new(&config(&self.command, NEVER));
        let mut command = rival.command(&["--no-wait"]);
        environment(machine, &self.receiver, &mut command);
        let output = command.output().expect("the binary runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("the jobs are run by process "), "{said}");
    }

    /// Stops the scheduler, and starts one on another machine, which must not have to wait until a lease ends by
    /// itself. Returns the ids of all runs.
    pub fn end(self, other: &Machine) -> Vec<String> {
        assert!(self.scheduler.stop(), "it ends in order");
        let place = Place::new(&config(&self.command, NEVER));
        let next = place.start_with("log", &[], |command| environment(other, &self.receiver, command));
        next.says("runs the jobs");
        assert!(next.stop());
        let runs = self.place.runs().into_iter();
        runs.map(|(path, _)| path.file_name().expect("a name").to_string_lossy().into_owned()).collect()
    }
}
