//! What is measured: each workload as data.

/// One workload.
pub struct Workload {
    /// Its name in the table and for `--workload`.
    pub name: &'static str,
    /// On memory, to lay bare what the processor does, instead of the disk.
    pub is_on_tmpfs: bool,
    /// The length of a record.
    pub record_bytes: usize,
    /// What is done with them.
    pub kind: Kind,
}

/// The kinds of work.
#[derive(Clone, Copy)]
pub enum Kind {
    /// Threads append and wait until it is durable, for a while.
    Append {
        /// How many threads.
        threads: usize,
        /// How many records each appends before it waits for the last of them.
        burst: usize,
    },
    /// So many bytes, a sync for each MiB, and then their replay, cached and cold.
    Bulk {
        /// All records together.
        bytes: u64,
        /// With encryption.
        is_sealed: bool,
    },
    /// A log of so many bytes was closed in order, and is opened.
    Reopen {
        /// All records together.
        bytes: u64,
    },
}

const fn append(name: &'static str, record_bytes: usize, threads: usize) -> Workload {
    burst(name, record_bytes, threads, 1)
}

const fn burst(name: &'static str, record_bytes: usize, threads: usize, burst: usize) -> Workload {
    Workload {
        name,
        is_on_tmpfs: false,
        record_bytes,
        kind: Kind::Append { threads, burst },
    }
}

const fn bulk(name: &'static str, record_bytes: usize, bytes: u64, is_sealed: bool) -> Workload {
    Workload {
        name,
        is_on_tmpfs: false,
        record_bytes,
        kind: Kind::Bulk { bytes, is_sealed },
    }
}

const fn on_tmpfs(mut workload: Workload) -> Workload {
    workload.is_on_tmpfs = true;
    workload
}

/// All of them, in the table's order.
pub const ALL: &[Workload] = &[
    append("append-128", 128, 1),
    append("append-4k", 4096, 1),
    append("group-2", 128, 2),
    append("group-8", 128, 8),
    append("group-32", 128, 32),
    append("group-128", 128, 128),
    burst("burst", 128, 8, 64),
    bulk("bulk-4k", 4096, 1 << 30, false),
    bulk("sealed-4k", 4096, 1 << 30, true),
    Workload {
        name: "reopen",
        is_on_tmpfs: false,
        record_bytes: 4096,
        kind: Kind::Reopen { bytes: 60 << 20 },
    },
    on_tmpfs(append("append-128-tmpfs", 128, 1)),
    on_tmpfs(append("group-32-tmpfs", 128, 32)),
    on_tmpfs(bulk("bulk-4k-tmpfs", 4096, 1 << 30, false)),
    on_tmpfs(bulk("bulk-128-tmpfs", 128, 256 << 20, false)),
    on_tmpfs(bulk("sealed-4k-tmpfs", 4096, 1 << 30, true)),
    on_tmpfs(bulk("sealed-128-tmpfs", 128, 256 << 20, true)),
];
