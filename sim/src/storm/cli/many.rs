//! `list`, `run` and `table`: many seeds, and what came of them.

use std::io::Write;
use std::time::{Duration, Instant};

use super::super::campaign::{Campaign, Sum};
use super::super::named::Kept;
use super::super::{Storms, table};
use super::{LimitArgs, RunArgs, TableArgs, bar, jobs_or_all, write};
use crate::checker::{Class, Property};
use crate::choice::Tape;
use crate::disk::Profile;

/// One in so many seeds is run twice, to see that it does the same.
const TWICE_EVERY: u64 = 64;
/// A line of progress comes as often, where no bar shows it.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Storms<'_> {
    pub(super) fn list(&self) -> Result<u8, String> {
        for named in &self.named {
            say!("{}: {}", named.name, named.version);
            for line in &named.about {
                say!("    {line}");
            }
        }
        Ok(0)
    }

    pub(super) fn run(&self, args: &RunArgs) -> Result<u8, String> {
        let named = self.find(args.setting.subject.as_deref())?;
        let seeds = seeds_of(args.seeds, &args.limits);
        let campaign = Campaign {
            named,
            profile: args.setting.profile.unwrap_or(Profile::Strict),
            seed: args.seed,
            seeds,
            time: args.limits.time,
            jobs: jobs_of(seeds, &args.limits),
            keeps_going: args.keep_going,
            twice_every: Some(if args.twice { 1 } else { TWICE_EVERY }),
        };
        say!("seed {}", campaign.seed);
        say!("{}", banner(&campaign));
        (self.prepare)(campaign.jobs);
        let sum = run_with_bar(&campaign);
        say!("{}", told(&sum));
        // Of a search that stops, who runs beside it has come as far as it happens to have.
        if args.keep_going || sum.kinds.is_empty() {
            say!("traces {:016x}", sum.traces);
        }
        self.tell(&campaign, &sum)
    }

    /// Keeps a failure of each kind and tells the first one.
    fn tell(&self, campaign: &Campaign<'_>, sum: &Sum) -> Result<u8, String> {
        let in_order = sum.in_order();
        let Some((_, first)) = in_order.first() else {
            let (word, code) = match () {
                () if sum.is_out_of_time => ("OUT OF TIME: not all seeds were run", 124),
                () if sum.is_vacuous() => (
                    "VACUOUS: no life ended at a call, or no step was taken",
                    Class::Vacuity as u8,
                ),
                () => ("PASSED", 0),
            };
            say!("{word}\nseed {}", campaign.seed);
            return Ok(code);
        };
        let kept = |index: u64| {
            let kept = Kept {
                subject: campaign.named.name.into(),
                version: campaign.named.version.into(),
                profile: campaign.profile,
                seed: campaign.seed.plus(index),
                tape: Tape::default(),
            };
            let path = kept.path(".toml");
            write(&path, &kept.print()).map(|()| path)
        };
        for (print, kind) in in_order.iter().skip(1) {
            let path = kept(kind.index)?;
            let (count, path) = (kind.count, path.display());
            say!("{count} seeds: {print}\n  the first of them {path}");
        }
        let path = kept(first.index)?;
        let seed = campaign.seed.plus(first.index);
        let name = path.display().to_string();
        if first.violation.property != Property::Determinism {
            say!("{} explain {name}", self.command);
        }
        Ok(self.conclude(Some(&first.violation), seed, &name))
    }

    pub(super) fn table(&self, args: &TableArgs) -> Result<u8, String> {
        let subjects = args.subjects.iter().map(|name| self.find(Some(name)));
        let subjects: Vec<_> = match args.subjects.is_empty() {
            true => self.named.iter().collect(),
            false => subjects.collect::<Result<_, _>>()?,
        };
        let profiles = match &args.profiles[..] {
            [] => &[Profile::Strict, Profile::Ext4Ordered],
            some => some,
        };
        let seeds = seeds_of(args.seeds, &args.limits);
        let jobs = jobs_of(seeds, &args.limits);
        say!("seed {}\n\n{}", args.seed, table::head());
        (self.prepare)(jobs);
        let mut differ = false;
        for named in subjects {
            for &profile in profiles {
                let campaign = Campaign {
                    named,
                    profile,
                    seed: args.seed,
                    seeds,
                    time: args.limits.time,
                    jobs,
                    keeps_going: true,
                    twice_every: None,
                };
                let sum = run_with_bar(&campaign);
                // As many seeds as the time was enough for.
                let as_many = Campaign {
                    seeds: Some(sum.seeds),
                    time: None,
                    ..campaign
                };
                let again = args.twice.then(|| run_with_bar(&as_many));
                let differs = again.as_ref().map(|again| !table::is_same(&sum, again));
                differ |= differs == Some(true);
                say!("{}", table::row(&campaign, &sum, again.as_ref()));
            }
        }
        let (word, code) = match differ {
            true => (
                "FAILED: the same seeds did not do the same",
                Class::Determinism as u8,
            ),
            // That others' code fails is what the table is about.
            false => ("DONE", 0),
        };
        say!("\n{word}\nseed {}", args.seed);
        Ok(code)
    }
}

fn seeds_of(seeds: Option<u64>, limits: &LimitArgs) -> Option<u64> {
    match (seeds, limits.time) {
        (None, None) => Some(1000),
        (seeds, _) => seeds,
    }
}

fn jobs_of(seeds: Option<u64>, limits: &LimitArgs) -> usize {
    let seeds = seeds.map_or(usize::MAX, |seeds| seeds.max(1) as usize);
    jobs_or_all(limits.jobs).clamp(1, seeds)
}

/// Every option, so that a log of it alone tells how to do it again.
fn banner(campaign: &Campaign<'_>) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    format!(
        "{} ({}): profile {}, seeds {}, time {}, jobs {}, keeps going {}, each seed twice {}",
        campaign.named.name,
        campaign.named.version,
        campaign.profile,
        or_none(campaign.seeds.map(|seeds| seeds.to_string())),
        or_none(campaign.time.map(|time| format!("{} s", time.as_secs()))),
        campaign.jobs,
        campaign.keeps_going,
        campaign.twice_every == Some(1),
    )
}

fn told(sum: &Sum) -> String {
    let figures = sum.figures;
    format!(
        "{} seeds, {} of them twice: {} lives, {} power cuts, {} kills, {} of these at a call; {} steps, {} scheduling points; {:.0} lives per CPU-second",
        sum.seeds,
        sum.twice,
        figures.lives,
        figures.power_cuts,
        figures.kills,
        figures.cuts,
        figures.steps,
        figures.points,
        sum.lives_per_second(),
    )
}

fn run_with_bar(campaign: &Campaign<'_>) -> Sum {
    #[allow(clippy::disallowed_methods)] // Progress is told in real time.
    let start = Instant::now();
    let bar = bar(campaign.seeds, "{pos}/{len} seeds, {per_sec}, {eta} left");
    let mut next_line = LINE_EVERY;
    let sum = campaign.run(&mut |done| {
        bar.set_position(done);
        if bar.is_hidden() && start.elapsed() >= next_line {
            next_line += LINE_EVERY;
            // Not between the rows of a table.
            eprintln!("{} s: {done} seeds", start.elapsed().as_secs());
        }
    });
    bar.finish_and_clear();
    sum
}
