//! The ledger by hand: what real logs wrote is played to it again, as it was and changed.
//!
//! *Verified:* a real encrypted log passes, and so does what it may do: write again what it wrote,
//! go on where a write fell short. Each thing that the ledger is there for is found: a nonce that
//! meets a second message, be it in a copy of the log; keys derived in another way; what was changed
//! after it was sealed; a salt that is not durable; a key that is not the current one; canaries,
//! names of holds and whole segments in plain; bytes that are nothing of the format. Every payload
//! with room for a canary has one.
//! *Not verified:* that the log never does such a thing: that is what the campaigns are for.

#![allow(clippy::disallowed_types)] // One thread: these locks are never waited for.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use seawall::env::Env;
use seawall::env::entropy::Entropy;
use seawall::env::vfs::{OpenHow, Vfs};
use seawall::{KeyRing, Lsn, TenantId, VShardId, WalConfig, WalManager, WalTuning};
use seawall_sim::checker::{Property, Violation};
use seawall_sim::choice::{Choices, Purpose, Stream};
use seawall_sim::disk::{Call, Disk, Fate, FdId, Gate, Ino, Knobs, SimVfs, Written};
use seawall_sim::keyholder;
use seawall_sim::ledger::{CANARY, CANARY_PAYLOAD_MIN, Ledger};
use seawall_sim::model::{AppendId, Payload};
use seawall_sim::run::run;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::scenario::keys::Encryption;
use seawall_sim::sched::clock::VirtualClock;
use seawall_sim::seed::Seed;

const BLOCK: usize = 512;

/// What a log did to its files.
#[derive(Clone, Debug)]
enum Event {
    Wrote {
        file: Ino,
        offset: u64,
        bytes: Vec<u8>,
    },
    Synced(Ino),
}

/// A gate that records.
#[derive(Default)]
struct Tape(Mutex<Vec<Event>>);

impl Gate for Tape {
    fn arrive(&self, _: Call) -> Fate {
        Fate::Run
    }

    fn cut(&self) -> ! {
        unreachable!("no call is cut");
    }

    fn wrote(&self, _: &Disk, written: Written<'_>) {
        assert_eq!(written.count, Some(written.bytes.len()));
        self.0.lock().expect("one thread").push(Event::Wrote {
            file: written.ino,
            offset: written.offset,
            bytes: written.bytes.to_vec(),
        });
    }

    fn synced(&self, _: &Disk, file: Ino) {
        self.0.lock().expect("one thread").push(Event::Synced(file));
    }
}

struct Salts(Mutex<Stream>);

impl Entropy for Salts {
    fn fill(&self, bytes: &mut [u8]) -> std::io::Result<()> {
        self.0.lock().expect("one thread").fill(bytes);
        Ok(())
    }
}

/// What a log does that takes these payloads, each in a frame of its own, and a hold.
fn recorded(entropy: u64, key: Option<u32>, payloads: &[&[u8]]) -> Vec<Event> {
    let tape = Arc::new(Tape::default());
    let gate = Arc::clone(&tape) as Arc<dyn Gate>;
    let choices = Choices::new(entropy);
    let faults = choices.stream(Purpose::Faults, 0);
    let vfs = SimVfs::new(Disk::new(Knobs::default()), gate, faults);
    let env = Env {
        vfs: vfs as Arc<dyn Vfs>,
        clock: Arc::new(VirtualClock),
        entropy: Arc::new(Salts(Mutex::new(choices.stream(Purpose::Entropy, 0)))),
    };
    let config = WalConfig {
        use_direct_io: false,
        segment_target_size: 1 << 20,
        tuning: WalTuning {
            write_buffer_size: BLOCK,
            alignment: BLOCK,
        },
    };
    let keys = key.map(|number| KeyRing::new(keyholder::key(number)));
    let wal = WalManager::open_in(env, Path::new("/log"), config, keys).expect("it opens");
    for payload in payloads {
        let lsn = wal.append_put(TenantId::new(1), VShardId::new(1), payload);
        wal.wait_durable(lsn.expect("it is appended"))
            .expect("it is durable");
    }
    wal.set_hold("client 7", Lsn::new(1)).expect("it is held");
    wal.close().expect("it closes");
    let events = tape.0.lock().expect("one thread");
    events.clone()
}

/// A disk and its ledger, to which events are played.
struct Player {
    disk: Disk,
    ledger: Ledger,
    files: BTreeMap<u32, FdId>,
}

