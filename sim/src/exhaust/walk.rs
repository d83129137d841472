//! The walk over all schedules of one workload, by itself and with everything that may happen
//! beside it: a crash at each change of the disk, and a failure of each call that can fail.

use std::ops::ControlFlow;

use super::odometer;
use super::workload::{FAULTS, Incident, SCHEDULE, Workload, keep_all};
use crate::campaign::Failure;
use crate::choice::Record;
use crate::disk::Lie;
use crate::run::{Report, record};
use crate::scenario::Scenario;

/// What a walk has seen.
#[derive(Clone, Debug, Default)]
pub struct Walked {
    /// Schedules in which nothing happens beside them.
    pub schedules: u64,
    /// Schedules up to a crash, or with a call that fails: each as often as there are such places.
    pub incidents: u64,
    /// Runs: each case is one with a power cut that loses all that is pending, and one with a power
    /// cut that keeps it.
    pub runs: u64,
    /// Whether these are all.
    pub is_complete: bool,
    /// The first that failed, which ended the walk.
    pub failure: Option<Failure>,
}

/// A walk under way.
struct Walk<'a> {
    preemptions_max: u32,
    may_go_on: &'a dyn Fn() -> bool,
    walked: Walked,
}

/// Walks all schedules of a workload with at most so many preemptions, as long as it may go on.
pub(super) fn walk(
    workload: &Workload,
    preemptions_max: u32,
    lie: Option<Lie>,
    may_go_on: &dyn Fn() -> bool,
) -> Walked {
    let mut walk = Walk {
        preemptions_max,
        may_go_on,
        walked: Walked::default(),
    };
    let scenario = |incident| workload.scenario(incident, lie);
    walk.walked.is_complete = walk.all(&scenario).is_continue();
    walk.walked
}

impl Walk<'_> {
    fn all(&mut self, scenario: &dyn Fn(Incident) -> Scenario) -> ControlFlow<()> {
        self.schedules(Incident::Nothing, scenario)?;
        let crashes = (1..).map(Incident::Crash);
        let failures = (0..).map(Incident::Failure);
        // Places are counted through a life, so behind one that no schedule reaches is none.
        for incident in crashes {
            if self.schedules(incident, scenario)? == 0 {
                break;
            }
        }
        for incident in failures {
            if self.schedules(incident, scenario)? == 0 {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    /// All schedules with one incident: returns how many reach it. The others end as if there were
    /// none, so they were walked before.
    fn schedules(
        &mut self,
        incident: Incident,
        scenario: &dyn Fn(Incident) -> Scenario,
    ) -> ControlFlow<(), u64> {
        let mut scenario = scenario(incident);
        let mut reached = 0;
        loop {
            let (report, record) = self.run(&scenario)?;
            if has_happened(incident, &report, &record) {
                reached += 1;
                match incident {
                    Incident::Nothing => self.walked.schedules += 1,
                    Incident::Crash(_) | Incident::Failure(_) => self.walked.incidents += 1,
                }
                let mut kept = scenario.clone();
                keep_all(&mut kept);
                self.run(&kept)?;
            }
            let made = record.track(SCHEDULE);
            let Some(next) = odometer::next(made, self.preemptions_max) else {
                return ControlFlow::Continue(reached);
            };
            *scenario.tape.track_mut(SCHEDULE) = next;
        }
    }

    /// Runs a case; breaks off where it fails, or where time is over.
    fn run(&mut self, scenario: &Scenario) -> ControlFlow<(), (Report, Record)> {
        if !(self.may_go_on)() {
            return ControlFlow::Break(());
        }
        self.walked.runs += 1;
        let (mut report, record) = record(scenario);
        let Some(violation) = report.violation.take() else {
            return ControlFlow::Continue((report, record));
        };
        self.walked.failure = Some(Failure {
            seed: scenario.seed,
            scenario: scenario.clone(),
            violation,
        });
        ControlFlow::Break(())
    }
}

/// Whether a run has come to what was to happen in it.
fn has_happened(incident: Incident, report: &Report, record: &Record) -> bool {
    match incident {
        Incident::Nothing => true,
        Incident::Crash(_) => report.figures.cuts.iter().sum::<u64>() > 0,
        Incident::Failure(number) => record.track(FAULTS).len() > number as usize,
    }
}
