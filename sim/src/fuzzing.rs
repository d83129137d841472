//! What a fuzzer of bytes does with scenarios: it reads their text, runs it, and changes it.
//!
//! An input is the text of a scenario, so what fails is replayed as any other, and every scenario is
//! an input. Texts that are none are passed over, and so are scenarios that break the log by design,
//! a lie for one, or that ask for more than any seed would.

use crate::campaign::Failure;
use crate::choice::{Choices, Purpose, Ratio, Stream};
use crate::disk::Knobs;
use crate::features::Feature;
use crate::mutate::mutate;
use crate::report::failure::save_and_tell;
use crate::run::{Wants, watch};
use crate::scenario::generate::{Setting, generate};
use crate::scenario::{Op, Scenario};
use crate::seed::Seed;

/// Longer texts are no scenarios that anybody would want to read.
pub const TEXT_MAX: usize = 1 << 16;
/// More bytes of payload only cost time.
const PAYLOAD_MAX: u64 = 1 << 18;
/// More lives or tasks, too.
const LIVES_MAX: usize = 12;
const TASKS_MAX: usize = 16;

/// Runs an input, and returns what of it matters; nothing where it is no scenario to be run.
///
/// # Panics
/// When the log does not pass: with the story, and as the last line how to run it again.
pub fn check(input: &[u8]) -> Option<Vec<Feature>> {
    let scenario = parse(input).filter(is_tame)?;
    let wants = Wants {
        features: true,
        ..Wants::default()
    };
    let watched = watch(&scenario, wants);
    if let Some(violation) = watched.report.violation {
        let failure = Failure {
            seed: scenario.seed,
            scenario,
            violation,
        };
        let story = save_and_tell(&failure);
        panic!("{}", story.expect("a scenario can be saved"));
    }
    Some(watched.features)
}

/// Another input from one, and from parts of a second one.
pub fn change(input: &[u8], other: Option<&[u8]>, seed: u32) -> String {
    let mut stream = Choices::new(seed.into()).stream(Purpose::Mutation, 0);
    let scenario = parse(input).filter(is_tame);
    let Some(mut scenario) = scenario else {
        return fresh(&mut stream).print();
    };
    let other = other.and_then(parse).filter(is_tame);
    mutate(&mut scenario, other.as_ref(), &mut stream);
    scenario.print()
}

fn fresh(stream: &mut Stream) -> Scenario {
    generate(Seed(stream.bits()), Setting::default())
}

fn parse(input: &[u8]) -> Option<Scenario> {
    let text = Some(input).filter(|text| text.len() <= TEXT_MAX)?;
    Scenario::parse(std::str::from_utf8(text).ok()?).ok()
}

/// Whether it is one that a seed could have had, but for its size and its combination.
fn is_tame(scenario: &Scenario) -> bool {
    let lives = &scenario.lives;
    let ops = || lives.iter().flat_map(|life| &life.clients).flatten();
    let payload = ops().map(|op| match *op {
        Op::Append(len) | Op::Durable(len) | Op::Decoy(len) => u64::from(len),
        Op::Batch { count, len } => u64::from(count) * u64::from(len),
        _ => 0,
    });
    let calls = ops().map(|op| match *op {
        Op::Batch { count, .. } | Op::Read(count) => u64::from(count),
        _ => 1,
    });
    let legacy = scenario.legacy.map_or(0, |legacy| legacy.records);
    let is_hidden = |media: &crate::disk::Media| media.is_hidden || media.events.len() > 8;
    !scenario.without_crashes
        && lives.len() <= LIVES_MAX
        && lives.iter().all(|life| life.clients.len() <= TASKS_MAX)
        && lives.iter().all(|life| is_at_most(life.spurious, 5, 20))
        && payload.sum::<u64>() <= PAYLOAD_MAX
        && calls.sum::<u64>() <= 1000
        && legacy <= 100
        && !scenario.media.as_ref().is_some_and(is_hidden)
        && is_disk_tame(&scenario.disk)
}

/// Whether chances are within what the knobs say of them.
fn is_disk_tame(disk: &Knobs) -> bool {
    disk.lie.is_none()
        && disk.mute.is_none()
        && is_at_most(disk.byte_tear, 3, 100)
        && is_at_most(disk.garbage_tail, 1, 10)
        && is_at_most(disk.short_write, 1, 10)
        && is_at_most(disk.short_read, 1, 10)
        && is_at_most(disk.eintr, 1, 20)
        && is_at_most(disk.write_error, 1, 50)
        && is_at_most(disk.read_error, 1, 50)
        && is_at_most(disk.sync_error, 2, 25)
        && is_at_most(disk.dirsync_error, 1, 25)
        && is_at_most(disk.writeback_error, 1, 100)
        && is_at_most(disk.metadata_error, 4, 100)
        && disk.capacity.is_none_or(|bytes| bytes >= 4 * 4096)
}

fn is_at_most(chance: Ratio, numerator: u32, denominator: u32) -> bool {
    let [one, other] = chance.parts();
    u64::from(one) * u64::from(denominator) <= u64::from(numerator) * u64::from(other)
}
