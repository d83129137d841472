//! What a campaign may take, and where it begins, as people write it on a command line or in the environment.
//!
//! Tests have no command line, so the environment stands in for it: the same names of things, the
//! same texts, and what is wrong is an error in both, never a default.

use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use crate::disk::Profile;
use crate::seed::Seed;

/// The first seed: a number, `0x` with hexadecimal digits, or a commit hash.
pub const SIM_SEED: &str = "SIM_SEED";
/// How many seeds, or cases of a property.
pub const SIM_CASES: &str = "SIM_CASES";
/// Begin nothing new after this time.
pub const SIM_TIME: &str = "SIM_TIME";
/// The file system that the disk behaves like.
pub const SIM_PROFILE: &str = "SIM_PROFILE";
/// How many threads.
pub const SIM_JOBS: &str = "SIM_JOBS";

/// All of them.
const VARIABLES: [&str; 5] = [SIM_SEED, SIM_CASES, SIM_TIME, SIM_PROFILE, SIM_JOBS];

/// Keeps them from a command that is told everything by its arguments: what was meant for one campaign
/// would change each of those that it begins.
pub fn forget(command: &mut Command) -> &mut Command {
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

/// What the environment asks for. What it does not name is left to whoever reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// The first seed.
    pub seed: Option<Seed>,
    /// How many.
    pub cases: Option<u64>,
    /// Begin nothing new after this time.
    pub time: Option<Duration>,
    /// The file system that the disk behaves like.
    pub profile: Option<Profile>,
    /// How many threads.
    pub jobs: Option<usize>,
}

impl Budget {
    /// The budget that `variable` tells, a variable of the environment at a time.
    ///
    /// # Errors
    /// Names the variable whose text is wrong, and says what it should be.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Budget, String> {
        Ok(Budget {
            seed: read(&variable, SIM_SEED, str::parse)?,
            cases: read(&variable, SIM_CASES, number)?,
            time: read(&variable, SIM_TIME, parse_time)?,
            profile: read(&variable, SIM_PROFILE, str::parse)?,
            jobs: read(&variable, SIM_JOBS, number)?,
        })
    }

    /// The budget of the process's own environment. A text that is not Unicode is wrong as well.
    ///
    /// # Errors
    /// As [`Budget::of`].
    pub fn of_environment() -> Result<Budget, String> {
        let text = |name: &str| std::env::var_os(name).map(|text| text.to_string_lossy().into());
        Budget::of(text)
    }
}

fn read<T>(
    variable: impl Fn(&str) -> Option<String>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let Some(text) = variable(name) else {
        return Ok(None);
    };
    let wrong = |what| format!("{name}: {what}");
    parse(&text).map(Some).map_err(wrong)
}

/// A number that is not 0: no cases, or no threads, would test nothing and pass.
fn number<T: FromStr + Default + PartialEq>(text: &str) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| *number != T::default());
    number.ok_or_else(|| format!("`{text}` is not a number above 0"))
}

/// How many threads: as many as asked for, or one for each processor.
pub fn jobs_or_all(jobs: Option<usize>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    jobs.unwrap_or_else(processors).max(1)
}

/// A time like `90s`, `30m` or `8h`.
///
/// # Errors
/// Says what a time looks like.
pub fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a time like 90s, 30m or 8h");
    let units = [("s", 1), ("m", 60), ("h", 3600)];
    let parsed = units.iter().find_map(|&(unit, seconds)| {
        let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    parsed.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(set: &[(&str, &str)]) -> Result<Budget, String> {
        Budget::of(|name| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    #[test]
    fn what_is_not_set_is_left_open() {
        assert_eq!(budget(&[]), Ok(Budget::default()));
    }

    #[test]
    fn each_variable_is_read() {
        let all = [
            (SIM_SEED, "0x1f"),
            (SIM_CASES, "20"),
            (SIM_TIME, "5m"),
            (SIM_PROFILE, "xfs"),
            (SIM_JOBS, "3"),
        ];
        let read = Budget {
            seed: Some(Seed(31)),
            cases: Some(20),
            time: Some(Duration::from_secs(300)),
            profile: Some(Profile::Xfs),
            jobs: Some(3),
        };
        assert_eq!(budget(&all), Ok(read));
    }

    #[test]
    fn what_is_wrong_is_an_error_that_names_its_variable() {
        let wrong = [
            (SIM_SEED, "seven"),
            (SIM_SEED, ""),
            (SIM_CASES, "0"),
            (SIM_CASES, "1e3"),
            (SIM_TIME, "5"),
            (SIM_TIME, "5 m"),
            (SIM_TIME, "99999999999999999999s"),
            (SIM_PROFILE, "ext3"),
            (SIM_JOBS, "0"),
            (SIM_JOBS, "-1"),
        ];
        for (name, text) in wrong {
            let error = budget(&[(name, text)]).expect_err(text);
            assert!(error.starts_with(&format!("{name}: `{text}`")), "{error}");
        }
    }
}
