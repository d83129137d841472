//! What stands between the code under a storm and its disk: the scheduler, and the call at which the
//! life ends.

use std::sync::PoisonError;

use crate::disk::{Call, Disk, Fate, Gate, Performed};
use crate::events::{self, Event, Made};
use crate::scenario::Phase;
use crate::sched::Scheduler;
use crate::site::Site;
use crate::world::{After, Repair, changes_the_disk};

/// A call at which a life ends, counted among those that change the disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct CutAt {
    pub(super) change: u64,
    pub(super) phase: Phase,
}

#[derive(Default)]
struct Watch {
    life: u64,
    calls: u64,
    changes: u64,
    cut_at: Option<CutAt>,
    /// What is made durable though nobody has synced it.
    repair: Option<Repair>,
    /// The call that each task makes: its number, and the one among those that change the disk.
    under_way: Vec<(u64, Option<u64>)>,
}

/// The gate.
#[derive(Default)]
pub(super) struct Breaker {
    #[allow(clippy::disallowed_types)]
    // All tasks share one thread: this lock is never waited for.
    watch: std::sync::Mutex<Watch>,
}

impl Breaker {
    pub(super) fn begin_life(&self, life: u64, cut_at: Option<CutAt>) {
        let mut watch = self.lock();
        *watch = Watch {
            life,
            cut_at,
            repair: watch.repair.take(),
            ..Watch::default()
        };
    }

    pub(super) fn repair(&self, repair: Option<Repair>) {
        self.lock().repair = repair;
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Breaker {
    fn arrive(&self, call: Call) -> Fate {
        let scheduler = Scheduler::of_this_thread();
        let is_change = changes_the_disk(call.kind);
        match is_change {
            true => scheduler.io_point(),
            false => scheduler.read_point(),
        }
        let task = scheduler.current_task().unwrap_or(0);
        let mut watch = self.lock();
        watch.calls += 1;
        watch.changes += u64::from(is_change);
        let number = (watch.calls, is_change.then_some(watch.changes));
        if watch.under_way.len() <= task {
            watch.under_way.resize(task + 1, (0, None));
        }
        watch.under_way[task] = number;
        match watch.cut_at {
            Some(cut) if Some(cut.change) == number.1 && scheduler.can_cut() => match cut.phase {
                Phase::Before => Fate::CutBefore,
                Phase::Within => Fate::CutWithin,
                Phase::After => Fate::CutAfter,
            },
            _ => Fate::Run,
        }
    }

    fn cut(&self) -> ! {
        Scheduler::of_this_thread().cut()
    }

    fn performed(&self, disk: &mut Disk, performed: Performed<'_>) {
        let watch = self.lock();
        if watch.repair.is_none() && !events::are_kept() {
            return;
        }
        let task = Scheduler::of_this_thread().current_task().unwrap_or(0);
        let (number, change) = watch.under_way[task];
        events::keep(|| {
            Event::Call(Made {
                number,
                change,
                call: performed.call,
                name: (performed.name)(),
                site: events::site(),
                result: performed.result,
                fate: performed.fate,
            })
        });
        events::observe(disk);
        if let Some(repair) = &watch.repair {
            let is_time = match &repair.after {
                After::Call(life, call) => (*life, *call) == (watch.life, number),
                After::Site(after) => Site::of_caller(&events::program()).as_ref() == Some(after),
            };
            if is_time {
                disk.make_durable_now(repair.what);
                events::keep(|| Event::Repaired);
                events::observe(disk);
            }
        }
    }
}
