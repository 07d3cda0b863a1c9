//! The words of the generated shop: its categories, the kinds of item in each, and the words that items are named with.
//!
//! An item is called "style modifier kind", as in "Oak Bedside Lamp". Styles and modifiers are single words and a kind
//! belongs to one category, so a name has one reading: two different triples never give the same name.

/// A category and the words its items are named with.
#[derive(Debug)]
pub struct CategoryWords {
    /// The name of the category.
    pub name: &'static str,
    /// The kinds of item it sells.
    pub kinds: [Kind; 6],
    /// The words for style clusters: a material, a colour or a manner.
    pub styles: [&'static str; 10],
    /// The words that distinguish items of one style and kind.
    pub modifiers: [&'static str; 8],
}

/// A kind of item.
#[derive(Debug)]
pub struct Kind {
    /// The last words of the item's name.
    pub name: &'static str,
    /// The first part of the item's id.
    pub slug: &'static str,
    /// The typical price of an item of this kind.
    pub typical_price: f64,
}

const fn kind(name: &'static str, slug: &'static str, typical_price: f64) -> Kind {
    Kind { name, slug, typical_price }
}

/// The categories, in pairs whose items are bought together: the first with the second, the third with the fourth, and
/// so on.
pub const CATEGORIES: [CategoryWords; 12] = [
    CategoryWords {
        name: "Lighting",
        kinds: [
            kind("Lamp", "lamp", 45.0),
            kind("Pendant", "pendant", 79.0),
            kind("Spotlight", "spotlight", 29.0),
            kind("Lantern", "lantern", 25.0),
            kind("Light Chain", "light-chain", 15.0),
            kind("Chandelier", "chandelier", 190.0),
        ],
        styles: ["Oak", "Brass", "Paper", "Smoked", "Nordic", "Industrial", "Opal", "Copper", "Rattan", "Chrome"],
        modifiers: ["Bedside", "Reading", "Dining", "Hallway", "Corner", "Studio", "Evening", "Slim"],
    },
    CategoryWords {
        name: "Furniture",
        kinds: [
            kind("Chair", "chair", 89.0),
            kind("Table", "table", 240.0),
            kind("Sofa", "sofa", 690.0),
            kind("Sideboard", "sideboard", 320.0),
            kind("Stool", "stool", 49.0),
            kind("Bench", "bench", 130.0),
        ],
        styles: ["Oak", "Walnut", "Birch", "Velvet", "Nordic", "Industrial", "Rattan", "Lacquered", "Linen", "Leather"],
        modifiers: ["Compact", "Family", "Lounge", "Folding", "Corner", "Farmhouse", "Studio", "Low"],
    },
    CategoryWords {
        name: "Kitchen",
        kinds: [
            kind("Pan", "pan", 59.0),
            kind("Knife", "knife", 49.0),
            kind("Kettle", "kettle", 65.0),
            kind("Chopping Board", "chopping-board", 29.0),
            kind("Mill", "mill", 25.0),
            kind("Saucepan", "saucepan", 55.0),
        ],
        styles: ["Steel", "Iron", "Copper", "Olive", "Enamel", "Ceramic", "Bamboo", "Matte", "Retro", "Carbon"],
        modifiers: ["Chef's", "Everyday", "Small", "Large", "Classic", "Weekend", "Camping", "Deep"],
    },
    CategoryWords {
        name: "Tableware",
        kinds: [
            kind("Plate", "plate", 12.0),
            kind("Bowl", "bowl", 11.0),
            kind("Mug", "mug", 9.0),
            kind("Carafe", "carafe", 27.0),
            kind("Cutlery Set", "cutlery-set", 69.0),
            kind("Glass", "glass", 8.0),
        ],
        styles: [
            "Stoneware",
            "Porcelain",
            "Speckled",
            "Indigo",
            "Enamel",
            "Terracotta",
            "Smoked",
            "Ribbed",
            "Ivory",
            "Retro",
        ],
        modifiers: ["Breakfast", "Dinner", "Side", "Serving", "Tall", "Wide", "Picnic", "Sunday"],
    },
    CategoryWords {
        name: "Bedding",
        kinds: [
            kind("Duvet Cover", "duvet-cover", 69.0),
            kind("Pillowcase", "pillowcase", 19.0),
            kind("Bed Sheet", "bed-sheet", 39.0),
            kind("Blanket", "blanket", 59.0),
            kind("Quilt", "quilt", 99.0),
            kind("Pillow", "pillow", 35.0),
        ],
        styles: ["Linen", "Percale", "Sateen", "Flannel", "Washed", "Striped", "Jersey", "Bamboo", "Quilted", "Floral"],
        modifiers: ["Single", "Double", "King", "Summer", "Winter", "Travel", "Guest", "Soft"],
    },
    CategoryWords {
        name: "Bath",
        kinds: [
            kind("Towel", "towel", 18.0),
            kind("Bath Mat", "bath-mat", 25.0),
            kind("Soap Dispenser", "soap-dispenser", 17.0),
            kind("Shower Curtain", "shower-curtain", 29.0),
            kind("Laundry Basket", "laundry-basket", 39.0),
            kind("Bathrobe", "bathrobe", 65.0),
        ],
        styles: ["Waffle", "Terry", "Bamboo", "Marble", "Linen", "Striped", "Charcoal", "Sand", "Teak", "Coral"],
        modifiers: ["Guest", "Large", "Spa", "Family", "Light", "Thick", "Travel", "Everyday"],
    },
    CategoryWords {
        name: "Garden",
        kinds: [
            kind("Planter", "planter", 32.0),
            kind("Watering Can", "watering-can", 24.0),
            kind("Hose", "hose", 35.0),
            kind("Trowel", "trowel", 14.0),
            kind("Raised Bed", "raised-bed", 89.0),
            kind("Bird House", "bird-house", 27.0),
        ],
        styles: ["Terracotta", "Zinc", "Cedar", "Corten", "Green", "Slate", "Willow", "Fibre", "Copper", "Rustic"],
        modifiers: ["Balcony", "Hanging", "Small", "Large", "Herb", "Courtyard", "Orchard", "Greenhouse"],
    },
    CategoryWords {
        name: "Outdoor",
        kinds: [
            kind("Deck Chair", "deck-chair", 79.0),
            kind("Parasol", "parasol", 99.0),
            kind("Grill", "grill", 229.0),
            kind("Hammock", "hammock", 69.0),
            kind("Fire Bowl", "fire-bowl", 119.0),
            kind("Cool Box", "cool-box", 49.0),
        ],
        styles: ["Teak", "Canvas", "Steel", "Aluminium", "Wicker", "Acacia", "Striped", "Corten", "Navy", "Rustic"],
        modifiers: ["Terrace", "Balcony", "Beach", "Folding", "Party", "Picnic", "Family", "Compact"],
    },
    CategoryWords {
        name: "Office",
        kinds: [
            kind("Desk", "desk", 279.0),
            kind("Office Chair", "office-chair", 199.0),
            kind("Notebook", "notebook", 9.0),
            kind("Pen Holder", "pen-holder", 12.0),
            kind("Monitor Stand", "monitor-stand", 45.0),
            kind("Desk Pad", "desk-pad", 29.0),
        ],
        styles: ["Oak", "Walnut", "Felt", "Mesh", "White", "Graphite", "Cork", "Leather", "Birch", "Signal"],
        modifiers: ["Standing", "Compact", "Home", "Studio", "Executive", "Student", "Focus", "Corner"],
    },
    CategoryWords {
        name: "Storage",
        kinds: [
            kind("Shelf", "shelf", 75.0),
            kind("Box", "box", 15.0),
            kind("Basket", "basket", 22.0),
            kind("Cabinet", "cabinet", 189.0),
            kind("Coat Rack", "coat-rack", 49.0),
            kind("Magazine File", "magazine-file", 11.0),
        ],
        styles: ["Oak", "Wire", "Seagrass", "Felt", "White", "Graphite", "Cork", "Birch", "Metal", "Rattan"],
        modifiers: ["Wall", "Stacking", "Tall", "Under-bed", "Hallway", "Archive", "Modular", "Narrow"],
    },
    CategoryWords {
        name: "Decor",
        kinds: [
            kind("Vase", "vase", 29.0),
            kind("Candle", "candle", 14.0),
            kind("Mirror", "mirror", 89.0),
            kind("Picture Frame", "picture-frame", 19.0),
            kind("Clock", "clock", 45.0),
            kind("Poster", "poster", 25.0),
        ],
        styles: [
            "Brass",
            "Marble",
            "Botanical",
            "Abstract",
            "Amber",
            "Black",
            "Ceramic",
            "Vintage",
            "Pastel",
            "Walnut",
        ],
        modifiers: ["Round", "Tall", "Mantel", "Gallery", "Small", "Arched", "Winter", "Accent"],
    },
    CategoryWords {
        name: "Textiles",
        kinds: [
            kind("Rug", "rug", 149.0),
            kind("Cushion", "cushion", 25.0),
            kind("Curtain", "curtain", 59.0),
            kind("Throw", "throw", 45.0),
            kind("Tablecloth", "tablecloth", 35.0),
            kind("Tea Towel", "tea-towel", 8.0),
        ],
        styles: ["Wool", "Jute", "Linen", "Kilim", "Boucle", "Velvet", "Botanical", "Striped", "Pastel", "Indigo"],
        modifiers: ["Hallway", "Living", "Reversible", "Woven", "Fringed", "Sunday", "Light", "Large"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_kind_belongs_to_one_category() {
        let kinds = CATEGORIES.iter().flat_map(|category| &category.kinds);
        let names: HashSet<_> = kinds.clone().map(|kind| kind.name).collect();
        let slugs: HashSet<_> = kinds.clone().map(|kind| kind.slug).collect();
        assert_eq!((names.len(), slugs.len()), (72, 72));
        assert_eq!(kinds.count(), 72);
    }

    #[test]
    fn styles_and_modifiers_are_single_words_without_a_comma() {
        for category in &CATEGORIES {
            for word in category.styles.iter().chain(&category.modifiers) {
                assert!(!word.is_empty() && !word.contains([' ', ',', '"']), "{word}");
            }
            let styles: HashSet<_> = category.styles.iter().collect();
            let modifiers: HashSet<_> = category.modifiers.iter().collect();
            assert_eq!((styles.len(), modifiers.len()), (10, 8), "{}", category.name);
        }
    }
}
