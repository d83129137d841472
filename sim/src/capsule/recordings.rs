//! The films in a capsule: the run that fails, and beside it the neighbour that passes.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::to_raw_value;

use crate::case::Case;
use crate::explain::Neighbour;
use crate::recording::{Recording, record};

/// What the report shows of a failure, step by step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recordings {
    /// The run that fails.
    pub failing: Recording,
    /// One that passes.
    pub passing: Option<Passing>,
}

/// A run that passes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Passing {
    /// In what it differs.
    pub what: String,
    /// The run.
    pub recording: Recording,
}

impl Recordings {
    /// Records both.
    pub(crate) fn of<C: Case>(case: &C, neighbour: Option<&Neighbour<C>>) -> Recordings {
        Recordings {
            failing: record(case),
            passing: neighbour.map(|neighbour| Passing {
                what: neighbour.what.clone(),
                recording: neighbour.record(),
            }),
        }
    }
}

/// On one line, though the capsule around it is written for people: a line for each number would make it
/// five times as long.
pub(super) fn on_one_line<S: Serializer>(
    recordings: &Option<Recordings>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let raw = to_raw_value(recordings).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}