impl Player {
    /// For a log with this key.
    fn new(key: Option<u32>) -> Player {
        let mut ledger = Ledger::default();
        ledger.begin_life(key);
        let (disk, files) = (Disk::new(Knobs::default()), BTreeMap::new());
        Player {
            disk,
            ledger,
            files,
        }
    }

    fn file(&mut self, Ino(number): Ino) -> FdId {
        let disk = &mut self.disk;
        *self.files.entry(number).or_insert_with(|| {
            let path = format!("/{number}");
            let how = OpenHow::CreateNew { direct: false };
            disk.open(Path::new(&path), how).expect("it is created")
        })
    }

    /// A write of which the disk takes `count` bytes.
    fn write_short(&mut self, file: Ino, offset: u64, bytes: &[u8], count: usize) {
        let fd = self.file(file);
        let done = self.disk.write(fd, offset, &bytes[..count]);
        assert_eq!(done, Ok(count));
        let written = Written {
            ino: self.disk.ino(fd),
            name: "seg.wal",
            offset,
            bytes,
            count: Some(count),
        };
        self.ledger.wrote(&self.disk, &written, false);
    }

    fn play(&mut self, event: &Event) {
        match event {
            Event::Wrote {
                file,
                offset,
                bytes,
            } => self.write_short(*file, *offset, bytes, bytes.len()),
            Event::Synced(file) => {
                let fd = self.file(*file);
                self.disk.sync(fd, false).expect("there are no faults");
                let ino = self.disk.ino(fd);
                self.ledger.synced(&self.disk, ino);
            }
        }
    }

    fn play_all(&mut self, events: &[Event]) -> Result<(), Violation> {
        events.iter().for_each(|event| self.play(event));
        self.ledger.check()
    }
}

fn found(result: Result<(), Violation>, property: Property, words: &str) {
    let violation = result.expect_err(words);
    assert_eq!(violation.property, property, "{violation:?}");
    assert!(violation.story.contains(words), "{violation:?}");
}

/// The place of the first frame with records in the events.
fn first_frame(events: &[Event]) -> usize {
    let is_frame = |event: &Event| matches!(event, Event::Wrote { offset, .. } if *offset > 0);
    events.iter().position(is_frame).expect("it wrote frames")
}

/// The events from this write on that are about the same file.
fn of_the_file_of(events: &[Event], at: usize) -> Vec<Event> {
    let file_of = |event: &Event| match event {
        Event::Wrote { file, .. } | Event::Synced(file) => *file,
    };
    let same = events[at..]
        .iter()
        .filter(|event| file_of(event) == file_of(&events[at]));
    same.cloned().collect()
}

/// The same events with the bytes of one write changed, and its checksums made to hold.
fn changed(events: &[Event], at: usize, change: impl Fn(&mut Vec<u8>)) -> Vec<Event> {
    let mut events = events.to_vec();
    let header = events.iter().find_map(|event| match event {
        Event::Wrote {
            offset: 0, bytes, ..
        } => Some(bytes.clone()),
        _ => None,
    });
    let Event::Wrote { offset, bytes, .. } = &mut events[at] else {
        panic!("not a write");
    };
    change(bytes);
    if *offset == 0 {
        let checksum = crc32c::crc32c(&bytes[..508]);
        bytes[508..512].copy_from_slice(&checksum.to_le_bytes());
        return events;
    }
    let header = header.expect("a log begins with a header");
    let len = u32::from_le_bytes(bytes[36..40].try_into().expect("four bytes")) as usize;
    let body = xxhash_rust::xxh3::xxh3_64(&bytes[64..64 + len]) as u32;
    bytes[56..60].copy_from_slice(&body.to_le_bytes());
    let salted = crc32c::crc32c_append(crc32c::crc32c(&header[80..96]), &header[32..40]);
    let checksum = crc32c::crc32c_append(salted, &bytes[..60]);
    bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
    events
}

