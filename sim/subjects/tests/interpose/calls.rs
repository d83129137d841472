//! Each kind of call that std makes of files and directories, once in each life.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Error, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirEntryExt, FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use seawall_subjects::subject::{Log, Outcome};

use super::files;

/// A log, as anywhere else; but its directory sees a lot before it is opened.
pub fn open(dir: &Path) -> Outcome<Box<dyn Log>> {
    let room = dir.join("room");
    if room.exists() {
        fs::remove_dir_all(&room)?; // Whatever an earlier life has left.
    }
    names(&room)?;
    contents(&room)?;
    locks(&room)?;
    fs::remove_dir_all(&room)?;
    surroundings(dir)?;
    files::open(dir, true)
}

/// The call fails in this way; another error is the disk's.
fn fails<T>(done: io::Result<T>, with: i32) -> io::Result<()> {
    match done {
        Ok(_) => panic!("no error: {}", Error::from_raw_os_error(with)),
        Err(error) if error.raw_os_error() == Some(with) => Ok(()),
        Err(error) => Err(error),
    }
}

fn names(room: &Path) -> io::Result<()> {
    let is = |name: &str| room.join(name);
    fs::create_dir_all(is("a/b/c"))?;
    fails(fs::create_dir(is("a")), libc::EEXIST)?;
    fails(fs::create_dir(is("none/d")), libc::ENOENT)?;
    fails(File::open(is("none")), libc::ENOENT)?;
    fails(fs::metadata(is("none")), libc::ENOENT)?;
    fs::write(is("a/one"), b"one")?;
    fails(File::create_new(is("a/one")), libc::EEXIST)?;
    fs::write(is("a/../a/./two"), b"two")?;
    fails(OpenOptions::new().write(true).open(is("a")), libc::EISDIR)?;
    fails(fs::read(is("a")), libc::EISDIR)?;
    fails(fs::read_dir(is("a/one")), libc::ENOTDIR)?;
    fs::rename(is("a/two"), is("a/three"))?;
    fails(fs::rename(is("a/two"), is("a/four")), libc::ENOENT)?;
    let mut found = Vec::new();
    for entry in fs::read_dir(is("a"))? {
        let entry = entry?;
        let name = entry.file_name().into_string().expect("a name");
        assert_eq!(entry.path(), is("a").join(&name));
        assert_eq!(entry.metadata()?.ino(), entry.ino());
        found.push((name, entry.file_type()?.is_dir()));
    }
    found.sort();
    let expected = [("b", true), ("one", false), ("three", false)];
    assert_eq!(
        found,
        expected.map(|(name, is_dir)| (name.to_owned(), is_dir))
    );
    assert_eq!(fs::canonicalize(is("a/b/../one"))?, is("a/one"));
    fails(fs::canonicalize(is("a/two")), libc::ENOENT)?;
    assert!(fs::exists(is("a/one"))?);
    assert!(!fs::exists(is("a/two"))?);
    fails(fs::remove_dir(is("a")), libc::ENOTEMPTY)?;
    fails(fs::remove_file(is("a/none")), libc::ENOENT)?;
    fails(fs::hard_link(is("a/one"), is("a/five")), libc::EPERM)?;
    fails(std::os::unix::fs::symlink("one", is("a/link")), libc::EPERM)?;
    fails(fs::read_link(is("a/one")), libc::EINVAL)?;
    fs::remove_dir(is("a/b/c"))?;
    fs::remove_file(is("a/three"))?;
    File::open(is("a"))?.sync_all()?;
    Ok(())
}

fn contents(room: &Path) -> io::Result<()> {
    let path = room.join("file");
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path)?;
    file.write_all(b"0123456789")?;
    file.write_all_at(b"ab", 3)?;
    assert_eq!(file.stream_position()?, 10);
    file.seek(SeekFrom::Start(2))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    assert_eq!(text, "2ab56789");
    let mut two = [0; 2];
    file.read_exact_at(&mut two, 8)?;
    assert_eq!(&two, b"89");
    assert_eq!(file.seek(SeekFrom::End(-1))?, 9);
    let written = file.write_vectored(&[IoSlice::new(b"xy"), IoSlice::new(b"z")])?;
    file.set_len(9 + written as u64)?;
    let mut doubled = file.try_clone()?;
    assert_eq!(doubled.stream_position()?, 9 + written as u64);
    doubled.rewind()?;
    let (mut first, mut rest) = ([0; 3], [0; 3]);
    let count =
        file.read_vectored(&mut [IoSliceMut::new(&mut first), IoSliceMut::new(&mut rest)])?;
    assert_eq!(&[first, rest].concat()[..count], &b"012ab5"[..count]);
    file.set_len(4)?;
    file.set_len(6)?;
    assert_eq!(fs::read(&path)?, b"012a\0\0");
    file.sync_data()?;
    file.sync_all()?;
    let known = file.metadata()?;
    assert_eq!((known.len(), known.is_file(), known.nlink()), (6, true, 1));
    assert_eq!(known.ino(), fs::symlink_metadata(&path)?.ino());
    assert_eq!(known.permissions().mode() & 0o777, 0o600);
    assert!(known.modified()? > SystemTime::UNIX_EPOCH);
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    file.set_modified(SystemTime::UNIX_EPOCH)?;
    let copy = room.join("copy");
    assert_eq!(fs::copy(&path, &copy)?, 6);
    let mut appended = OpenOptions::new().append(true).open(&copy)?;
    appended.write_all(b"end")?;
    assert_eq!(fs::read_to_string(&copy)?, "012a\0\0end");
    assert_eq!(File::create(&copy)?.metadata()?.len(), 0);
    // What is open stays, whatever its name does.
    fs::remove_file(&path)?;
    file.write_all_at(b"!", 0)?;
    file.read_exact_at(&mut two, 0)?;
    assert_eq!(&two, b"!1");
    Ok(())
}

fn locks(room: &Path) -> io::Result<()> {
    let path = room.join("locked");
    let (one, two) = (File::create(&path)?, File::open(&path)?);
    one.lock()?;
    match two.try_lock() {
        Err(TryLockError::WouldBlock) => {}
        other => panic!("{other:?}"),
    }
    one.unlock()?;
    two.lock_shared()?;
    drop(two);
    one.lock()
}

fn surroundings(dir: &Path) -> io::Result<()> {
    // Paths are relative to the working directory, which is there to go to.
    std::env::set_current_dir(dir)?;
    assert_eq!(std::env::current_dir()?, dir);
    fs::write("relative", b"here")?;
    assert_eq!(fs::read(dir.join("relative"))?, b"here");
    fs::remove_file("./relative")?;
    assert_eq!(std::thread::available_parallelism()?.get(), 2);
    assert_eq!(std::process::id(), 1000);
    // The order is the seed's: it is written, so that the trace tells.
    let map: HashMap<u32, ()> = (0..20).map(|key| (key, ())).collect();
    let order: Vec<u8> = map.into_keys().flat_map(u32::to_le_bytes).collect();
    fs::write(dir.join("order"), order)?;
    let mut random = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut random)?;
    assert_ne!(random, [0; 16]);
    // The machine is there to read, and not to write.
    assert!(fs::metadata("/proc/self/exe")?.is_file());
    let written = fs::write("/tmp/seawall-subjects-was-here", b"no");
    assert_eq!(
        written.map_err(|error| error.kind()),
        Err(ErrorKind::ReadOnlyFilesystem)
    );
    Ok(())
}
