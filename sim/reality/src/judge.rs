//! What a power cut left, judged: by the membership test of the simulated disk, and by what the log
//! makes of it.
//!
//! *Verified:* the image is mounted; what is there is a state that the simulated disk allows at
//! every moment at which the cut may have come; the log opens on it and shows what the contract
//! says, by the simulator's own checkers; it goes on, and has it all after another cut that comes at
//! any write of this recovery. *Not verified:* modes, owners, times and extents of files.

// Looks at what a kernel has mounted, as anybody would.
#![allow(clippy::disallowed_methods)]

use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use seawall::env::os::OsVfs;
use seawall::{RecordType, TenantId, VShardId, WalConfig, WalManager};
use seawall_sim::checker::{Recovered, Tally, Violation, judge_recovery};
use seawall_sim::choice::Stream;
use seawall_sim::disk::{Disk, Entry, Image, Strategy};
use seawall_sim::model::{AppendId, Model, Payload};

use crate::cut::{Cut, Kind, plan};
use crate::device::{Blocks, Device, Event};
use crate::filesystem::Stand;
use crate::recorder::Moment;
use crate::workload::{Knowledge, LOG_DIR, bytes_of, env};

/// The caller who appends after a recovery.
const WITNESS: u16 = 1;

/// What is known of a device's past: what it was asked, and what was going on.
pub struct Past {
    /// What was on it before.
    pub base: Blocks,
    /// What it was asked.
    pub events: Vec<Event>,
    /// What the caller knew of the log, in order; none where there was no log.
    pub history: Vec<Knowledge>,
    /// What the simulated disk was, in order; none where it was not there.
    pub moments: Vec<Moment>,
}

/// What is wrong with what a cut left.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The kernel does not mount it, or can't read it.
    Unmountable {
        /// Why.
        error: String,
        /// Whether the cut has torn a write: the file systems that write their superblock in place
        /// take it for granted that this one is never torn.
        was_torn: bool,
    },
    /// The strict simulated disk allows no such state.
    NotInModel(String),
    /// It does, but not with the file system's profile.
    NotInProfile(String),
    /// The log does not open.
    NotOpened(String),
    /// The log shows what it must not.
    Log(Violation),
}

/// How often what was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Images that were mounted.
    pub mounted: u64,
    /// Those of them on which there was more than the root.
    pub not_empty: u64,
    /// Images that were compared with the model, and moments that they were compared at.
    pub judged: u64,
    /// See `judged`.
    pub moments: u64,
    /// Those of the images that are neither all that was pending nor what was durable.
    pub between: u64,
    /// Logs that were recovered.
    pub recovered: u64,
    /// Recoveries of them that were cut as well.
    pub cut_again: u64,
}

/// Judges what a cut leaves, and once more what a cut of its recovery leaves if `again` is there to
/// choose that. Returns all that is wrong.
pub fn judge(
    stand: &Stand<'_>,
    past: &Past,
    cut: &Cut,
    mut again: Option<&mut Stream>,
    entropy: &Stream,
    seen: &mut Seen,
) -> io::Result<Vec<Wrong>> {
    let left = cut.leave(&past.base, &past.events);
    let mounted = match stand.mount(left.clone()) {
        Ok(mounted) => mounted,
        Err(error) => return Ok(vec![Wrong::lost(cut, &error)]),
    };
    seen.mounted += 1;
    let root = mounted.root();
    let image = match read_tree(&root) {
        Ok(image) => image,
        Err(error) => return Ok(vec![Wrong::lost(cut, &error)]),
    };
    seen.not_empty += u64::from(!image.entries.is_empty());
    let compared = check_image(past, cut, &image, &mut entropy.clone(), seen);
    let mut wrong = Vec::from_iter(compared.err());
    if past.history.is_empty() {
        return Ok(wrong);
    }
    let (first, last) = (
        knowledge(past, *cut.positions.start()),
        knowledge(past, *cut.positions.end()),
    );
    let recovery = match recover(
        &root.join(LOG_DIR),
        [first, last],
        &stand.device,
        entropy.clone(),
    ) {
        Ok(history) => history,
        Err(of_log) => {
            wrong.push(of_log);
            return Ok(wrong);
        }
    };
    seen.recovered += 1;
    let events = stand.device.events();
    drop(mounted);
    let Some(stream) = again.as_mut() else {
        return Ok(wrong);
    };
    let past = Past {
        base: left,
        events,
        history: recovery,
        moments: Vec::new(),
    };
    let cuts = plan(&past.events, stream);
    let cut = stream.pick(&cuts);
    seen.cut_again += 1;
    let after = judge(stand, &past, cut, None, entropy, seen)?;
    wrong.extend(after.into_iter().map(|wrong| wrong.of_recovery(cut)));
    Ok(wrong)
}

