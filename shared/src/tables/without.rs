//! A version's tables without some users: the only ones that name users are their records and their profiles.

use std::path::Path;

use super::{PROFILES, ProfileTable, USERS, Users, read, write};
use crate::contract::artifact::ArtifactError;

/// Writes the tables of a version that name one of these users anew, without them. Returns how many rows are gone; nothing is
/// written if there are none.
///
/// * `from`: the folder of the version.
/// * `to`: another folder.
///
/// # Errors
/// [`ArtifactError`] when a table can't be read or written.
pub fn write_without(from: &Path, to: &Path, is_erased: &dyn Fn(&str) -> bool) -> Result<usize, ArtifactError> {
    let users = Users::open(from)?;
    let rest: Users = users.iter().filter(|(id, _)| !is_erased(id)).map(|(id, record)| (id, record.to_vec())).collect();
    let mut gone = users.len() - rest.len();
    if gone > 0 {
        write(&rest, to, USERS)?;
    }
    if from.join(PROFILES).is_file() {
        let profiles: ProfileTable = read(from, PROFILES)?;
        let (columns, ids) = (profiles.fields.len(), &profiles.ids);
        let stay: Vec<usize> = (0..ids.len()).filter(|&row| !is_erased(ids.get(row))).collect();
        if stay.len() < ids.len() {
            gone += ids.len() - stay.len();
            let cells: Vec<u16> =
                stay.iter().flat_map(|row| &profiles.cells[row * columns..(row + 1) * columns]).copied().collect();
            let ids = stay.iter().map(|&row| ids.get(row)).collect();
            write(&ProfileTable { ids, cells: cells.into(), ..profiles.clone() }, to, PROFILES)?;
        }
    }
    Ok(gone)
}
