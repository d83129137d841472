//! Scenarios from seeds, by swarm: each seed leaves most features out and turns the rest up, so
//! that no feature hides another. Sizes are tiny, since a bug at a boundary is found by meeting
//! the boundary; a share of runs has the sizes of production all the same.
// Source: Groce et al., "Swarm Testing", ISSTA 2012.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::checker::unchecked::Unchecked;
use crate::choice::{Choices, Purpose, Ratio, Stream, Tape};
use crate::disk::{Knobs, Media, Profile, SyncErrorMode, SyncNames};
use crate::sched::policy::PolicyKind;
use crate::seed::Seed;
use crate::text::serde_as_text;

use super::keys::{self, Encryption};
use super::legacy;
use super::media;
use super::profiles;
use super::snapshots;
use super::step::{Counted, CrashPoint, End, How, Op, Phase};
use super::verbs::Verbs;
use super::{Damage, FORMAT, Life, LogShape, Probe, Scenario};

/// How often the stacks that a crash freezes are unwound. What they own is only so given back, and
/// over a million seeds that is many gigabytes; a destructor makes no call that has an effect then.
/// Dropped stacks are the other way to the same end: a few lives go it.
const UNWOUND: Ratio = Ratio::new(65_535, 65_536);

/// How large the workload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Drawn.
    Swarm,
    /// As given: for measurements that are to be compared.
    Fixed {
        /// Clients in each life.
        clients: usize,
        /// Operations of each client, all of them appends or syncs.
        appends: usize,
        /// Lives, one behind the other, of one log.
        lives: u64,
    },
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Swarm => f.write_str("swarm"),
            Shape::Fixed {
                clients,
                appends,
                lives,
            } => write!(f, "{clients}x{appends}x{lives}"),
        }
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Shape, String> {
        let wrong = || format!("`{text}` is not a workload like 4x20");
        if text == "swarm" {
            return Ok(Shape::Swarm);
        }
        let numbers: Result<Vec<usize>, _> = text.split('x').map(str::parse).collect();
        let (clients, appends, lives) = match numbers.map_err(|_| wrong())?[..] {
            [clients, appends] => (clients, appends, 8),
            [clients, appends, lives] => (clients, appends, lives as u64),
            _ => return Err(wrong()),
        };
        let is_sound = (1..=64).contains(&clients)
            && (1..=10_000).contains(&appends)
            && (1..=1000).contains(&lives);
        match is_sound {
            true => Ok(Shape::Fixed {
                clients,
                appends,
                lives,
            }),
            false => Err(wrong()),
        }
    }
}

serde_as_text!(Shape);

/// What is not left to the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// How large the workload is.
    pub shape: Shape,
    /// Which logs are encrypted.
    pub encryption: Encryption,
    /// The file system that the disk behaves like; drawn for `None`.
    pub profile: Option<Profile>,
    /// Who chooses the next task in all lives; drawn for `None`.
    pub policy: Option<PolicyKind>,
    /// Checks that are not made.
    pub unchecked: Unchecked,
}

impl Default for Setting {
    /// All is left to the seed.
    fn default() -> Setting {
        Setting {
            shape: Shape::Swarm,
            encryption: Encryption::Drawn,
            profile: None,
            policy: None,
            unchecked: Unchecked::default(),
        }
    }
}