impl Wrong {
    /// What people call it.
    pub fn name(&self) -> &'static str {
        match self {
            Wrong::Unmountable { .. } => "not mounted",
            Wrong::NotInModel(_) => "not in the model",
            Wrong::NotInProfile(_) => "not in the profile",
            Wrong::NotOpened(_) => "the log failed",
            Wrong::Log(_) => "the log is wrong",
        }
    }

    fn lost(cut: &Cut, error: &io::Error) -> Wrong {
        Wrong::Unmountable {
            error: error.to_string(),
            was_torn: cut.kind == Kind::Torn,
        }
    }

    fn of_recovery(self, cut: &Cut) -> Wrong {
        let tell = |text: String| format!("after a cut of the recovery, {cut:?}: {text}");
        match self {
            Wrong::Unmountable { error, was_torn } => Wrong::Unmountable {
                error: tell(error),
                was_torn,
            },
            Wrong::NotInModel(text) => Wrong::NotInModel(tell(text)),
            Wrong::NotInProfile(text) => Wrong::NotInProfile(tell(text)),
            Wrong::NotOpened(text) => Wrong::NotOpened(tell(text)),
            Wrong::Log(violation) => Wrong::Log(Violation {
                story: tell(violation.story),
                ..violation
            }),
        }
    }
}

/// The last thing that was known when the device had been asked so much.
fn knowledge(past: &Past, position: usize) -> &Knowledge {
    let behind = past
        .history
        .partition_point(|known| known.position <= position);
    &past.history[behind.max(1) - 1]
}

/// All that is below a directory.
fn read_tree(root: &Path) -> io::Result<Image> {
    let mut image = Image::default();
    let mut left = vec![String::new()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(root.join(&dir))? {
            let entry = entry?;
            let name = entry.file_name().into_string();
            let name = name.map_err(|_| io::Error::other("a name that nobody gave"))?;
            let below = format!("{dir}{name}");
            let found = match entry.file_type()?.is_dir() {
                true => {
                    left.push(format!("{below}/"));
                    Entry::Dir
                }
                false => Entry::File(std::fs::read(entry.path())?),
            };
            image.entries.insert(format!("/{below}"), found);
        }
    }
    Ok(image)
}

/// Compares an image with what the simulated disk allows, at every moment at which the cut may have
/// come, or, where it came within one call, with what it allows before or after that call.
fn check_image(
    past: &Past,
    cut: &Cut,
    image: &Image,
    stream: &mut Stream,
    seen: &mut Seen,
) -> Result<(), Wrong> {
    if past.moments.is_empty() {
        return Ok(());
    }
    let at = moments_at(past, &cut.positions);
    seen.judged += 1;
    seen.moments += at.len().max(1) as u64;
    if let Some(wrong) = not_in(past, cut, &at, &|[strict, _]| strict.contains(image)) {
        return Err(Wrong::NotInModel(differences(past, wrong, image)));
    }
    if let Some(wrong) = not_in(past, cut, &at, &|[_, profiled]| {
        profiled.contains_in_profile(image)
    }) {
        return Err(Wrong::NotInProfile(differences(past, wrong, image)));
    }
    if let Some(&last) = at.last() {
        let [disk, _] = &past.moments[last].disks;
        let mut lost = disk.clone();
        lost.power_cut_with(Strategy::LoseAll, stream);
        let is_between = *image != disk.image() && *image != lost.image();
        seen.between += u64::from(is_between);
    }
    Ok(())
}

/// Where an image is not allowed, if anywhere. Within one call that is where it is allowed neither
/// before nor after.
fn not_in(
    past: &Past,
    cut: &Cut,
    at: &[usize],
    allows: &dyn Fn(&[Disk; 2]) -> bool,
) -> Option<usize> {
    let is_allowed = |at: &usize| allows(&past.moments[*at].disks);
    if !at.is_empty() {
        return at.iter().copied().find(|at| !is_allowed(at));
    }
    let is_during = |moment: &Moment| {
        moment.during.0 < *cut.positions.start() && *cut.positions.end() < moment.during.1
    };
    let after = past.moments.iter().position(is_during);
    let after = after.expect("a position is at a moment or within a call");
    (![after - 1, after].iter().any(is_allowed)).then_some(after)
}

