//! A log of one record, which makes each call that it needs, and a sync that nothing needs.

use std::path::Path;

use seawall::env::vfs::{OpenHow, Vfs};

/// Where it keeps its record.
pub const FILE: &str = "/log";
const TEMPORARY: &str = "/log.tmp";

/// Writes a file under another name, makes it durable, and gives it its name. When that is durable it
/// may go on, and sync the directory once more.
pub fn keep(vfs: &dyn Vfs, goes_on: bool) -> std::io::Result<()> {
    let (temporary, root) = (Path::new(TEMPORARY), Path::new("/"));
    let file = vfs.open(temporary, OpenHow::CreateNew { direct: false })?;
    file.write_at(0, b"kept")?;
    file.sync_all()?;
    vfs.rename(temporary, Path::new(FILE))?;
    vfs.sync_dir(root)?;
    match goes_on {
        true => vfs.sync_dir(root),
        false => Ok(()),
    }
}
