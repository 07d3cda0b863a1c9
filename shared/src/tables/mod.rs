//! The tables of a version, one file each: its columns with shapes and units, written, opened and checked in one place.
//!
//! A table is the same type in memory and on disk: the batch makes it from vectors, and uses it at once or writes it;
//! the service maps the file. [`Tables`] holds all tables of a version; a [`crate::engine::snapshot::Snapshot`] answers
//! from them.
//!
//! File formats are safetensors, so that the same files open in Python.

mod als;
mod availability;
mod encodings;
mod history;
mod item_rows;
mod items;
mod likeness;
mod neighbours;
mod popularity;
mod profiles;
mod properties;
mod ranker;
mod repeat;
mod sessions;
mod statistics;
mod trees;
mod users;
mod without;

use std::path::Path;

use crate::contract::artifact::columns::{Column, Element, TableFile, TableWriter};
use crate::contract::artifact::strings::Strings;
use crate::contract::artifact::{ArtifactError, Manifest};
use crate::contract::id::ItemIdx;
use crate::contract::source::{Kind, Source};
pub use als::{Als, AlsTable, Index};
pub use availability::Availability;
pub use encodings::EncodingTable;
pub use history::{HistoryBuilder, HistoryTable};
pub use item_rows::ItemRows;
pub use items::{CategoryIdx, ItemTable, Items, NO_CATEGORY};
pub use likeness::Likeness;
pub use neighbours::Neighbours;
pub use popularity::Popularity;
pub use profiles::{Profile, ProfileTable, bounded_exp};
pub use properties::{Property, PropertyKind, PropertyTable, Texts, Values};
pub use ranker::{LinearTable, Ranker, RankerTable, Step};
pub use repeat::{Repeat, RepeatTable};
pub use sessions::{Posting, Sessions};
pub use statistics::{Habit, Statistics};
pub use trees::TreeTable;
pub use users::Users;
pub use without::write_without;

/// Why a table is inconsistent, or does not fit the others.
pub type Misfit = String;

/// Columns under their names in one file.
pub trait Table: Sized {
    /// Takes the columns from a file.
    ///
    /// # Errors
    /// [`ArtifactError::Shape`] when one is absent or of another type.
    fn read(file: &TableFile) -> Result<Self, ArtifactError>;

    /// Adds the columns to a file that is being written.
    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>);
}

/// A field of a table: a column of numbers or of strings.
trait Field: Sized {
    fn read(file: &TableFile, name: &str) -> Result<Self, ArtifactError>;
    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>, name: &str);
}

impl<T: Element> Field for Column<T> {
    fn read(file: &TableFile, name: &str) -> Result<Self, ArtifactError> {
        file.column(name)
    }
    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>, name: &str) {
        writer.add(name, self);
    }
}

impl Field for Strings {
    fn read(file: &TableFile, name: &str) -> Result<Self, ArtifactError> {
        Self::open(file, name)
    }
    fn add_to<'a>(&'a self, writer: &mut TableWriter<'a>, name: &str) {
        Self::add_to(self, writer, name);
    }
}

