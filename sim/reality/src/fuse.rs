//! One file served through FUSE: a device's bytes, with each write and each flush in the order in
//! which the kernel asks for them.
//!
//! The kernel's protocol is spoken directly: the file itself is the mounted root, so there are no
//! names, and ten requests are all there are. One thread answers them, one after the other.
// Source: include/uapi/linux/fuse.h of Linux, for every number and every layout here.

// What is mounted is beside the log, not below it.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::device::Device;

const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const WRITE: u32 = 16;
const STATFS: u32 = 17;
const RELEASE: u32 = 18;
const FSYNC: u32 = 20;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const FALLOCATE: u32 = 43;
/// Requests that are never answered: FORGET, INTERRUPT, BATCH_FORGET.
const UNANSWERED: [u32; 3] = [2, 36, 42];

/// The version of the protocol that the answers are in.
const VERSION: (u32, u32) = (7, 31);
/// `FUSE_ASYNC_READ | FUSE_BIG_WRITES`.
const FLAGS: u32 = 1 << 0 | 1 << 5;
/// Without `FUSE_MAX_PAGES` a request carries 32 pages at most.
const WRITE_MAX: u32 = 32 * 4096;
/// `FOPEN_DIRECT_IO`: the kernel keeps no copy of what is written here.
const DIRECT_IO: u32 = 1;
/// `FALLOC_FL_PUNCH_HOLE` or `FALLOC_FL_ZERO_RANGE`: both leave zeros.
const LEAVES_ZEROS: u32 = 0x02 | 0x10;

const ENOSYS: i32 = 38;
const EOPNOTSUPP: i32 = 95;

const IN_HEADER: usize = 40;
/// `FUSE_ROOT_ID`.
const ROOT_NODE: u64 = 1;
const REGULAR_FILE: u32 = 0o100_600;

/// A device that is mounted as a file; unmounted when dropped.
pub struct Served<'a> {
    path: &'a Path,
}

impl Served<'_> {
    /// Serves `device` as the file at `path`, which exists, until dropped.
    pub fn mount(device: Arc<Device>, path: &Path) -> io::Result<Served<'_>> {
        let channel = File::options().read(true).write(true).open("/dev/fuse")?;
        let options = format!(
            "fd={},rootmode={REGULAR_FILE:o},user_id=0,group_id=0",
            channel.as_raw_fd()
        );
        let options = std::ffi::CString::new(options)?;
        let kind = c"fuse.seawall";
        mount(
            "seawall",
            path,
            kind,
            MountFlags::empty(),
            options.as_c_str(),
        )?;
        // The thread owns the channel: should it panic, the kernel lets go of all who wait.
        std::thread::Builder::new()
            .name("fuse".into())
            .spawn(move || serve(channel, &device))?;
        // Should this process be killed while it waits for itself, the kernel's end can be cut off
        // under this number.
        // Source: Documentation/filesystems/fuse.rst of Linux, "Control filesystem".
        let number = rustix::fs::minor(std::fs::metadata(path)?.dev());
        std::fs::write(path.with_file_name("connection"), number.to_string())?;
        Ok(Served { path })
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        if let Err(error) = unmount(self.path, UnmountFlags::empty()) {
            eprintln!("{}: {error}", self.path.display());
        }
    }
}

fn serve(mut channel: File, device: &Device) {
    let mut request = vec![0; WRITE_MAX as usize + 4096];
    loop {
        // Source: fuse(4): ENODEV is the unmount, ENOENT a request that was called off meanwhile.
        let count = match channel.read(&mut request) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let request = Request(&request[..count]);
        if UNANSWERED.contains(&request.opcode()) {
            continue;
        }
        let (error, body) = match answer(&request, device) {
            Ok(body) => (0, body),
            Err(number) => (-number, Vec::new()),
        };
        let mut reply = Vec::with_capacity(16 + body.len());
        reply.extend((16 + body.len() as u32).to_le_bytes());
        reply.extend(error.to_le_bytes());
        reply.extend(request.unique().to_le_bytes());
        reply.extend(body);
        // Whoever asked may be gone.
        drop(channel.write(&reply));
    }
}

/// A request as the kernel lays it out; all the machines this runs on are little-endian.
struct Request<'a>(&'a [u8]);

impl Request<'_> {
    fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.0[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.0[at..at + 8].try_into().expect("eight bytes"))
    }

    fn opcode(&self) -> u32 {
        self.u32(4)
    }

    fn unique(&self) -> u64 {
        self.u64(8)
    }
}

fn answer(request: &Request<'_>, device: &Device) -> Result<Vec<u8>, i32> {
    // The arguments of the requests with a range begin with the handle and the offset.
    let offset = || request.u64(IN_HEADER + 8);
    let size = || request.u32(IN_HEADER + 16) as usize;
    match request.opcode() {
        INIT => Ok(init()),
        GETATTR => Ok(attributes(device.bytes())),
        OPEN => Ok(words(&[0, 0, DIRECT_IO, 0])),
        READ => {
            let offset = offset();
            let left = device.bytes().saturating_sub(offset);
            let mut bytes = vec![0; size().min(left as usize)];
            device.read(offset, &mut bytes);
            Ok(bytes)
        }
        WRITE => {
            let size = size();
            device.write(offset(), &request.0[IN_HEADER + 40..][..size]);
            Ok(words(&[size as u32, 0]))
        }
        FSYNC => {
            device.flush();
            Ok(Vec::new())
        }
        FALLOCATE if request.u32(IN_HEADER + 24) & LEAVES_ZEROS != 0 => {
            let zeros = vec![0; request.u64(IN_HEADER + 16) as usize];
            device.write(offset(), &zeros);
            Ok(Vec::new())
        }
        FALLOCATE => Err(EOPNOTSUPP),
        FLUSH | RELEASE => Ok(Vec::new()),
        STATFS => Ok(words(&[0; 20])),
        _ => Err(ENOSYS),
    }
}

/// `struct fuse_init_out`.
fn init() -> Vec<u8> {
    let mut out = words(&[VERSION.0, VERSION.1, 1 << 20, FLAGS, 0, WRITE_MAX, 1]);
    out.resize(64, 0);
    out
}

/// `struct fuse_attr_out`: for how long they hold, then `struct fuse_attr`.
fn attributes(len: u64) -> Vec<u8> {
    let mut out = words(&[0; 4]);
    for word in [ROOT_NODE, len, len / 512, 0, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    let (links, block) = (1, 4096);
    out.extend(words(&[0, 0, 0, REGULAR_FILE, links, 0, 0, 0, block, 0]));
    out
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
