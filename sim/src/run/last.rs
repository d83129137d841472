//! The last two lives of a run: the faults have stopped, and everything has to work.

use std::cell::OnceCell;

use super::Runner;
use super::opening::Opened;
use crate::checker::{Property, Violation, ensure};
use crate::choice::Ratio;
use crate::disk::{Mode, Strategy};
use crate::scenario::{End, How, Life, LogShape, Op};
use crate::sched::policy::PolicyKind;

/// Clients of the last life but one.
const LAST_CLIENTS: usize = 3;

const LAST_SHAPE: LogShape = LogShape {
    direct: false,
    block: 4096,
    buffer: 4096,
    segment: 1 << 20,
};

impl Runner<'_> {
    /// The faults stop: from now on everything has to work.
    pub(super) fn demand_progress(&mut self) -> Result<(), Violation> {
        let is_broken = self.world.with_disk(|disk| disk.mode() != Mode::ReadWrite);
        if is_broken
            || self
                .scenario
                .lives
                .last()
                .is_some_and(|life| life.end.how == How::Kill)
        {
            self.crash(How::PowerCut, None);
        }
        self.world.with_disk(|disk| {
            disk.set_capacity(None);
            disk.heal_media();
        });
        let life = Life {
            restore: None,
            end: End {
                how: How::Close,
                at: None,
            },
            policy: PolicyKind::Walk,
            spurious: Ratio::NEVER,
            unwind: false,
            calm: true,
            key: None,
            probe: None,
            log: self.last_shape(),
            clients: vec![vec![Op::Durable(40), Op::Append(9), Op::Replay]; LAST_CLIENTS],
        };
        self.demand(&life, Strategy::LoseAll)?;
        if self.is_over {
            return Ok(());
        }
        let reader = Life {
            clients: vec![vec![Op::Truncate(8), Op::TruncateTooFar, Op::Replay]],
            ..life
        };
        self.demand(&reader, Strategy::KeepAll)
    }

    /// A life in which nothing may fail.
    fn demand(&mut self, life: &Life, strategy: Strategy) -> Result<(), Violation> {
        self.begin(life);
        let wal = OnceCell::new();
        let opened = self.open(life, &wal)?;
        if self.is_over {
            return Ok(());
        }
        ensure(Property::Progress, matches!(opened, Opened::Log), || {
            "the log did not open although the disk behaved".into()
        })?;
        let log = wal.get().expect("it was opened");
        let failed_before = self.session.failed_calls.get();
        self.work(life, log)?;
        let failed = self.session.failed_calls.get() - failed_before;
        // Some damage is met only by who reads it, and that may be nobody before now.
        let is_damaged = self.world.is_damaged();
        ensure(Property::Progress, failed == 0 || is_damaged, || {
            format!("{failed} calls failed although the disk behaved")
        })?;
        self.finish(life, log)?;
        self.bury(wal, false)?;
        self.crash(How::PowerCut, Some(strategy));
        self.check_promise()
    }

    /// The log as it was opened last; buffered, where the disk does no direct I/O with such blocks.
    fn last_shape(&self) -> LogShape {
        let last = self.scenario.lives.last();
        let shape = last.map_or(LAST_SHAPE, |life| life.log);
        let disk = &self.scenario.disk;
        let takes_blocks = disk.direct_alignment_told
            || disk.direct_falls_back
            || disk.direct_alignment <= shape.block;
        LogShape {
            direct: shape.direct && !disk.direct_refused && takes_blocks,
            ..shape
        }
    }
}
