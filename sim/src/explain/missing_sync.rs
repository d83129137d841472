//! Which sync would have saved it: what is made durable, and after which call.

use std::panic::catch_unwind;

use super::Explainer;
use super::words::describe;
use crate::disk::{CallKind, Durable, Ino};
use crate::events::{Event, Made};
use crate::run::run_with_repair;
use crate::world::Repair;

impl Explainer<'_> {
    /// The sync that was missing, if one would have helped.
    pub(super) fn missing_sync(&mut self) -> Option<String> {
        // The last chance tells most: what comes before it went well until then.
        let mut lives = (1..=self.last_life()).rev();
        lives.find_map(|life| self.missing_sync_of(life))
    }

    fn missing_sync_of(&mut self, life: u64) -> Option<String> {
        let changes: Vec<Made> = self
            .calls(life)
            .filter(|made| made.change.is_some() && made.result.is_some())
            .cloned()
            .collect();
        let helps = |explainer: &mut Self, made: &Made, what| {
            let call = made.number;
            !explainer.fails_with(Repair { life, call, what })
        };
        let place = changes
            .iter()
            .position(|made| helps(self, made, Durable::Everything))?;
        let saved = &changes[place];
        let what = self.objects(life).into_iter();
        let mut what = what.filter(|&what| helps(self, saved, what));
        let Some(what) = what.next() else {
            return Some(format!(
                "It would not have happened if all had been made durable right after {}; no single file or directory would have been enough.",
                describe(saved)
            ));
        };
        let name = self.name_of(what);
        let later = &changes[place + 1..];
        let too_late = later.iter().find(|made| !helps(self, made, what));
        let too_late = match too_late {
            None => String::new(),
            Some(made) => format!(", and not as late as after {}", describe(made)),
        };
        let own = later.iter().find(|made| is_sync_of(made, what));
        let own = match own {
            None => "The log did not sync it any more in that life".into(),
            Some(made) => format!("The log's own next sync of it was {}", describe(made)),
        };
        let lost = self.lives().filter_map(|(of, event)| match event {
            Event::Lost(lost) if of == life && !lost.is_empty() => Some(lost.join("; ")),
            _ => None,
        });
        let lost = lost.last().map_or(String::new(), |lost| {
            format!(" Lost with life {life}: {lost}.")
        });
        Some(format!(
            "It would not have happened if {name} had been synced in life {life} right after {}{too_late}. {own}.{lost}",
            describe(saved)
        ))
    }

    fn fails_with(&mut self, repair: Repair) -> bool {
        self.runs += 1;
        let scenario = self.scenario;
        let report = catch_unwind(|| run_with_repair(scenario, repair));
        let violation = report.ok().and_then(|report| report.violation);
        violation.is_some_and(|violation| self.fingerprint.is_of(&violation))
    }

    /// All that a life has touched, each file and directory by itself.
    fn objects(&self, life: u64) -> Vec<Durable> {
        let mut inos: Vec<Ino> = self.calls(life).map(|made| made.call.ino).collect();
        inos.sort_unstable();
        inos.dedup();
        // What is a file has no names in it, and a directory no bytes: those change nothing.
        let names = inos.iter().map(|&ino| Durable::Names(ino));
        names
            .chain(inos.iter().map(|&ino| Durable::File(ino)))
            .collect()
    }

    fn name_of(&self, what: Durable) -> String {
        let of = |wanted: Ino| {
            let calls = self.events.iter().filter_map(move |event| match event {
                Event::Call(made) if made.call.ino == wanted => Some(made),
                _ => None,
            });
            calls.collect::<Vec<&Made>>()
        };
        // A call about a name that is not there is one about its directory.
        let is_of_dir =
            |made: &&&Made| matches!(made.call.kind, CallKind::SyncDir | CallKind::ReadDir);
        match what {
            Durable::Everything => "everything".into(),
            Durable::File(ino) => match of(ino).last() {
                Some(made) => format!("the file {}", made.name),
                None => "a file".into(),
            },
            Durable::Names(ino) => match of(ino).iter().find(is_of_dir) {
                Some(made) => format!("the directory {}", made.name),
                None => "the directory of that name".into(),
            },
        }
    }
}

/// Whether a call syncs this.
fn is_sync_of(made: &Made, what: Durable) -> bool {
    let kinds: &[CallKind] = match what {
        Durable::Names(_) => &[CallKind::SyncDir],
        _ => &[CallKind::SyncData, CallKind::SyncAll],
    };
    let is_it = match what {
        Durable::Everything => true,
        Durable::File(ino) | Durable::Names(ino) => made.call.ino == ino,
    };
    is_it && kinds.contains(&made.call.kind)
}
