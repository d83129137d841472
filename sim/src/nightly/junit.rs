//! A night for a CI that reads JUnit's files: a suite for each kind of work.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::failures::Met;
use super::summary::Summary;

impl Summary {
    /// The text of a `junit.xml`.
    ///
    /// # Errors
    /// When a name or story has what XML can't.
    pub fn junit(&self) -> Result<String, String> {
        let mut report = Report::new(format!("seawall night {}", self.night));
        let canaries = self.canaries.iter().map(|canary| {
            let status = match canary.noticed {
                true => TestCaseStatus::success(),
                false => failed("void", &format!("not noticed: {}", canary.reported), ""),
            };
            TestCase::new(&canary.name, status)
        });
        report.add_test_suite(suite("canaries", canaries));
        let arms = self.arms.iter().map(|arm| {
            let mut case = TestCase::new(&arm.name, TestCaseStatus::success());
            case.set_time(std::time::Duration::from_secs_f64(arm.wall_seconds));
            case
        });
        report.add_test_suite(suite("work", arms));
        let mutants = self.mutants.iter().map(|mutant| {
            let status = match mutant.is_wrong() {
                true => failed("gate", &mutant.state, ""),
                false => TestCaseStatus::success(),
            };
            TestCase::new(&mutant.name, status)
        });
        report.add_test_suite(suite("mutants", mutants));
        let failures = self.failures.iter().map(|met| {
            let name = format!("{} {}", met.id, met.property);
            TestCase::new(name, status_of(met))
        });
        report.add_test_suite(suite("failures", failures));
        report
            .to_string()
            .map_err(|error| format!("junit.xml: {error}"))
    }
}

fn suite(name: &str, cases: impl Iterator<Item = TestCase>) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.add_test_cases(cases);
    suite
}

fn status_of(met: &Met) -> TestCaseStatus {
    match met.is_failure() {
        true => failed(
            &met.class,
            &format!("{}: {}", met.status, met.story),
            &met.command,
        ),
        false => TestCaseStatus::success(),
    }
}

fn failed(kind: &str, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status
        .set_type(kind)
        .set_message(message)
        .set_description(description);
    status
}
