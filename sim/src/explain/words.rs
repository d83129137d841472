//! A call in words.

use crate::disk::{CallKind, Fate};
use crate::events::Made;
use crate::site::{CLOSURE, Frame, Site};

/// The part of the log that makes calls for all others.
const PASSES_ON: &str = "segment/transfer.rs";

/// A call with its file, its result and its place in the log.
pub(crate) fn describe(made: &Made) -> String {
    let place = made
        .site
        .as_ref()
        .map(|site| format!(" in {}", place(site)));
    let end = match made.fate {
        Fate::Run => "",
        Fate::CutBefore => " (the life ends before it)",
        Fate::CutWithin => " (the life ends within it)",
        Fate::CutAfter => " (the life ends after it)",
    };
    format!("{}{}{end}", short(made), place.unwrap_or_default())
}

/// A place in the log, innermost first: functions with their lines, without closures that stand in a
/// function which is told anyway, and without those that only pass a call on.
pub(crate) fn place(site: &Site) -> String {
    let frames = site.frames();
    let is_told = |(number, frame): &(usize, &Frame)| {
        let next = frames.get(number + 1);
        let is_within = next.is_some_and(|next| next.file == frame.file || passes_on(next));
        !(passes_on(frame) || &*frame.function == CLOSURE && is_within)
    };
    let told = frames.iter().enumerate().filter(is_told);
    let told: Vec<String> = told.map(|(_, frame)| frame.to_string()).collect();
    match told.is_empty() {
        true => site.to_string(),
        false => told.join(" < "),
    }
}

fn passes_on(frame: &Frame) -> bool {
    frame.file.ends_with(PASSES_ON)
}

/// The same without its place and its end.
pub(super) fn short(made: &Made) -> String {
    let call = made.call;
    let range = match call.kind {
        CallKind::Read | CallKind::Write => format!(" @{} +{}", call.offset, call.len),
        CallKind::SetLen => format!(" to {}", call.offset),
        _ => String::new(),
    };
    let result = match made.result {
        Some(Err(errno)) => format!(", {errno}"),
        Some(Ok(count)) if call.kind == CallKind::Write && count < call.len => {
            format!(", only {count}")
        }
        _ => String::new(),
    };
    format!(
        "call {} `{} {}{range}`{result}",
        made.number,
        call.kind.name(),
        made.name
    )
}