#[test]
fn a_real_log_passes_and_may_write_again_what_it_wrote() {
    let events = recorded(1, Some(1), &[b"one", b"two"]);
    let mut player = Player::new(Some(1));
    assert_eq!(player.play_all(&events), Ok(()));
    let size = player.ledger.size();
    // Two records, the hold and the footer; and the next segment, with the hold and a header before and
    // after it.
    assert_eq!((size.nonces, size.frames, size.headers), (5, 5, 3));
    let tally = player.ledger.take_tally();
    assert_eq!(tally.of(Property::Nonces), 5);
    assert_eq!(player.play_all(&events), Ok(()));
    let size = player.ledger.size();
    assert_eq!((size.nonces, size.frames), (5, 10));
    // A log in plain is none of the ledger's business, until it is encrypted in the midst of a life.
    let plain = recorded(1, None, &[&CANARY]);
    let mut player = Player::new(None);
    assert_eq!(player.play_all(&plain), Ok(()));
    player.ledger.begin_rotation(1);
    player.disk = Disk::new(Knobs::default());
    player.files.clear();
    assert_eq!(player.play_all(&events), Ok(()));
    assert_eq!(player.ledger.size().nonces, 5);
    player.ledger.end_rotation(1, true);
    found(player.play_all(&plain), Property::Plaintext, "");
}

#[test]
fn a_nonce_that_meets_two_messages_is_found() {
    let one = recorded(1, Some(1), &[b"one", b"two"]);
    let mut player = Player::new(Some(1));
    assert_eq!(player.play_all(&one), Ok(()));
    // Another life, in which nothing of the first one is left on the disk: with salts of its own,
    let other = recorded(2, Some(1), &[b"one", b"other"]);
    player.disk = Disk::new(Knobs::default());
    player.files.clear();
    player.ledger.begin_life(Some(1));
    assert_eq!(player.play_all(&other), Ok(()));
    // and with those of the first.
    let again = recorded(1, Some(1), &[b"one", b"other"]);
    player.ledger.begin_life(Some(1));
    found(player.play_all(&again), Property::Nonces, "nonce 1");
}

#[test]
fn what_is_sealed_in_another_way_is_found() {
    let events = recorded(1, Some(1), &[b"one"]);
    let play = |events: &[Event]| Player::new(Some(1)).play_all(events);
    let frame = first_frame(&events);
    for (at, what) in [
        (16, "log id"),
        (32, "number"),
        (48, "promise"),
        (80, "salt"),
        (104, "check value"),
    ] {
        let other = changed(&events, 0, |bytes| bytes[at] ^= 1);
        println!("{what}");
        found(play(&other), Property::Nonces, "check value");
    }
    let other = changed(&events, 0, |bytes| bytes[96] ^= 1);
    found(play(&other), Property::Nonces, "nobody gave");
    // Kind, promise in bytes, first LSN, number of records, promise, mark, counter, body, tag.
    let tag = 64 + 8 + 12 + 3;
    for at in [4, 8, 24, 32, 40, 48, 64, 72, tag] {
        let other = changed(&events, frame, |bytes| bytes[at] ^= 1);
        found(play(&other), Property::Nonces, "not sealed as documented");
    }
    let other = changed(&events, frame, |bytes| bytes[6] ^= 2);
    found(play(&other), Property::Nonces, "not sealed");
    let other = changed(&events, frame, |bytes| bytes[16] ^= 2);
    found(play(&other), Property::Nonces, "no frame of this place");
    let other = changed(&events, frame, |bytes| bytes[BLOCK - 1] = 1);
    found(play(&other), Property::Nonces, "something else behind it");
    // Under a key that the log has, but should no longer use.
    let mut player = Player::new(Some(1));
    player.ledger.end_rotation(2, true);
    found(
        player.play_all(&events),
        Property::Keys,
        "not the current one",
    );
}

#[test]
fn a_salt_that_is_not_durable_is_found() {
    let mut events = recorded(1, Some(1), &[b"one"]);
    let frame = first_frame(&events);
    let before = &events[..frame];
    assert!(before.iter().any(|event| matches!(event, Event::Synced(_))));
    let late = events.remove(frame);
    let header = events[..1].to_vec();
    let mut player = Player::new(Some(1));
    assert_eq!(player.play_all(&header), Ok(()));
    found(
        player.play_all(std::slice::from_ref(&late)),
        Property::Nonces,
        "not durable",
    );
    let mut player = Player::new(Some(1));
    found(
        player.play_all(&[late]),
        Property::Nonces,
        "no header is in front",
    );
}

