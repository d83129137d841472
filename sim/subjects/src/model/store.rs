//! What a store holds: for each client the states that its own keys went through.
//!
//! *Verified:* the keys of each client are as after one of its puts, none that comes before the last
//! acknowledged one; in the middle of a life, as it has left them. Where no order of puts is promised,
//! each key for itself. *Not verified:* the order between clients; that a put is there as a whole where
//! no order is promised.

use std::collections::BTreeMap;

use seawall_sim::checker::{Property, Violation};

use crate::subject::{Change, Promises};

type State = BTreeMap<Vec<u8>, Vec<u8>>;

/// How many keys each client has: few, so that most puts overwrite.
const KEYS: u64 = 5;

/// A client's keys.
struct Client {
    /// What they went through, as puts and recoveries have left it, or would have.
    states: Vec<State>,
    /// What comes before this one is not to be seen again, for a later one was acknowledged.
    acknowledged: usize,
    /// The same, for it was seen after a power cut.
    seen: usize,
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
            acknowledged: 0,
            seen: 0,
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
        let mut state = self.clients[client].last().clone();
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
        // Where it has put nothing in this life, it commits nothing.
        if self.promises.durable.is_some() && last > client.found {
            client.acknowledged = last;
        }
    }

    /// Judges what a recovery has found, and remembers it.
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_recovery(&mut self, read: &State, was_cut: bool) -> Result<(), Violation> {
        let parts = self.parts(read)?;
        let is_stable = self.promises.stable.is_some();
        for (number, part) in parts.into_iter().enumerate() {
            let found = self.place(number, &part)?;
            let client = &mut self.clients[number];
            match found {
                // What it did not find is gone for good.
                Some(at) if is_stable => client.states.truncate(at + 1),
                _ => client.states.push(part),
            }
            client.found = client.states.len() - 1;
            client.is_in_doubt = false;
            if was_cut && is_stable {
                client.seen = client.found;
            }
        }
        Ok(())
    }

    /// Judges what a client reads in the middle of a life: its own keys, as it has left them.
    ///
    /// # Errors
    /// What should not be so.
    pub fn judge_read(&self, client: usize, read: &State) -> Result<(), Violation> {
        let part = self.parts(read)?.swap_remove(client);
        match part == *self.clients[client].last() || self.promises.intact.is_none() {
            true => Ok(()),
            false => {
                let story = format!("client {client} reads something else than it has put");
                Err(Violation::new(Property::Prefix, story))
            }
        }
    }

    /// The keys of each client.
    fn parts(&self, read: &State) -> Result<Vec<State>, Violation> {
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
        Ok(parts)
    }

    /// Which of a client's states this is; `None` where it is none, and need not be one.
    fn place(&self, number: usize, part: &State) -> Result<Option<usize>, Violation> {
        let client = &self.clients[number];
        if let Some(at) = client.states.iter().rposition(|state| state == part) {
            let (property, floor) = match at < client.acknowledged {
                true => (Property::Acknowledged, client.acknowledged),
                false => (Property::Stability, client.seen),
            };
            if at >= floor {
                return Ok(Some(at));
            }
            let (ago, of_these) = (client.states.len() - 1 - at, floor - at);
            let word = match property {
                Property::Acknowledged => "acknowledged",
                _ => "seen after a power cut",
            };
            let story = format!(
                "the keys of client {number} are as {ago} puts ago; {of_these} of these were {word}"
            );
            return Err(Violation::new(property, story));
        }
        self.judge_mix(number, part).map(|()| None)
    }

    /// Judges what is as after none of a client's puts.
    fn judge_mix(&self, number: usize, part: &State) -> Result<(), Violation> {
        let client = &self.clients[number];
        let floor = client.acknowledged.max(client.seen);
        for key in (0..KEYS).map(|key| format!("{number}/{key}").into_bytes()) {
            let value = part.get(&key);
            let is_of = |states: &[State]| states.iter().any(|state| state.get(&key) == value);
            let (property, word) = if !is_of(&client.states) {
                (Property::Prefix, "nobody has written the value")
            } else if !is_of(&client.states[floor..]) {
                (
                    Property::Acknowledged,
                    "a later value than this was acknowledged or seen, that",
                )
            } else {
                continue;
            };
            if property == Property::Acknowledged || self.promises.intact.is_some() {
                let story = format!("{word} of key {}", key.escape_ascii());
                return Err(Violation::new(property, story));
            }
        }
        // Without an order, puts may be there and earlier ones not.
        match self.promises.atomic.is_some() && self.promises.prefix.is_some() {
            true => {
                let story = format!("the keys of client {number} are as after none of its puts");
                Err(Violation::new(Property::Atomic, story))
            }
            false => Ok(()),
        }
    }
}

impl Client {
    fn last(&self) -> &State {
        self.states.last().expect("the first one")
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
        let mut model = StoreModel::new(Promises::all(""), 2);
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
    fn without_an_order_each_key_is_judged_for_itself() {
        let states = model().clients.remove(0).states;
        let mut mixed = states[2].clone();
        mixed.extend(states[1].clone().split_off(&b"0/1"[..]));
        let mut store = model();
        store.promises.prefix = None;
        store.promises.stable = None;
        store
            .judge_recovery(&mixed, true)
            .expect("no order is promised");
        // What it did not have may come back, but what was acknowledged is there.
        store.judge_recovery(&states[2], true).expect("it was put");
        let lost = store.judge_recovery(&states[0], true);
        assert_eq!(lost.expect_err("lost").property, Property::Acknowledged);
    }

    #[test]
    fn a_client_reads_what_it_has_put() {
        let states = model().clients.remove(0).states;
        model().judge_read(0, &states[2]).expect("the last one");
        model()
            .judge_read(1, &states[1])
            .expect("nothing of its own");
        assert!(model().judge_read(0, &states[1]).is_err());
    }

    #[test]
    fn what_was_seen_after_a_power_cut_stays() {
        let states = model().clients.remove(0).states;
        let mut store = model();
        store.judge_recovery(&states[2], true).expect("all is well");
        let lost = store.judge_recovery(&states[1], true);
        assert_eq!(lost.expect_err("it was seen").property, Property::Stability);
        let mut store = model();
        store
            .judge_recovery(&states[2], false)
            .expect("all is well");
        store
            .judge_recovery(&states[1], true)
            .expect("it was not durable");
    }
}
