//! Which syncs are needed: the search finds what is needed, and a sync that is not.
//!
//! *Verified:* a site is told by its place and its callers, on the stack of a task as well, where a
//! trace ends where the task began; the search finds seeds that fail without two syncs of the log; a
//! scenario file and a command line run them again, and tell that the disk lied; what comes of a search
//! does not depend on the number of threads. Of a little log that makes each call once but syncs its
//! directory twice, the search finds all that is needed, rename included, and flags the second sync.
//! *Not verified:* the whole table of the log: that is `cargo sim syncs`, and told in `syncs.md`.

#![allow(clippy::disallowed_methods)] // Child processes need a real directory.
#![allow(clippy::disallowed_types)] // The gate's lock is not one of the log's.

#[path = "syncs_support/little_log.rs"]
mod little_log;

use std::process::Command;
use std::sync::{Arc, Mutex};

use seawall_sim::checker::{Class, Property, Violation};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::disk::{Call, CallKind, Disk, Fate, Fault, Gate, Knobs, SimVfs, Strategy};
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::sched::Scheduler;
use seawall_sim::sched::outcome::Outcome;
use seawall_sim::sched::plan::Plan;
use seawall_sim::sched::policy::PolicyKind;
use seawall_sim::seed::Seed;
use seawall_sim::site::{Program, Site};
use seawall_sim::syncs::{Explained, Explanation, Findings, Log, Search, Subject, Table};
use seawall_sim::world::SiteCounts;

use little_log::{FILE, keep};

/// The little log as a program, without a part that works for others.
const LITTLE_LOG: Program = Program {
    source: "sim/tests/syncs_support/",
    seam: None,
    passage: None,
    helpers: None,
    knows: None,
    frames_max: usize::MAX,
};

/// What a witness may have lost, or find where it should not be any more.
const LOSSES: [Class; 2] = [Class::Durability, Class::Integrity];

fn search(seeds: u64, only: Option<&str>) -> Search {
    Search {
        seed: Seed(1),
        seeds,
        time: None,
        jobs: 1,
        only: only.map(str::to_owned),
    }
}

/// The gate of a disk with the little log on it.
struct Watch {
    sites: Mutex<SiteCounts>,
    without: Option<Site>,
}

impl Gate for Watch {
    fn arrive(&self, _: Call) -> Fate {
        Fate::Run
    }

    fn has_effect(&self, kind: CallKind) -> bool {
        let site = Site::of_caller(&LITTLE_LOG).expect("the little log makes the call");
        let has_effect = self.without.as_ref() != Some(&site);
        *self
            .sites
            .lock()
            .expect("one thread")
            .entry((site, kind))
            .or_default() += 1;
        has_effect
    }

    fn cut(&self) -> ! {
        panic!("the power is cut between two calls");
    }
}

/// The little log, cut off from its power when it has said that all is kept.
struct LittleLog;

impl LittleLog {
    fn run(&self, seed: Seed, without: Option<&Site>) -> (SiteCounts, Option<Violation>) {
        let gate = Arc::new(Watch {
            sites: Mutex::default(),
            without: without.cloned(),
        });
        let mut stream = Choices::new(seed.0).stream(Purpose::Faults, 0);
        let disk = Disk::new(Knobs::default());
        let vfs = SimVfs::new(disk, gate.clone(), stream.clone());
        keep(&*vfs, seed.0.is_multiple_of(2)).expect("there are no faults");
        let kept = vfs.with_disk(|disk| {
            let lies = disk.counts().faults(Fault::LieAtSite);
            assert!(lies > 0 || without.is_none(), "the site was called");
            disk.power_cut_with(Strategy::LoseAll, &mut stream);
            let image = disk.image();
            image.file(FILE) == Some(b"kept")
        });
        let violation =
            (!kept).then(|| Violation::new(Property::Acknowledged, "the file is not kept"));
        let sites = std::mem::take(&mut *gate.sites.lock().expect("one thread"));
        (sites, violation)
    }
}

impl Subject for LittleLog {
    fn run_whole(&self, seed: Seed) -> (SiteCounts, Option<Violation>) {
        self.run(seed, None)
    }

    fn run_without(&self, seed: Seed, site: &Site) -> Option<Violation> {
        self.run(seed, Some(site)).1
    }
}

fn kinds(findings: &Findings) -> Vec<(CallKind, bool)> {
    let rows = findings.rows.values();
    rows.map(|row| (row.kind, row.witness.is_some())).collect()
}

