//! `cargo sim report` and `cargo sim replay --chrome-trace`, as the command line does them.
//!
//! *Verified:* of a directory of nights and of a capsule one page is written, with the data that was there; what
//! is neither is refused in one line, and a user's files are left out. A trace for Perfetto is written beside a replay and changes nothing
//! of it. A capsule is small, and its recordings come back from its file.
//! *Not verified:* what a browser makes of the page; see `report_browser`.

// The command line writes real files.
#![allow(clippy::disallowed_methods)]

#[path = "report_support/fixture.rs"]
mod fixture;

use seawall_sim::capsule::Capsule;
use seawall_sim::recording::What;

use fixture::{nights, report, sim};

fn data(page: &str) -> serde_json::Value {
    let (_, behind) = page.split_once(r#"id="data">"#).expect("the data");
    let (json, _) = behind.split_once("</script>").expect("its end");
    serde_json::from_str(json).expect("JSON")
}

#[test]
fn a_page_has_all_nights_and_all_failures() {
    let dir = tempfile::tempdir().expect("a directory");
    let page = report(dir.path());
    let data = data(&page);
    assert_eq!(data["night"]["night"], 2);
    assert!(data["night"]["total"]["seeds"].as_u64() > Some(0));
    let nights = data["history"].as_array().expect("a list");
    assert_eq!(nights.len(), 2);
    assert_eq!(
        (&nights[0]["open"], &nights[1]["states_known"]),
        (&1.into(), &2400.into())
    );
    assert_eq!(data["capsules"].as_array().map(Vec::len), Some(1));
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
}

#[test]
fn a_capsule_has_both_recordings_and_a_page_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    nights(dir.path());
    let failures = std::fs::read_dir(dir.path().join("failures")).expect("there");
    let path = failures.flatten().next().expect("one").path();
    let bytes = std::fs::metadata(&path).expect("there").len();
    assert!(bytes < 300 << 10, "{bytes} bytes");
    let capsule = Capsule::load(&path).expect("its own file");
    let recordings = capsule.recordings.expect("both");
    assert_eq!(recordings.failing.trace, capsule.trace);
    let last = recordings.failing.steps.last().map(|step| &step.what);
    assert!(matches!(last, Some(What::Violation { .. })));
    let passing = recordings.passing.expect("something makes it pass");
    let repaired = |what: &What| *what == What::Repair;
    assert!(
        passing
            .recording
            .steps
            .iter()
            .any(|step| repaired(&step.what))
    );

    let (code, told, _) = sim(&["report", &path.display().to_string()]);
    assert_eq!(code, Some(0));
    let page = path.with_extension("html");
    assert!(told.contains(&page.display().to_string()), "{told}");
    let page = std::fs::read_to_string(page).expect("the page");
    assert_eq!(data(&page)["capsules"][0]["id"], capsule.id);
}

#[test]
fn the_files_of_a_user_are_not_in_a_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("image.json");
    let capsule = serde_json::json!({
        "format": 1, "id": "00", "kind": "image", "trace": "00", "commit": "00", "command": "cargo sim replay",
        "verdict": {"property": "field-image", "class": "integrity", "exit_code": 11, "story": "it is damaged"},
        "files": {"seg": {"bytes": 3, "deflated": "c2VjcmV0"}},
    });
    std::fs::write(&file, capsule.to_string()).expect("written");
    assert_eq!(sim(&["report", &file.display().to_string()]).0, Some(0));
    let page = std::fs::read_to_string(file.with_extension("html")).expect("the page");
    assert_eq!(
        data(&page)["capsules"][0]["verdict"]["story"],
        "it is damaged"
    );
    assert!(!page.contains("c2VjcmV0"));
}

#[test]
fn what_is_no_night_is_refused_in_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("other.json");
    std::fs::write(&file, "{}").expect("written");
    for what in [dir.path().to_path_buf(), file, dir.path().join("nowhere")] {
        let (code, _, errors) = sim(&["report", &what.display().to_string()]);
        assert_eq!(code, Some(2), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn a_trace_for_perfetto_changes_nothing_of_a_replay() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("trace.json");
    let (code, plain, _) = sim(&["replay", "0x5"]);
    assert_eq!(code, Some(0));
    let traced = sim(&[
        "replay",
        "0x5",
        "--chrome-trace",
        &file.display().to_string(),
    ]);
    assert_eq!(traced, (Some(0), plain, String::new()));
    let text = std::fs::read_to_string(&file).expect("written");
    let trace: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        trace["traceEvents"]
            .as_array()
            .is_some_and(|events| events.len() > 50)
    );
    let (code, _, errors) = sim(&["replay", "0x5", "--chrome-trace", "/nowhere/at/all.json"]);
    assert_eq!((code, errors.lines().count()), (Some(2), 1), "{errors}");
}
