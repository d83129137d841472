//! Which sync would have saved it: what is made durable, and after which call.

use std::collections::BTreeSet;

use super::words::{describe, place, short};
use super::{Explainer, Kind};
use crate::case::Case;
use crate::checker::Property;
use crate::disk::{CallKind, Durable, Ino};
use crate::events::{Event, Made};
use crate::run::Wants;
use crate::site::Site;
use crate::world::{After, Repair};

impl<C: Case> Explainer<'_, C> {
    /// The sync that was missing, if one would have helped.
    pub(super) fn missing_sync(&mut self) -> Option<String> {
        // The last chance tells most: what comes before it went well until then.
        let mut lives = (1..=self.last_life()).rev();
        lives
            .find_map(|life| self.missing_sync_of(life))
            .or_else(|| self.missing_syncs())
    }

    fn missing_sync_of(&mut self, life: u64) -> Option<String> {
        let changes = self.changes(life);
        // What helps only in the middle of a life is an accident: with less that is pending, other calls
        // fail. What is missing can be made good up to the end.
        let mut saved = None;
        for made in changes.iter().rev() {
            if !self.helps(life, made, Durable::Everything) {
                break;
            }
            saved = Some(made);
        }
        let (saved, last) = (saved?, changes.last()?);
        let mut objects = self.objects(life).into_iter();
        let object =
            objects.find(|&what| self.helps(life, saved, what) && self.helps(life, last, what));
        let repair = Repair {
            after: After::Call(life, saved.number),
            what: object.unwrap_or(Durable::Everything),
        };
        let whole = object.map_or("everything".into(), |what| self.name_of(what));
        self.nearest.note(
            &Kind::Synced(format!("{whole} synced right after {}", short(saved))),
            self.case,
            Some(repair),
        );
        let Some(what) = object else {
            return Some(format!(
                "It would not have happened if all had been made durable right after {}; no single file or directory would have been enough.",
                describe(saved)
            ));
        };
        let kind = match what {
            Durable::Names(_) => "a directory",
            _ => "a file",
        };
        self.cause = saved.site.as_ref().map(|site| cause(kind, site));
        let later = changes.iter().filter(|made| made.number > saved.number);
        let own = later.into_iter().find(|made| is_sync_of(made, what));
        let own = match own {
            None => "Nobody synced it any more in that life".into(),
            Some(made) => format!("The next sync of it was {}", describe(made)),
        };
        let lost = self.lives().filter_map(|(of, event)| match event {
            Event::Lost { lost, .. } if of == life && !lost.is_empty() => Some(lost.join("; ")),
            _ => None,
        });
        let lost = lost.last().map_or(String::new(), |lost| {
            format!(" Lost with life {life}: {lost}.")
        });
        let or_else = match self.property == Property::Opens && !self.has_promised(life) {
            // The other way out.
            true => format!(
                " But in life {life} nobody had been told that anything is durable: if that sync is not owed, who opens the log has to bear with what is left."
            ),
            false => String::new(),
        };
        Some(format!(
            "It would not have happened if {} had been synced in life {life} right after {}, or even at the end of that life. {own}.{lost}{or_else}",
            self.name_of(what),
            describe(saved)
        ))
    }

    /// Whether anybody was told in a life that something is durable.
    fn has_promised(&self, life: u64) -> bool {
        let mut events = self.lives().filter(|(of, _)| *of == life);
        events.any(|(_, event)| matches!(event, Event::Promised(lsn) if *lsn > 0))
    }

    /// The place of the log after which a sync is missing every time, if one sync is not enough.
    fn missing_syncs(&mut self) -> Option<String> {
        let all = (1..=self.last_life()).flat_map(|life| self.changes(life));
        let sites: BTreeSet<Site> = all.filter_map(|made| made.site).collect();
        let helps = |explainer: &mut Self, site: &Site, what| {
            let after = After::Site(site.clone());
            explainer.passes_with(Repair { after, what })
        };
        let mut sites = sites.into_iter();
        let site = sites.find(|site| helps(self, site, Durable::Everything))?;
        let what = match () {
            () if helps(self, &site, Durable::Files) => "of the files",
            () if helps(self, &site, Durable::Directories) => "of the directories",
            () => "of files and directories",
        };
        let all = Repair {
            after: After::Site(site.clone()),
            what: Durable::Everything,
        };
        self.nearest.note(
            &Kind::Synced(format!("a sync after every call in {}", place(&site))),
            self.case,
            Some(all),
        );
        Some(format!(
            "It would not have happened if every call in {} had been followed by a sync {what}.",
            place(&site)
        ))
    }

    /// The calls of a life that changed the disk.
    fn changes(&self, life: u64) -> Vec<Made> {
        let changed = |made: &&Made| made.change.is_some() && made.result.is_some();
        self.calls(life).filter(changed).cloned().collect()
    }

    fn helps(&mut self, life: u64, made: &Made, what: Durable) -> bool {
        let after = After::Call(life, made.number);
        self.passes_with(Repair { after, what })
    }

    /// Whether a repair makes the failure go away, and no other one comes.
    fn passes_with(&mut self, repair: Repair) -> bool {
        self.runs += 1;
        let wants = Wants {
            repair: Some(repair),
            ..Wants::default()
        };
        self.case.watch(wants).violation.is_none()
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
            Durable::Everything | Durable::Files | Durable::Directories => "everything".into(),
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

/// Two failures that lack a sync of the same kind of thing, for a call in the same file of the program, are
/// taken for one mistake.
fn cause(what: &str, site: &Site) -> String {
    let file = site.frames().first().map_or("", |frame| &frame.file);
    format!("no sync of {what} after a call in {file}")
}

/// Whether a call syncs this.
fn is_sync_of(made: &Made, what: Durable) -> bool {
    let kinds: &[CallKind] = match what {
        Durable::Names(_) => &[CallKind::SyncDir],
        _ => &[CallKind::SyncData, CallKind::SyncAll],
    };
    let is_it = match what {
        Durable::Everything | Durable::Files | Durable::Directories => true,
        Durable::File(ino) | Durable::Names(ino) => made.call.ino == ino,
    };
    is_it && kinds.contains(&made.call.kind)
}