#[test]
fn a_sync_that_nothing_needs_is_flagged() {
    let findings = search(40, None).run(&LittleLog, |_, _| {});
    let expect = [
        (CallKind::SyncAll, true),
        (CallKind::Rename, true),
        (CallKind::SyncDir, true),
        (CallKind::SyncDir, false),
    ];
    assert_eq!(kinds(&findings), expect);
    let (redundant, row) = findings.open().next().expect("the last one");
    assert_eq!((row.calls, row.seeds, row.tried), (20, 20, 20));
    let nothing = Explained::default();
    let table = Table::new(&findings, &nothing, true);
    assert_eq!(table.exit_code(), Class::Vacuity as u8);
    assert_eq!(table.troubles(), [format!("no witness: {redundant}")]);
    // By its functions, the site is the same as that of the sync before.
    let explained = Explained {
        explained: vec![Explanation {
            sites: vec![redundant.functions()],
            why: "it is there to be found".into(),
        }],
    };
    assert_eq!(Table::new(&findings, &explained, true).exit_code(), 0);
}

#[test]
fn an_explanation_of_what_is_needed_is_wrong() {
    let findings = search(20_000, Some("keep")).run(&LittleLog, |_, _| {});
    let explained = Explained {
        explained: vec![Explanation {
            sites: vec!["somewhere::else".into()],
            why: "it was there once".into(),
        }],
    };
    let table = Table::new(&findings, &explained, true);
    let troubles = table.troubles();
    assert!(
        troubles
            .last()
            .is_some_and(|last| last.contains("no call: somewhere"))
    );
}

#[test]
fn syncs_of_the_log_have_witnesses_that_can_be_run_again() {
    let log = Log::default();
    for only in ["write_and_sync", "sync_ancestors < recovery.rs"] {
        let searched = search(60, Some(only));
        let findings = searched.run(&log, |_, _| {});
        assert!(findings.failure.is_none(), "{:?}", findings.failure);
        let on_two = Search {
            jobs: 2,
            ..searched
        }
        .run(&log, |_, _| {});
        let nothing = Explained::default();
        let text = |findings| Table::new(findings, &nothing, false).text();
        assert_eq!(text(&findings), text(&on_two));
        let found = findings.rows.iter().find_map(|(site, row)| {
            let witness = row.witness.clone()?;
            Some((site, witness))
        });
        let (site, witness) = found.unwrap_or_else(|| panic!("{only}: {}", text(&findings)));
        println!(
            "{site}: seed {}, {}",
            witness.seed, witness.violation.property
        );
        let text = log.scenario(witness.seed, Some(site.clone())).print();
        let scenario = Scenario::parse(&text).expect("it was printed");
        let report = run(&scenario, false);
        assert!(report.figures.disk.faults(Fault::LieAtSite) > 0);
        let violation = report.violation.expect("it is a witness");
        assert_eq!(violation.property, witness.violation.property);
        assert!(
            LOSSES.contains(&violation.property.class()),
            "{violation:?}"
        );
        let whole = log.scenario(witness.seed, None);
        assert!(run(&whole, false).violation.is_none());
    }
}

#[test]
fn the_command_line_tells_a_witness_and_runs_it_again() {
    let args = [
        "syncs",
        "--seeds",
        "32",
        "--only",
        "sync_ancestors < recovery.rs",
    ];
    let (code, told) = simulate(&args);
    assert_eq!(code, 0, "{told}");
    let row = told.lines().find(|line| line.starts_with("| `"));
    let row = row.unwrap_or_else(|| panic!("there is a row: {told}"));
    let cells: Vec<&str> = row.split(" | ").collect();
    let site = cells[0].trim_matches(['|', ' ', '`']);
    let again = ["replay", cells[5], "--without", site];
    let (code, told) = simulate(&again);
    assert!(LOSSES.iter().any(|&class| code == class as i32), "{told}");
    assert!(told.contains("the disk lied: "), "{told}");
    let last = format!("cargo sim replay {} --without '{site}'", cells[5]);
    assert_eq!(told.lines().last(), Some(&*last));
    assert_eq!(simulate(&["replay", cells[5]]).0, 0);
    assert_eq!(simulate(&["replay", cells[5], "--without", "nowhere"]).0, 2);
}

fn simulate(args: &[&str]) -> (i32, String) {
    let mut simulator = Command::new(env!("CARGO_BIN_EXE_seawall-sim"));
    let output = simulator.args(args).output().expect("the simulator runs");
    let code = output.status.code().expect("no signal ends it");
    let told = String::from_utf8(output.stdout).expect("it prints text");
    (code, told)
}

#[test]
fn a_trace_on_the_stack_of_a_task_ends() {
    let nobody = Program {
        source: "nowhere/",
        ..LITTLE_LOG
    };
    let this = Program {
        source: "sim/tests/syncs.rs",
        ..LITTLE_LOG
    };
    let scheduler = Scheduler::of_this_thread();
    for seed in 0..100 {
        let stream = Choices::new(seed).stream(Purpose::Schedule, 0);
        let outcome = scheduler.run(3, Plan::new(PolicyKind::Walk, stream), &|_| {
            assert_eq!(Site::of_caller(&nobody), None);
            scheduler.io_point();
            let site = Site::of_caller(&this).expect("it is called from here");
            assert_eq!(&*site.frames()[0].file, "sim/tests/syncs.rs");
        });
        assert_eq!(outcome, Outcome::Finished);
    }
}
