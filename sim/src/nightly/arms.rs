//! What a night's time is shared out over, and whose turn it is.
//!
//! Each family has a share of the time; within it an arm has the more, the more that is new it has found
//! lately, up to four times what one has that finds nothing. Next is who has had the least of what is
//! due to it. So nothing starves, and each is met in every night that is long enough.

use std::time::Duration;

use super::directory::State;
use super::record::{Family, Night};
use super::slice::Runner;
use super::{fuzz, gate};
use crate::disk::Profile;
use crate::results::Commit;
use crate::sched::policy::PolicyKind;
use crate::shard::Shard;

/// How the time is divided between the families that have something to do.
const SHARES: [(Family, f64); 4] = [
    (Family::Run, 0.6),
    (Family::Fuzz, 0.2),
    (Family::Explore, 0.1),
    (Family::Mutants, 0.1),
];
/// A group of mutants is built and run in about so much.
const MUTANTS_MIN: Duration = Duration::from_secs(300);
/// By how much an arm that finds the most is favoured over one that finds nothing.
const FAVOUR: f64 = 3.0;

/// Explorations, from the small to those that take days: steps, power cuts, and in how many parts.
const EXPLORATIONS: [(u32, usize, u64); 6] = [
    (3, 2, 1),
    (3, 3, 1),
    (4, 2, 4),
    (4, 3, 16),
    (5, 2, 64),
    (5, 3, 512),
];

/// Something that can be given a slice.
pub(super) struct Arm {
    pub(super) work: Work,
    commit: Commit,
}

/// What an arm does.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Seeds with these options.
    Seeds(String),
    /// The next part of what is explored, of so many that are this shard's.
    Explore(u64),
    /// This target.
    Fuzz(String),
    /// These groups of mutants, one after the other.
    Mutants(Vec<Vec<String>>),
}

/// All of them.
pub(super) struct Arms(Vec<Arm>);

impl Arm {
    /// As reports and the state call it.
    pub(super) fn name(&self) -> String {
        match &self.work {
            Work::Seeds(options) => match options.split_once("--") {
                None => "swarm".into(),
                Some((_, option)) => option.to_owned(),
            },
            Work::Explore(_) => "explore".into(),
            Work::Fuzz(target) => format!("fuzz {target}"),
            Work::Mutants(_) => "mutants".into(),
        }
    }

    pub(super) fn family(&self) -> Family {
        match self.work {
            Work::Seeds(_) => Family::Run,
            Work::Explore(_) => Family::Explore,
            Work::Fuzz(_) => Family::Fuzz,
            Work::Mutants(_) => Family::Mutants,
        }
    }

    pub(super) fn commit(&self) -> &Commit {
        &self.commit
    }

    /// Whether on another commit all of it is to be done again.
    pub(super) fn begins_anew(&self) -> bool {
        self.family() == Family::Explore
    }

    fn has_work(&self, state: &State, left: Duration) -> bool {
        let parts = match self.work {
            Work::Explore(parts) => parts,
            Work::Mutants(_) => return left >= MUTANTS_MIN,
            Work::Seeds(_) | Work::Fuzz(_) => return true,
        };
        let learned = state.arms.get(&self.name());
        learned.is_none_or(|learned| {
            learned.given < parts || learned.commit.as_ref() != Some(&self.commit)
        })
    }
}

impl Arms {
    /// What can be done here, and a line for each thing that can't.
    pub(super) fn here(runner: &Runner, commit: &Commit) -> (Arms, Vec<String>) {
        let mut works = vec![Work::Seeds(String::new())];
        let profiles = Profile::DRAWN.iter();
        works.extend(profiles.map(|one| Work::Seeds(format!("--profile {one}"))));
        let policies = [
            PolicyKind::Walk,
            PolicyKind::Random,
            PolicyKind::Sticky(16),
            PolicyKind::Pct(3),
            PolicyKind::Pos,
        ];
        works.extend(policies.map(|one| Work::Seeds(format!("--policy {one}"))));
        works.push(Work::Seeds("--guided".into()));
        let parts = EXPLORATIONS.iter().map(|(_, _, parts)| parts).sum();
        works.push(Work::Explore(runner.shard().share(parts)));
        let mut skipped = Vec::new();
        match fuzz::targets(runner) {
            Ok(targets) => works.extend(targets.into_iter().map(Work::Fuzz)),
            Err(why) => skipped.push(format!("fuzz targets: {why}")),
        }
        match gate::groups(runner) {
            Ok(groups) => works.push(Work::Mutants(groups)),
            Err(why) => skipped.push(format!("mutants: {why}")),
        }
        let arms = works.into_iter().map(|work| Arm {
            work,
            commit: commit.clone(),
        });
        (Arms(arms.collect()), skipped)
    }

