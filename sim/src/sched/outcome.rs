//! How a run of the scheduler ended.
//!
//! It says what the scheduler saw: who waits, who panicked. Whether that was right is for others.

use std::fmt;

use seawall::env::sync::Park;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Each task returned.
    Finished,
    /// A task called `cut`: the world froze there.
    Cut,
    /// Nobody can run, and not all have finished.
    Deadlock(Deadlock),
    /// The step limit was reached.
    Livelock {
        /// The steps made.
        steps: u64,
    },
    /// A task panicked; the others were frozen.
    Panicked {
        /// Who.
        task: usize,
        /// The message and its place in the source.
        message: String,
    },
}

/// The standstill of a run: all who have not finished, and what each waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// In task order; never empty. All tasks that are not here had finished.
    pub blocked: Vec<Blocked>,
    /// How many tasks had finished.
    pub finished: usize,
}

impl Deadlock {
    /// Whether all wait for condition variables: whoever should have notified them is gone.
    pub fn is_lost_wakeup(&self) -> bool {
        self.blocked
            .iter()
            .all(|blocked| blocked.on == Park::Condvar)
    }
}

/// A task that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// Who.
    pub task: usize,
    /// For a lock or a condition variable.
    pub on: Park,
    /// Which one: numbered within this report by first mention, since addresses say nothing.
    pub object: usize,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Finished => f.write_str("all tasks finished"),
            Outcome::Cut => f.write_str("the world was cut off"),
            Outcome::Deadlock(deadlock) => deadlock.fmt(f),
            Outcome::Livelock { steps } => write!(f, "no end after {steps} steps"),
            Outcome::Panicked { task, message } => write!(f, "task {task} panicked: {message}"),
        }
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_lost_wakeup() {
            "lost wake-up"
        } else {
            "deadlock"
        };
        write!(f, "{kind}, {} finished", self.finished)?;
        for blocked in &self.blocked {
            let on = match blocked.on {
                Park::Lock => "lock",
                Park::Condvar => "condvar",
            };
            write!(
                f,
                "; task {} waits for {on} {}",
                blocked.task, blocked.object
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadlock_names_who_waits_for_what() {
        let blocked = |task, on, object| Blocked { task, on, object };
        let mut deadlock = Deadlock {
            blocked: vec![blocked(0, Park::Condvar, 0), blocked(2, Park::Condvar, 0)],
            finished: 1,
        };
        let text =
            "lost wake-up, 1 finished; task 0 waits for condvar 0; task 2 waits for condvar 0";
        assert_eq!(Outcome::Deadlock(deadlock.clone()).to_string(), text);
        deadlock.blocked[1].on = Park::Lock;
        assert!(!deadlock.is_lost_wakeup());
    }
}
