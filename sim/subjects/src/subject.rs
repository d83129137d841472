//! What a subject is: a few verbs, and what its documentation promises of them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

/// How a verb ends.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Storage that keeps entries in order.
///
/// All verbs but `open` and `close` are called by many threads at once.
pub trait Log: Send + Sync {
    /// Adds an entry, which need not be durable yet.
    ///
    /// # Errors
    /// The entry may or may not be there.
    fn append(&self, entry: &[u8]) -> Outcome<()>;

    /// Returns when all that the calling thread has appended is durable.
    ///
    /// # Errors
    /// Nothing is promised.
    fn commit(&self) -> Outcome<()>;

    /// All entries, first to last.
    ///
    /// # Errors
    /// A violation, where the subject promises that it can be read after any crash.
    fn read_all(&self) -> Outcome<Vec<Vec<u8>>>;

    /// The first `count` entries of `read_all`, of which there is one at least, are not needed any more: they may go, now or later.
    /// Storage that can't do that does nothing.
    ///
    /// # Errors
    /// They may be there or not, as before.
    fn trim(&self, _count: usize) -> Outcome<()> {
        Ok(())
    }

    /// Ends its life in good order.
    ///
    /// # Errors
    /// Nothing is promised but what was before.
    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(())
    }
}

/// One change of a store: a key, and its value, or none to remove it.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// Storage that keeps a value for each key.
///
/// All verbs but `open` and `close` are called by many threads at once.
pub trait Store: Send + Sync {
    /// Makes all these changes, as one; they need not be durable yet.
    ///
    /// # Errors
    /// All are there or none.
    fn put(&self, changes: &[Change]) -> Outcome<()>;

    /// Returns when all that the calling thread has put is durable.
    ///
    /// # Errors
    /// Nothing is promised.
    fn commit(&self) -> Outcome<()>;

    /// All keys with their values.
    ///
    /// # Errors
    /// A violation, where the subject promises that it can be read after any crash.
    fn read_all(&self) -> Outcome<BTreeMap<Vec<u8>, Vec<u8>>>;

    /// Ends its life in good order.
    ///
    /// # Errors
    /// Nothing is promised but what was before.
    fn close(self: Box<Self>) -> Outcome<()> {
        Ok(())
    }
}

/// Opens a subject in a directory that exists, or will be made by it, with whatever recovery it needs.
#[derive(Clone, Copy)]
pub enum Open {
    /// A log.
    Log(fn(&Path) -> Outcome<Box<dyn Log>>),
    /// A store.
    Store(fn(&Path) -> Outcome<Box<dyn Store>>),
}

/// What a subject's documentation promises: for each property where it does and in what words, in
/// short; `None` where it promises nothing, and nothing is checked.
#[derive(Clone, Copy, Debug)]
pub struct Promises {
    /// What `commit` has returned for is there after any crash.
    pub durable: Option<&'static str>,
    /// It opens and can be read after any power cut or kill.
    pub opens: Option<&'static str>,
    /// What is read was written, byte for byte, and no entry is there twice.
    pub intact: Option<&'static str>,
    /// An entry (or change) is there only if all are that the same thread made before it; and those
    /// of one thread are in order.
    pub prefix: Option<&'static str>,
    /// The changes of one `put` are there together or not at all. For a store only.
    pub atomic: Option<&'static str>,
    /// What was there after a power cut stays, and what was not there does not come back.
    pub stable: Option<&'static str>,
    /// All of this holds where calls fail or fall short, too: what returned `Ok` is done. Where nothing is
    /// promised, no call does.
    pub faults: Option<&'static str>,
}

impl Promises {
    /// None at all.
    pub const NONE: Promises = Promises {
        durable: None,
        opens: None,
        intact: None,
        prefix: None,
        atomic: None,
        stable: None,
        faults: None,
    };

    /// All of them, in the same words.
    pub const fn all(words: &'static str) -> Promises {
        Promises {
            durable: Some(words),
            opens: Some(words),
            intact: Some(words),
            prefix: Some(words),
            atomic: Some(words),
            stable: Some(words),
            faults: Some(words),
        }
    }

    /// What is checked, and why, a line each.
    pub fn lines(&self) -> Vec<String> {
        let all = [
            ("durable", self.durable),
            ("opens", self.opens),
            ("intact", self.intact),
            ("prefix", self.prefix),
            ("atomic", self.atomic),
            ("stable", self.stable),
            ("faults", self.faults),
        ];
        let promised = all
            .iter()
            .filter_map(|(name, words)| Some((name, (*words)?)));
        promised
            .map(|(name, words)| format!("{name}: {words}"))
            .collect()
    }
}

/// Something to be put under the storm.
#[derive(Clone, Copy)]
pub struct Subject {
    /// What it is called on the command line.
    pub name: &'static str,
    /// The package and version, or what else tells which code it is.
    pub version: &'static str,
    /// How it is opened.
    pub open: Open,
    /// What it promises.
    pub promises: Promises,
    /// The longest entry or value that it takes as it is opened here, in bytes.
    pub longest: usize,
    /// Its sources, as parts of paths: an explanation tells places there.
    pub source: &'static str,
}