    /// Whose turn it is, while so much of the night is left; nobody's where all is done.
    pub(super) fn next(&self, night: &Night, state: &State, left: Duration) -> Option<&Arm> {
        let able = self.0.iter().filter(|arm| arm.has_work(state, left));
        let able: Vec<&Arm> = able.collect();
        let dues = dues(&able, state);
        let spent = |arm: &Arm| -> f64 {
            let name = arm.name();
            let own = night.slices.iter().filter(|slice| slice.arm == name);
            own.map(|slice| slice.wall_seconds).sum()
        };
        let had = able
            .iter()
            .zip(dues)
            .map(|(&arm, due)| (arm, spent(arm) / due));
        had.min_by(|(_, one), (_, other)| one.total_cmp(other))
            .map(|(arm, _)| arm)
    }
}

/// What is due to each arm, of all the time.
fn dues(arms: &[&Arm], state: &State) -> Vec<f64> {
    let rate = |arm: &Arm| {
        let learned = state.arms.get(&arm.name());
        learned.map_or(0.0, |learned| learned.new_a_second)
    };
    let of = |family: Family| arms.iter().filter(move |arm| arm.family() == family);
    let best = |family: Family| of(family).map(|arm| rate(arm)).fold(0.0, f64::max);
    let weight = |arm: &Arm| 1.0 + FAVOUR * rate(arm) / best(arm.family()).max(f64::MIN_POSITIVE);
    let share = |family: Family| {
        let own = SHARES.iter().find(|(one, _)| *one == family);
        own.map_or(0.0, |(_, share)| *share)
    };
    arms.iter()
        .map(|arm| {
            let all: f64 = of(arm.family()).map(|arm| weight(arm)).sum();
            share(arm.family()) * weight(arm) / all
        })
        .collect()
}

/// The exploration's part at this place: steps, power cuts, and the shard of it.
pub(super) fn exploration(place: u64) -> Option<(u32, usize, Shard)> {
    let mut before = 0;
    for (ops, depth, parts) in EXPLORATIONS {
        if place < before + parts {
            let shard = format!("{}/{parts}", place - before + 1);
            return Some((ops, depth, shard.parse().expect("one of them")));
        }
        before += parts;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::directory::Learned;

    fn arm(work: Work) -> Arm {
        Arm {
            work,
            commit: Commit("one".into()),
        }
    }

    #[test]
    fn who_finds_more_is_due_more_and_nobody_starves() {
        let [dull, rich, alone] = [
            arm(Work::Seeds(String::new())),
            arm(Work::Seeds("--policy pos".into())),
            arm(Work::Mutants(Vec::new())),
        ];
        let mut state = State::default();
        let found = Learned {
            new_a_second: 7.5,
            ..Learned::default()
        };
        state.arms.insert(rich.name(), found);
        let dues = dues(&[&dull, &rich, &alone], &state);
        assert!((dues[1] / dues[0] - 4.0).abs() < 1e-9, "{dues:?}");
        assert!((dues[0] + dues[1] - 0.6).abs() < 1e-9, "{dues:?}");
        assert!((dues[2] - 0.1).abs() < 1e-9, "{dues:?}");
    }

    #[test]
    fn explorations_come_part_by_part_and_end() {
        assert_eq!(exploration(0), Some((3, 2, Shard::WHOLE)));
        assert_eq!(exploration(3), Some((4, 2, "2/4".parse().unwrap())));
        let parts: u64 = EXPLORATIONS.iter().map(|(_, _, parts)| parts).sum();
        assert_eq!(
            exploration(parts - 1),
            Some((5, 3, "512/512".parse().unwrap()))
        );
        assert_eq!(exploration(parts), None);
    }

    #[test]
    fn an_exploration_ends_and_begins_anew_on_another_commit() {
        let explore = arm(Work::Explore(2));
        let mut state = State::default();
        assert_eq!([state.give(&explore), state.give(&explore)], [0, 1]);
        let left = Duration::ZERO;
        assert!(!explore.has_work(&state, left));
        let later = Arm {
            commit: Commit("two".into()),
            work: Work::Explore(2),
        };
        assert!(later.has_work(&state, left));
        assert_eq!(state.give(&later), 0);
        let seeds = arm(Work::Seeds(String::new()));
        assert_eq!([state.give(&seeds), state.give(&seeds)], [0, 1]);
        assert!(seeds.has_work(&state, left));
        let mutants = arm(Work::Mutants(Vec::new()));
        assert!(!mutants.has_work(&state, left) && mutants.has_work(&state, MUTANTS_MIN));
    }
}
