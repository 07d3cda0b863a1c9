//! What other systems call events, and the kinds that these are to us.

use std::collections::BTreeMap;

use shared::contract::kind::{KindName, Kinds};

use crate::events::kinds::check_kind;

/// The kinds of events by the names of other systems, in small letters: `[clients] kinds` of the config.
pub type OtherKinds = BTreeMap<String, KindName>;

/// The kind of an event that has this name elsewhere: that of the config, else the one of this name itself, in small
/// letters and with `_` for what no name of ours has.
///
/// # Errors
/// What there is instead.
pub fn kind(name: &str, names: &OtherKinds, served: &Kinds) -> Result<KindName, String> {
    let name = name.trim().to_lowercase();
    let kind = match names.get(&name) {
        Some(kind) => kind.clone(),
        None => {
            let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
            let told = |_| {
                format!("{name:?} is no kind of event; [clients] kinds of the service's config may say which it is")
            };
            KindName::new(&plain).map_err(told)?
        }
    };
    check_kind(&kind, served)
        .map_err(|unknown| format!("{unknown}; [clients] kinds of the service's config may say which it is"))?;
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_that_of_the_config_or_one_of_ours() {
        let names = OtherKinds::from([("purchase".to_owned(), KindName::TRANSACTION)]);
        let of = |name: &str| kind(name, &names, &Kinds::default()).map(|kind| kind.to_string());
        assert_eq!(of("Purchase").as_deref(), Ok("transaction"));
        assert_eq!(of(" View ").as_deref(), Ok("view"));
        assert_eq!(of("remove-from-cart").as_deref(), Ok("remove_from_cart"));
        assert!(of("watched").is_err_and(|why| why.contains("[clients] kinds")));
    }
}