/// The moments at which a cut may have come, by their places.
fn moments_at(past: &Past, positions: &RangeInclusive<usize>) -> Vec<usize> {
    let ends = |at: usize| match past.moments.get(at + 1) {
        Some(next) => next.during.0,
        None => past.events.len(),
    };
    (0..past.moments.len())
        .filter(|&at| {
            past.moments[at].during.1 <= *positions.end() && ends(at) >= *positions.start()
        })
        .collect()
}

/// How an image differs from what a reader saw on the simulated disk.
fn differences(past: &Past, at: usize, image: &Image) -> String {
    let moment = &past.moments[at];
    let before = past.moments[at.saturating_sub(1)].disks[0].image();
    let after = moment.disks[0].image();
    let mut text = format!("at or around `{}`, asked {:?}:", moment.call, moment.during);
    let mut paths: Vec<&String> = image.entries.keys().chain(after.entries.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let (seen, expected) = (image.entries.get(path), after.entries.get(path));
        if seen != expected {
            let before = tell(before.entries.get(path), None);
            let (seen, expected) = (tell(seen, expected), tell(expected, None));
            text += &format!("\n  {path}: found {seen}; readers saw {expected}, before {before}");
        }
    }
    text
}

fn tell(entry: Option<&Entry>, other: Option<&Entry>) -> String {
    match (entry, other) {
        (None, _) => "nothing".into(),
        (Some(Entry::Dir), _) => "a directory".into(),
        (Some(Entry::File(bytes)), Some(Entry::File(other))) => {
            let sectors = bytes.chunks(512).zip(other.chunks(512)).zip(0..);
            let differ = sectors.filter(|((one, other), _)| {
                let both = one.len().min(other.len());
                one[..both] != other[..both]
            });
            let differ: Vec<String> = differ
                .map(|((one, _), at)| match one.iter().all(|&byte| byte == 0) {
                    true => format!("{at}=0"),
                    false => at.to_string(),
                })
                .collect();
            let sectors = differ.join(" ");
            format!("{} bytes, other in the sectors [{sectors}]", bytes.len())
        }
        (Some(Entry::File(bytes)), _) => format!("{} bytes", bytes.len()),
    }
}

/// Recovers the log and lets it go on. It is held against what was known at both ends of the time at
/// which the cut may have come. Returns what is known from when on.
fn recover(
    dir: &Path,
    known: [&Knowledge; 2],
    device: &Device,
    entropy: Stream,
) -> Result<Vec<Knowledge>, Wrong> {
    let mut history = vec![Knowledge {
        position: 0,
        ..known[1].clone()
    }];
    let keys = known[1].keys.clone();
    let not_opened = |error: seawall::Error| Wrong::NotOpened(format!("{error:?}"));
    let env = env(Arc::new(OsVfs), entropy);
    let wal = WalManager::open_in(env, dir, WalConfig::default(), keys).map_err(not_opened)?;
    let shown = Recovered::of(&wal).map_err(not_opened)?;
    let mut settled = known.map(|known| known.model.clone());
    for model in &mut settled {
        judge_recovery(model, &shown, &mut Tally::default()).map_err(Wrong::Log)?;
    }
    let [_, mut model] = settled;
    let mut note = |model: &Model| {
        history.push(Knowledge {
            position: device.position(),
            model: model.clone(),
            keys: known[1].keys.clone(),
        });
    };
    note(&model);
    let payload = Payload::plain(100);
    let id = model.begin_append(WITNESS, payload, device.position() as u64);
    note(&model);
    let bytes = bytes_of(id, payload);
    let appended = append(&wal, id, &bytes).map_err(not_opened)?;
    model.accept(id, appended).map_err(Wrong::Log)?;
    model.acknowledge(appended);
    note(&model);
    Ok(history)
}

fn append(wal: &WalManager, id: AppendId, bytes: &[u8]) -> Result<u64, seawall::Error> {
    let (verb, tenant): (RecordType, _) = (id.verb(), TenantId::new(id.0));
    let lsn = wal.append_durable(verb, tenant, VShardId::new(WITNESS), bytes)?;
    Ok(lsn.as_u64())
}
