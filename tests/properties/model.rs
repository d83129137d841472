//! The log's verbs against a model: a list of records and how many of them are promised.
//!
//! *Verified:* LSNs are consecutive; what is shown is exactly what is durable; after each reopen
//! the log holds a prefix of what was accepted, byte for byte, with at least all that was
//! acknowledged, whatever the configurations before and after; a second reopen shows the same;
//! the low-water mark never passes what was asked for, and survives. *Not verified:* what a power
//! cut leaves; here only the process forgets.

use std::path::Path;

use proptest::prelude::*;
use seawall::{Error, Lsn, WalConfig, WalManager};

use crate::world::{Appended, append, config, open, read};

#[derive(Clone, Debug)]
enum Step {
    /// Of a payload with so many thirty-seconds of the buffer.
    Append(usize),
    Sync,
    /// For a record so far back.
    WaitDurable(u64),
    Read,
    /// Before the record so far back.
    Truncate(u64),
    Reopen {
        close: bool,
        config: WalConfig,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..=96usize).prop_map(Step::Append),
        2 => Just(Step::Sync),
        2 => (0..6u64).prop_map(Step::WaitDurable),
        2 => Just(Step::Read),
        3 => (0..8u64).prop_map(Step::Truncate),
        2 => (any::<bool>(), config()).prop_map(|(close, config)| Step::Reopen { close, config }),
    ]
}

struct World<'a> {
    path: &'a Path,
    config: WalConfig,
    // `None` only within a reopen.
    wal: Option<WalManager>,
    // All that was accepted and not lost since; the first has LSN 1.
    accepted: Vec<Appended>,
    acked: usize,
    low_water: u64,
}

impl World<'_> {
    fn wal(&self) -> &WalManager {
        self.wal.as_ref().expect("open but for a moment")
    }

    fn perform(&mut self, step: &Step) {
        match step {
            Step::Append(part) => {
                let length = self.config.tuning.write_buffer_size * part / 32;
                self.accepted.push(append(self.wal(), length));
            }
            Step::Sync => {
                self.wal().sync().expect("syncs");
                self.acked = self.accepted.len();
            }
            Step::WaitDurable(back) => {
                let lsn = (self.accepted.len() as u64).saturating_sub(*back);
                self.wal().wait_durable(Lsn::new(lsn)).expect("is appended");
                self.acked = self.acked.max(lsn as usize);
                let beyond = self.wal().wait_durable(self.wal().next_lsn());
                assert!(matches!(beyond, Err(Error::NotAppended { .. })));
            }
            Step::Read => self.check_shown(),
            Step::Truncate(back) => self.truncate(*back),
            Step::Reopen { close, config } => self.reopen(*close, *config),
        }
        assert!(self.wal().durable_lsn().as_u64() >= self.acked as u64);
        assert_eq!(
            self.wal().next_lsn().as_u64(),
            self.accepted.len() as u64 + 1
        );
    }

    fn check_shown(&self) {
        let shown = read(self.wal()).expect("an intact log replays");
        let durable = self.wal().durable_lsn().as_u64() as usize;
        assert!(shown == self.accepted[self.low_water as usize - 1..durable]);
        if self.low_water > 1 {
            let below = self.wal().replay_from(Lsn::new(self.low_water - 1));
            assert!(matches!(below, Err(Error::BelowLowWater { .. })));
        }
    }

    fn truncate(&mut self, back: u64) {
        let before = Lsn::new((self.accepted.len() as u64 + 2).saturating_sub(back));
        let files = self.wal().list_segments().len() as u64;
        let durable = self.wal().durable_lsn();
        match self.wal().truncate_before(before) {
            Ok(result) => {
                let left = self.wal().list_segments().len() as u64;
                // What waited in memory is written before the mark, and may need new segments.
                assert!(left >= files - result.segments_deleted);
                assert!(left > 0, "the active segment stays");
            }
            Err(Error::NotDurable { .. }) => assert!(before.as_u64() > durable.as_u64() + 1),
            Err(error) => panic!("{error}"),
        }
        let mark = self.wal().low_water_lsn().as_u64();
        assert!(mark >= self.low_water);
        assert!(mark <= self.low_water.max(before.as_u64()));
        self.low_water = mark;
    }

    fn reopen(&mut self, close: bool, config: WalConfig) {
        if close {
            self.wal().close().expect("closes");
            self.acked = self.accepted.len();
        }
        self.config = config;
        for _ in 0..2 {
            // The lock must go before the next open takes it.
            drop(self.wal.take());
            self.wal = Some(open(self.path, &config).expect("an intact log opens"));
            let recovered = self.wal().durable_lsn().as_u64() as usize;
            assert!(recovered >= self.acked, "acknowledged, then lost");
            assert!(recovered <= self.accepted.len(), "invented");
            // What was shown once is there for good, and what was not shown is gone.
            self.accepted.truncate(recovered);
            self.acked = recovered;
            assert_eq!(self.wal().low_water_lsn().as_u64(), self.low_water);
            self.check_shown();
        }
    }
}

proptest! {
    #![proptest_config(crate::world::cases(40))]

    #[test]
    fn the_log_agrees_with_a_list_of_records(
        first in config(),
        last in config(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let scratch = tempfile::tempdir().expect("a directory");
        let path = scratch.path().join("log");
        let mut world = World {
            path: &path,
            config: first,
            wal: Some(open(&path, &first).expect("a new log opens")),
            accepted: Vec::new(),
            acked: 0,
            low_water: 1,
        };
        for step in &steps {
            world.perform(step);
        }
        world.reopen(false, last);
    }
}
