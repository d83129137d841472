//! A night: hours shared out over everything that can find a mistake, told in the morning.
//!
//! A night is a row of slices, each a command of its own that could be given by hand: seeds of one profile
//! or strategy, a part of the exploration, a fuzz target, a few mutants. What a slice has found is kept
//! when it ends, so a night that is interrupted goes on with the next one. Its seeds come from a range that
//! belongs to the night's number, in blocks that belong to its shard, and a block is given away
//! before it is used: no seed is run twice, in this night or any other.
//!
//! First of all come the canaries: disks that lie, and one on which a fault does nothing. Where one of them is
//! not noticed, the night proves nothing, and says so.

#![allow(clippy::disallowed_methods)] // A night is spent in real time, on real files.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::shard::Shard;

mod arms;
mod canaries;
mod directory;
mod failures;
mod fuzz;
mod gate;
mod junit;
mod markdown;
mod merge;
mod record;
mod seeds;
mod slice;
mod summary;

pub use directory::Directory;
pub use merge::merge;
pub use record::{Family, Night, Slice};
pub use summary::Summary;

use arms::Arms;
use slice::Runner;

/// A night has about so many slices.
const SLICES: u32 = 100;
/// No slice is shorter, or its beginning and end would be most of it; none is longer, or too much would be
/// lost when it is interrupted.
const SLICE_MIN: Duration = Duration::from_secs(5);
const SLICE_MAX: Duration = Duration::from_secs(300);

/// What is asked of a night.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long, all sittings together.
    pub time: Duration,
    /// Where all nights are kept.
    pub dir: PathBuf,
    /// Which part of the night is done here.
    pub shard: Shard,
    /// Its number; one more than the last in the directory for `None`.
    pub number: Option<u32>,
    /// How many threads.
    pub jobs: usize,
}

/// Something to tell while a night goes on.
#[derive(Debug)]
pub enum Step<'a> {
    /// The night begins, or goes on after so many slices.
    Begins(&'a Night, usize),
    /// A line about something other than a slice.
    Line(String),
    /// A slice is over; so much of the night is spent.
    Slice(&'a Slice, Duration),
}

impl Plan {
    /// Spends the night, or the rest of it, and writes its summary.
    ///
    /// # Errors
    /// Says in one line why it can't be spent, or its files not be read or written.
    pub fn spend(&self, tell: &mut dyn FnMut(Step<'_>)) -> Result<Summary, String> {
        let directory = Directory::lock(&self.dir)?;
        let mut state = directory.state()?;
        let (mut night, is_new) = directory.begin(self)?;
        tell(Step::Begins(&night, night.slices.len()));
        let length = (self.time / SLICES).clamp(SLICE_MIN, SLICE_MAX);
        let mut runner = Runner::new(self, &directory, night.number, length)?;
        let sitting = Instant::now();
        match is_new {
            true => failures::run_again(&directory, &runner, &mut night, tell)?,
            false => failures::look_into(&directory, &mut night, runner.dir(), tell)?,
        }
        directory.save_night(&night)?;
        let before = Duration::from_secs_f64(night.wall_seconds);
        if night.canaries.is_empty() {
            night.canaries = canaries::run(&runner, &night)?;
            for canary in night.canaries.iter().filter(|canary| !canary.noticed) {
                let (name, reported) = (&canary.name, &canary.reported);
                tell(Step::Line(format!(
                    "VOID: {name} was not noticed: {reported}"
                )));
            }
        }
        let (arms, skipped) = Arms::here(&runner, &night.commit);
        for line in &skipped {
            tell(Step::Line(line.clone()));
        }
        night.skipped = skipped;
        loop {
            let left = self.time.saturating_sub(before + sitting.elapsed());
            // However long the canaries took, it is no night without a slice.
            let is_over = left.is_zero() && !night.slices.is_empty();
            let Some(arm) = arms.next(&night, &state, left).filter(|_| !is_over) else {
                break;
            };
            runner.length = length.min(left.max(SLICE_MIN));
            let piece = state.give(arm);
            night.given += 1;
            night.wall_seconds = (before + sitting.elapsed()).as_secs_f64();
            // From here on neither the piece nor the slice's seeds are anybody else's.
            directory.save_state(&state)?;
            directory.save_night(&night)?;
            let mut ran = runner.run(arm, piece, night.given)?;
            state.learn(&mut ran);
            night.wall_seconds = (before + sitting.elapsed()).as_secs_f64();
            night.ended = directory::now();
            tell(Step::Slice(&ran.slice, before + sitting.elapsed()));
            night.slices.push(ran.slice);
            // Kept before it is looked into, which may take minutes.
            directory.save_night(&night)?;
            failures::look_into(&directory, &mut night, runner.dir(), tell)?;
        }
        night.wall_seconds = (before + sitting.elapsed()).as_secs_f64();
        night.is_over = true;
        night.ended = directory::now();
        directory.save_state(&state)?;
        directory.save_night(&night)?;
        directory.tell(&night, &state)
    }
}

/// A night's own directory.
fn within(dir: &Path, number: u32) -> PathBuf {
    dir.join("nights").join(format!("{number:04}"))
}
