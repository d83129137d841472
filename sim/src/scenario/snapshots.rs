//! Which lives begin with an older disk: a snapshot that was rolled back, a backup that was restored.
//!
//! It is drawn from a stream of its own, and added to a scenario that is whole without it.
// Source: fault class F11.

use super::Scenario;
use super::generate::Shape;
use crate::choice::{Choices, Purpose, Ratio};

/// Adds at most one rollback to a scenario with three lives or more: with fewer of them there is no
/// life in between that could be undone.
pub(super) fn add(scenario: &mut Scenario, shape: Shape) {
    let mut stream = Choices::new(scenario.seed.0).stream(Purpose::Snapshots, 0);
    let lives = scenario.lives.len() as u64;
    if shape != Shape::Swarm || lives < 3 || !stream.happens(Ratio::new(1, 4)) {
        return;
    }
    let index = stream.within(2, lives - 1);
    let earlier = stream.within(1, index - 1);
    scenario.lives[index as usize].restore = Some(earlier as u32);
}