/// Defines a table: a struct, and each field's name in the file. A field that versions of older releases lack is followed
/// by `or empty`, as which it is read there.
macro_rules! table {
    (@read $file:ident $name:literal) => { $crate::tables::Field::read($file, $name)? };
    (@read $file:ident $name:literal empty) => { $crate::tables::read_or_empty($file, $name)? };
    ($(#[$doc:meta])* pub struct $table:ident {
        $($(#[$of_field:meta])* $field:ident: $type:ty = $name:literal $(or $empty:ident)?,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default)]
        pub struct $table { $($(#[$of_field])* pub $field: $type,)* }

        impl $crate::tables::Table for $table {
            fn read(
                file: &$crate::contract::artifact::columns::TableFile,
            ) -> Result<Self, $crate::contract::artifact::ArtifactError> {
                Ok(Self { $($field: $crate::tables::table!(@read file $name $($empty)?),)* })
            }
            fn add_to<'a>(&'a self, writer: &mut $crate::contract::artifact::columns::TableWriter<'a>) {
                $($crate::tables::Field::add_to(&self.$field, writer, $name);)*
            }
        }
    };
}
use table;

const ITEMS: &str = "items.safetensors";
const POPULARITY: &str = "popularity.safetensors";
const SESSION_KNN: &str = "session_knn.safetensors";
const STATISTICS: &str = "statistics.safetensors";
const REPEAT: &str = "repeat.safetensors";
const PROFILES: &str = "profiles.safetensors";
const PROPERTIES: &str = "properties.safetensors";
const TOGETHER: &str = "together.safetensors";
const ALS: &str = "als.safetensors";
const RANKER: &str = "ranker.safetensors";
const USERS: &str = "users.safetensors";

/// The file of a relation's neighbours.
fn neighbours_file(relation: &str) -> String {
    format!("neighbours_{relation}.safetensors")
}

/// All tables of a version.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    /// Ids, names, categories, prices, availability.
    pub items: ItemTable,
    /// Popularity and trends.
    pub popularity: Popularity,
    /// The neighbours of all items, for each of [`Source::NEIGHBOURS`].
    pub neighbours: [Neighbours; Source::NEIGHBOURS.len()],
    /// What each item is bought with; empty if nothing is known of that.
    pub together: Neighbours,
    /// Past sessions.
    pub sessions: Sessions,
    /// Counters and rates of items.
    pub statistics: Statistics,
    /// The model of the source `repeat`.
    pub repeat: RepeatTable,
    /// Users' profiles; empty without any.
    pub profiles: ProfileTable,
    /// Further properties of items; empty without any.
    pub properties: PropertyTable,
    /// Item factors.
    pub als: AlsTable,
    /// The ranker, where one was fitted.
    pub ranker: Option<RankerTable>,
    /// Packed records of users.
    pub users: Users,
}

impl Tables {
    /// Maps the tables of a version. A neighbour table that the version's release did not have is empty, and so are the
    /// profiles of a version without any.
    ///
    /// # Errors
    /// [`ArtifactError`] when a file is missing, torn, or does not fit the others.
    pub fn open(folder: &Path, manifest: &Manifest) -> Result<Self, ArtifactError> {
        let mut neighbours: [Neighbours; Source::NEIGHBOURS.len()] = Default::default();
        for (table, relation) in neighbours.iter_mut().zip(relations()) {
            let file = neighbours_file(relation);
            if manifest.files.contains_key(&file) {
                *table = read(folder, &file)?;
            }
        }
        let ranker = manifest.engine.ranker.as_ref().map(|params| {
            let file = TableFile::open(folder, RANKER)?;
            RankerTable::read(&file, &params.model)
        });
        let tables = Self {
            items: read(folder, ITEMS)?,
            popularity: read(folder, POPULARITY)?,
            neighbours,
            sessions: read(folder, SESSION_KNN)?,
            statistics: read(folder, STATISTICS)?,
            repeat: read(folder, REPEAT)?,
            profiles: match manifest.files.contains_key(PROFILES) {
                true => read(folder, PROFILES)?,
                false => ProfileTable::default(),
            },
            properties: match manifest.files.contains_key(PROPERTIES) {
                true => read(folder, PROPERTIES)?,
                false => PropertyTable::default(),
            },
            together: match manifest.files.contains_key(TOGETHER) {
                true => read(folder, TOGETHER)?,
                false => Neighbours::default(),
            },
            als: read(folder, ALS)?,
            ranker: ranker.transpose()?,
            users: read(folder, USERS)?,
        };
        tables.check().map_err(|(file, misfit)| ArtifactError::shape(folder.join(file), misfit))?;
        Ok(tables)
    }

    /// Writes a file for each table into a folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when one can't be written.
    pub fn write(&self, folder: &Path) -> Result<(), ArtifactError> {
        write(&self.items, folder, ITEMS)?;
        write(&self.popularity, folder, POPULARITY)?;
        for (table, relation) in self.neighbours.iter().zip(relations()) {
            write(table, folder, &neighbours_file(relation))?;
        }
        write(&self.sessions, folder, SESSION_KNN)?;
        write(&self.statistics, folder, STATISTICS)?;
        write(&self.repeat, folder, REPEAT)?;
        if !self.profiles.is_empty() {
            write(&self.profiles, folder, PROFILES)?;
        }
        if !self.properties.is_empty() {
            write(&self.properties, folder, PROPERTIES)?;
        }
        if !self.together.is_empty() {
            write(&self.together, folder, TOGETHER)?;
        }
        write(&self.als, folder, ALS)?;
        if let Some(ranker) = &self.ranker {
            let mut writer = TableWriter::default();
            ranker.add_to(&mut writer);
            writer.write(folder, RANKER)?;
        }
        write(&self.users, folder, USERS)
    }

    /// Writes the file of the table that a source is served from into a folder.
    ///
    /// # Errors
    /// [`ArtifactError`] when it can't be written.
    pub fn write_of(&self, source: Source, folder: &Path) -> Result<(), ArtifactError> {
        match source.kind() {
            Kind::Cached => write(&self.users, folder, USERS),
            Kind::Neighbours(relation, _) => match self.neighbours(source) {
                Some(table) => write(table, folder, &neighbours_file(relation)),
                None => Ok(()),
            },
            Kind::Sessions => write(&self.sessions, folder, SESSION_KNN),
            Kind::Factors => write(&self.als, folder, ALS),
            Kind::History => write(&self.repeat, folder, REPEAT),
            Kind::Profile => write(&self.profiles, folder, PROFILES),
            Kind::CategoryPopularity | Kind::Trending | Kind::Popularity => write(&self.popularity, folder, POPULARITY),
        }
    }

    /// Checks that every table is consistent and fits the items, so that no look-up can fail later.
    ///
    /// # Errors
    /// The file of the first table that is not, and the reason.
    pub fn check(&self) -> Result<(), (String, Misfit)> {
        let items = self.items.id.len();
        let of = |file: &str, checked: Result<(), Misfit>| checked.map_err(|misfit| (file.to_owned(), misfit));
        of(ITEMS, self.items.check())?;
        of(POPULARITY, self.popularity.check(items, self.items.category_name.len()))?;
        for (table, relation) in self.neighbours.iter().zip(relations()) {
            of(&neighbours_file(relation), table.check(items))?;
        }
        of(SESSION_KNN, self.sessions.check(items))?;
        of(STATISTICS, self.statistics.check(items))?;
        of(REPEAT, self.repeat.check())?;
        of(PROFILES, self.profiles.check(items))?;
        of(PROPERTIES, self.properties.check(items))?;
        of(TOGETHER, self.together.check(items))?;
        of(ALS, self.als.check(items))?;
        of(USERS, self.users.check())
    }

    /// The neighbour table of a source, if it has one.
    #[must_use]
    pub fn neighbours(&self, source: Source) -> Option<&Neighbours> {
        Source::NEIGHBOURS.iter().position(|&other| other == source).map(|at| &self.neighbours[at])
    }

    /// Mutable access to the neighbour table of a source, if it has one.
    pub fn neighbours_mut(&mut self, source: Source) -> Option<&mut Neighbours> {
        Source::NEIGHBOURS.iter().position(|&other| other == source).map(|at| &mut self.neighbours[at])
    }
}

/// The names of the neighbour tables, in their order.
fn relations() -> impl Iterator<Item = &'static str> {
    Source::NEIGHBOURS.iter().filter_map(|source| source.relation())
}

/// Reads a column, or an empty one from a file that has none of this name.
fn read_or_empty<T: Element>(file: &TableFile, name: &str) -> Result<Column<T>, ArtifactError> {
    if file.has(name)? { file.column(name) } else { Ok(Column::default()) }
}

fn read<T: Table>(folder: &Path, name: &str) -> Result<T, ArtifactError> {
    T::read(&TableFile::open(folder, name)?)
}

fn write<T: Table>(table: &T, folder: &Path, name: &str) -> Result<(), ArtifactError> {
    let mut writer = TableWriter::default();
    table.add_to(&mut writer);
    writer.write(folder, name)
}

/// Checks that a column has `length` values.
fn check_length<T: Element>(name: &str, column: &Column<T>, length: usize) -> Result<(), Misfit> {
    match column.len() == length {
        true => Ok(()),
        false => Err(format!("`{name}` has {} values, not {length}", column.len())),
    }
}

/// Checks that a column refers only to items of the item table.
fn check_items(name: &str, column: &Column<ItemIdx>, items: usize) -> Result<(), Misfit> {
    match column.iter().all(|item| item.at() < items) {
        true => Ok(()),
        false => Err(format!("`{name}` names items beyond the {items} of the item table")),
    }
}

/// Checks that starts ascend from 0 to the length of what they cut into `parts`.
fn check_starts(name: &str, starts: &Column<u64>, parts: usize, length: usize) -> Result<(), Misfit> {
    check_length(name, starts, parts + 1)?;
    let ascending = starts.first() == Some(&0)
        && starts.last() == Some(&(length as u64))
        && starts.windows(2).all(|pair| pair[0] <= pair[1]);
    if ascending { Ok(()) } else { Err(format!("`{name}` does not cut {length} values")) }
}
