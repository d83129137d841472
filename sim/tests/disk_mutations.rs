//! What a power cut leaves, with one thing changed that no power cut does: the judge refuses it.
//!
//! *Verified:* legal images of random disks are changed in ways that are illegal by construction,
//! which a shadow of the files knows: it keeps what every file was after each change since its last
//! sync. Each way is refused each time; the counts are printed with `--nocapture`.
//! *Not verified:* that all that is legal passes: `disk_brute_force` does, for small disks.

#![allow(clippy::unwrap_used)] // A test that can't go on says so.

#[path = "disk_support/outcomes.rs"]
mod outcomes;

use std::collections::BTreeSet;

use seawall_sim::choice::{Choices, Purpose, Ratio, Stream};
use seawall_sim::disk::{Disk, Entry, FdId, Image, Knobs};

use outcomes::{NEW, path};

const SECTOR: usize = 512;
const BLOCK: usize = 4096;
/// Bytes that tell files apart, those of an overwritten version, those written later, and one that
/// is never written.
const IDS: u8 = 1;
const OLD: u64 = 100;
const NEWER: u64 = 150;
const NEVER_WRITTEN: u8 = 255;

/// What the test knows of a file.
struct Shadow {
    fd: FdId,
    /// The first sector is full of it, and never changed.
    id: u8,
    /// Where readers see it.
    path: Option<String>,
    /// Its first version, which was synced and then overwritten and synced.
    old: Vec<u8>,
    /// What it was at its last sync, and after each change since.
    past: Vec<Vec<u8>>,
    /// A rename since its directories were synced.
    renamed: Option<(String, String)>,
    /// Whether its name was never synced, or was removed or replaced since.
    may_vanish: bool,
}

impl Shadow {
    fn now(&self) -> &Vec<u8> {
        self.past.last().expect("it was synced")
    }

    fn lens(&self) -> BTreeSet<usize> {
        self.past.iter().map(Vec::len).collect()
    }

    /// What this unit has been since the last sync.
    fn versions(&self, at: usize, unit: usize) -> BTreeSet<Vec<u8>> {
        let version = |bytes: &Vec<u8>| {
            let mut bytes = bytes.clone();
            bytes.resize(bytes.len().max((at + 1) * unit), 0);
            bytes[at * unit..(at + 1) * unit].to_vec()
        };
        self.past.iter().map(version).collect()
    }

    /// Sectors that nothing has touched since the last sync.
    fn untouched(&self) -> Vec<usize> {
        let whole = self.lens().first().unwrap() / SECTOR;
        let is_untouched = |at: &usize| self.versions(*at, SECTOR).len() == 1;
        (1..whole).filter(is_untouched).collect()
    }

    /// Units that have several versions, below `len`, and below `end`.
    fn pending(&self, unit: usize, len: usize, end: usize) -> Vec<usize> {
        let is_pending = |at: &usize| self.versions(*at, unit).len() > 1;
        let whole = len.min(end) / unit;
        (0..whole).filter(is_pending).collect()
    }
}

struct World {
    disk: Disk,
    files: Vec<Shadow>,
}

fn random_bytes(from: u64, len: usize, stream: &mut Stream) -> Vec<u8> {
    let sectors = len.div_ceil(SECTOR);
    let mut bytes: Vec<u8> = (0..sectors)
        .flat_map(|_| [stream.within(from, from + 49) as u8; SECTOR])
        .collect();
    bytes.truncate(len);
    bytes
}

impl World {
    /// A disk with a few files, all of it durable.
    fn new(knobs: Knobs, stream: &mut Stream) -> World {
        let mut disk = Disk::new(knobs);
        disk.create_dir(path("/d")).unwrap();
        let files = Vec::new();
        let mut world = World { disk, files };
        for name in ["/p", "/d/q", "/r"] {
            world.create(name, stream);
        }
        for file in &mut world.files {
            file.may_vanish = false;
        }
        world.disk.sync_dir(path("/")).unwrap();
        world.disk.sync_dir(path("/d")).unwrap();
        world
    }

    /// A new file that is synced, but its name is not.
    fn create(&mut self, name: &str, stream: &mut Stream) {
        let Ok(fd) = self.disk.open(path(name), NEW) else {
            return;
        };
        let id = IDS + self.files.len() as u8;
        let len = stream.within(1024, 14_000) as usize;
        let mut version = |from| {
            let mut bytes = random_bytes(from, len, stream);
            bytes[..SECTOR].fill(id);
            self.disk.write(fd, 0, &bytes).unwrap();
            self.disk.sync(fd, false).unwrap();
            bytes
        };
        let old = version(OLD);
        let past = vec![version(NEWER)];
        self.files.push(Shadow {
            fd,
            id,
            path: Some(name.to_owned()),
            old,
            past,
            renamed: None,
            may_vanish: true,
        });
    }

