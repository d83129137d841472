//! Processor time of this process and of all that came from it.
//!
//! What has ended and was waited for is in its parent's account. What runs is not, and a storm may keep
//! processes all its life: so the table of processes is read.

#[cfg(target_os = "linux")]
const GENERATIONS_MAX: usize = 64;

/// In seconds, so far.
#[cfg(target_os = "linux")]
#[allow(clippy::disallowed_methods)] // `/proc` is no disk.
pub(super) fn seconds() -> f64 {
    use std::collections::BTreeMap;

    let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
    let mut ticks: BTreeMap<u32, u64> = BTreeMap::new();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in entries {
        let stat = std::fs::read_to_string(entry.path().join("stat"));
        if let Some((pid, parent, own)) = stat.ok().and_then(|stat| parse(&stat)) {
            parents.insert(pid, parent);
            ticks.insert(pid, own);
        }
    }
    let this = std::process::id();
    let is_ours = |pid: u32| {
        let line = std::iter::successors(Some(pid), |one| parents.get(one).copied());
        // Who is read later than its parent may be another by then, so the table may have a circle.
        line.take(GENERATIONS_MAX).any(|one| one == this)
    };
    let ours = ticks.iter().filter(|&(&pid, _)| is_ours(pid));
    let ticks: u64 = ours.map(|(_, ticks)| ticks).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}

/// A process, its parent, and what it and those that it has waited for have used, in ticks.
// Source: proc_pid_stat(5): fields 1, 4, and 14 to 17; the second one may have spaces in it.
#[cfg(target_os = "linux")]
fn parse(stat: &str) -> Option<(u32, u32, u64)> {
    let (pid, _) = stat.split_once(' ')?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let times = fields.get(11..15)?.iter();
    let times: Result<Vec<u64>, _> = times.map(|time| time.parse::<u64>()).collect();
    let ticks = times.ok()?.iter().sum();
    Some((pid.parse().ok()?, fields.get(1)?.parse().ok()?, ticks))
}

/// In seconds, so far: of this process alone.
#[cfg(not(target_os = "linux"))]
pub(super) fn seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_table_is_read() {
        let line = "77 (a) b) S 12 77 77 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 5 6";
        assert_eq!(parse(line), Some((77, 12, 100)));
        assert_eq!(parse("nothing"), None);
    }

    #[test]
    fn what_a_child_uses_counts() {
        let before = seconds();
        let script = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo; read x";
        let mut child = std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        // It is done with its work, and lives.
        let mut one = [0];
        let output = child.stdout.as_mut().expect("it is piped");
        std::io::Read::read_exact(output, &mut one).expect("an empty line");
        let while_it_lives = seconds();
        assert!(while_it_lives > before, "{before}, {while_it_lives}");
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(seconds() >= while_it_lives);
    }
}
