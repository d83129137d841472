//! Taking things away from a case: all at once, then in ever smaller portions.

use super::Shrinker;
use crate::case::Case;

/// Takes away as many of the things that `list` finds as the failure can do without. `without`
/// takes one away that is in the list; of a portion it is called for the last one first, so that
/// the others are still where the list has them.
pub(super) fn take_away<C: Case, T: Copy>(
    shrinker: &mut Shrinker<'_, C>,
    list: impl Fn(&C) -> Vec<T>,
    without: impl Fn(&mut C, T),
) {
    let mut portion = list(&shrinker.best).len();
    while portion > 0 {
        // From the end: most failures need what comes last least.
        let mut end = usize::MAX;
        while end > 0 {
            let things = list(&shrinker.best);
            end = end.min(things.len());
            let begin = end.saturating_sub(portion);
            let mut case = shrinker.best.clone();
            for &thing in things[begin..end].iter().rev() {
                without(&mut case, thing);
            }
            shrinker.try_out(case);
            end = begin;
        }
        portion = match portion {
            1 => 0,
            _ => portion.div_ceil(2),
        };
    }
}
