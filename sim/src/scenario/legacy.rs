//! Which seeds begin with a log in the legacy format.
//!
//! It is drawn from a stream of its own, and added to a scenario that is whole without it.

use serde::{Deserialize, Serialize};

use super::generate::Shape;
use super::{How, Scenario};
use crate::choice::{Choices, Purpose, Ratio};

/// A log in the legacy format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Legacy {
    /// How many records it has.
    pub records: u32,
    /// How many of them are in each file.
    pub records_per_file: u32,
    /// The number of the key that it is encrypted with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// Whether a record at its end is torn.
    pub is_torn: bool,
    /// Whether its last file is padded with zeros, as direct I/O left it.
    pub is_padded: bool,
}

/// Adds a legacy log to a share of the scenarios.
pub(super) fn add(scenario: &mut Scenario, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Legacy, 0);
    if shape != Shape::Swarm || !stream.happens(Ratio::new(1, 10)) {
        return;
    }
    // Only who has keys can read what is encrypted.
    let is_encrypted = stream.happens(Ratio::new(1, 2));
    let key = scenario.lives[0].key.filter(|_| is_encrypted);
    scenario.legacy = Some(Legacy {
        records: stream.within(1, 24) as u32,
        records_per_file: stream.within(1, 12) as u32,
        key: key.map(|_| stream.within(1, 4) as u32),
        is_torn: stream.happens(Ratio::new(1, 3)),
        is_padded: stream.happens(Ratio::new(1, 3)),
    });
    // What a migration left half done is met in the cache, too, as often as on the disk.
    if stream.happens(Ratio::new(1, 2)) {
        scenario.lives[0].end.how = How::Kill;
    }
}
