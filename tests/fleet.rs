//! The scripts that run a night on many machines, with a `cargo` and an `sbatch` that only take notes.
//!
//! *Verified:* a shard begins with what earlier nights have left, and goes on with what it has itself; what it finds is
//! not its failure, what kept it from working is; merging gives the night's exit code, makes the page and
//! brings the corpora along; the commands in the files for Kubernetes and Slurm, run with the variables that those set,
//! come to the same shards of the same night.
//! *Not verified:* what `cargo sim nightly` and `merge` do (`sim/tests/`), and Kubernetes, Slurm and GitHub
//! themselves (`sim/fleet/README.md` says how they were tried).

// The scripts work on real files; a test says what it expects.
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Notes its arguments, leaves a file in the directory behind `--out`, and ends with $CARGO_CODE.
const CARGO: &str = r#"#!/usr/bin/env bash
echo "cargo $*" >>"$NOTES"
while [ $# -gt 0 ]; do
    if [ "$1" = --out ]; then
        mkdir -p "$2"
        echo again >>"$2/sittings"
    fi
    shift
done
exit "${CARGO_CODE:-0}"
"#;

/// Notes its arguments and what it hands on, and gives the job a number.
const SBATCH: &str = r#"#!/usr/bin/env bash
echo "sbatch $* with NIGHT=$NIGHT" >>"$NOTES"
wc -l <"$NOTES"
"#;

struct Fleet {
    root: TempDir,
}

impl Fleet {
    fn new() -> Fleet {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [("cargo", CARGO), ("sbatch", SBATCH)] {
            let path = root.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        Fleet { root }
    }

    fn nights(&self) -> PathBuf {
        self.root.path().join("nights")
    }

    fn run(&self, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let others = std::env::var("PATH").unwrap();
        Command::new(program)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PATH", format!("{}:{others}", self.root.path().display()))
            .env("NOTES", self.root.path().join("notes"))
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs a script of the fleet on the directory of nights, and says its exit code.
    fn script(&self, name: &str, before: &[&str], variables: &[(&str, &str)]) -> i32 {
        let nights = self.nights();
        let mut arguments = before.to_vec();
        arguments.push(nights.to_str().unwrap());
        let output = self.run(&format!("sim/fleet/{name}"), &arguments, variables);
        output.status.code().unwrap()
    }

    /// What was called since the last time that this was asked, with the directory of nights as `NIGHTS`.
    fn notes(&self) -> Vec<String> {
        let path = self.root.path().join("notes");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(&path, "").unwrap();
        let nights = self.nights().display().to_string();
        text.lines()
            .map(|line| line.replace(&nights, "NIGHTS"))
            .collect()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.nights().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.nights().join(path)).unwrap()
    }
}

fn nightly(shard: &str, of: &str) -> String {
    format!(
        "cargo sim nightly --time 8h --out NIGHTS/shards/20780/{shard} --shard {shard}/{of} --night 20780"
    )
}

#[test]
fn a_shard_begins_with_what_is_known_and_goes_on_with_its_own() {
    let fleet = Fleet::new();
    fleet.write("known/state.json", "old");
    let arguments = ["2/3", "20780", "8h"];
    assert_eq!(fleet.script("shard", &arguments, &[]), 0);
    assert_eq!(fleet.notes(), [nightly("2", "3")]);
    assert_eq!(fleet.read("shards/20780/2/state.json"), "old");
    fleet.write("shards/20780/2/state.json", "new");
    assert_eq!(fleet.script("shard", &arguments, &[]), 0);
    assert_eq!(fleet.read("shards/20780/2/state.json"), "new");
    assert_eq!(fleet.read("shards/20780/2/sittings"), "again\nagain\n");
}

#[test]
fn what_a_shard_finds_is_not_its_failure() {
    let fleet = Fleet::new();
    for (code, comes_to) in [
        ("10", 0),
        ("16", 0),
        ("17", 0),
        ("1", 1),
        ("2", 2),
        ("101", 101),
    ] {
        let ended = fleet.script("shard", &["1/1", "5", "8h"], &[("CARGO_CODE", code)]);
        assert_eq!(ended, comes_to, "{code}");
    }
    assert_eq!(fleet.script("shard", &["1/1", "5"], &[]), 2);
}

#[test]
fn merging_gives_the_code_of_the_night_and_makes_the_page() {
    let fleet = Fleet::new();
    fleet.write("known/corpus/scenario/a", "a");
    fleet.write("shards/7/1/corpus/scenario/b", "b");
    fleet.write("shards/7/2/corpus/open_files/c", "c");
    fleet.write("shards/8/1/night", "another");
    let ended = fleet.script("merge", &["7"], &[("CARGO_CODE", "2")]);
    assert_eq!(ended, 2);
    let merge = "cargo sim merge NIGHTS/shards/7/1 NIGHTS/shards/7/2 --out NIGHTS/known";
    assert_eq!(fleet.notes(), [merge]);
    // The page is made by the same stand-in, whose code the script does not pass over.
    for (code, comes_to) in [("0", 0), ("10", 10)] {
        let ended = fleet.script("merge", &["7"], &[("CARGO_CODE", code)]);
        assert_eq!(ended, comes_to);
        let report = "cargo sim report NIGHTS/known --output NIGHTS/known/report.html";
        assert_eq!(fleet.notes(), [merge, report]);
    }
    for (path, text) in [
        ("scenario/a", "a"),
        ("scenario/b", "b"),
        ("open_files/c", "c"),
    ] {
        assert_eq!(fleet.read(&format!("known/corpus/{path}")), text);
    }
}

#[test]
fn slurm_submits_shards_and_what_merges_them() {
    let fleet = Fleet::new();
    let nights = fleet.nights();
    let usual = ["3", "8h", nights.to_str().unwrap()];
    let arguments = [&usual[..], &["--cpus-per-task=8"]].concat();
    let night = ("NIGHT", "20780");
    let output = fleet.run("sim/fleet/slurm.sh", &arguments, &[night]);
    assert!(output.status.success());
    let again = "sim/fleet/slurm.sh 3 8h NIGHTS with NIGHT=20780";
    let submitted = [
        "cargo build --release -p seawall-sim".to_owned(),
        format!("sbatch --parsable --export=ALL --array=1-3 --cpus-per-task=8 {again}"),
        format!(
            "sbatch --parsable --export=ALL --output=seawall-night-%A-merge.log --dependency=afterany:2 {again}"
        ),
    ];
    assert_eq!(fleet.notes(), submitted);
    for task in ["1", "2", "3"] {
        let variables = [night, ("SLURM_JOB_ID", "9"), ("SLURM_ARRAY_TASK_ID", task)];
        let output = fleet.run("sim/fleet/slurm.sh", &usual, &variables);
        assert!(output.status.success());
        assert_eq!(fleet.notes(), [nightly(task, "3")]);
    }
    let variables = [night, ("SLURM_JOB_ID", "10")];
    let output = fleet.run("sim/fleet/slurm.sh", &usual, &variables);
    assert!(output.status.success());
    assert!(fleet.notes()[0].starts_with("cargo sim merge NIGHTS/shards/20780/"));
}

/// The commands in the file for Kubernetes: what stands behind each `- |`.
fn commands_of_pods() -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/fleet/kubernetes.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let places = (0..lines.len()).filter(|&place| lines[place].trim() == "- |");
    places
        .map(|place| lines[place + 1].trim().to_owned())
        .collect()
}

#[test]
fn kubernetes_runs_the_shards_of_one_night() {
    let fleet = Fleet::new();
    let nights = fleet.nights();
    let [shard, merge] = &commands_of_pods()[..] else {
        panic!("two jobs have a command");
    };
    let run = |command: &str, variables: &[(&str, &str)]| {
        let command = command.replace("/nights", nights.to_str().unwrap());
        let output = fleet.run("bash", &["-ec", &command], variables);
        assert!(output.status.success(), "{output:?}");
    };
    // 00:17 and 09:47 of one day, in minutes since 1970.
    let (began, merged) = ("seawall-night-29923217", "seawall-merge-29923787");
    for index in 0..8 {
        let index_text = index.to_string();
        let variables = [
            ("JOB_NAME", began),
            ("JOB_COMPLETION_INDEX", index_text.as_str()),
        ];
        run(shard, &variables);
        assert_eq!(fleet.notes(), [nightly(&(index + 1).to_string(), "8")]);
    }
    run(merge, &[("JOB_NAME", merged)]);
    let notes = fleet.notes();
    assert!(
        notes[0].starts_with("cargo sim merge NIGHTS/shards/20780/1 "),
        "{notes:?}"
    );
}
