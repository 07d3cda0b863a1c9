//! URLs with passwords: nothing that is printed has one.

use shared::contract::url::{RedisUrl, without_user_info};

use super::texts;

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = (RedisUrl::from(text.to_owned()).to_string(), without_user_info(text));
    for line in without_user_info(text).lines() {
        let after = line.split_once("://").map_or("", |(_, after)| after);
        assert!(!after.contains('@') && !after.contains("pass=") || after.contains("pass=..."), "{line}");
    }
    // Behind a comma the next URL may begin.
    if !text.contains([',', '\n']) {
        let printed = RedisUrl::from(format!("redis://:{text}@host:1/2")).to_string();
        assert!(["redis://host:1/2", "redis://..."].contains(&printed.as_str()), "{printed}");
        let told = without_user_info(&format!("'redis://:{text}@host:1/2' is no number"));
        assert_eq!(told, "'redis://host:1/2' is no number");
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    texts([
        "redis://shop:secret@host:1/2, rediss://[::1]:6379/0",
        "unix:///run/redis.sock?pass=secret&db=1",
        "se'cr\"et",
        "error: 'http://a:b@127.0.0.1' for '--url <URL>'\n(see http://x/y?z)",
        "sec?r#e/t",
    ])
}
