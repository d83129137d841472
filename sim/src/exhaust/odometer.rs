//! The next schedule: like an odometer, the last choice that can still turn does, and all behind it
//! begin at 0 again.
//!
//! What the choices of a run lead to is only known when it has run: so the record of each run is
//! what the next one is made from, and a walk over all of them needs no other memory.
// Source: Musuvathi and Qadeer, "Iterative Context Bounding for Systematic Testing of Multithreaded
// Programs", PLDI 2007, for the bound: few bugs need more than two preemptions.

use crate::choice::{Decision, Track};

/// The track for the schedule after the one with these choices, among those with at most so many
/// preemptions; `None` behind the last one.
pub(super) fn next(made: &[Decision], preemptions_max: u32) -> Option<Track> {
    let count = |made: &[Decision]| made.iter().filter(|one| one.is_preemption()).count();
    let mut before = count(made);
    for (place, decision) in made.iter().enumerate().rev() {
        before -= usize::from(decision.is_preemption());
        let preemptions = before + usize::from(decision.can_stay);
        if decision.value + 1 < decision.options && preemptions <= preemptions_max as usize {
            let mut track = Track::default();
            for (place, decision) in (0..).zip(&made[..place]) {
                track.set(place, decision.value);
            }
            track.set(place as u32, decision.value + 1);
            return Some(track);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Tasks with so many steps each, scheduled by a track: who took each step, and the choices.
    fn play(steps: &[u32], track: &Track) -> (Vec<usize>, Vec<Decision>) {
        let mut left = steps.to_vec();
        let (mut order, mut made): (Vec<usize>, Vec<Decision>) = Default::default();
        while left.iter().any(|&left| left > 0) {
            let current = order.last().copied().filter(|&task| left[task] > 0);
            let others = (0..left.len()).filter(|&task| left[task] > 0 && Some(task) != current);
            let options: Vec<usize> = current.into_iter().chain(others).collect();
            let mut chosen = 0;
            if options.len() > 1 {
                chosen = track.at(made.len() as u32);
                made.push(Decision {
                    can_stay: current.is_some(),
                    ..Decision::among(options.len() as u64, u64::from(chosen))
                });
            }
            let task = options[chosen as usize];
            left[task] -= 1;
            order.push(task);
        }
        (order, made)
    }

    fn walk(steps: &[u32], preemptions_max: u32) -> Vec<Vec<usize>> {
        let mut track = Some(Track::default());
        let mut orders = Vec::new();
        while let Some(at) = track {
            let (order, made) = play(steps, &at);
            orders.push(order);
            track = next(&made, preemptions_max);
        }
        orders
    }

    fn preemptions(steps: &[u32], order: &[usize]) -> usize {
        let mut left = steps.to_vec();
        let mut found = 0;
        for pair in order.windows(2) {
            left[pair[0]] -= 1;
            found += usize::from(pair[0] != pair[1] && left[pair[0]] > 0);
        }
        found
    }

    #[test]
    fn without_a_bound_every_order_comes_once() {
        // 3 + 4 steps of two tasks, 2 + 2 + 2 of three: multinomials.
        for (steps, count) in [(&[3, 4][..], 35), (&[2, 2, 2], 90), (&[5], 1)] {
            let orders = walk(steps, u32::MAX);
            let distinct: BTreeSet<_> = orders.iter().collect();
            assert_eq!((orders.len(), distinct.len()), (count, count));
        }
    }

    #[test]
    fn a_bound_leaves_out_just_what_has_more_preemptions() {
        let steps = [3, 2, 2];
        let all = walk(&steps, u32::MAX);
        for bound in 0..4 {
            let fits = |order: &&Vec<usize>| preemptions(&steps, order) <= bound;
            let expected: BTreeSet<_> = all.iter().filter(fits).collect();
            let walked = walk(&steps, bound as u32);
            assert_eq!(walked.len(), expected.len());
            assert_eq!(walked.iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
