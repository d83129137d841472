//! Fewer lives, clients and operations; and none of what only some scenarios have.

use super::Shrinker;
use super::portions::take_away;
use crate::scenario::Scenario;

/// Takes away all structure that the failure does not need; no lives where there is a tape, whose
/// tracks would be for other ones afterwards.
pub(super) fn shrink(shrinker: &mut Shrinker<'_, Scenario>) {
    let lives = |scenario: &Scenario| match scenario.tape.is_empty() {
        true => (0..scenario.lives.len()).collect(),
        false => Vec::new(),
    };
    take_away(shrinker, lives, remove_life);
    take_away(shrinker, clients_of, |scenario, (life, client)| {
        let clients = &mut scenario.lives[life].clients;
        match clients.len() {
            // Somebody has to be there.
            1 => clients[0].clear(),
            _ => drop(clients.remove(client)),
        }
    });
    shrink_operations(shrinker);
    shrink_rarities(shrinker);
}

/// Removes a life, unless it is the only one, and keeps what others say about the later ones.
fn remove_life(scenario: &mut Scenario, index: usize) {
    if scenario.lives.len() == 1 {
        return;
    }
    scenario.lives.remove(index);
    let removed = index as u32 + 1;
    for life in &mut scenario.lives {
        life.restore = match life.restore {
            Some(number) if number == removed => None,
            Some(number) if number > removed => Some(number - 1),
            other => other,
        };
    }
    for event in scenario
        .media
        .iter_mut()
        .flat_map(|media| &mut media.events)
    {
        event.life -= u32::from(event.life > removed);
    }
}

fn clients_of(scenario: &Scenario) -> Vec<(usize, usize)> {
    let lives = scenario.lives.iter().enumerate();
    lives
        .flat_map(|(life, one)| (0..one.clients.len()).map(move |client| (life, client)))
        .collect()
}

/// Takes away the operations that the failure does not need.
pub(super) fn shrink_operations(shrinker: &mut Shrinker<'_, Scenario>) {
    let list = |scenario: &Scenario| {
        let clients = clients_of(scenario).into_iter();
        clients
            .flat_map(|(life, client)| {
                let ops = scenario.lives[life].clients[client].len();
                (0..ops).map(move |op| (life, client, op))
            })
            .collect()
    };
    take_away(shrinker, list, |scenario, (life, client, op)| {
        scenario.lives[life].clients[client].remove(op);
    });
}

/// Something that only some scenarios have; with a life's index for what is a life's.
#[derive(Clone, Copy)]
enum Rarity {
    Legacy,
    Media,
    Event(usize),
    Keys,
    Probe(usize),
    Restore(usize),
    Key(usize),
}

fn shrink_rarities(shrinker: &mut Shrinker<'_, Scenario>) {
    let lives = 0..shrinker.best.lives.len();
    let media = shrinker.best.media.as_ref();
    let events = 0..media.map_or(0, |media| media.events.len());
    let mut all = vec![Rarity::Legacy, Rarity::Media, Rarity::Keys];
    all.extend(events.rev().map(Rarity::Event));
    for life in lives {
        all.extend([
            Rarity::Probe(life),
            Rarity::Restore(life),
            Rarity::Key(life),
        ]);
    }
    for rarity in all {
        let mut scenario = shrinker.best.clone();
        match (rarity, &mut scenario.media) {
            (Rarity::Legacy, _) => scenario.legacy = None,
            (Rarity::Media, _) => scenario.media = None,
            (Rarity::Event(event), Some(media)) => drop(media.events.remove(event)),
            // All events went with the medium.
            (Rarity::Event(_), None) => {}
            (Rarity::Keys, _) => scenario.lives.iter_mut().for_each(|life| life.key = None),
            (Rarity::Probe(life), _) => scenario.lives[life].probe = None,
            (Rarity::Restore(life), _) => scenario.lives[life].restore = None,
            (Rarity::Key(life), _) => scenario.lives[life].key = None,
        }
        shrinker.try_out(scenario);
    }
}
