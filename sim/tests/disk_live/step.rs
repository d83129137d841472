//! A sequence of calls as plain data, and the strategies that draw one.
//!
//! A step names its file by a slot, which may be empty, so that any part of a sequence is a
//! sequence: a difference shrinks to the few steps that make it, and prints as what they are.

use proptest::bool::weighted;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use seawall::env::vfs::OpenHow;

/// How many files a sequence has open at most.
pub const SLOTS: usize = 3;

/// One call. Those on a file do nothing while its slot is empty.
#[derive(Clone, Debug)]
pub enum Step {
    /// Opens into a slot, after closing what it had.
    Open {
        slot: usize,
        path: String,
        how: OpenHow,
    },
    Close(usize),
    Metadata(String),
    ReadDir(String),
    Canonicalize(String),
    CreateDir(String),
    RemoveFile(String),
    SyncDir(String),
    Rename {
        from: String,
        to: String,
    },
    Read {
        slot: usize,
        offset: u64,
        len: usize,
    },
    Write {
        slot: usize,
        offset: u64,
        len: usize,
        byte: u8,
        /// Whether the call is to make it durable, too.
        synced: bool,
    },
    SetLen {
        slot: usize,
        len: u64,
    },
    Allocate {
        slot: usize,
        offset: u64,
        len: u64,
    },
    SyncData(usize),
    SyncAll(usize),
    Len(usize),
    Mode(usize),
    DirectAlignment(usize),
    TryLock(usize),
}

/// The calls of the seam, and the end of a file's use.
pub const CALLS: [&str; 20] = [
    "open",
    "close",
    "metadata",
    "read_dir",
    "canonicalize",
    "create_dir",
    "remove_file",
    "sync_dir",
    "rename",
    "read_at",
    "write_at",
    "set_len",
    "allocate",
    "sync_data",
    "sync_all",
    "len",
    "mode",
    "direct_alignment",
    "try_lock",
    "write_sync_at",
];

impl Step {
    /// Which of [`CALLS`] it is.
    pub fn call(&self) -> usize {
        match self {
            Step::Open { .. } => 0,
            Step::Close(_) => 1,
            Step::Metadata(_) => 2,
            Step::ReadDir(_) => 3,
            Step::Canonicalize(_) => 4,
            Step::CreateDir(_) => 5,
            Step::RemoveFile(_) => 6,
            Step::SyncDir(_) => 7,
            Step::Rename { .. } => 8,
            Step::Read { .. } => 9,
            Step::Write { synced: false, .. } => 10,
            Step::SetLen { .. } => 11,
            Step::Allocate { .. } => 12,
            Step::SyncData(_) => 13,
            Step::SyncAll(_) => 14,
            Step::Len(_) => 15,
            Step::Mode(_) => 16,
            Step::DirectAlignment(_) => 17,
            Step::TryLock(_) => 18,
            Step::Write { synced: true, .. } => 19,
        }
    }
}

/// Sequences, one in ten of them up to ten times as long; `direct` adds files that bypass the page
/// cache. Half of them begin with a file that is open twice, since chance seldom does that.
pub fn sequences(direct: bool) -> impl Strategy<Value = Vec<Step>> {
    let drawn = prop_oneof![
        9 => vec(step(direct), 1..120),
        1 => vec(step(direct), 1..800),
    ];
    (any::<bool>(), drawn).prop_map(|(is_open, drawn)| {
        let open = |(slot, how)| {
            let path = "/a".to_owned();
            Step::Open { slot, path, how }
        };
        let hows = [
            OpenHow::CreateNew { direct: false },
            OpenHow::Write { direct: false },
        ];
        let first = hows.into_iter().enumerate().map(open);
        first.filter(|_| is_open).chain(drawn).collect()
    })
}

fn step(direct: bool) -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => on_names(direct),
        5 => on_files(),
    ]
}

fn on_names(direct: bool) -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..SLOTS, path(), how(direct))
            .prop_map(|(slot, path, how)| Step::Open { slot, path, how }),
        2 => (0..SLOTS).prop_map(Step::Close),
        2 => path_or_root().prop_map(Step::Metadata),
        2 => path_or_root().prop_map(Step::ReadDir),
        1 => path_or_root().prop_map(Step::Canonicalize),
        3 => path_or_root().prop_map(Step::CreateDir),
        2 => path_or_root().prop_map(Step::RemoveFile),
        1 => path_or_root().prop_map(Step::SyncDir),
        4 => (path(), path()).prop_map(|(from, to)| Step::Rename { from, to }),
    ]
}

fn on_files() -> impl Strategy<Value = Step> {
    let slot = || 0..SLOTS;
    prop_oneof![
        8 => (slot(), offset(true), len())
            .prop_map(|(slot, offset, len)| Step::Read { slot, offset, len }),
        10 => (slot(), offset(false), len(), 1..=255_u8, weighted(0.2))
            .prop_map(|(slot, offset, len, byte, synced)| {
                Step::Write { slot, offset, len, byte, synced }
            }),
        3 => (slot(), near()).prop_map(|(slot, len)| Step::SetLen { slot, len }),
        3 => (slot(), offset(false), len()).prop_map(|(slot, offset, len)| {
            let len = len as u64;
            Step::Allocate { slot, offset, len }
        }),
        1 => slot().prop_map(Step::SyncData),
        1 => slot().prop_map(Step::SyncAll),
        2 => slot().prop_map(Step::Len),
        1 => slot().prop_map(Step::Mode),
        1 => slot().prop_map(Step::DirectAlignment),
        4 => slot().prop_map(Step::TryLock),
    ]
}

/// A path of one to three names out of three, so that they meet often.
fn path() -> impl Strategy<Value = String> {
    let name = || select(vec!["a", "b", "d"]);
    let join = |names: Vec<&str>| format!("/{}", names.join("/"));
    prop_oneof![
        8 => vec(name(), 1).prop_map(join),
        3 => vec(name(), 2).prop_map(join),
        1 => vec(name(), 3).prop_map(join),
    ]
}

/// The root is left out where it can't be compared: a real one is a directory among others.
fn path_or_root() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => path(),
        1 => Just("/".to_owned()),
    ]
}

fn how(direct: bool) -> impl Strategy<Value = OpenHow> {
    let bypass = move || any::<bool>().prop_map(move |drawn| drawn && direct);
    prop_oneof![
        2 => Just(OpenHow::Read),
        1 => Just(OpenHow::ReadNoFollow),
        3 => bypass().prop_map(|direct| OpenHow::Write { direct }),
        4 => bypass().prop_map(|direct| OpenHow::CreateNew { direct }),
    ]
}

/// Offsets within a few pages, and some that no file has: negative ones, for the system, and, to
/// read, those behind the end of every file.
fn offset(far: bool) -> impl Strategy<Value = u64> {
    let wild = match far {
        true => vec![1 << 40, i64::MAX as u64, 1 << 63, u64::MAX],
        false => vec![1 << 63, u64::MAX],
    };
    prop_oneof![
        30 => near(),
        1 => select(wild),
    ]
}

fn near() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => select(vec![0, 1, 511, 512, 513, 4095, 4096, 4097, 8192]),
        3 => (0..40_u64).prop_map(|sector| sector * 512),
        2 => 0..20_000_u64,
    ]
}

fn len() -> impl Strategy<Value = usize> {
    prop_oneof![
        1 => select(vec![0, 1, 511, 512, 513, 4095, 4096, 4097]),
        3 => (1..20_usize).prop_map(|sectors| sectors * 512),
        2 => 0..6000_usize,
    ]
}
