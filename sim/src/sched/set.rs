//! A set of tasks as one machine word.
//!
//! It iterates in task order, so nothing that is computed from it depends on who came first.
//! It does not know how many tasks a run has.

/// The most tasks that one run can have: the bits of the word.
pub const TASKS_MAX: usize = 64;

/// A set of task numbers below [`TASKS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskSet(u64);

impl TaskSet {
    /// No task.
    pub const EMPTY: TaskSet = TaskSet(0);

    /// The tasks `0..count`.
    pub fn first(count: usize) -> TaskSet {
        assert!(count <= TASKS_MAX, "more tasks than bits");
        if count == TASKS_MAX {
            TaskSet(u64::MAX)
        } else {
            TaskSet((1 << count) - 1)
        }
    }

    /// This set and `task`.
    #[must_use]
    pub fn with(self, task: usize) -> TaskSet {
        TaskSet(self.0 | 1 << task)
    }

    /// This set but for `task`.
    #[must_use]
    pub fn without(self, task: usize) -> TaskSet {
        TaskSet(self.0 & !(1 << task))
    }

    /// Those of its tasks whose numbers are below `task`.
    #[must_use]
    pub fn below(self, task: usize) -> TaskSet {
        TaskSet(self.0 & ((1 << task) - 1))
    }

    /// The tasks of either set.
    #[must_use]
    pub fn union(self, other: TaskSet) -> TaskSet {
        TaskSet(self.0 | other.0)
    }

    /// Whether `task` is in the set.
    pub fn contains(self, task: usize) -> bool {
        self.0 >> task & 1 == 1
    }

    /// Whether nobody is in the set.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many tasks are in the set.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The one task of a set of one.
    pub fn only(self) -> Option<usize> {
        self.0
            .is_power_of_two()
            .then(|| self.0.trailing_zeros() as usize)
    }

    /// The task with `index` smaller ones in the set.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn nth(self, index: usize) -> usize {
        assert!(index < self.len(), "beyond the end of the set");
        let mut bits = self.0;
        for _ in 0..index {
            bits &= bits - 1;
        }
        bits.trailing_zeros() as usize
    }
}

impl IntoIterator for TaskSet {
    type Item = usize;
    type IntoIter = Tasks;

    fn into_iter(self) -> Tasks {
        Tasks(self.0)
    }
}

/// The tasks of a set, in ascending order.
#[derive(Clone, Debug)]
pub struct Tasks(u64);

impl Iterator for Tasks {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let task = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_all_64_tasks_holds_each_of_them() {
        let all = TaskSet::first(TASKS_MAX);
        assert_eq!(all.len(), 64);
        assert_eq!(all.nth(63), 63);
        assert_eq!(all.into_iter().last(), Some(63));
        assert!(TaskSet::first(0).is_empty());
    }

    #[test]
    fn members_come_in_task_order() {
        let set = TaskSet::EMPTY.with(9).with(0).with(4);
        assert_eq!(set.into_iter().collect::<Vec<_>>(), [0, 4, 9]);
        assert_eq!([set.nth(0), set.nth(1), set.nth(2)], [0, 4, 9]);
        assert_eq!(set.only(), None);
        assert_eq!(set.without(0).without(9).only(), Some(4));
    }
}
