//! A file that a power cut leaves: the lengths that it may have, and for each of them what each unit may be.
//!
//! What cannot be seen, since it is behind the end, tells no two versions apart.

use super::digest::Digest;
use crate::disk::{Disk, FileChoices, Ino};

/// A choice that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) file: u32,
    /// A unit, or the length.
    pub(super) unit: Option<u32>,
    pub(super) made: u32,
    pub(super) of: u32,
}

/// A unit of a file of a certain length.
#[derive(Clone, Debug, Default)]
pub(super) struct UnitView {
    /// What it may be, as far as it can be seen: a digest, and which of the versions that is.
    pub(super) options: Vec<(u64, u32)>,
}

/// A file with a certain length.
#[derive(Clone, Debug)]
pub(super) struct Sized {
    pub(super) len: u64,
    pub(super) units: Vec<UnitView>,
}

/// A file that a power cut leaves.
#[derive(Debug)]
pub(super) struct FileView {
    pub(super) ino: Ino,
    pub(super) choices: FileChoices,
    /// By length; made when somebody asks.
    pub(super) sized: Vec<Option<Sized>>,
    /// Which length was looked at.
    pub(super) len: Option<u32>,
    /// Which version of each unit was looked at.
    pub(super) units: Vec<Option<u32>>,
}

/// In how many states a file may be that nobody has looked at.
pub(super) fn states_of(choices: &FileChoices, unit_bytes: u64) -> u128 {
    let states = choices.lens.iter().map(|&len| {
        let units = choices.units.iter().map(|unit| {
            let visible = len.saturating_sub(unit.unit * unit_bytes).min(unit_bytes);
            let mut seen: Vec<&[u8]> = Vec::new();
            for version in &unit.versions {
                let version = &version[..visible as usize];
                if !seen.contains(&version) {
                    seen.push(version);
                }
            }
            seen.len() as u128
        });
        units.fold(1, u128::saturating_mul)
    });
    states.fold(0, u128::saturating_add)
}

/// What is open of a file, of an earlier cut and of this one.
pub(super) fn merge(choices: FileChoices, earlier: &FileChoices) -> FileChoices {
    if choices.lens.len() == 1 && choices.units.is_empty() {
        return earlier.clone();
    }
    assert_eq!(
        earlier.lens.len(),
        1,
        "whoever changes a file has looked at its length"
    );
    let mut units = choices.units;
    for unit in &earlier.units {
        let is_known = units.iter().any(|other| other.unit == unit.unit);
        assert!(!is_known, "whoever changes a unit has looked at it");
        units.push(unit.clone());
    }
    units.sort_by_key(|unit| unit.unit);
    FileChoices {
        lens: choices.lens,
        units,
    }
}

/// What its units may be where it has this length.
pub(super) fn sized(base: &Disk, ino: Ino, choices: &FileChoices, len: u64) -> Sized {
    let unit_bytes = base.unit_bytes();
    let (stored, _) = base.seen(ino);
    let mut open = choices.units.iter().peekable();
    let units = (0..len.div_ceil(unit_bytes)).map(|unit| {
        let visible = (len - unit * unit_bytes).min(unit_bytes) as usize;
        let mut options: Vec<(u64, u32)> = Vec::new();
        match open.next_if(|choices| choices.unit == unit) {
            None => {
                let start = (unit * unit_bytes) as usize;
                let bytes = stored.get(start..).unwrap_or(&[]);
                let bytes = &bytes[..bytes.len().min(visible)];
                options.push((digest_of(bytes), 0));
            }
            Some(choices) => {
                for (number, version) in choices.versions.iter().enumerate() {
                    let digest = digest_of(&version[..visible]);
                    if !options.iter().any(|option| option.0 == digest) {
                        options.push((digest, number as u32));
                    }
                }
            }
        }
        UnitView { options }
    });
    let units = units.collect();
    Sized { len, units }
}

/// Zeros at the end are the same whether they are stored or not.
fn digest_of(bytes: &[u8]) -> u64 {
    let end = bytes
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    Digest::of_bytes(&bytes[..end])
}

/// The bytes of a file with some choices made.
pub(super) fn content<'a>(
    base: &Disk,
    view: &FileView,
    made: impl Iterator<Item = &'a Choice> + Clone,
) -> (Vec<u8>, u64) {
    let unit_bytes = base.unit_bytes();
    let of_len = made.clone().find(|choice| choice.unit.is_none());
    let len = of_len.map_or(0, |choice| choice.made as usize);
    let sized = view.sized[len].as_ref().expect("it was looked at");
    let (stored, _) = base.seen(view.ino);
    let mut bytes = stored[..stored.len().min(sized.len as usize)].to_vec();
    for choices in &view.choices.units {
        let start = choices.unit * unit_bytes;
        if start >= sized.len {
            continue;
        }
        let chosen = made
            .clone()
            .find(|choice| choice.unit == Some(choices.unit as u32));
        let option = chosen.map_or(0, |choice| choice.made as usize);
        let (_, version) = sized.units[choices.unit as usize].options[option];
        let end = (start + unit_bytes).min(sized.len) as usize;
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        let version = &choices.versions[version as usize];
        bytes[start as usize..end].copy_from_slice(&version[..end - start as usize]);
    }
    (bytes, sized.len)
}
