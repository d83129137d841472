//! What happened, in lines: what clients did and saw, and what the log did to the disk.

use super::words::{describe, short};
use crate::events::Event;

/// More lines than this nobody reads; the trace has all of them.
const LINES_MAX: usize = 60;

/// The last lines of the story.
pub(super) fn tell(events: &[Event]) -> Vec<String> {
    let mut lines = Vec::new();
    for event in events {
        match event {
            Event::Life(number) => lines.push(format!("life {number}")),
            // Who only reads changes nothing, but an error may change all.
            Event::Call(made) if made.change.is_some() => {
                lines.push(format!("    {}", describe(made)))
            }
            Event::Call(made) if super::went_wrong(made) => {
                lines.push(format!("    {}", short(made)))
            }
            Event::Call(_) | Event::Promised(_) | Event::Repaired | Event::Changed(_) => {}
            Event::Switch { to, .. } => lines.push(format!("    -> task {to}")),
            Event::Lost { lost, .. } if lost.is_empty() => lines.push("  nothing is lost".into()),
            Event::Lost { lost, .. } => lines.push(format!("  lost: {}", lost.join("; "))),
            Event::Line(_, line) => lines.push(format!("  {line}")),
        }
    }
    lines.split_off(lines.len().saturating_sub(LINES_MAX))
}
