//! The story of a failure: what is wrong, the scenario and the trace in files, and as the last
//! lines the commands that tell why it fails and that run it again.

#![allow(clippy::disallowed_methods)] // Reports go to the real file system.

use std::io;
use std::path::{Path, PathBuf};

use crate::campaign::Failure;
use crate::run::run;
use crate::scenario::Scenario;
use crate::seed::Seed;

/// Where failures are kept, below the current directory.
pub const FAILURES_DIR: &str = "sim-failures";
/// How much of the trace's end is shown; all of it is in the file.
const LINES_SHOWN: usize = 30;

/// Where the shrunk scenario of a seed goes, if nobody says otherwise.
pub fn shrunk_path(seed: Seed) -> PathBuf {
    Path::new(FAILURES_DIR).join(format!("{seed}-shrunk.toml"))
}

/// Saves a scenario; its directory is made where it is missing.
///
/// # Errors
/// When it can't be written.
pub fn save(path: &Path, scenario: &Scenario) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::write(path, scenario.print())
}

/// Saves scenario and trace below the current directory, and tells the story.
///
/// # Errors
/// When the files can't be written.
pub fn save_and_tell(failure: &Failure) -> io::Result<String> {
    save_and_tell_below(Path::new(""), failure)
}

/// The same below `root`: the story's commands are for somebody who stands there, and tests don't.
///
/// # Errors
/// When the files can't be written.
pub fn save_and_tell_below(root: &Path, failure: &Failure) -> io::Result<String> {
    let dir = Path::new(FAILURES_DIR);
    let path = |ending: &str| -> PathBuf { dir.join(format!("{}.{ending}", failure.seed)) };
    save(&root.join(path("toml")), &failure.scenario)?;
    let trace = run(&failure.scenario, true).trace;
    let lines = &trace.lines;
    std::fs::write(root.join(path("trace")), lines.join("\n") + "\n")?;
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    let violation = &failure.violation;
    Ok(format!(
        "{}\n{}\n\nFAILED, exit code {}: {}\n  {}\nscenario {}\ntrace {:016x} in {}\nseed {}\ncargo sim explain {}\ncargo sim replay {}",
        failure.scenario.print(),
        shown.join("\n"),
        violation.property.class() as u8,
        violation.property,
        violation.story,
        path("toml").display(),
        trace.hash,
        path("trace").display(),
        failure.seed,
        path("toml").display(),
        path("toml").display(),
    ))
}
