//! Your own storage crate under the storm: copy this file, put your crate in place of `Lines`, and say
//! what it promises. As it is, it finds what these few lines get wrong:
//! `cargo run --release --manifest-path sim/subjects/Cargo.toml --example template -- run`. What a verb
//! has to do is said in `src/subject.rs`; a store of keys and values implements `Store` in place of `Log`.

use std::fs::OpenOptions;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use seawall_subjects::subject::{Log, Open, Outcome, Promises, Subject};

const COMMAND: &str =
    "cargo run --release --manifest-path sim/subjects/Cargo.toml --example template --";

/// A file with a length before each entry.
struct Lines(Mutex<std::fs::File>);

fn open(path: &Path) -> Outcome<Box<dyn Log>> {
    let mut how = OpenOptions::new();
    let file = how
        .read(true)
        .append(true)
        .create(true)
        .open(path.join("lines"))?;
    Ok(Box::new(Lines(Mutex::new(file))))
}

impl Log for Lines {
    fn append(&self, entry: &[u8]) -> Outcome<()> {
        let line = [&(entry.len() as u32).to_le_bytes()[..], entry].concat();
        Ok(self.0.lock().map_err(|_| "poisoned")?.write_all(&line)?)
    }

    fn commit(&self) -> Outcome<()> {
        Ok(self.0.lock().map_err(|_| "poisoned")?.sync_data()?)
    }

    fn read_all(&self) -> Outcome<Vec<Vec<u8>>> {
        let (mut bytes, mut all) = (Vec::new(), Vec::new());
        let mut file = self.0.lock().map_err(|_| "poisoned")?;
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        let mut rest = &bytes[..];
        while let Some((len, behind)) = rest.split_first_chunk() {
            let len = u32::from_le_bytes(*len) as usize;
            // A torn tail.
            let Some((entry, next)) = behind.split_at_checked(len) else {
                break;
            };
            all.push(entry.to_vec());
            rest = next;
        }
        Ok(all)
    }
}

const SUBJECT: Subject = Subject {
    name: "lines",
    version: "of today",
    open: Open::Log(open),
    // What your documentation says, in its words; nothing is checked where it says nothing.
    promises: Promises {
        durable: Some("commit syncs"),
        opens: Some("it always opens"),
        intact: None,
        prefix: None,
        atomic: None,
        stable: None,
    },
    longest: 20_000,
    source: "sim/subjects/examples/",
};

fn main() -> ExitCode {
    seawall_subjects::main(COMMAND, &[SUBJECT])
}
