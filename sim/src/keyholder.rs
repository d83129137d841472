//! Who keeps the log's keys: all that the contract says the log may need, and no others.
//!
//! Keys have numbers; the log is opened with those that are kept. A key is kept from before it is
//! first given to the log until the log said that it may go.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use seawall::{KeyRing, WalEncryptionKey};

thread_local! {
    static KEYS: RefCell<BTreeMap<u32, WalEncryptionKey>> = const { RefCell::new(BTreeMap::new()) };
}

/// The bytes of the key with this number.
pub fn key_bytes(number: u32) -> [u8; 32] {
    let mut bytes = [0x5e; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    bytes
}

/// The key with this number.
pub fn key(number: u32) -> WalEncryptionKey {
    let make = || WalEncryptionKey::from_bytes(&key_bytes(number));
    // The same few in every run: each is made once.
    KEYS.with_borrow_mut(|keys| keys.entry(number).or_insert_with(make).clone())
}

/// The keys of a log, over its lives. Without any it is in plain.
#[derive(Clone, Debug, Default)]
pub struct Keyholder {
    kept: BTreeSet<u32>,
    /// Given to calls that have not returned: none of these may go.
    given: Vec<u32>,
    current: Option<u32>,
}

impl Keyholder {
    /// The keys to open the log with, the wanted one as the current one. A log that has been given
    /// a key is never opened without one.
    pub fn begin_life(&mut self, wanted: Option<u32>) -> Option<KeyRing> {
        self.given.clear();
        self.current = wanted.or(self.current);
        self.kept.extend(self.current);
        self.ring()
    }

    /// There is something from before that needs this key.
    pub fn keep(&mut self, number: u32) {
        self.kept.insert(number);
    }

    /// The keys as they are now.
    pub fn ring(&self) -> Option<KeyRing> {
        let current = self.current?;
        let others = self.kept.iter().filter(|&&other| other != current);
        let ring = KeyRing::new(key(current));
        Some(others.fold(ring, |ring, &other| ring.with_previous(key(other))))
    }

    /// The current key.
    pub fn current(&self) -> Option<u32> {
        self.current
    }

    /// All that are kept.
    pub fn kept(&self) -> Vec<u32> {
        self.kept.iter().copied().collect()
    }

    /// A call begins that makes this the current key.
    pub fn begin_rotation(&mut self, number: u32) {
        self.kept.insert(number);
        self.given.push(number);
    }

    /// It has returned.
    pub fn end_rotation(&mut self, number: u32, is_done: bool) {
        let at = self.given.iter().position(|&given| given == number);
        self.given.remove(at.expect("it has begun"));
        self.kept.insert(number);
        if is_done {
            self.current = Some(number);
        }
    }

    /// The log said that it does not need this key.
    pub fn let_go(&mut self, number: u32) {
        if !self.given.contains(&number) && self.current != Some(number) {
            self.kept.remove(&number);
        }
    }

    /// Takes back what was let go since `earlier`: an older disk may need it.
    pub fn remember(&mut self, earlier: &Keyholder) {
        self.kept.extend(&earlier.kept);
    }
}
