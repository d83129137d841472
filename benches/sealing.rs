//! What sealing costs: frames with one record, written and read in plain and encrypted, side by
//! side in one run, in memory.
//!
//! `cargo bench --bench sealing`. The two are measured in turns, so that whatever else the machine
//! does hits both; what counts is the ratio of their medians. Which instructions are used (AES-NI,
//! VAES with 256 or 512 bits, PCLMULQDQ) the cipher finds out at run time, whatever the build's
//! target; to see what they give, build without them:
//! `RUSTFLAGS='--cfg aes_backend="soft" --cfg polyval_backend="soft"' cargo bench --bench sealing`.

// A benchmark measures real time.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use seawall::crypto::{Sealer, SegmentKey};
use seawall::format::buffer::{FrameBuffer, Place};
use seawall::format::frame::FrameHeader;
use seawall::format::header::{Previous, SegmentHeader};
use seawall::{Lsn, TenantId, VShardId, WalEncryptionKey};

const ROUNDS: usize = 41;
const BYTES_PER_ROUND: usize = 4 << 20;
const SIZES: [usize; 3] = [128, 4 << 10, 64 << 10];

struct Bench {
    segment: SegmentHeader,
    sealer: Option<Sealer>,
    key: Option<Arc<SegmentKey>>,
}

impl Bench {
    fn new(master: Option<&WalEncryptionKey>) -> Bench {
        let segment = SegmentHeader {
            log_id: [1; 16],
            segment_id: 1,
            first_lsn: Lsn::new(1),
            durable_lsn: Lsn::ZERO,
            durable_end: 512,
            low_water_lsn: Lsn::new(1),
            previous: Previous::default(),
            block_bytes: 512,
            salt: [7; 16],
            key_id: master.map(WalEncryptionKey::id),
            key_check: [0; 16],
            original: None,
            required: [].into_iter().collect(),
        };
        let key = master.map(|master| Arc::new(SegmentKey::derive(master, &segment.identity())));
        Bench {
            segment,
            sealer: key.clone().map(Sealer::new),
            key,
        }
    }

    fn encode<'a>(&mut self, buffer: &'a mut FrameBuffer) -> &'a [u8] {
        let place = Place {
            segment: &self.segment,
            offset: 512,
            last_lsn: Lsn::ZERO,
            durable_lsn: Lsn::ZERO,
            durable_end: 512,
            low_water_lsn: Lsn::new(1),
        };
        let seal = self.sealer.as_mut().map(Sealer::next);
        buffer.encode(&place, seal)
    }

    /// Nanoseconds for a frame to be made of a record, as an append and a write do it.
    fn write(&mut self, buffer: &mut FrameBuffer, payload: &[u8], times: usize) -> f64 {
        let start = Instant::now();
        for _ in 0..times {
            buffer.clear();
            let (tenant, shard) = (TenantId::new(1), VShardId::new(1));
            buffer.push(Lsn::new(1), 0x8001, tenant, shard, black_box(payload));
            black_box(self.encode(buffer));
        }
        start.elapsed().as_nanos() as f64 / times as f64
    }

    /// Nanoseconds for a frame to be read: decoded, checked, opened.
    fn read(&mut self, frame: &[u8], times: usize) -> f64 {
        let mut opened = Vec::new();
        let start = Instant::now();
        for _ in 0..times {
            let frame = black_box(frame);
            let header = FrameHeader::decode(frame, &self.segment, 512).expect("a frame");
            let body = header.open_body(frame, &self.segment, self.key.as_deref(), &mut opened);
            black_box(body.expect("it was just sealed"));
        }
        start.elapsed().as_nanos() as f64 / times as f64
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let master = WalEncryptionKey::from_bytes(&[9; 32]);
    println!("frames a second (MiB/s), in plain and encrypted; the ratio is encrypted to plain");
    println!(
        "payload    | write plain         | write encrypted     | ratio | read plain          | read encrypted      | ratio"
    );
    for size in SIZES {
        let payload = vec![0x5a; size];
        let times = BYTES_PER_ROUND / size.max(512);
        let mut sides = [Bench::new(None), Bench::new(Some(&master))];
        let mut written = [Vec::new(), Vec::new()];
        let mut read = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (side, bench) in sides.iter_mut().enumerate() {
                let mut buffer = FrameBuffer::with_capacity(size + 64);
                written[side].push(bench.write(&mut buffer, &payload, times));
                let frame = bench.encode(&mut buffer).to_vec();
                read[side].push(bench.read(&frame, times));
            }
        }
        let cell = |nanos: f64| {
            let per_second = 1e9 / nanos;
            let mib = per_second * size as f64 / f64::from(1 << 20);
            format!("{per_second:>10.0} ({mib:>6.0})")
        };
        let row = |times: [Vec<f64>; 2]| {
            let [plain, sealed] = times.map(median);
            format!(
                "{} | {} | {:>5.2}",
                cell(plain),
                cell(sealed),
                plain / sealed
            )
        };
        println!("{size:>7} B  | {} | {}", row(written), row(read));
    }
}
