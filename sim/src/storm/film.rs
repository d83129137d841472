//! A failure of a storm as a page to look at: the same as that of a scenario's.

use std::collections::BTreeSet;

use serde_json::json;

use super::Trial;
use super::named::{Body, Kept};
use crate::capsule::{Capsule, Explained, FORMAT, Found, Recordings, State, Status, Verdict};
use crate::page::page;
use crate::results::Commit;
use crate::shrink::Fingerprint;

/// The page of a trial that fails; `None` of one that does not. `command` runs it again.
pub(super) fn page_of(kept: &Kept, trial: &Trial<'_, Body>, command: String) -> Option<String> {
    let explanation = trial.explain()?;
    let violation = &explanation.violation;
    let fingerprint = Fingerprint::of(violation).to_string();
    let commit = Commit::here();
    let recordings = Recordings::of(trial, explanation.neighbour.as_ref());
    let title = format!("{}, {} {}", violation.property, kept.subject, kept.version);
    let capsule = Capsule {
        format: FORMAT,
        id: Capsule::id_of(&format!("{} {fingerprint}", kept.subject)),
        fingerprint,
        verdict: Verdict::of(violation),
        commit: commit.clone(),
        trace: recordings.failing.trace.clone(),
        found: Found {
            night: None,
            seed: kept.seed,
            count: 1,
            by: command.clone(),
        },
        command,
        scenario: kept.print(),
        original: None,
        size: format!("{} on {}: {}", kept.subject, kept.profile, trial.size()),
        explanation: Some(Explained {
            timeline: explanation.timeline,
            sentences: explanation.sentences,
            runs: explanation.runs,
        }),
        cause: explanation.cause,
        recordings: Some(recordings),
        also: BTreeSet::new(),
        status: Status {
            state: State::Open,
            since: commit,
        },
    };
    Some(page(&title, &json!({ "capsules": [capsule] })))
}