/// The scenario of a seed.
pub fn generate(seed: Seed, setting: Setting) -> Scenario {
    let shape = setting.shape;
    let mut stream = Choices::new(seed.0).stream(Purpose::Workload, 0);
    let disk = draw_knobs(&mut stream);
    let is_production = shape == Shape::Swarm && stream.happens(Ratio::new(1, 128));
    let lives = match (shape, is_production) {
        (Shape::Fixed { lives, .. }, _) => lives,
        (Shape::Swarm, true) => stream.within(1, 2),
        (Shape::Swarm, false) => stream.within(1, 4),
    };
    let verbs = Verbs::draw(&mut stream, disk.capacity.is_some());
    let lives = (0..lives)
        .map(|_| draw_life(&mut stream, shape, &verbs, is_production))
        .collect();
    let mut scenario = Scenario {
        format: FORMAT,
        seed,
        without_crashes: false,
        without: None,
        unchecked: setting.unchecked,
        legacy: None,
        disk,
        media: None,
        lives,
        tape: Tape::default(),
    };
    profiles::add(&mut scenario, setting.profile, shape);
    keys::add(&mut scenario, setting.encryption, shape);
    legacy::add(&mut scenario, shape);
    snapshots::add(&mut scenario, shape);
    media::add(&mut scenario, shape);
    if scenario.disk.profile.is_simple() {
        // Damage by a crash is all that can happen, and has to be looked for.
        let damages = scenario.disk.profile == Profile::DamagesASector;
        scenario.media = damages.then(Media::default);
    }
    for life in &mut scenario.lives {
        life.policy = setting.policy.unwrap_or(life.policy);
    }
    scenario
}

/// A third of the seeds have a feature at all.
fn maybe(stream: &mut Stream, low: u32, high: u32, denominator: u32) -> Ratio {
    match stream.happens(Ratio::new(1, 3)) {
        false => Ratio::NEVER,
        true => {
            let numerator = stream.within(u64::from(low), u64::from(high)) as u32;
            Ratio::new(numerator, denominator)
        }
    }
}

fn draw_knobs(stream: &mut Stream) -> Knobs {
    let even = Ratio::new(1, 2);
    let mut knobs = Knobs {
        atomic_unit: [512, 4096][stream.weighted(&[65, 35])],
        byte_tear: maybe(stream, 1, 3, 100),
        len_intermediate: stream.happens(even),
        trunc_partial_zero: stream.happens(even),
        garbage_tail: maybe(stream, 1, 10, 100),
        sync_covers_names: SyncNames::ALL[stream.weighted(&[60, 20, 20])],
        xdir_rename_needs_both: stream.happens(even),
        direct_alignment: [512, 4096][stream.weighted(&[7, 1])],
        direct_alignment_told: !stream.happens(Ratio::new(1, 8)),
        direct_falls_back: stream.happens(Ratio::new(1, 10)),
        sync_is_outrun: stream.happens(even),
        ..Knobs::default()
    };
    // Two in five seeds meet nothing but crashes: errors end lives early and would hide the rest.
    if stream.happens(Ratio::new(2, 5)) {
        return knobs;
    }
    knobs.short_write = maybe(stream, 1, 10, 100);
    knobs.short_read = maybe(stream, 1, 10, 100);
    knobs.eintr = maybe(stream, 1, 5, 100);
    knobs.write_error = maybe(stream, 1, 20, 1000);
    knobs.read_error = maybe(stream, 1, 20, 1000);
    knobs.sync_error = maybe(stream, 1, 80, 1000);
    knobs.dirsync_error = maybe(stream, 1, 40, 1000);
    knobs.sync_error_mode = SyncErrorMode::ALL[stream.weighted(&[35, 15, 15, 15, 15, 10])];
    // Only pages that a failed sync has lost can leave the cache so, and they are rare.
    if !knobs.sync_error.is_never() {
        knobs.evict = Ratio::new(stream.within(1, 10) as u32, 10);
    }
    knobs.writeback_error = maybe(stream, 1, 10, 1000);
    knobs.direct_refused = stream.happens(Ratio::new(1, 20));
    knobs.allocate_refused = stream.happens(Ratio::new(1, 10));
    knobs.metadata_error = maybe(stream, 1, 40, 1000);
    if stream.happens(Ratio::new(1, 5)) {
        knobs.capacity = Some(stream.within(4, 24) * 4096);
        knobs.copies_on_write = stream.happens(Ratio::new(1, 5));
    }
    knobs
}

