//! Each kept finding still is one: a file that passes, or fails in another way, is an error.
//!
//! No test harness: it has threads, and addresses are to be fixed before anything else.
#![allow(clippy::disallowed_methods)] // The findings are real files.

use std::path::Path;

use seawall_sim::disk::Knobs;
use seawall_subjects::kernel::Machine;
use seawall_subjects::storm::storm;
use seawall_subjects::{subjects, zygote};

/// A file's parts: what a person says, which subject and disk, and the trial.
struct Finding<'a> {
    violates: &'a str,
    subject: &'a str,
    profile: &'a str,
    trial: String,
}

fn parse(text: &str) -> Option<Finding<'_>> {
    let (first, rest) = text.split_once('\n')?;
    let value = |key: &str| {
        let line = rest.lines().find(|line| line.starts_with(key))?;
        line.split('"').nth(1)
    };
    let is_of_trial = |line: &&str| {
        let others = ["subject =", "version =", "profile ="];
        !others.iter().any(|other| line.starts_with(other))
    };
    Some(Finding {
        violates: first.strip_prefix("# violates: ")?,
        subject: value("subject =")?,
        profile: value("profile =")?,
        trial: rest
            .lines()
            .filter(is_of_trial)
            .collect::<Vec<_>>()
            .join("\n"),
    })
}

/// What is wrong with a file, if anything is.
fn judge(machine: &Machine, finding: &Finding<'_>) -> Result<String, String> {
    let mut subjects = machine.subjects().iter();
    let Some(number) = subjects.position(|subject| subject.name == finding.subject) else {
        return Ok("skipped: its subject is not in this build".into());
    };
    let knobs = Knobs {
        profile: finding.profile.parse()?,
        ..Knobs::default()
    };
    let storm = storm(machine, number, knobs);
    let report = storm.parse(&finding.trial)?.run_twice();
    let report = report.map_err(|violation| violation.to_string())?;
    let violation = report.violation.ok_or("it passes")?;
    match violation.property.name() == finding.violates {
        true => Ok(violation.to_string()),
        false => Err(format!("it is not {}, but {violation}", finding.violates)),
    }
}

fn main() {
    zygote::without_randomized_addresses();
    Machine::make_all(subjects::ALL);
    let machine = Machine::of_worker(0).expect("one at least");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("findings");
    let files = std::fs::read_dir(&dir).expect("the directory of the findings");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    let mut wrong = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("it can be read");
        let name = path.file_name().expect("a file").to_string_lossy();
        let judged =
            parse(&text).ok_or_else(|| "its first line does not say `# violates: `".into());
        match judged.and_then(|finding| judge(machine, &finding)) {
            Ok(story) => println!("{name}: {story}"),
            Err(what) => {
                wrong += 1;
                println!("{name}: WRONG: {what}");
            }
        }
    }
    assert_eq!(wrong, 0, "so many files are no findings any more");
}
