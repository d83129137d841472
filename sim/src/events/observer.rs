//! Who looks at the disk after every call and after every crash, and tells what has changed.

use std::collections::BTreeMap;

use super::state::{Change, File, Sector, State};
use crate::disk::{Digest, Disk, Fault, FileLook, Look};

/// Has seen the disk as it was.
#[derive(Debug, Default)]
pub(super) struct Observer {
    state: State,
    /// What was ever seen in each sector of each file: its place here, from 1 on, is its number.
    seen: BTreeMap<(u32, u64), Vec<Digest>>,
    /// How often each fault had fired.
    fired: Vec<u64>,
}

impl Observer {
    /// How the disk has changed since the last look.
    pub(super) fn look(&mut self, disk: &Disk) -> Change {
        let state = self.number(&disk.look());
        let mut change = self.state.change_to(&state);
        self.state = state;
        change.faults = self.faults(disk);
        change
    }

    /// The same right after a crash: sectors are marked whose content is not what readers saw.
    pub(super) fn look_after_crash(&mut self, disk: &Disk) -> Change {
        let before = self.state.clone();
        let seen = self.seen.iter();
        let known: BTreeMap<_, usize> = seen.map(|(&key, all)| (key, all.len())).collect();
        let mut change = self.look(disk);
        for changed in &mut change.files {
            let Some(old) = before.files.get(&changed.ino) else {
                continue;
            };
            for &(first, count, cached, _, _) in &changed.sectors {
                for index in first..first + count {
                    let was = old.sectors.get(&index).map_or(0, |sector| sector.cached);
                    let known = known.get(&(changed.ino, index)).copied().unwrap_or(0);
                    match cached {
                        now if now == was => {}
                        now if now as usize > known => extend(&mut changed.torn, index),
                        _ => extend(&mut changed.lost, index),
                    }
                }
            }
        }
        change
    }

    fn faults(&mut self, disk: &Disk) -> Vec<Fault> {
        let counts = disk.counts();
        let fired: Vec<u64> = Fault::ALL.iter().map(|&one| counts.faults(one)).collect();
        let before = std::mem::replace(&mut self.fired, fired);
        let has_fired = |&&one: &&Fault| {
            self.fired[one as usize] > before.get(one as usize).copied().unwrap_or(0)
        };
        Fault::ALL.iter().filter(has_fired).copied().collect()
    }

    fn number(&mut self, look: &Look) -> State {
        let files = look.files.iter();
        let files = files.map(|(ino, file)| (ino.0, self.number_file(ino.0, file)));
        let files = files.collect();
        let names = look.names.iter().map(|((dir, name), binding)| {
            let to = |ino: Option<crate::disk::Ino>| ino.map(|ino| ino.0);
            let binding = (to(binding.cached), to(binding.durable));
            ((dir.0, name.to_string()), binding)
        });
        State {
            files,
            names: names.collect(),
        }
    }

    fn number_file(&mut self, ino: u32, file: &FileLook) -> File {
        let mut sectors = BTreeMap::new();
        for (index, look) in (0..).zip(&file.sectors) {
            let sector = Sector {
                // The medium has first what the cache has later.
                durable: self.number_of(ino, index, look.durable),
                cached: self.number_of(ino, index, look.cached),
                pending: look.pending,
            };
            if sector != Sector::default() {
                sectors.insert(index, sector);
            }
        }
        File {
            lens: (file.cached_len, file.durable_len),
            sectors,
        }
    }

    fn number_of(&mut self, ino: u32, index: u64, digest: Digest) -> u32 {
        if digest == 0 {
            return 0;
        }
        let seen = self.seen.entry((ino, index)).or_default();
        let place = seen.iter().position(|&one| one == digest);
        let place = place.unwrap_or_else(|| {
            seen.push(digest);
            seen.len() - 1
        });
        place as u32 + 1
    }
}

/// Adds an index to ranges in ascending order.
fn extend(ranges: &mut Vec<(u64, u64)>, index: u64) {
    match ranges.last_mut() {
        Some((first, count)) if *first + *count == index => *count += 1,
        _ => ranges.push((index, 1)),
    }
}
