//! Somebody else's code under the storm: a number in a file, which each save replaces as a whole by
//! renaming a new file over it. It syncs the directory, so the name is durable; but not the file.
//! `cargo run --release -p seawall-sim --example your_own -- run --subject saves` finds it.

use seawall::env::{sync::Mutex, vfs::OpenHow, vfs::Vfs};
use seawall_sim::storm::{Named, Sky, Storm, Storms, Verdict};
use std::{cell::Cell, io, path::Path, process::ExitCode, sync::Arc};

struct Saves {
    vfs: Arc<dyn Vfs>,
    last: Mutex<u64>,
}

impl Saves {
    fn open(vfs: Arc<dyn Vfs>) -> io::Result<Saves> {
        let mut bytes = [0; 8];
        if let Ok(file) = vfs.open(Path::new("/saved"), OpenHow::Read) {
            file.read_at(0, &mut bytes)?;
        }
        let last = Mutex::new(u64::from_le_bytes(bytes));
        Ok(Saves { vfs, last })
    }

    fn save_next(&self, syncs: bool) -> io::Result<u64> {
        let mut last = self.last.lock();
        let new = Path::new("/new");
        drop(self.vfs.remove_file(new)); // A crash may have left one.
        let file = self.vfs.open(new, OpenHow::CreateNew { direct: false })?;
        file.write_at(0, &(*last + 1).to_le_bytes())?;
        syncs.then(|| file.sync_data()).transpose()?;
        self.vfs.rename(new, Path::new("/saved"))?;
        self.vfs.sync_dir(Path::new("/"))?;
        *last += 1;
        Ok(*last)
    }
}

pub(crate) fn storm(syncs: bool) -> Storm<impl Fn(&Sky) -> Verdict> {
    Storm::new(file!(), move |sky| {
        let told = Cell::new(0);
        sky.lives(3, |life| {
            let saves = life.alone(|| Saves::open(life.vfs()))?;
            let found = *saves.last.lock();
            if found < told.get() {
                return Err(format!("{} was saved, {found} is there", told.get()).into());
            }
            life.tasks(2, |task| {
                for _ in task.steps(3) {
                    told.set(saves.save_next(syncs)?);
                }
                Ok(())
            })
        })
    })
}

fn main() -> ExitCode {
    let named = |name, syncs| Named::new(name, "of today", move |_| storm(syncs));
    Storms::new([named("saves", false), named("synced", true)]).main()
}
