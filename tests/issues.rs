//! The script that keeps one issue for each failure of the nights, before a tracker that is a file.
//!
//! *Verified:* a new failure gets an issue that tells it, with its commands and its scenario; one that comes again is told
//! once a night; one that is fixed is closed, and opened again when it comes back; ten new issues a night at
//! most, the rest the night after; a night that is void closes nothing; what a person closed as not planned stays
//! closed; the same night told twice changes nothing, also where the first try broke off.
//! *Not verified:* GitHub itself: `support/fake-gh` answers what the script asks of `gh`, as `gh` documents it.

// The script reads and writes real files; a test says what it expects.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

struct Tracker {
    root: TempDir,
}

impl Tracker {
    /// Nothing where `jq` is missing, which the script needs: there it says so.
    fn new() -> Option<Tracker> {
        if Command::new("jq").arg("--version").output().is_err() {
            println!("skipped: there is no jq");
            return None;
        }
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("bin")).unwrap();
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/fake-gh");
        std::os::unix::fs::symlink(fake, root.path().join("bin/gh")).unwrap();
        std::fs::write(root.path().join("issues.json"), "[]").unwrap();
        Some(Tracker { root })
    }

    fn file(&self) -> PathBuf {
        self.root.path().join("issues.json")
    }

    fn issues(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Runs the script over a night with these failures. Calls of `gh` that begin with `broken` fail.
    fn tell(&self, night: u32, failures: &[Value], is_void: bool, broken: &str) -> Output {
        let directory = self.root.path().join(format!("nights/{night:04}"));
        std::fs::create_dir_all(&directory).unwrap();
        let summary = json!({
            "format": 1, "night": night, "commit": format!("c0ffee{night}"),
            "is_void": is_void, "failures": failures,
        });
        let path = directory.join("summary.json");
        std::fs::write(&path, summary.to_string()).unwrap();
        let folder = self.root.path().join("bin");
        let others = std::env::var("PATH").unwrap();
        Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/report-failures"))
            .arg(&path)
            .env("PATH", format!("{}:{others}", folder.display()))
            .env("ISSUES", self.file())
            .env("GH_FAILS", broken)
            .env_remove("GITHUB_RUN_ID")
            .output()
            .unwrap()
    }

    fn night(&self, night: u32, failures: &[Value]) -> String {
        let output = self.tell(night, failures, false, "");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

fn failure(id: u64, status: &str) -> Value {
    json!({
        "id": format!("{id:016x}"), "property": "acknowledged", "class": "durability",
        "story": format!("record {id} is `gone`, says @nobody; fixes #1"), "status": status,
        "since": "beef", "count": 12, "command": format!("cargo sim replay failures/{id:016x}.json"),
        "capsule": format!("failures/{id:016x}.json"),
    })
}

fn comments(issue: &Value) -> Vec<&str> {
    let comments = issue["comments"].as_array().unwrap();
    comments
        .iter()
        .map(|comment| comment["body"].as_str().unwrap())
        .collect()
}

#[test]
fn a_new_failure_gets_an_issue_that_tells_it() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    let failures = tracker.root.path().join("failures");
    std::fs::create_dir(&failures).unwrap();
    let capsule = json!({ "scenario": "seed = 31\n[disk]\n" }).to_string();
    std::fs::write(failures.join("0000000000000007.json"), capsule).unwrap();
    tracker.night(1, &[failure(7, "new")]);
    let issues = tracker.issues();
    let [issue] = &issues[..] else {
        panic!("{issues:?}");
    };
    let title = "acknowledged: record 7 is `gone`, says @nobody; fixes #1";
    assert_eq!(issue["title"], title);
    let body = issue["body"].as_str().unwrap();
    for part in [
        "<!-- seawall-failure:0000000000000007 -->",
        "Met 12 times (night 1, commit `c0ffee1`)",
        "~~~~text\nrecord 7 is `gone`, says @nobody; fixes #1\n~~~~",
        "$ cargo sim replay failures/0000000000000007.json\n",
        "~~~~toml\nseed = 31\n[disk]\n~~~~",
    ] {
        assert!(body.contains(part), "{part}\n---\n{body}");
    }
}

#[test]
fn a_repeated_failure_is_told_once_a_night() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    tracker.night(1, &[failure(7, "new")]);
    tracker.night(1, &[failure(7, "new")]);
    assert!(comments(&tracker.issues()[0]).is_empty());
    // Number 12 begins like number 1.
    for night in [12, 12, 13] {
        tracker.night(night, &[failure(7, "open")]);
    }
    let issues = tracker.issues();
    assert_eq!(issues.len(), 1);
    let [one, other] = comments(&issues[0])[..] else {
        panic!("{issues:?}");
    };
    assert!(one.starts_with("Met 12 times (night 12,"), "{one}");
    assert!(other.contains("<!-- seawall-night:13 -->"), "{other}");
    tracker.night(1, &[failure(7, "open")]);
    assert_eq!(comments(&tracker.issues()[0]).len(), 2);
}

