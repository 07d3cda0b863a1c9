//! The text of an error for people: every cause once, and no password.

use std::error::Error;

use crate::contract::url::without_user_info;

/// The text of an error with its causes, each said once: the text of some errors already contains that of their cause.
/// Users and passwords of URLs are left out.
#[must_use]
pub fn complaint(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let said = chain.map(ToString::to_string).fold(String::new(), |said, cause| match said {
        said if said.contains(&cause) => said,
        said if said.is_empty() => cause,
        said => format!("{said}: {cause}"),
    });
    without_user_info(&said)
}

/// The most that is quoted of what another program answered, in characters.
const MOST: usize = 200;

/// What another program answered, for an error: in one line, and no more of it than helps. It may be a page.
#[must_use]
pub fn one_line(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {source}")]
    struct Outer {
        source: std::io::Error,
    }

    #[test]
    fn an_answer_is_quoted_in_one_line_that_is_not_long() {
        assert_eq!(one_line("<html>\n  <b>no</b>\r\n"), "<html> <b>no</b>");
        assert_eq!(one_line(&"ä".repeat(300)), format!("{}…", "ä".repeat(200)));
    }

    #[test]
    fn a_cause_that_is_in_the_text_is_not_said_again() {
        let source = std::io::Error::other("redis://:secret@h is away");
        assert_eq!(complaint(&Outer { source }), "outer: redis://h is away");
    }
}
