//! The lease in Redis, for state folders that several machines mount.

use std::time::Duration;

use super::scheduler::{Place, QUICK};
use crate::redis_server::RedisServer;
use crate::support::eventually;

const PASSWORD: &str = "correct-horse-battery";

fn place(redis: &RedisServer) -> Place {
    let url = redis.url();
    Place::new(&format!("lock = '{url}'\n---\n[[job]]\nname = 'often'\ncron = '* * * * * *'\ncommand = {QUICK}\n"))
}

#[test]
fn a_lease_has_one_holder_who_is_named_and_is_given_back_at_a_stop() {
    let redis = RedisServer::start_with_password(PASSWORD);
    // Two folders, as of two machines whose locks don't reach each other.
    let (here, there) = (place(&redis), place(&redis));
    let first = here.start("log", &[]);
    first.says("runs the jobs");
    let second = there.start("log", &[]);
    second.says("standing by: the jobs are run by process ");
    assert!(first.stop());
    second.says("runs the jobs");
    eventually("it runs them", || there.ended("often", "success") > 0);
    assert!(!second.log().contains(PASSWORD));
    assert!(second.stop());
}

#[test]
fn a_lease_that_another_one_took_begins_nothing_any_more() {
    let redis = RedisServer::start_with_password(PASSWORD);
    let place = place(&redis);
    let scheduler = place.start("log", &[]);
    scheduler.says("runs the jobs");
    redis.command::<String>(&["SET", "tandem:schedule", "somebody else", "PX", "60000"]);
    scheduler.says("the lease is lost");
    scheduler.says("standing by: the jobs are run by somebody else");
    let before = place.state();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(place.state(), before);
    redis.command::<i64>(&["DEL", "tandem:schedule"]);
    eventually("it has it again", || place.state() != before);
    assert!(scheduler.stop());
}
