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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {source}")]
    struct Outer {
        source: std::io::Error,
    }

    #[test]
    fn a_cause_that_is_in_the_text_is_not_said_again() {
        let source = std::io::Error::other("redis://:secret@h is away");
        assert_eq!(complaint(&Outer { source }), "outer: redis://h is away");
    }
}
