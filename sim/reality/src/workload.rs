//! A short life of a log in a real directory: what a caller does, and what it knows at each moment.
//!
//! The calls are drawn from a seed, and made by one caller; nothing fails there, so no call may.

use std::path::Path;
use std::sync::Arc;

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::os::OsClock;
use seawall::env::vfs::Vfs;
use seawall::{KeyRing, Lsn, NewRecord, TenantId, VShardId, WalConfig, WalManager, WalTuning};
use seawall_sim::checker::holds::name_of;
use seawall_sim::checker::{Recovered, Tally, Violation, judge_recovery};
use seawall_sim::choice::{Ratio, Stream};
use seawall_sim::keyholder::{Keyholder, key};
use seawall_sim::model::{AppendId, Model, Payload};

use crate::device::Device;

/// The log, below the directory that stands for the root: two directories that it has to create.
pub const LOG_DIR: &str = "data/log";
/// The caller's own number.
const CALLER: u16 = 0;

/// What a caller knows from a moment on.
#[derive(Clone)]
pub struct Knowledge {
    /// What the device had been asked by then.
    pub position: usize,
    /// What it was told of the log.
    pub model: Model,
    /// The keys that it has.
    pub keys: Option<KeyRing>,
}

/// Why a workload stopped early; told as it is.
#[derive(Debug)]
pub enum Stopped {
    /// A call failed although nothing had.
    Failed(#[allow(dead_code)] seawall::Error),
    /// A recovery within the workload was wrong.
    Violation(#[allow(dead_code)] Violation),
}

impl From<seawall::Error> for Stopped {
    fn from(error: seawall::Error) -> Stopped {
        Stopped::Failed(error)
    }
}

impl From<Violation> for Stopped {
    fn from(violation: Violation) -> Stopped {
        Stopped::Violation(violation)
    }
}

/// Randomness for the log that is the same in each run of a seed.
struct SeededEntropy {
    #[allow(clippy::disallowed_types)] // Nobody waits for it.
    stream: std::sync::Mutex<Stream>,
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        let mut stream = self.stream.lock().expect("nobody panics with it");
        stream.fill(bytes);
        Ok(())
    }
}

/// The world of a log on `vfs`.
pub fn env(vfs: Arc<dyn Vfs>, entropy: Stream) -> Env {
    #[allow(clippy::disallowed_types)] // See `SeededEntropy`.
    let stream = std::sync::Mutex::new(entropy);
    Env {
        vfs,
        clock: Arc::new(OsClock::new()),
        entropy: Arc::new(SeededEntropy { stream }),
    }
}

/// A caller at work.
pub struct Caller<'a> {
    env: Env,
    dir: &'a Path,
    device: &'a Device,
    stream: Stream,
    keys: Keyholder,
    model: Model,
    tally: Tally,
    history: Vec<Knowledge>,
}

