//! A notice as people read it: a subject, and lines of plain text or HTML.

use std::fmt::Write as _;

use jiff::Zoned;
use maud::html;

use super::{Figure, Kind, Notice};

/// The subject: the shop, the job and what happened.
#[must_use]
pub fn subject(notice: &Notice) -> String {
    format!("{}: {} {}", notice.shop, notice.job, notice.kind.verb())
}

/// What is told, as pairs of a word and its lines, in order.
fn parts(notice: &Notice) -> Vec<(&'static str, Vec<String>)> {
    let one = |text: &String| vec![text.clone()];
    let mut parts = vec![("when", vec![when(notice)])];
    parts.extend(notice.reason.as_ref().map(|reason| ("why", reason.lines().map(ToOwned::to_owned).collect())));
    parts.extend(notice.version.as_ref().map(|version| ("version", one(version))));
    let mut list = |word, lines: Vec<String>| {
        if !lines.is_empty() {
            parts.push((word, lines));
        }
    };
    list("figures", notice.figures.iter().map(figure).collect());
    list("settings", notice.settings.clone());
    list("last lines", notice.last_lines.clone());
    parts.extend(notice.report.as_ref().map(|report| ("report", one(report))));
    parts.push(("next", one(&notice.next_step)));
    parts.extend(notice.run.as_ref().map(|run| ("run", one(run))));
    parts
}

fn when(notice: &Notice) -> String {
    let mut text = match notice.at.parse::<Zoned>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M:%S %:Q").to_string(),
        Err(_) => notice.at.clone(),
    };
    // Writing to a string can't fail.
    if let Some(seconds) = notice.seconds {
        let _ = write!(text, ", {seconds:.1} s");
    }
    if let Some(attempts @ 2..) = notice.attempts {
        let _ = write!(text, ", after {attempts} tries");
    }
    text
}

fn figure(figure: &Figure) -> String {
    let mut text = format!("{} {:.4}", figure.name, figure.value);
    if let Some([low, high]) = figure.interval {
        let _ = write!(text, " ({low:.4} to {high:.4})");
    }
    if let Some(champion) = figure.champion {
        let _ = write!(text, ", champion {champion:.4}");
    }
    text
}

/// The lines below the subject, each with its word in front; several of one word are indented below it.
#[must_use]
pub fn plain(notice: &Notice) -> String {
    let mut text = String::new();
    for (word, lines) in parts(notice) {
        match lines.as_slice() {
            [line] => text.push_str(&format!("{word}: {line}\n")),
            lines => {
                text.push_str(&format!("{word}:\n"));
                lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
            }
        }
    }
    text
}

/// The same as HTML, for mail.
#[must_use]
pub fn html(notice: &Notice) -> String {
    let colour = match notice.kind {
        Kind::Success | Kind::Recovery => "#2e7d32",
        Kind::Stale | Kind::Refused | Kind::Dropped => "#b26a00",
        Kind::Failure | Kind::Timeout => "#b00020",
    };
    let page = html! {
        (maud::DOCTYPE)
        html {
            body style="font-family: sans-serif" {
                h2 style={ "color: " (colour) } { (subject(notice)) }
                table {
                    @for (word, lines) in parts(notice) {
                        tr {
                            th align="left" valign="top" { (word) }
                            td {
                                @if word == "report" {
                                    @for line in &lines { a href=(line) { (line) } }
                                } @else if word == "last lines" {
                                    pre { (lines.join("\n")) }
                                } @else {
                                    @for line in &lines { (line) br; }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// A text of at most so many bytes, cut between characters.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most.saturating_sub("…".len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notices::samples::sample;

    #[test]
    fn a_failure_tells_when_why_and_what_to_do() {
        let failure = sample(Kind::Failure);
        assert_eq!(subject(&failure), "tandem: nightly failed");
        let expected = "\
when: 2026-11-27 02:31:07 Europe/Berlin, 67.5 s, after 3 tries
why: events.csv: no such file
last lines:
  ingest: 0.01 s, 12 MiB
  error: events.csv: no such file
next: offline run --events events.csv, and then offline schedule --now nightly
run: r20261127-013000-3f9a
";
        assert_eq!(plain(&failure), expected);
    }

    #[test]
    fn a_refusal_tells_figures_beside_the_champion_s_and_the_settings_that_lost() {
        let expected = "\
when: 2026-11-27 02:31:07 Europe/Berlin, 67.5 s
why: the new configuration stays a challenger
version: v000012-da425381
figures:
  tandem ndcg@20 0.0674 (0.0600 to 0.0750), champion 0.4673
  tandem hr@20 0.1200
settings: blend.fit true → false
report: https://reports.example/nightly/r20261127-013000-3f9a
next: put the settings back, or accept the new ones: offline run --no-gate
run: r20261127-013000-3f9a
";
        assert_eq!(plain(&sample(Kind::Refused)), expected);
    }

    #[test]
    fn mail_is_escaped_and_links_to_the_report() {
        let mut notice = sample(Kind::Refused);
        notice.reason = Some("<script>alert(1)</script>".to_owned());
        let html = html(&notice);
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
        assert!(html.contains("<a href=\"https://reports.example/nightly/r20261127-013000-3f9a\">"), "{html}");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("ääää", 6), "ä…");
    }
}
