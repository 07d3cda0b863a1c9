//! What the events of Segment's e-commerce specification are to us.
//!
//! Source: Segment, "Ecommerce Spec" (version 2), with the names of version 1; RudderStack's is the same.

/// What an event tells of products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The kind of event that it is for each product.
    pub kind: &'static str,
    /// Whether its products are in the list `products`.
    pub products: bool,
}

/// The names, as [`plain`] makes them, with the kind, and whether they have a list of products.
const EVENTS: [(&str, &str, bool); 20] = [
    ("product viewed", "view", false),
    ("viewed product", "view", false),
    ("product clicked", "view", false),
    ("clicked product", "view", false),
    ("product added", "addtocart", false),
    ("added product", "addtocart", false),
    ("wishlist product added to cart", "addtocart", false),
    ("product removed", "remove_from_cart", false),
    ("removed product", "remove_from_cart", false),
    ("product added to wishlist", "wishlist", false),
    ("added product to wishlist", "wishlist", false),
    ("product removed from wishlist", "remove_from_wishlist", false),
    ("removed product from wishlist", "remove_from_wishlist", false),
    ("order completed", "transaction", true),
    ("completed order", "transaction", true),
    ("order refunded", "refund", true),
    ("refunded order", "refund", true),
    ("order cancelled", "refund", true),
    ("cancelled order", "refund", true),
    ("product liked", "like", false),
];

/// What an event of this name tells of products; `None` if it tells nothing.
#[must_use]
pub fn told(name: &str) -> Option<Told> {
    let name = plain(name);
    let found = EVENTS.iter().find(|(of, ..)| *of == name);
    found.map(|&(_, kind, products)| Told { kind, products })
}

/// A name in small letters with single spaces: `Product_Viewed` and `product  viewed` are one.
fn plain(name: &str) -> String {
    let words = name.split(|c: char| c.is_whitespace() || c == '_' || c == '-').filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use shared::contract::kind::Kinds;

    use super::*;

    #[test]
    fn names_are_read_however_they_are_written() {
        let kind = |name: &str| told(name).map(|told| told.kind);
        for name in ["Product Viewed", "product_viewed", " PRODUCT-VIEWED ", "Viewed Product"] {
            assert_eq!(kind(name), Some("view"), "{name}");
        }
        assert_eq!(told("Order Completed"), Some(Told { kind: "transaction", products: true }));
        assert_eq!((kind("Products Searched"), kind("")), (None, None));
    }

    #[test]
    fn every_event_is_of_a_built_in_kind() {
        let kinds = Kinds::default();
        assert!(EVENTS.iter().all(|(_, kind, _)| kinds.index(kind).is_some()));
    }
}
