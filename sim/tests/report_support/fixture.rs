//! Two nights with a failure, and the report of them that the command line writes.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use seawall_sim::campaign::Failure;
use seawall_sim::capsule::{Capsule, Found};
use seawall_sim::disk::CallKind;
use seawall_sim::nightly::Summary;
use seawall_sim::results::Commit;
use seawall_sim::run::{Wants, run, watch};
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

/// What the command line prints.
pub fn sim(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_seawall-sim"))
        .args(args)
        .output();
    let output = output.expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// A log on a disk that does not sync the directory after a segment got its name.
fn failure() -> Failure {
    let wants = Wants {
        sites: true,
        ..Wants::default()
    };
    let sites = watch(&generate(Seed(1), Setting::default()), wants).sites;
    let mut syncs = sites
        .into_keys()
        .filter(|(_, kind)| *kind == CallKind::SyncDir);
    let site = syncs.find(|(site, _)| site.functions().contains("active::publish"));
    let (site, _) = site.expect("a log makes segments");
    (1..)
        .find_map(|seed| {
            let scenario = Scenario {
                without: Some(site.clone()),
                media: None,
                ..generate(Seed(seed), Setting::default())
            };
            let violation = run(&scenario, false).violation?;
            Some(Failure {
                seed: Seed(seed),
                scenario,
                violation,
            })
        })
        .expect("it is needed")
}

fn capsule() -> &'static Capsule {
    static CAPSULE: OnceLock<Capsule> = OnceLock::new();
    CAPSULE.get_or_init(|| {
        let failure = failure();
        let found = Found {
            night: Some(1),
            seed: failure.seed,
            count: 3,
            by: "cargo sim run </script>".into(),
        };
        let commit = Commit("0123456789abcdef".into());
        Capsule::of(&failure, found, &commit, 1500, &mut |_| {})
    })
}

fn summary(night: u32, total: &Value) -> Value {
    let capsule = capsule();
    let summary = json!({
        "format": 1, "night": night, "commit": "0123456789abcdef",
        "begun": "2026-11-23T02:17:00Z", "ended": "2026-11-23T10:16:00Z",
        "asked_seconds": 28800.0, "wall_seconds": 28740.0, "cpu_seconds": 57000.0, "sittings": 2,
        "shard": "1/1", "is_void": false, "exit_code": 10, "verdict": "failed: durability",
        "canaries": [{"name": "lie file-sync", "noticed": true, "exit_code": 10, "reported": "after 31 seeds"}],
        "total": total,
        "explored": [{"name": "3/2", "workloads": 1111, "done": 700, "judged": "332236", "recoveries": 5481, "cpu_seconds": 712.0}],
        "fuzz": [{"target": "scenario", "runs": 100_000, "new": 12, "seconds": 600.0, "crashes": 0}],
        "mutants": [
            {"name": "b08-end-read-after-sync", "state": "killed", "compared": "", "seeds": 12, "cpu_seconds": 0.5},
            {"name": "b09-followers-not-told", "state": "survived", "compared": "worse", "seeds": null, "cpu_seconds": null},
        ],
        "arms": [
            {"name": "swarm", "family": "run", "slices": 4, "wall_seconds": 1200.0, "cpu_seconds": 2390.0, "seeds": 4_000_000, "new": 12, "share": 0.75},
            {"name": "mutants", "family": "mutants", "slices": 1, "wall_seconds": 400.0, "cpu_seconds": 9.5, "seeds": 0, "new": 0, "share": 0.25},
        ],
        "skipped": ["fuzz: no nightly toolchain"],
        "states_known": 1200 * u64::from(night),
        "failures": [{
            "id": capsule.id, "property": capsule.verdict.property, "class": capsule.verdict.class,
            "exit_code": 10, "story": capsule.verdict.story, "status": "new", "since": "0123456789abcdef",
            "count": 3, "command": capsule.command, "capsule": format!("failures/{}.json", capsule.id),
        }],
    });
    let told = serde_json::from_value::<Summary>(summary.clone());
    told.expect("as a night tells it");
    summary
}

/// The directory of two nights.
pub fn nights(dir: &Path) {
    let (_, printed, _) = sim(&["run", "1", "--seeds", "40", "--json"]);
    let total = printed.lines().last().expect("a line");
    let total: Value = serde_json::from_str(total).expect("JSON");
    for night in [1, 2] {
        let of = dir.join(format!("nights/{night:04}"));
        std::fs::create_dir_all(&of).expect("a directory");
        let text = summary(night, &total).to_string();
        std::fs::write(of.join("summary.json"), text).expect("written");
    }
    let capsule = capsule();
    let path = dir.join(format!("failures/{}.json", capsule.id));
    capsule.save(&path).expect("written");
}

/// The page of these nights, as the command line writes it.
pub fn report(dir: &Path) -> String {
    nights(dir);
    let (code, _, errors) = sim(&["report", &dir.display().to_string()]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    std::fs::read_to_string(dir.join("report.html")).expect("the page")
}