impl<'a> Caller<'a> {
    /// One of a log in `dir`, on `device`; `stream` tells what it does.
    pub fn new(env: Env, dir: &'a Path, device: &'a Device, stream: Stream) -> Caller<'a> {
        Caller {
            env,
            dir,
            device,
            stream,
            keys: Keyholder::default(),
            model: Model::default(),
            tally: Tally::default(),
            history: Vec::new(),
        }
    }

    /// Lives a few lives; returns what the caller knew from when on.
    pub fn live(mut self) -> (Vec<Knowledge>, Result<(), Stopped>) {
        self.note();
        let encrypted = self.stream.happens(Ratio::new(1, 2));
        let lives = self.stream.within(1, 3);
        let result = (0..lives).try_for_each(|_| self.live_once(encrypted.then_some(0)));
        (self.history, result)
    }

    fn note(&mut self) {
        self.history.push(Knowledge {
            position: self.device.position(),
            model: self.model.clone(),
            keys: self.keys.ring(),
        });
    }

    fn live_once(&mut self, first_key: Option<u32>) -> Result<(), Stopped> {
        let wanted = first_key.filter(|_| self.keys.current().is_none());
        let keys = self.keys.begin_life(wanted);
        self.model.begin_life();
        self.note();
        let config = self.config();
        let wal = WalManager::open_in(self.env.clone(), self.dir, config, keys)?;
        let shown = Recovered::of(&wal)?;
        judge_recovery(&mut self.model, &shown, &mut self.tally)?;
        self.note();
        for _ in 0..self.stream.within(4, 16) {
            self.act(&wal)?;
            self.note();
        }
        if self.stream.happens(Ratio::new(1, 2)) {
            wal.close()?;
            self.model.acknowledge(self.model.accepted);
            self.note();
        }
        Ok(())
    }

    fn config(&mut self) -> WalConfig {
        let stream = &mut self.stream;
        WalConfig {
            use_direct_io: stream.happens(Ratio::new(1, 3)),
            segment_target_size: *stream.pick(&[4096, 16384, 65536]),
            tuning: WalTuning {
                write_buffer_size: *stream.pick(&[512, 4096, 65536]),
                alignment: *stream.pick(&[512, 4096, 4096]),
            },
        }
    }

    fn act(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        match self.stream.weighted(&[30, 20, 12, 15, 6, 5, 2, 4, 3]) {
            0 => self.append(wal),
            1 => self.append_durable(wal),
            2 => self.append_batch(wal),
            3 => self.sync(wal),
            4 => self.truncate(wal),
            5 => self.hold(wal),
            6 => self.release(wal),
            7 => self.rotate(wal),
            _ => self.reencrypt(wal),
        }
    }

    fn payload(&mut self) -> Payload {
        let most = *self.stream.pick(&[40, 600, 5000, 20_000]);
        Payload::plain(self.stream.below(most) as u32)
    }

    fn append(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let payload = self.payload();
        let now = self.device.position() as u64;
        let id = self.model.begin_append(CALLER, payload, now);
        self.note();
        let bytes = bytes_of(id, payload);
        let lsn = wal.append(id.verb(), tenant(id), VShardId::new(CALLER), &bytes)?;
        Ok(self.model.accept(id, lsn.as_u64())?)
    }

    fn append_durable(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let payload = self.payload();
        let now = self.device.position() as u64;
        let id = self.model.begin_append(CALLER, payload, now);
        self.note();
        let bytes = bytes_of(id, payload);
        let lsn = wal.append_durable(id.verb(), tenant(id), VShardId::new(CALLER), &bytes)?;
        self.model.accept(id, lsn.as_u64())?;
        self.model.acknowledge(lsn.as_u64());
        Ok(())
    }

    fn append_batch(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let payload = self.payload();
        let count = self.stream.within(2, 5) as u32;
        let now = self.device.position() as u64;
        let first = self.model.begin_batch(CALLER, payload, count, now);
        self.note();
        let ids = (0..count).map(|index| AppendId(first.0 + index));
        let payloads: Vec<_> = ids.clone().map(|id| bytes_of(id, payload)).collect();
        let records: Vec<_> = ids
            .clone()
            .zip(&payloads)
            .map(|(id, payload)| NewRecord {
                record_type: id.verb(),
                tenant: tenant(id),
                vshard: VShardId::new(CALLER),
                payload,
            })
            .collect();
        let lsns = wal.append_batch(&records)?;
        for (id, lsn) in ids.zip(lsns.start().as_u64()..) {
            self.model.accept(id, lsn)?;
        }
        Ok(())
    }

    fn sync(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        wal.sync()?;
        self.model.acknowledge(self.model.accepted);
        Ok(())
    }

    fn truncate(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let low = wal.low_water_lsn().as_u64();
        let asked = self.stream.within(low, wal.durable_lsn().as_u64() + 1);
        let possible = &mut self.model.low_water.possible;
        *possible = asked.max(*possible);
        self.note();
        wal.truncate_before(Lsn::new(asked))?;
        let certain = &mut self.model.low_water.certain;
        *certain = wal.low_water_lsn().as_u64().max(*certain);
        Ok(())
    }

    fn hold(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let low = wal.low_water_lsn().as_u64();
        let lsn = self.stream.within(low, wal.next_lsn().as_u64());
        self.model.holds.entry(CALLER).or_default().begin(Some(lsn));
        self.note();
        wal.set_hold(&name_of(CALLER), Lsn::new(lsn))?;
        self.model
            .holds
            .entry(CALLER)
            .or_default()
            .became(Some(lsn));
        // All records before a hold are durable with it.
        self.model.acknowledge(lsn - 1);
        Ok(())
    }

    fn release(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        self.model.holds.entry(CALLER).or_default().begin(None);
        self.note();
        wal.release_hold(&name_of(CALLER))?;
        self.model.holds.entry(CALLER).or_default().became(None);
        Ok(())
    }

    /// Changes to a new key; a log in plain stays so.
    fn rotate(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        let Some(current) = self.keys.current() else {
            return Ok(());
        };
        let next = current + 1;
        self.keys.begin_rotation(next);
        self.note();
        let rotated = wal.rotate_key_to(key(next));
        self.keys.end_rotation(next, rotated.is_ok());
        Ok(rotated?)
    }

    fn reencrypt(&mut self, wal: &WalManager) -> Result<(), Stopped> {
        if self.keys.current().is_some() {
            wal.reencrypt()?;
        }
        Ok(())
    }
}

fn tenant(id: AppendId) -> TenantId {
    TenantId::new(id.0)
}

/// The bytes that an append has.
pub fn bytes_of(id: AppendId, payload: Payload) -> Vec<u8> {
    let mut bytes = Vec::new();
    id.payload(payload, &mut bytes);
    bytes
}
