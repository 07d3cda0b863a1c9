//! What MLflow takes for a name: letters, digits and a few signs.
//!
//! Source: `mlflow/utils/validation.py`, `_VALID_PARAM_AND_METRIC_NAMES`, and its limits of lengths.

/// The most characters of the name of a parameter, a metric or a tag.
const LONGEST_NAME: usize = 250;
/// The most characters of the value of a parameter.
const LONGEST_VALUE: usize = 6000;

/// A name that the server takes: `ndcg@20` is `ndcg_at_20`, as MLflow's own ranking metrics are called.
pub fn name(own: &str) -> String {
    let fits = |character: char| character.is_ascii_alphanumeric() || "_-. :/".contains(character);
    let spelt = own.replace('@', "_at_").replace('+', "and");
    spelt.chars().map(|character| if fits(character) { character } else { '_' }).take(LONGEST_NAME).collect()
}

/// A value of a parameter that the server takes.
pub fn value(own: &str) -> String {
    own.chars().take(LONGEST_VALUE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_the_server_takes_them() {
        assert_eq!(name("tandem ndcg@20"), "tandem ndcg_at_20");
        assert_eq!(name("fit blend NDCG@20 + Recall@96"), "fit blend NDCG_at_20 and Recall_at_96");
        assert_eq!(name("kinds.précommande"), "kinds.pr_commande");
        assert_eq!(value(&"x".repeat(7000)).len(), 6000);
    }
}
