//! The story of a failure: what is wrong, the scenario and the trace in files, and as the last
//! line the command that runs it again.

#![allow(clippy::disallowed_methods)] // Reports go to the real file system.

use std::io;
use std::path::{Path, PathBuf};

use crate::campaign::Failure;
use crate::run::run;

/// Where failures are kept, below the current directory.
pub const FAILURES_DIR: &str = "sim-failures";
/// How much of the trace's end is shown; all of it is in the file.
const LINES_SHOWN: usize = 30;

/// Saves scenario and trace, and tells the story.
///
/// # Errors
/// When the files can't be written.
pub fn save_and_tell(failure: &Failure) -> io::Result<String> {
    let dir = Path::new(FAILURES_DIR);
    std::fs::create_dir_all(dir)?;
    let path = |ending: &str| -> PathBuf { dir.join(format!("{}.{ending}", failure.seed)) };
    let scenario = failure.scenario.print();
    std::fs::write(path("toml"), &scenario)?;
    // A fault of the simulator may strike again, before the trace can be handed out.
    let trace = match std::panic::catch_unwind(|| run(&failure.scenario, true)) {
        Ok(report) => report.trace,
        Err(_) => crate::trace::finish(),
    };
    let lines = &trace.lines;
    std::fs::write(path("trace"), lines.join("\n") + "\n")?;
    let shown = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
    let violation = &failure.violation;
    Ok(format!(
        "{scenario}\n{}\n\nFAILED, exit code {}: {}\n  {}\nscenario {}\ntrace {:016x} in {}\nseed {}\ncargo sim replay {}",
        shown.join("\n"),
        violation.property.class() as u8,
        violation.property,
        violation.story,
        path("toml").display(),
        trace.hash,
        path("trace").display(),
        failure.seed,
        path("toml").display(),
    ))
}
