//! The shards of a night, each with a directory of its own, as one night in one directory.

#![allow(clippy::disallowed_methods)] // Nights are kept on the real file system.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::directory::{self, Directory};
use super::record::{Came, Night};
use super::summary::Summary;
use super::within;
use crate::capsule::{Capsule, State};
use crate::shard::Shard;

/// Adds the last nights of `parts` up into `into`, which may have earlier ones.
///
/// # Errors
/// When they are not all the different shards of one night on one commit: says which.
pub fn merge(parts: &[PathBuf], into: &Path) -> Result<Summary, String> {
    let directory = Directory::lock(into)?;
    let mut state = directory.state()?;
    let mut seen = BTreeSet::new();
    let mut capsules = BTreeMap::new();
    let mut whole: Option<Night> = None;
    for path in parts {
        let part = Directory::lock(path)?;
        let number = part.numbers()?.last().copied();
        let night = match number {
            Some(number) => part.night(number)?,
            None => None,
        };
        let night = night.ok_or_else(|| format!("there is no night in {}", path.display()))?;
        let later = directory
            .numbers()?
            .into_iter()
            .find(|&there| there > night.number);
        if let Some(later) = later {
            let (number, into) = (night.number, into.display());
            return Err(format!(
                "night {number} comes before night {later}, which is in {into}"
            ));
        }
        if !seen.insert(night.shard) {
            return Err(format!(
                "{} is shard {} once more",
                path.display(),
                night.shard
            ));
        }
        add_state(&mut state, part.state()?);
        for capsule in part.capsules()?.0 {
            add_capsule(&mut capsules, capsule);
        }
        let moved = copy_results(&part, &directory, night)?;
        whole = Some(match whole {
            None => moved,
            Some(whole) => add(whole, moved)?,
        });
    }
    let mut whole = whole.ok_or("there is nothing to merge")?;
    let of = whole.shard.of();
    if (seen.len() as u64) < of {
        let here: Vec<String> = seen.iter().map(Shard::to_string).collect();
        return Err(format!("of {of} shards there are only {}", here.join(", ")));
    }
    whole.shard = Shard::WHOLE;
    // Whoever went on with it would run a shard's seeds once more.
    whole.is_over = true;
    for capsule in capsules.values() {
        directory.save_capsule(capsule)?;
    }
    directory.save_state(&state)?;
    directory.save_night(&whole)?;
    directory.tell(&whole, &state)
}

/// Adds what a shard knows of a failure. It is fixed only where no shard has met it.
fn add_capsule(capsules: &mut BTreeMap<String, Capsule>, mut capsule: Capsule) {
    if let Some(known) = capsules.remove(&capsule.id) {
        let also: Vec<String> = known.also.union(&capsule.also).cloned().collect();
        if known.status.state != State::Fixed {
            capsule = known;
        }
        capsule.also.extend(also);
    }
    capsules.insert(capsule.id.clone(), capsule);
}

fn add_state(state: &mut directory::State, other: directory::State) {
    state.features.join(&other.features);
    for (name, learned) in other.arms {
        let known = state.arms.entry(name).or_default();
        known.new_a_second = known.new_a_second.max(learned.new_a_second);
        // What one shard has not done is not done.
        known.given = match known.commit == learned.commit {
            true => known.given.min(learned.given),
            false => learned.given,
        };
        known.commit = learned.commit;
    }
}

/// Copies the files of results, under names that tell their shard.
fn copy_results(from: &Directory, to: &Directory, mut night: Night) -> Result<Night, String> {
    let shard = night.shard.to_string().replace('/', "-");
    for slice in &mut night.slices {
        let Came::Results { file } = &mut slice.came else {
            continue;
        };
        let source = within(from.path(), night.number).join(&*file);
        let name = file.replace("slices/", &format!("slices/{shard}-"));
        let target = within(to.path(), night.number).join(&name);
        let bytes = std::fs::read(&source);
        let bytes = bytes.map_err(|error| format!("{}: {error}", source.display()))?;
        let copied = crate::results::replace(&target, &bytes);
        copied.map_err(|error| format!("{}: {error}", target.display()))?;
        *file = name;
    }
    Ok(night)
}

fn add(mut whole: Night, part: Night) -> Result<Night, String> {
    let is_same = part.number == whole.number
        && part.commit == whole.commit
        && part.shard.of() == whole.shard.of();
    if !is_same {
        return Err(format!(
            "night {} on {}, shard {}, is no part of night {} on {}",
            part.number, part.commit, part.shard, whole.number, whole.commit
        ));
    }
    whole.begun = whole.begun.min(part.begun);
    whole.ended = whole.ended.max(part.ended);
    whole.wall_seconds = whole.wall_seconds.max(part.wall_seconds);
    whole.asked_seconds = whole.asked_seconds.max(part.asked_seconds);
    whole.sittings += part.sittings;
    whole.given += part.given;
    whole.canaries.extend(part.canaries);
    whole.slices.extend(part.slices);
    for line in part.skipped {
        if !whole.skipped.contains(&line) {
            whole.skipped.push(line);
        }
    }
    for met in part.failures {
        match whole.failures.iter_mut().find(|known| known.id == met.id) {
            None => whole.failures.push(met),
            Some(known) => {
                let count = known.count + met.count;
                // One shard has met what another has only seen pass.
                if met.is_failure() && !known.is_failure() {
                    *known = met;
                }
                known.count = count;
            }
        }
    }
    Ok(whole)
}
