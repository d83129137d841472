//! The words for what a medium does: data, drawn by a scenario, printed and parsed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::choice::Ratio;
use crate::named::named_enum;
use crate::text::serde_as_text;

named_enum! {
    /// A class of faults, from the one with the strongest guarantee to the one with the weakest.
    pub enum FaultClass {
        /// A refusal at an open; it goes away.
        Refusal = "f10",
        /// A power cut damages units that were being written, synced bytes in them included.
        UnitDamage = "f2x",
        /// Flipped bits and unreadable sectors.
        Rot = "f7",
        /// Writes and reads that go to another place, or to none.
        Misplaced = "f8",
        /// Files that are missing, doubled or mixed up.
        Files = "f9",
        /// Flushes that say `Ok` and do nothing.
        FlushLie = "f6",
    }
}

named_enum! {
    /// Something that happens to the medium once.
    pub enum MediaKind {
        /// A bit of synced bytes flips.
        Flip = "flip",
        /// A sector can't be read until it is overwritten whole.
        LatentSector = "latent-sector",
        /// A write says that it is done, and the old content stays.
        LostWrite = "lost-write",
        /// A write goes to another place of its file.
        MisdirectWithin = "misdirect-within",
        /// A write goes to another file.
        MisdirectOther = "misdirect-other",
        /// A read gives what is in another place, once.
        MisdirectedRead = "misdirected-read",
        /// A file is gone.
        DropFile = "drop-file",
        /// A file is there once more under another name.
        DuplicateFile = "duplicate-file",
        /// Two files have each other's names.
        SwapFiles = "swap-files",
        /// A file is all zeros.
        ZeroFile = "zero-file",
        /// A file has another name.
        RenameFile = "rename-file",
        /// While the log is opened, the file system takes no changes.
        ReadOnly = "read-only",
        /// While the log is opened, directories can't be listed.
        NoListing = "no-listing",
        /// While the log is opened, files that are there can't be opened.
        NoOpen = "no-open",
    }
}

impl MediaKind {
    /// The class that it is in.
    pub fn class(self) -> FaultClass {
        match self {
            MediaKind::Flip | MediaKind::LatentSector => FaultClass::Rot,
            MediaKind::LostWrite
            | MediaKind::MisdirectWithin
            | MediaKind::MisdirectOther
            | MediaKind::MisdirectedRead => FaultClass::Misplaced,
            MediaKind::DropFile
            | MediaKind::DuplicateFile
            | MediaKind::SwapFiles
            | MediaKind::ZeroFile
            | MediaKind::RenameFile => FaultClass::Files,
            MediaKind::ReadOnly | MediaKind::NoListing | MediaKind::NoOpen => FaultClass::Refusal,
        }
    }
}

/// When something happens, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaEvent {
    /// What happens.
    pub kind: MediaKind,
    /// In which life, from 1 on; later where there is no place for it.
    pub life: u32,
    /// At which call of that life, from 1 on, or at the first later one that fits; 0 for before it
    /// begins.
    pub call: u32,
    /// Feeds the choice of the place.
    pub number: u32,
}

impl fmt::Display for MediaEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MediaEvent {
            kind,
            life,
            call,
            number,
        } = self;
        write!(f, "{kind} {life} {call} {number}")
    }
}

impl FromStr for MediaEvent {
    type Err = String;

    fn from_str(text: &str) -> Result<MediaEvent, String> {
        let wrong = || format!("`{text}` is no event like `flip 2 17 1234`: kind life call number");
        let words: Vec<&str> = text.split(' ').collect();
        let &[kind, life, call, number] = words.as_slice() else {
            return Err(wrong());
        };
        let parse = |word: &str| word.parse::<u32>().map_err(|_| wrong());
        Ok(MediaEvent {
            kind: kind.parse()?,
            life: parse(life)?,
            call: parse(call)?,
            number: parse(number)?,
        })
    }
}

serde_as_text!(MediaEvent);

/// What the medium does in a run. The default is a good one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Media {
    /// Per unit with something pending, at a power cut: it becomes arbitrary bytes.
    pub unit_damage: Ratio,
    /// Per sync of a file or directory with something pending: it says `Ok` and does nothing.
    pub flush_lies: Ratio,
    /// What happens once.
    pub events: Vec<MediaEvent>,
    /// Nobody tells the checkers: they must notice.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_hidden: bool,
}

impl Default for Media {
    fn default() -> Media {
        Media {
            unit_damage: Ratio::NEVER,
            flush_lies: Ratio::NEVER,
            events: Vec::new(),
            is_hidden: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_print_and_parse() {
        for text in ["flip 2 17 1234", "read-only 1 0 0", "swap-files 3 0 7"] {
            let parsed = text.parse::<MediaEvent>();
            assert_eq!(parsed.map(|event| event.to_string()), Ok(text.to_string()));
        }
        for text in [
            "",
            "flip",
            "flip 1 2",
            "burn 1 2 3",
            "flip 1 2 x",
            "flip 1 2 3 4",
        ] {
            assert!(text.parse::<MediaEvent>().is_err(), "{text}");
        }
    }
}