#[test]
fn plaintext_is_found_wherever_it_is() {
    let mut payload = [b'.'; 100];
    payload[40..48].copy_from_slice(&CANARY);
    let payload = &payload[..];
    let sealed = recorded(1, Some(1), &[payload]);
    let file = match &sealed[0] {
        Event::Wrote { file, .. } => *file,
        other => panic!("{other:?}"),
    };
    let mut player = Player::new(Some(1));
    assert_eq!(player.play_all(&sealed), Ok(()));
    player.ledger.scan(&mut player.disk);
    assert_eq!(player.ledger.check(), Ok(()));
    assert!(player.ledger.size().scanned_on_disk > 0);
    // On the disk itself, behind the ledger's back, in a file without a name.
    let fd = player.file(Ino(99));
    let done = player.disk.write(fd, 7, payload);
    assert_eq!(done, Ok(payload.len()));
    player
        .disk
        .remove_file(Path::new("/99"))
        .expect("it is there");
    player.ledger.scan(&mut player.disk);
    found(player.ledger.check(), Property::Plaintext, "on the disk");
    // In bytes for an encrypted segment, and for a file that is none.
    for (file, bytes) in [
        (file, payload),
        (Ino(98), payload),
        (file, b"\x81\xa8client 7\x01"),
    ] {
        let mut player = Player::new(Some(1));
        assert_eq!(player.play_all(&sealed), Ok(()));
        player.write_short(file, 1 << 16, bytes, 10);
        found(player.ledger.check(), Property::Plaintext, "in plain");
    }
    // A segment in plain; but one from before the log was encrypted may be healed.
    let plain = recorded(1, None, &[payload]);
    let mut player = Player::new(Some(1));
    found(player.play_all(&plain), Property::Plaintext, "");
    let mut player = Player::new(None);
    assert_eq!(player.play_all(&plain), Ok(()));
    player.ledger.begin_life(Some(1));
    let frame = first_frame(&plain);
    let healed = of_the_file_of(&plain, frame);
    assert_eq!(player.play_all(&healed), Ok(()));
}

#[test]
fn a_write_that_fell_short_may_go_on_and_nothing_else() {
    let events = recorded(1, Some(1), &[&[b'x'; 2000]]);
    let frame = first_frame(&events);
    let Event::Wrote {
        file,
        offset,
        bytes,
    } = &events[frame]
    else {
        panic!("not a write");
    };
    let begin = || {
        let mut player = Player::new(Some(1));
        assert_eq!(player.play_all(&events[..frame]), Ok(()));
        player.write_short(*file, *offset, bytes, 700);
        player
    };
    let mut player = begin();
    player.write_short(*file, offset + 700, &bytes[700..], 100);
    player.write_short(*file, offset + 800, &bytes[800..], bytes.len() - 800);
    assert_eq!(player.ledger.check(), Ok(()));
    assert_eq!(player.ledger.size().frames, 1);
    let mut player = begin();
    player.write_short(*file, offset + 700, &bytes[701..], 100);
    found(player.ledger.check(), Property::Nonces, "no frame");
}

#[test]
fn every_payload_with_room_for_a_canary_has_one() {
    let mut payload = Vec::new();
    for number in 0..9 {
        for len in [16, 17, 63, 64, 100, 5000] {
            AppendId(number).payload(Payload::plain(len), &mut payload);
            assert_eq!(payload.len(), len as usize);
            // Even of a part of it that is as long as two repetitions.
            let parts = payload
                .windows(CANARY_PAYLOAD_MIN.max(160))
                .chain([&payload[..]]);
            for part in parts {
                assert!(part.windows(8).any(|bytes| bytes == CANARY), "{len}");
            }
        }
    }
}

fn with(encryption: Encryption) -> Setting {
    Setting {
        encryption,
        ..Setting::default()
    }
}

#[test]
fn a_run_of_an_encrypted_log_fills_the_ledger() {
    for seed in 1..=20 {
        let scenario = generate(Seed(seed), with(Encryption::Always));
        let report = run(&scenario, false);
        assert_eq!(report.violation, None);
        let ledger = report.figures.ledger;
        assert!(ledger.nonces > 0 && ledger.frames >= ledger.nonces);
        assert!(ledger.scanned > 0 && ledger.scanned_on_disk > 0);
        assert!(report.figures.tally.of(Property::Plaintext) >= ledger.frames);
        let plain = generate(Seed(seed), with(Encryption::Never));
        let ledger = run(&plain, false).figures.ledger;
        assert_eq!((ledger.nonces, ledger.scanned), (0, 0));
    }
}