#[test]
fn a_fixed_failure_is_closed_and_comes_back_in_the_same_issue() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    tracker.night(1, &[failure(7, "new"), failure(8, "new")]);
    for _ in 0..2 {
        tracker.night(
            2,
            &[failure(7, "fixed since"), failure(8, "fails otherwise")],
        );
        let issues = tracker.issues();
        assert_eq!(issues[0]["state"], "CLOSED");
        let [told] = comments(&issues[0])[..] else {
            panic!("{issues:?}");
        };
        assert!(told.starts_with("Fixed since `beef`"), "{told}");
        assert_eq!(issues[1]["state"], "OPEN");
        let [told] = comments(&issues[1])[..] else {
            panic!("{issues:?}");
        };
        assert!(told.contains("fails in another way since `beef`"), "{told}");
    }
    tracker.night(3, &[failure(7, "fixed")]);
    tracker.night(4, &[failure(7, "reopened")]);
    tracker.night(4, &[failure(7, "reopened")]);
    let issues = tracker.issues();
    assert_eq!(issues.len(), 2);
    assert_eq!(issues[0]["state"], "OPEN");
    assert_eq!(comments(&issues[0]).len(), 2);
    assert!(comments(&issues[0])[1].starts_with("It is back. Met 12 times"));
}

#[test]
fn a_failure_that_was_fixed_before_it_had_an_issue_gets_none() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    tracker.night(1, &[failure(7, "fixed since")]);
    tracker.night(2, &[]);
    assert!(tracker.issues().is_empty());
}

#[test]
fn what_has_no_scenario_has_an_issue_with_its_command() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    let mut bare = failure(7, "new");
    bare["capsule"] = Value::Null;
    bare["command"] = "cargo sim mutants n01".into();
    bare["count"] = 1.into();
    tracker.night(1, &[bare]);
    let issues = tracker.issues();
    let body = issues[0]["body"].as_str().unwrap();
    assert!(body.contains("$ cargo sim mutants n01\n"), "{body}");
    assert!(body.contains("Met once ("), "{body}");
}

#[test]
fn ten_new_issues_a_night_and_the_rest_the_night_after() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    let new: Vec<Value> = (0..12).map(|id| failure(id, "new")).collect();
    for _ in 0..2 {
        let told = tracker.night(1, &new);
        let rest = "2 more without an issue, 10 a night at most: 000000000000000a 000000000000000b";
        assert!(told.contains(rest), "{told}");
        assert_eq!(tracker.issues().len(), 10);
    }
    let open: Vec<Value> = (0..12).map(|id| failure(id, "open")).collect();
    tracker.night(2, &open);
    let issues = tracker.issues();
    assert_eq!(issues.len(), 12);
    assert_eq!(comments(&issues[0]).len(), 1);
    assert!(comments(&issues[11]).is_empty());
}

#[test]
fn a_void_night_closes_nothing() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    tracker.night(1, &[failure(7, "new")]);
    let output = tracker.tell(2, &[failure(7, "fixed")], true, "");
    assert!(output.status.success());
    assert_eq!(tracker.issues()[0]["state"], "OPEN");
}

#[test]
fn what_a_person_does_not_plan_stays_closed() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    tracker.night(1, &[failure(7, "new")]);
    let mut issues = tracker.issues();
    issues[0]["state"] = "CLOSED".into();
    issues[0]["stateReason"] = "NOT_PLANNED".into();
    std::fs::write(tracker.file(), Value::from(issues.clone()).to_string()).unwrap();
    let told = tracker.night(2, &[failure(7, "open")]);
    assert!(told.contains("left #1 alone"), "{told}");
    assert_eq!(tracker.issues(), issues);
}

#[test]
fn a_tracker_that_fails_is_an_error_and_the_next_try_goes_on() {
    let Some(tracker) = Tracker::new() else {
        return;
    };
    let failures = [failure(7, "new"), failure(8, "new")];
    for broken in ["issue list", "issue create"] {
        let output = tracker.tell(1, &failures, false, broken);
        assert!(!output.status.success(), "{broken}");
    }
    tracker.night(1, &failures);
    assert_eq!(tracker.issues().len(), 2);
    // The comment is there, the issue is open still.
    let fixed = [failure(7, "fixed")];
    assert!(
        !tracker
            .tell(2, &fixed, false, "issue close")
            .status
            .success()
    );
    tracker.night(2, &fixed);
    let issues = tracker.issues();
    assert_eq!(issues[0]["state"], "CLOSED");
    assert_eq!(comments(&issues[0]).len(), 1);
    for broken in ["issue reopen", "issue comment"] {
        let output = tracker.tell(3, &[failure(7, "open")], false, broken);
        assert!(!output.status.success(), "{broken}");
    }
}

#[test]
fn without_a_summary_it_says_how_it_is_used() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/report-failures");
    let output = Command::new(script).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage:"));
}
