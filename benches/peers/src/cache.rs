//! Puts files into the page cache, or takes them out of it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::Result;
use rustix::fs::{Advice, fadvise, syncfs};

/// Reads all files below a directory once.
pub fn warm(dir: &Path) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    each_file(dir, &mut |path| {
        let mut file = File::open(path)?;
        while file.read(&mut buffer)? > 0 {}
        Ok(())
    })
}

/// Takes all files below a directory out of the cache; with the right to, everything else, too. A
/// host below a virtual machine may still have them in its own cache.
pub fn cool(dir: &Path) -> Result<()> {
    settle(dir)?;
    // So that the memory for the cache is there: in a virtual machine, memory that was not used for a while is
    // the host's, and getting it back costs more than to read the file. Not all logs write through the cache.
    warm(dir)?;
    each_file(dir, &mut |path| {
        Ok(fadvise(File::open(path)?, 0, None, Advice::DontNeed)?)
    })?;
    // Source: proc(5), /proc/sys/vm/drop_caches: 3 frees the page cache, dentries and inodes. Where
    // that is not allowed, the advice above has to do.
    let _ = std::fs::write("/proc/sys/vm/drop_caches", "3");
    Ok(())
}

/// Writes back what is dirty on a file system, so that nobody pays for who came before.
pub fn settle(dir: &Path) -> Result<()> {
    Ok(syncfs(File::open(dir)?)?)
}

fn each_file(dir: &Path, look: &mut dyn FnMut(&Path) -> Result<()>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => each_file(&entry.path(), look)?,
            false => look(&entry.path())?,
        }
    }
    Ok(())
}
