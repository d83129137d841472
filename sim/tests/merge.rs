//! Shards: what several machines do adds up to what one would have done.
//!
//! *Verified:* the merged outcome of a campaign's and an exploration's shards, read back from their files, is
//! that of the whole, number for number, but for time and for what depends on which thread did what; parts
//! that are missing, twice there or of another work are refused.
//! *Not verified:* campaigns that fail: each shard ends at a failure of its own.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)] // Results are real files; a test says so.

use std::path::Path;
use std::time::Duration;

use seawall_sim::campaign::Campaign;
use seawall_sim::explore::{Explore, Which, knobs};
use seawall_sim::report::explored::Exploration;
use seawall_sim::report::summary;
use seawall_sim::results::{Commit, Outcome, Saved, merge};
use seawall_sim::seed::Seed;
use seawall_sim::shard::Shard;

const SHARDS: [&str; 3] = ["1/3", "2/3", "3/3"];

fn campaign(shard: Shard) -> Outcome {
    let campaign = Campaign {
        seeds: Some(500),
        shard,
        notes_features: true,
        coverage: true,
        ..Campaign::of(Seed(7))
    };
    let outcome = summary::Outcome {
        summary: campaign.run(|_| {}),
        campaign,
        cpu: Duration::from_secs(1),
        wall: Duration::from_secs(1),
    };
    Outcome::Run(outcome.into())
}

fn exploration(shard: Shard) -> Outcome {
    let explore = Explore {
        workloads: Which::All(2),
        shard,
        depth: 2,
        groups_max: u64::MAX,
        knobs: knobs(),
        jobs: 1,
    };
    let exploration = Exploration {
        explored: explore.run(|_| true),
        explore,
        cpu: Duration::from_secs(1),
        wall: Duration::from_secs(1),
    };
    Outcome::Explore(exploration.into())
}

/// Saves an outcome below `root`, and reads it back.
fn through_a_file(root: &Path, name: &str, outcome: &Outcome) -> (String, Saved) {
    let path = root.join(name.replace('/', "-"));
    outcome.save(&path, &Commit("one".into())).unwrap();
    let saved = Saved::load(&path).unwrap();
    assert_eq!(saved.outcome, *outcome);
    (name.into(), saved)
}

fn parts(work: fn(Shard) -> Outcome) -> Vec<(String, Saved)> {
    let root = tempfile::tempdir().unwrap();
    let shards = SHARDS.map(|shard| (shard, work(shard.parse().unwrap())));
    let saved = shards.map(|(name, outcome)| through_a_file(root.path(), name, &outcome));
    saved.into()
}

#[test]
fn the_shards_of_a_campaign_are_the_whole() {
    let merged = merge(parts(campaign)).unwrap().outcome;
    let (Outcome::Run(merged), Outcome::Run(whole)) = (merged, campaign(Shard::WHOLE)) else {
        panic!("a campaign stays one");
    };
    assert_eq!(merged.summary, whole.summary);
    assert!(whole.summary.features.count() > 1000);
    assert_eq!(merged.campaign.shard, Shard::WHOLE);
}

#[test]
fn the_shards_of_an_exploration_are_the_whole() {
    let merged = merge(parts(exploration)).unwrap().outcome;
    let (Outcome::Explore(merged), Outcome::Explore(whole)) = (merged, exploration(Shard::WHOLE))
    else {
        panic!("an exploration stays one");
    };
    assert_eq!(merged.explored.counts, whole.explored.counts);
    assert_eq!(merged.explored.done, 111);
    assert_eq!(merged.explored.offence, None);
}

#[test]
fn parts_that_are_not_a_whole_are_refused() {
    let all = parts(campaign);
    let refused = |parts: &[&(String, Saved)]| {
        let parts = parts.iter().map(|&part| part.clone()).collect();
        merge(parts).unwrap_err()
    };
    let [one, two, three] = &all[..] else {
        panic!("three shards");
    };
    assert_eq!(refused(&[]), "there is nothing to merge");
    assert!(refused(&[one, two]).contains("only 1/3, 2/3"));
    assert!(refused(&[one, two, two]).contains("twice"));
    let other = &parts(exploration)[2];
    assert!(refused(&[one, two, other]).contains("no part of the same work"));
    let mut later = three.clone();
    later.1.commit = Commit("two".into());
    assert!(refused(&[one, two, &later]).contains("of commit one"));
}
