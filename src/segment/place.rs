//! The place where a log is: its directory with all names that lead there, its lock, and the mark of
//! one that is only half there.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::catalog::{LOCK, LogDir, lock};
use super::transfer::uninterrupted;
use crate::crypto::KeyRing;
use crate::env::Env;
use crate::env::vfs::{File, OpenHow};
use crate::error::{Error, Result};

/// Creates the log's directory and its missing parents. They become durable with the log's
/// first segment.
pub(crate) fn create_directories(env: &Env, log: &Path) -> Result<()> {
    let vfs = &env.vfs;
    let missing = |path: &Path| match uninterrupted(|| vfs.metadata(path)) {
        Ok(found) if found.is_dir => Ok(false),
        Ok(_) => Err(Error::Legacy {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Error::io("look at", path)(error)),
    };
    let mut to_create = Vec::new();
    for path in log.ancestors() {
        if path.as_os_str().is_empty() || !missing(path)? {
            break;
        }
        to_create.push(path);
    }
    for path in to_create.into_iter().rev() {
        match uninterrupted(|| vfs.create_dir(path)) {
            // Somebody else was as fast; the lock decides who goes on.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            created => created.map_err(Error::io("create", path))?,
        }
    }
    Ok(())
}

/// Takes the directory's lock, which lives as long as the returned handle.
pub(crate) fn take_lock(env: &Env, log: &Path) -> Result<Arc<dyn File>> {
    let path = log.join(LOCK);
    let vfs = &env.vfs;
    let existing = OpenHow::Write { direct: false };
    let mut opened = uninterrupted(|| vfs.open(&path, existing));
    if matches!(&opened, Err(error) if error.kind() == ErrorKind::NotFound) {
        opened = uninterrupted(|| vfs.open(&path, OpenHow::CreateNew { direct: false }));
        if matches!(&opened, Err(error) if error.kind() == ErrorKind::AlreadyExists) {
            opened = uninterrupted(|| vfs.open(&path, existing));
        }
    }
    let file = opened.map_err(Error::io("open", &path))?;
    lock(&*file, &path)?;
    Ok(file)
}

/// Makes all names that lead to the directory durable. An earlier life may have created any of
/// them and died before it synced them, so all are synced, up to the root. Above the parent a
/// directory that may not be opened is passed over: it is hardly this log's work.
pub(crate) fn sync_ancestors(dir: &LogDir) -> Result<()> {
    for (distance, ancestor) in dir.path.ancestors().skip(1).enumerate() {
        let ancestor = match ancestor.as_os_str().is_empty() {
            true => Path::new("."),
            false => ancestor,
        };
        match dir.env.vfs.sync_dir(ancestor) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied && distance > 0 => {}
            synced => synced.map_err(Error::final_io("sync directory", ancestor))?,
        }
    }
    Ok(())
}

/// Makes a directory for a new log that is filled at one go: it must be missing or empty. It is
/// locked, and has a `mark` in it that no log opens beside.
pub(crate) fn new_directory(
    env: Env,
    to: &Path,
    keys: Option<KeyRing>,
    mark: &str,
) -> Result<Arc<LogDir>> {
    create_directories(&env, to)?;
    let lock = take_lock(&env, to)?;
    let dir = Arc::new(LogDir::new(env, to, keys, Some(lock)));
    // A lock file alone is what another attempt has left.
    if dir.names()?.iter().any(|name| name != LOCK) {
        return Err(Error::Occupied {
            path: to.to_owned(),
        });
    }
    set_mark(&dir, mark)?;
    Ok(dir)
}

/// Marks the directory as one that is only half filled. The mark is durable before anything else
/// is, and so are the names that lead to the directory.
pub(crate) fn set_mark(dir: &LogDir, mark: &str) -> Result<()> {
    let path = dir.path.join(mark);
    let how = OpenHow::CreateNew { direct: false };
    let file =
        uninterrupted(|| dir.env.vfs.open(&path, how)).map_err(Error::io("create", &path))?;
    file.sync_all().map_err(Error::final_io("sync", &path))?;
    dir.sync()?;
    sync_ancestors(dir)
}

/// Takes the mark away, durably: the directory is filled.
pub(crate) fn take_mark(dir: &LogDir, mark: &str) -> Result<()> {
    dir.remove(&dir.path.join(mark))?;
    dir.sync()
}

/// What a path really is: without `.`, `..` and symbolic links, as far as it exists. Behind that are
/// the names of what is still to be made, which are no links.
pub(crate) fn resolved(env: &Env, path: &Path) -> Result<PathBuf> {
    let canonical = |path: PathBuf| match uninterrupted(|| env.vfs.canonicalize(&path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path),
        found => found.map_err(Error::io("resolve", &path)),
    };
    let mut resolved = match path.is_absolute() {
        true => PathBuf::new(),
        false => canonical(PathBuf::from("."))?,
    };
    for component in path.components() {
        match component {
            Component::CurDir => {}
            // What comes before it has no links any more, so its parent is the one by name.
            // Source: path_resolution(7), "Dot-dot": it is the parent of the directory arrived at.
            Component::ParentDir => {
                resolved.pop();
            }
            Component::Prefix(_) | Component::RootDir => resolved.push(component),
            Component::Normal(name) => {
                resolved.push(name);
                resolved = canonical(resolved)?;
            }
        }
    }
    Ok(resolved)
}
