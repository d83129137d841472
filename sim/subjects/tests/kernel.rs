//! The kernel of simulated processes, with subjects that call it directly.
//!
//! No test harness: it has threads, and addresses are to be fixed before anything else.

use std::path::Path;
use std::sync::Mutex;

use seawall_sim::checker::Property;
use seawall_sim::disk::Knobs;
use seawall_sim::seed::Seed;
use seawall_subjects::kernel::Machine;
use seawall_subjects::storm::storm;
use seawall_subjects::subject::{Log, Open, Outcome, Promises, Subject};
use seawall_subjects::{sys, zygote};

const fn subject(name: &'static str, open: fn(&Path) -> Outcome<Box<dyn Log>>) -> Subject {
    Subject {
        name,
        version: "of this test",
        open: Open::Log(open),
        promises: Promises::all("the test says so"),
        longest: usize::MAX,
        source: "sim/subjects/tests/kernel.rs",
    }
}

static SUBJECTS: &[Subject] = &[
    subject("right", |dir| Simple::open(dir, true, true)),
    subject("never-syncs", |dir| Simple::open(dir, false, true)),
    subject("never-syncs-names", |dir| Simple::open(dir, true, false)),
    subject("aborts", |_| std::process::abort()),
    subject("panics", |_| panic!("on purpose")),
];

/// The end of a log that can't go on.
const BROKEN: u64 = u64::MAX;

/// A file of frames: length, a sum, and the entry.
struct Simple {
    fd: i32,
    syncs: bool,
    end: Mutex<u64>,
}

fn errno(errno: i32) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno)
}

fn sum(entry: &[u8]) -> u64 {
    let add = |sum: u64, &byte: &u8| sum.wrapping_mul(0x100_0000_01b3) ^ u64::from(byte);
    entry.iter().fold(0xcbf2_9ce4_8422_2325, add)
}

impl Simple {
    fn open(dir: &Path, syncs: bool, syncs_names: bool) -> Outcome<Box<dyn Log>> {
        let dir = dir.to_str().ok_or("a path")?;
        let path = format!("{dir}/log");
        let flags = libc::O_RDWR | libc::O_CREAT;
        let fd = sys::open(path.as_bytes(), flags).map_err(errno)?;
        if syncs_names {
            let dir = sys::open(dir.as_bytes(), libc::O_RDONLY).map_err(errno)?;
            sys::sync(dir, false).map_err(errno)?;
            sys::close(dir).map_err(errno)?;
        }
        let log = Simple {
            fd,
            syncs,
            end: Mutex::new(0),
        };
        let (_, end) = log.read()?;
        // What a power cut has left of an entry is not to come back behind a later one.
        sys::set_len(fd, end).map_err(errno)?;
        sys::sync(fd, false).map_err(errno)?;
        *log.end.lock().map_err(|_| "poisoned")? = end;
        Ok(Box::new(log))
    }

    fn read(&self) -> Outcome<(Vec<Vec<u8>>, u64)> {
        let (mut entries, mut at) = (Vec::new(), 0);
        loop {
            let Some(head) = self.read_exact(at, 16)? else {
                break;
            };
            let number =
                |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight"));
            let len = number(0);
            if len == 0 || len > 1 << 20 {
                break;
            }
            let Some(entry) = self.read_exact(at + 16, len as usize)? else {
                break;
            };
            if sum(&entry) != number(8) {
                break;
            }
            entries.push(entry);
            at += 16 + len;
        }
        Ok((entries, at))
    }

    fn read_exact(&self, at: u64, len: usize) -> Outcome<Option<Vec<u8>>> {
        let (mut bytes, mut done) = (vec![0; len], 0);
        while done < len {
            match sys::read(self.fd, Some(at + done as u64), &mut bytes[done..]) {
                Ok(0) => return Ok(None),
                Ok(count) => done += count,
                Err(libc::EINTR) => {}
                Err(error) => return Err(errno(error).into()),
            }
        }
        Ok(Some(bytes))
    }
}

impl Log for Simple {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let mut end = self.end.lock().map_err(|_| "poisoned")?;
        if *end == BROKEN {
            return Err("broken".into());
        }
        let mut frame = (entry.len() as u64).to_le_bytes().to_vec();
        frame.extend(sum(entry).to_le_bytes());
        frame.extend(entry);
        let mut done = 0;
        while done < frame.len() {
            match sys::write(self.fd, Some(*end + done as u64), &frame[done..]) {
                Ok(count) => done += count,
                Err(libc::EINTR) => {}
                Err(error) => {
                    *end = BROKEN;
                    return Err(errno(error).into());
                }
            }
        }
        *end += frame.len() as u64;
        Ok(())
    }

    fn commit(&self) -> Outcome<()> {
        let mut end = self.end.lock().map_err(|_| "poisoned")?;
        if *end == BROKEN {
            return Err("broken".into());
        }
        if self.syncs && sys::sync(self.fd, false).is_err() {
            // Nobody knows what of it is durable, and a second sync would not tell.
            *end = BROKEN;
            return Err("not synced".into());
        }
        Ok(())
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        Ok(self.read()?.0)
    }
}

fn main() {
    zygote::without_randomized_addresses();
    Machine::make_all(SUBJECTS);
    let machine = Machine::of_worker(0).expect("one at least");
    let number = |name| {
        SUBJECTS
            .iter()
            .position(|subject| subject.name == name)
            .expect("there")
    };
    for (name, expected) in [
        ("never-syncs", Property::Acknowledged),
        ("never-syncs-names", Property::Acknowledged),
        ("aborts", Property::Panic),
        ("panics", Property::Opens),
    ] {
        let storm = storm(machine, number(name), Knobs::default());
        let trial = storm.find(Seed(1), 200).expect("it is wrong");
        let report = trial.run_twice().expect("the same twice");
        let violation = report.violation.expect("it is wrong");
        println!("{name}: seed {}: {violation}", trial.seed());
        assert_eq!(violation.property, expected);
        let small = trial.shrunk(500).expect("it fails");
        println!("  {} steps of {}", small.steps(), trial.steps());
        let explained = small.explain().expect("it fails");
        explained
            .sentences
            .iter()
            .for_each(|line| println!("  {line}"));
    }
    let right = storm(machine, number("right"), Knobs::default());
    let begun = std::time::Instant::now();
    let mut lives = 0;
    for seed in 0..300 {
        let report = right.trial(Seed(seed)).run(false);
        lives += report.figures.lives;
        assert_eq!(report.violation, None, "seed {seed}");
    }
    println!("right: {lives} lives in {:?}", begun.elapsed());
}