    fn step(&mut self, stream: &mut Stream) {
        let at = stream.below(self.files.len() as u64) as usize;
        let new = *stream.pick(&["/x", "/y", "/d/x", "/d/y", "/p", "/d/q"]);
        match stream.below(12) {
            0 => self.create(new, stream),
            1 => self.remove(at),
            2..=4 => self.rename(at, new),
            choice => self.change(at, choice, stream),
        }
    }

    fn remove(&mut self, at: usize) {
        let file = &mut self.files[at];
        if let Some(name) = file.path.take() {
            self.disk.remove_file(path(&name)).unwrap();
            file.may_vanish = true;
        }
    }

    fn rename(&mut self, at: usize, to: &str) {
        let Some(from) = self.files[at].path.clone() else {
            return;
        };
        if from == to {
            return;
        }
        self.disk.rename(path(&from), path(to)).unwrap();
        for file in &mut self.files {
            if file.path.as_deref() == Some(to) {
                file.path = None;
                file.may_vanish = true;
            }
        }
        let file = &mut self.files[at];
        file.path = Some(to.to_owned());
        file.renamed = Some((from, to.to_owned()));
    }

    fn change(&mut self, at: usize, choice: u64, stream: &mut Stream) {
        let file = &mut self.files[at];
        let offset = stream.within(SECTOR as u64, 14_000) as usize;
        let mut now = file.now().clone();
        match choice {
            5 => {
                self.disk
                    .sync(file.fd, stream.happens(Ratio::new(1, 2)))
                    .unwrap();
                // A file without a name need not be synced. Of any other the last version before it is
                // what an old one is now.
                if file.path.is_some() {
                    file.old.clone_from(&file.past[0]);
                    file.past = vec![now];
                }
            }
            6 => {
                self.disk.set_len(file.fd, offset as u64).unwrap();
                now.resize(offset, 0);
                file.past.push(now);
            }
            _ => {
                let len = stream.within(1, 5000) as usize;
                let bytes = random_bytes(NEWER, len, stream);
                self.disk.write(file.fd, offset as u64, &bytes).unwrap();
                now.resize(now.len().max(offset + len), 0);
                now[offset..offset + len].copy_from_slice(&bytes);
                file.past.push(now);
            }
        }
    }
}

/// Where the image has a file, by its first sector.
fn found<'a>(image: &'a Image, file: &Shadow) -> Option<&'a str> {
    let has_id =
        |entry: &Entry| matches!(entry, Entry::File(bytes) if bytes.first() == Some(&file.id));
    let mut paths = image.entries.iter().filter(|(_, entry)| has_id(entry));
    paths.next().map(|(path, _)| path.as_str())
}

const MUTATIONS: [&str; 14] = [
    "a byte of synced data flipped",
    "an old version of a synced sector",
    "two synced sectors exchanged",
    "a synced sector of zeros",
    "a synced sector of another file",
    "a length that nobody asked for",
    "a length above all asked for",
    "a rename by half: both names",
    "a rename by half: no name",
    "a synced name dropped",
    "a name that never was",
    "a byte that was never written",
    "a mix within a sector",
    "a mix within a block",
];

/// Changes an image so that it is illegal; `None` where it has nothing for that.
fn mutated(which: &str, world: &World, image: &Image, stream: &mut Stream) -> Option<Image> {
    let file = stream.pick(&world.files);
    let at = found(image, file)?;
    let seen = image.file(at)?;
    if which.contains("name") {
        return with_other_names(which, file, image, at, stream);
    }
    let mut bytes = seen.to_vec();
    match which {
        "a length that nobody asked for" => {
            let len = stream.within(SECTOR as u64, 20_000) as usize;
            let between = world.disk.knobs().len_intermediate && len.is_multiple_of(BLOCK);
            if between || file.lens().contains(&len) {
                return None;
            }
            bytes.resize(len, 0);
        }
        "a length above all asked for" => {
            let more = stream.within(1, 9000) as usize;
            bytes.resize(file.lens().last()? + more, 0);
        }
        "a byte that was never written" | "a mix within a sector" | "a mix within a block" => {
            damage_pending(which, file, world.disk.knobs(), &mut bytes, stream)?;
        }
        _ => damage_synced(which, file, world, &mut bytes, stream)?,
    }
    let mut mutant = image.clone();
    (bytes != seen).then(|| {
        mutant.entries.insert(at.to_owned(), Entry::File(bytes));
        mutant
    })
}

fn with_other_names(
    which: &str,
    file: &Shadow,
    image: &Image,
    at: &str,
    stream: &mut Stream,
) -> Option<Image> {
    let mut mutant = image.clone();
    let entries = &mut mutant.entries;
    let entry = entries[at].clone();
    match which {
        "a rename by half: both names" => {
            let (from, to) = file.renamed.as_ref()?;
            let other = if from == at { to } else { from };
            if entries.insert(other.clone(), entry).is_some() {
                return None;
            }
        }
        "a name that never was" => {
            let some = [Entry::Dir, Entry::File(Vec::new()), entry];
            let name = stream.pick(&["/never", "/d/never"]).to_string();
            entries.insert(name, stream.pick(&some).clone());
        }
        _ => {
            let by_half = which == "a rename by half: no name";
            if file.may_vanish || file.renamed.is_some() != by_half {
                return None;
            }
            entries.remove(at);
        }
    }
    Some(mutant)
}