fn draw_life(stream: &mut Stream, shape: Shape, verbs: &Verbs, is_production: bool) -> Life {
    let clients: Vec<Vec<Op>> = match shape {
        Shape::Swarm => {
            let clients = [1, 2, 3, 4, 5, 8][stream.weighted(&[3, 5, 4, 4, 1, 1])];
            let ops_max = *stream.pick(&[3, 8, 20]);
            (0..clients)
                .map(|_| {
                    let ops = stream.within(1, ops_max);
                    verbs.draw_ops(stream, ops)
                })
                .collect()
        }
        Shape::Fixed {
            clients, appends, ..
        } => (0..clients)
            .map(|_| (0..appends).map(|_| draw_append(stream)).collect())
            .collect(),
    };
    let ops: usize = clients.iter().map(Vec::len).sum();
    Life {
        restore: None,
        end: draw_end(stream, ops as u64),
        policy: draw_policy(stream),
        spurious: maybe(stream, 1, 5, 20),
        unwind: stream.happens(UNWOUND),
        calm: stream.happens(Ratio::new(1, 4)),
        log: draw_shape(stream, is_production),
        key: None,
        probe: draw_probe(stream, shape),
        clients,
    }
}

/// A quarter of the lives are probed. Measurements that are to be compared are not.
fn draw_probe(stream: &mut Stream, shape: Shape) -> Option<Probe> {
    let is_probed = shape == Shape::Swarm && stream.happens(Ratio::new(1, 4));
    is_probed.then(|| Probe {
        damage: Damage::ALL[stream.weighted(&[4, 3, 3, 2, 2, 1, 1, 2])],
        number: stream.below(1 << 32) as u32,
    })
}

fn draw_append(stream: &mut Stream) -> Op {
    let len = stream.within(0, 100) as u32;
    match stream.below(4) {
        0 => Op::Durable(len),
        _ => Op::Append(len),
    }
}

/// Crash points are drawn in calls to the disk, most of them in calls that change it. A third of
/// them fall into recovery and the first steps after it.
fn draw_end(stream: &mut Stream, ops: u64) -> End {
    let how = [How::PowerCut, How::Kill, How::Close][stream.weighted(&[6, 2, 1])];
    let is_early = stream.happens(Ratio::new(1, 3));
    if how == How::Close || stream.happens(Ratio::new(1, 8)) {
        return End { how, at: None };
    }
    let counted = [Counted::Changes, Counted::Calls][stream.weighted(&[3, 1])];
    let early_max = match counted {
        Counted::Changes => 8,
        Counted::Calls => 24,
    };
    let number_max = match is_early {
        true => early_max,
        false => early_max + 2 * ops,
    };
    let at = Some(CrashPoint {
        counted,
        number: stream.within(1, number_max) as u32,
        phase: *stream.pick(&[Phase::Before, Phase::Within, Phase::After]),
    });
    End { how, at }
}

fn draw_policy(stream: &mut Stream) -> PolicyKind {
    match stream.weighted(&[70, 10, 10, 10]) {
        0 => PolicyKind::Walk,
        1 => PolicyKind::Random,
        2 => PolicyKind::Sticky(stream.within(4, 32) as u32),
        _ => PolicyKind::Pct(stream.within(2, 4) as u32),
    }
}

fn draw_shape(stream: &mut Stream, is_production: bool) -> LogShape {
    let direct = stream.happens(Ratio::new(1, 4));
    if is_production {
        return LogShape {
            direct,
            block: 4096,
            buffer: 1 << 20,
            segment: 64 << 20,
        };
    }
    LogShape {
        direct,
        block: [512, 1024, 4096][stream.weighted(&[8, 1, 1])],
        buffer: *stream.pick(&[512, 512, 700, 1024, 4096]),
        segment: *stream.pick(&[1, 1536, 2048, 3000, 5000, 9000, 20_000]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_survives_print_and_parse() {
        for seed in 0..500 {
            let scenario = generate(Seed(seed), Setting::default());
            let text = scenario.print();
            assert_eq!(Scenario::parse(&text).as_ref(), Ok(&scenario), "{text}");
        }
    }

    #[test]
    fn a_seed_always_gives_the_same_scenario() {
        let (one, other) = (Seed(3), Seed(4));
        let of = |seed| generate(seed, Setting::default());
        assert_eq!(of(one), of(one));
        assert_ne!(of(one), of(other));
    }
}
