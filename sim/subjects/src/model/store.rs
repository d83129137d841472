//! What a store holds: for each client the states that its own keys went through.
//!
//! *Verified:* the keys of each client are as after one of its puts, none that comes before the last
//! acknowledged one. *Not verified:* the order between clients.

use std::collections::BTreeMap;

use seawall_sim::checker::{Property, Violation};

use crate::subject::{Change, Promises};

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// How many keys each client has: few, so that most puts overwrite.
const KEYS: u64 = 5;

/// A client's keys.
struct Client {
    /// From what was there before to what the last put has left, or would have.
    states: Vec<State>,
    /// What comes before this one is not to be seen again.
    floor: usize,
    /// What the last recovery has found.
    found: usize,
    /// Whether nobody knows if the last put was done: what came after it could not be told apart.
    is_in_doubt: bool,
}

/// The pairs of a store.
pub struct StoreModel {
    promises: Promises,
    clients: Vec<Client>,
    puts: usize,
}

impl StoreModel {
    /// An empty store with so many clients.
    pub fn new(promises: Promises, clients: usize) -> StoreModel {
        let client = |_| Client {
            states: vec![State::new()],
            floor: 0,
            found: 0,
            is_in_doubt: false,
        };
        StoreModel {
            promises,
            clients: (0..clients).map(client).collect(),
            puts: 0,
        }
    }

    /// The next changes of a client: one for each of `picks`, which say which key, and whether it is to
    /// be removed. They will be tried.
    pub fn next_put(&mut self, client: usize, picks: &[(u64, bool)], len: usize) -> Vec<Change> {
        let mut state = self.clients[client]
            .states
            .last()
            .expect("the first one")
            .clone();
        let mut changes = BTreeMap::new();
        for (key, is_removed) in picks {
            let key = format!("{client}/{}", key % KEYS).into_bytes();
            self.puts += 1;
            let mut value = format!("put {} of client {client};", self.puts).into_bytes();
            let filler = (value.len()..len).map(|at| (self.puts * 7 + at) as u8);
            value.extend(filler);
            changes.insert(key, (!is_removed).then_some(value));
        }
        for (key, value) in &changes {
            match value {
                Some(value) => state.insert(key.clone(), value.clone()),
                None => state.remove(key),
            };
        }
        self.clients[client].states.push(state);
        changes.into_iter().collect()
    }

    /// The last put of a client has failed.
    pub fn failed(&mut self, client: usize) {
        self.clients[client].is_in_doubt = true;
    }

    /// Whether a client has to wait for the next recovery.
    pub fn is_in_doubt(&self, client: usize) -> bool {
        self.clients[client].is_in_doubt
    }

    /// A commit of `client` has returned.
    pub fn committed(&mut self, client: usize) {
        let client = &mut self.clients[client];
        let last = client.states.len() - 1;
        // A commit says nothing of what an earlier life has put.
        if self.promises.durable.is_some() && last > client.found {
            client.floor = last;
        }
    }

    /// Judges what a recovery has found, and remembers it.
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_recovery(&mut self, read: &State, was_cut: bool) -> Result<(), Violation> {
        let found = self.judge_read(read)?;
        for (client, at) in self.clients.iter_mut().zip(found) {
            client.states.truncate(at + 1);
            client.found = at;
            client.is_in_doubt = false;
            if was_cut && self.promises.stable.is_some() {
                client.floor = at;
            }
        }
        Ok(())
    }

    /// Judges what somebody reads; returns which state of each client it is.
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_read(&self, read: &State) -> Result<Vec<usize>, Violation> {
        let mut parts = vec![State::new(); self.clients.len()];
        for (key, value) in read {
            match client_of(key).and_then(|client| parts.get_mut(client)) {
                Some(part) => part.insert(key.clone(), value.clone()),
                None if self.promises.intact.is_none() => None,
                None => {
                    let story = format!("nobody has written key {}", key.escape_ascii());
                    return Err(Violation::new(Property::Prefix, story));
                }
            };
        }
        let parts = self.clients.iter().zip(&parts).enumerate();
        parts
            .map(|(number, (client, part))| self.place(number, client, part))
            .collect()
    }

    /// Which of a client's states this is.
    fn place(&self, number: usize, client: &Client, part: &State) -> Result<usize, Violation> {
        let last = client.states.len() - 1;
        if let Some(at) = client.states.iter().rposition(|state| state == part) {
            if at >= client.floor {
                return Ok(at);
            }
            let story = format!(
                "the keys of client {number} are as {} puts ago; {} of these were acknowledged or seen",
                last - at,
                client.floor - at
            );
            return Err(Violation::new(Property::Acknowledged, story));
        }
        let stale = part.iter().find(|(key, value)| {
            !client
                .states
                .iter()
                .any(|state| state.get(*key).is_some_and(|known| known == *value))
        });
        let broken = match stale {
            Some((key, _)) if self.promises.intact.is_some() => {
                let story = format!("nobody has written the value of key {}", key.escape_ascii());
                Some((Property::Prefix, story))
            }
            None if self.promises.atomic.is_some() => {
                let story = format!("the keys of client {number} are as after none of its puts");
                Some((Property::Atomic, story))
            }
            _ => None,
        };
        match broken {
            Some((property, story)) => Err(Violation::new(property, story)),
            // Where nothing is promised, anything goes on from the floor.
            None => Ok(client.floor),
        }
    }
}

fn client_of(key: &[u8]) -> Option<usize> {
    let key = std::str::from_utf8(key).ok()?;
    key.split_once('/')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> StoreModel {
        let promises = Promises {
            durable: Some(""),
            opens: Some(""),
            intact: Some(""),
            prefix: Some(""),
            atomic: Some(""),
            stable: Some(""),
            faults: None,
        };
        let mut model = StoreModel::new(promises, 2);
        model.next_put(0, &[(0, false), (1, false)], 20);
        model.committed(0);
        model.next_put(0, &[(0, false), (1, true)], 20);
        model
    }

    fn verdict(read: &State) -> Option<Property> {
        let judged = model().judge_recovery(read, true);
        judged.err().map(|violation| violation.property)
    }

    #[test]
    fn each_promise_can_be_broken() {
        let states = model().clients.remove(0).states;
        assert_eq!(verdict(&states[2]), None);
        assert_eq!(verdict(&states[1]), None);
        assert_eq!(verdict(&states[0]), Some(Property::Acknowledged));
        let mut mixed = states[2].clone();
        mixed.extend(states[1].clone().split_off(&b"0/1"[..]));
        assert_eq!(verdict(&mixed), Some(Property::Atomic));
        let mut foreign = states[1].clone();
        foreign.insert(b"0/0".to_vec(), b"x".to_vec());
        assert_eq!(verdict(&foreign), Some(Property::Prefix));
        let mut of_nobody = states[1].clone();
        of_nobody.insert(b"7/0".to_vec(), b"x".to_vec());
        assert_eq!(verdict(&of_nobody), Some(Property::Prefix));
    }

    #[test]
    fn what_was_seen_after_a_power_cut_stays() {
        let states = model().clients.remove(0).states;
        let mut store = model();
        store.judge_recovery(&states[2], true).expect("all is well");
        assert!(store.judge_recovery(&states[1], true).is_err());
        let mut store = model();
        store
            .judge_recovery(&states[2], false)
            .expect("all is well");
        store
            .judge_recovery(&states[1], true)
            .expect("it was not durable");
    }
}