fn damage_synced(
    which: &str,
    file: &Shadow,
    world: &World,
    bytes: &mut [u8],
    stream: &mut Stream,
) -> Option<()> {
    // A cut that is pending may have taken some away.
    let mut untouched = file.untouched();
    untouched.retain(|one| sector(*one).end <= bytes.len());
    if untouched.is_empty() {
        return None;
    }
    let range = sector(*stream.pick(&untouched));
    let seen = bytes[range.clone()].to_vec();
    match which {
        "a byte of synced data flipped" => {
            bytes[range.start + stream.below(512) as usize] ^= stream.within(1, 255) as u8;
        }
        "an old version of a synced sector" => {
            bytes[range.clone()].copy_from_slice(file.old.get(range)?);
        }
        "two synced sectors exchanged" => {
            let other = sector(*stream.pick(&untouched));
            bytes.copy_within(other.clone(), range.start);
            bytes[other].copy_from_slice(&seen);
        }
        "a synced sector of zeros" => bytes[range].fill(0),
        "a synced sector of another file" => {
            let other = stream.pick(&world.files).now();
            bytes[range.clone()].copy_from_slice(other.get(range)?);
        }
        _ => unreachable!("{which}"),
    }
    Some(())
}

fn damage_pending(
    which: &str,
    file: &Shadow,
    knobs: &Knobs,
    bytes: &mut [u8],
    stream: &mut Stream,
) -> Option<()> {
    let unit = if which == "a mix within a block" {
        BLOCK
    } else {
        SECTOR
    };
    // Behind the synced length stale bytes may be legal.
    let end = match knobs.garbage_tail.is_never() {
        true => usize::MAX,
        false => file.past[0].len(),
    };
    let pending = file.pending(unit, bytes.len(), end);
    if pending.is_empty() {
        return None;
    }
    let at = *stream.pick(&pending);
    if which == "a byte that was never written" {
        bytes[at * unit + stream.below(512) as usize] = NEVER_WRITTEN;
        return Some(());
    }
    if !knobs.byte_tear.is_never() || knobs.atomic_unit < unit as u64 {
        return None;
    }
    let versions: Vec<Vec<u8>> = file.versions(at, unit).into_iter().collect();
    let mut mix = stream.pick(&versions).clone();
    let split = stream.within(1, unit as u64 - 1) as usize;
    mix[split..].copy_from_slice(&stream.pick(&versions)[split..]);
    bytes[at * unit..(at + 1) * unit].copy_from_slice(&mix);
    (!versions.contains(&mix)).then_some(())
}

fn sector(at: usize) -> std::ops::Range<usize> {
    at * SECTOR..(at + 1) * SECTOR
}

#[test]
fn every_mutant_of_a_legal_image_is_refused() {
    let mut legal = 0_u64;
    let mut refused = [0_u64; MUTATIONS.len()];
    for seed in 0..500 {
        let choices = Choices::new(seed);
        let mut work = choices.stream(Purpose::Workload, 0);
        let mut crash = choices.stream(Purpose::Crash, 0);
        let some = |stream: &mut Stream| match stream.happens(Ratio::new(1, 3)) {
            true => Ratio::new(1, 10),
            false => Ratio::NEVER,
        };
        let knobs = Knobs {
            atomic_unit: *work.pick(&[512, 4096]),
            byte_tear: some(&mut work),
            garbage_tail: some(&mut work),
            len_intermediate: work.happens(Ratio::new(1, 2)),
            trunc_partial_zero: work.happens(Ratio::new(1, 2)),
            xdir_rename_needs_both: work.happens(Ratio::new(1, 2)),
            ..Knobs::default()
        };
        let mut world = World::new(knobs, &mut work);
        for _ in 0..work.within(1, 15) {
            world.step(&mut work);
        }
        for _ in 0..4 {
            let mut cut = world.disk.clone();
            let strategy = cut.power_cut(&mut crash);
            let image = cut.image();
            assert!(world.disk.contains(&image), "seed {seed}: {strategy:?}");
            legal += 1;
            for (which, refused) in MUTATIONS.iter().zip(&mut refused) {
                for _ in 0..3 {
                    let Some(mutant) = mutated(which, &world, &image, &mut crash) else {
                        continue;
                    };
                    assert!(!world.disk.contains(&mutant), "seed {seed}: {which}");
                    *refused += 1;
                }
            }
        }
    }
    println!("{legal} images of power cuts, all judged legal");
    println!(
        "{} mutants, all judged illegal:",
        refused.iter().sum::<u64>()
    );
    for (which, refused) in MUTATIONS.iter().zip(refused) {
        println!("{refused:>8} {which}");
        assert!(refused > legal / 20, "{which}");
    }
}
