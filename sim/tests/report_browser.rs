//! The report in a real browser, driven by keys and by its slider.
//!
//! *Verified:* in a headless Chromium the page of a night and of a failure loads without an error and
//! without asking for anything; arrow keys, jumps and the slider move through the steps, and the address
//! follows; the fault is shown, the sector that the crash lost, and the run of the neighbour that passes; both themes
//! are there and readable; the help opens; nothing is wider than a phone of 390 pixels.
//! *Not verified:* that it is beautiful: look at `sim/pictures`. Other browsers.
//!
//! Where no Chromium can be found (`CHROMIUM`, or a usual name on the path), it says so and passes.

// A browser reads real files.
#![allow(clippy::disallowed_methods)]

#[path = "report_support/fixture.rs"]
mod fixture;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Before all scripts of the page: what goes wrong is kept.
const WATCH: &str = include_str!("report_support/watch.js");
/// Moves about in the page and tells what it saw.
const DRIVE: &str = include_str!("report_support/drive.js");
/// Looks at a page that is as wide as a phone.
const PHONE: &str = include_str!("report_support/phone.js");

fn browser() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("CHROMIUM") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = NAMES
        .iter()
        .flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// The page with a script before all others and one behind them.
fn driven(page: &str, drive: &str) -> String {
    let page = page.replacen("<style>", &format!("<script>{WATCH}</script><style>"), 1);
    page.replacen("</body>", &format!("<script>{drive}</script></body>"), 1)
}

/// Opens a file and returns what its script told.
fn verdict(browser: &Path, dir: &Path, file: &str) -> Value {
    let mut command = Command::new(browser);
    command.args([
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
    ]);
    command.arg(format!("--user-data-dir={}", dir.join("profile").display()));
    command.args([
        "--window-size=1280,900",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]);
    command.arg(format!("file://{}", dir.join(file).display()));
    let output = command.output().expect("the browser starts");
    let dom = String::from_utf8_lossy(&output.stdout);
    let told = dom
        .rsplit_once(r#"<pre id="verdict">"#)
        .and_then(|(_, behind)| behind.split_once("</pre>"));
    let (json, _) = told.unwrap_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        panic!("{file} told nothing: {errors}")
    });
    let json = json
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&json).expect("the script tells JSON")
}

fn check(verdict: &Value) {
    let failed = verdict["failed"].as_array().expect("a list");
    assert!(failed.is_empty(), "{verdict:#}");
    let passed = verdict["passed"].as_array().expect("a list");
    assert!(passed.len() >= 4, "{verdict:#}");
}

#[test]
fn the_report_works_in_a_browser() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium here; apt-get install chromium, or set CHROMIUM");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let page = fixture::report(dir.path());
    let put =
        |name: &str, text: String| std::fs::write(dir.path().join(name), text).expect("written");
    put("driven.html", driven(&page, DRIVE));
    check(&verdict(&browser, dir.path(), "driven.html"));

    let inside = driven(&page, PHONE);
    put("inside.html", inside);
    let frame = "<!doctype html><pre id=\"verdict\">{}</pre><iframe width=390 height=844 src=inside.html></iframe>\
        <script>onmessage = (event) => document.getElementById('verdict').textContent = event.data</script>";
    put("phone.html", frame.to_owned());
    check(&verdict(&browser, dir.path(), "phone.html"));
}

#[test]
fn a_page_that_fails_is_noticed() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium here; apt-get install chromium, or set CHROMIUM");
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    let page = fixture::report(dir.path());
    // One function is gone, and the page asks for a picture.
    let broken = page.replacen("function Controls(", "function Gone(", 1);
    let broken = broken.replacen("<body>", "<body><img src=\"missing.png\">", 1);
    assert_ne!(broken, page);
    std::fs::write(dir.path().join("broken.html"), driven(&broken, DRIVE)).expect("written");
    let verdict = verdict(&browser, dir.path(), "broken.html");
    let failed = verdict["failed"].as_array().expect("a list");
    assert!(failed.len() >= 2, "{verdict:#}");
}
