//! `cargo sim run`: many seeds, until one fails.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;

use seawall_sim::budget::Budget;
use seawall_sim::campaign::Campaign;
use seawall_sim::disk::{Fault, Lie, Profile};
use seawall_sim::report::summary;
use seawall_sim::results::Outcome;
use seawall_sim::seed::Seed;
use seawall_sim::shard::Shard;

use super::limits::LimitArgs;
use super::outcome::{OutcomeArgs, refuse};
use super::setting::SettingArgs;
use super::{bar_of, cpu_time};

#[derive(Args)]
pub(super) struct RunArgs {
    /// The first seed: a number, 0x and hexadecimal digits, or a commit hash. Random by default.
    seed: Option<Seed>,
    /// How many seeds, one after the other, in all shards together. Default 1000, or no limit with --time.
    #[arg(long)]
    seeds: Option<u64>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    outcome: OutcomeArgs,
    /// Run only this part of the seeds: 2/3 is the second of three. `cargo sim merge` adds up what comes
    /// of them.
    #[arg(long, default_value_t = Shard::WHOLE, value_name = "I/N")]
    shard: Shard,
    /// Go on after a failure, and keep one of each kind.
    #[arg(long)]
    keep_going: bool,
    /// Note which features the runs had, one in four, for what is written with --out.
    #[arg(long)]
    features: bool,
    /// Go on from scenarios that had something new, and take every second one from a seed.
    #[arg(long)]
    guided: bool,
    /// Run every seed twice and compare the traces, not only one in 64.
    #[arg(long)]
    twice: bool,
    #[command(flatten)]
    setting: SettingArgs,
    /// A canary: the disk lies (file-sync, dir-sync, write-crosses-sync, bit-flip). Must fail.
    #[arg(long)]
    lie: Option<Lie>,
    /// A canary: this fault never happens, though it is drawn. Must fail, with 20000 seeds.
    #[arg(long)]
    mute: Option<Fault>,
    /// Print how often each fault hit each operation in each phase of a life. With 200000 seeds a
    /// cell that is empty without a rule must fail.
    #[arg(long)]
    coverage: bool,
    /// A canary: no life ends in a crash. Must fail.
    #[arg(long)]
    without_crashes: bool,
}

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let campaign = match Budget::of_environment() {
        Ok(budget) => args.campaign(budget),
        Err(wrong) => return refuse(&wrong),
    };
    say!("seed {}", campaign.seed);
    say!("{}", banner(&campaign));
    #[allow(clippy::disallowed_methods)] // How long it took is told in real time.
    let start = Instant::now();
    let bar = bar_of(campaign.share(), "{pos}/{len} seeds, {per_sec}, {eta} left");
    let mut next_line = Duration::from_secs(10);
    let summary = campaign.run(|done| {
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += Duration::from_secs(10);
            say!("{} s: {done} seeds", start.elapsed().as_secs());
        }
    });
    bar.finish_and_clear();
    let outcome = summary::Outcome {
        campaign,
        summary,
        cpu: cpu_time(),
        wall: start.elapsed(),
    };
    args.outcome.conclude(&Outcome::Run(outcome.into()))
}

impl RunArgs {
    /// What the arguments say, and where they say nothing, the environment.
    fn campaign(&self, budget: Budget) -> Campaign {
        let time = self.limits.time.or(budget.time);
        let mut setting = self.setting.setting();
        setting.profile = setting.profile.or(budget.profile);
        let seeds = match (self.seeds.or(budget.cases), time) {
            (None, None) => Some(1000),
            (seeds, _) => seeds,
        };
        Campaign {
            seed: self.seed.or(budget.seed).unwrap_or_else(random_seed),
            seeds,
            shard: self.shard,
            time,
            jobs: self.limits.jobs.count_or(budget.jobs),
            setting,
            guided: self.guided,
            notes_features: self.features,
            keeps_going: self.keep_going,
            twice: self.twice,
            lie: self.lie,
            mute: self.mute,
            coverage: self.coverage,
            without_crashes: self.without_crashes,
        }
    }
}

/// Every option of the campaign, so that a log of it alone tells how to do it again.
fn banner(campaign: &Campaign) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    format!(
        "seawall-sim {}: seeds {}, shard {}, time {}, jobs {}, workload {}, encryption {}, profile {}, policy {}, unchecked {}, guided {}, keeps going {}, each seed twice {}, lie {}, mute {}, crashes {}",
        env!("CARGO_PKG_VERSION"),
        or_none(campaign.seeds.map(|seeds| seeds.to_string())),
        campaign.shard,
        or_none(campaign.time.map(|time| format!("{} s", time.as_secs()))),
        campaign.jobs,
        campaign.setting.shape,
        campaign.setting.encryption,
        campaign.setting.profile.map_or("drawn", Profile::name),
        campaign
            .setting
            .policy
            .map_or("drawn".into(), |policy| policy.to_string()),
        match campaign.setting.unchecked.is_empty() {
            true => "nothing".into(),
            false => campaign.setting.unchecked.to_string(),
        },
        campaign.guided,
        campaign.keeps_going,
        campaign.twice,
        or_none(campaign.lie.map(|lie| lie.to_string())),
        or_none(campaign.mute.map(|fault| fault.to_string())),
        !campaign.without_crashes,
    )
}

/// A seed that nobody chose: told first and last, so that it is not lost.
fn random_seed() -> Seed {
    use seawall::env::entropy::Entropy;
    let mut bytes = [0; 8];
    match seawall::env::os::OsEntropy.fill(&mut bytes) {
        Ok(()) => Seed(u64::from_le_bytes(bytes)),
        Err(_) => Seed(1),
    }
}
