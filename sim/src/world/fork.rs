//! A disk aside: a copy of the world's, on which no call fails and no life ends.
//!
//! What happens on it the world does not see. It is thrown away after one open.

use std::sync::Arc;

use seawall::env::Env;
use seawall::env::entropy::Entropy;

use super::{SharedLedger, SimEntropy, World};
use crate::choice::{Purpose, Stream};
use crate::disk::{Call, Disk, Fate, Gate, Ino, Knobs, SimVfs, Written};
use crate::sched::clock::VirtualClock;

pub mod damage;
pub mod forge;
pub(crate) mod layout;
mod newer;
mod plain;

/// A copy of the world's disk.
pub struct Fork {
    vfs: Arc<SimVfs>,
    entropy: Arc<SimEntropy>,
}

/// A gate that lets every call through, before the eyes of the world's ledger.
struct Aside(SharedLedger);

impl Gate for Aside {
    fn arrive(&self, _: Call) -> Fate {
        Fate::Run
    }

    fn cut(&self) -> ! {
        panic!("nothing cuts a fork off");
    }

    fn wrote(&self, disk: &Disk, written: Written<'_>) {
        self.0.lock().wrote(disk, &written, true);
    }

    fn synced(&self, disk: &Disk, ino: Ino) {
        self.0.lock().synced(disk, ino);
    }
}

impl World {
    /// Copies the disk as it is now. `entropy` is the randomness of the log that is opened there.
    pub fn fork(&self, entropy: Stream) -> Fork {
        let mut disk = self.with_disk(|disk| disk.clone());
        disk.set_knobs(Knobs {
            atomic_unit: disk.knobs().atomic_unit,
            ..Knobs::default()
        });
        disk.refuse_space(0);
        disk.make_room();
        disk.hush_failures();
        // Without faults nothing is drawn from it but the order of names in a listing.
        let faults = self.choices.aside().stream(Purpose::Faults, 0);
        Fork {
            vfs: SimVfs::new(disk, Arc::new(Aside(self.ledger.clone())), faults),
            entropy: Arc::new(SimEntropy::new(entropy)),
        }
    }
}

impl World {
    /// A disk of its own, for another log.
    pub fn blank(&self, entropy: Stream) -> Fork {
        let fork = self.fork(entropy);
        fork.with_disk(|disk| *disk = Disk::new(disk.knobs().clone()));
        fork
    }
}

impl Fork {
    /// What a log on it gets to see.
    pub fn env(&self) -> Env {
        Env {
            vfs: Arc::clone(&self.vfs) as Arc<dyn seawall::env::vfs::Vfs>,
            clock: Arc::new(VirtualClock),
            entropy: Arc::clone(&self.entropy) as Arc<dyn Entropy>,
        }
    }

    /// Reaches the disk itself.
    pub fn with_disk<T>(&self, reach: impl FnOnce(&mut Disk) -> T) -> T {
        self.vfs.with_disk(reach)
    }
}
