//! The report of a night, as a replica serves it and as a browser shows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::objects::Replica;
use crate::support::{eventually, text};

/// Where page and pictures go.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../night");
/// Schemes of colours by their number in Chromium.
const SCHEMES: [(&str, u8); 2] = [("light", 1), ("dark", 0)];
/// Widths of a desk and of a phone, and how far the page goes down there.
const SIZES: [(u32, u32); 2] = [(1280, 6500), (390, 15_000)];

/// The report of a version, which a replica shows to who has a key for it, and to nobody else.
pub fn served(replica: &Replica, version: &str) -> String {
    let path = format!("/reports/{version}");
    eventually("the report is served", || replica.get(&path).is_ok_and(|answer| answer.status == 200));
    assert_eq!(replica.client.get(&path).status, 401);
    let page = String::from_utf8(replica.get(&path).expect("answers").body).expect("UTF-8");
    assert!(page.contains(version) && page.ends_with("</html>"), "the page is whole");
    page
}

/// Takes pictures of a page where there is a Chromium; says where they are.
pub fn pictures(page: &str) -> String {
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder).expect("makes");
    let file = folder.join("report.html");
    fs::write(&file, page).expect("writes");
    if Command::new("chromium").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        return "none, for there is no chromium".to_owned();
    }
    let profile = tempfile::tempdir().expect("temporary folder");
    for size in SIZES {
        let [light, dark] = SCHEMES.map(|scheme| picture(&file, profile.path(), scheme, size));
        assert_ne!(fs::read(light).expect("a picture"), fs::read(dark).expect("a picture"));
    }
    fs::canonicalize(folder).expect("is there").display().to_string()
}

fn picture(page: &Path, profile: &Path, (scheme, number): (&str, u8), (width, height): (u32, u32)) -> PathBuf {
    let picture = page.with_file_name(format!("{scheme}-{width}.png"));
    // One of an earlier test must not be taken for this one's.
    let _ = fs::remove_file(&picture);
    let page = fs::canonicalize(page).expect("is there");
    let status = Command::new("chromium")
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .arg(format!("--user-data-dir={}", text(profile)))
        .arg(format!("--blink-settings=preferredColorScheme={number}"))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", text(&picture)))
        .arg(format!("file://{}", text(&page)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("chromium starts").success());
    let bytes = fs::read(&picture).expect("a picture");
    // The header of a PNG has its width and height behind 16 bytes.
    let size = [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes")));
    assert_eq!(size, [width, height]);
    picture
}
