//! Tests on file systems of their own: mounted in a namespace that ends with the test's process,
//! so that nothing stays behind.

// File systems are mounted past the log.
#![allow(clippy::disallowed_methods)]

use std::path::{Path, PathBuf};
use std::process::Command;

const DIRECTORY: &str = "SEAWALL_NAMESPACE_DIRECTORY";

/// Where the child that [`run`] has started mounts its file systems.
pub fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY)
        .expect("set by the parent")
        .into()
}

/// The command that mounts a file system.
pub fn mount(kind: &str, options: &str, directory: &Path) -> Command {
    let mut mount = Command::new("mount");
    mount.args(["-t", kind, "-o", options, "seawall"]);
    mount.arg(directory);
    mount
}

pub fn unmount(directory: &Path) {
    let unmounted = Command::new("umount").arg(directory).status();
    assert!(unmounted.expect("umount starts").success());
}

/// Runs the ignored test `child` of the same file in a mount namespace. Where the machine allows
/// none, says so and does nothing.
pub fn run(child: &str) {
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let way = match way(scratch.path()) {
        Ok(way) => way,
        Err(why) => {
            println!("skipped: no mount namespace here ({why})");
            return;
        }
    };
    let ended = Command::new("unshare")
        .args(way)
        .arg(std::env::current_exe().expect("it runs"))
        .args([child, "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, scratch.path())
        .output()
        .expect("unshare starts");
    let output = String::from_utf8_lossy(&ended.stdout);
    print!("{output}");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    assert!(output.contains("1 passed"), "there is no test {child}");
}

/// How to get a mount namespace on this machine; else why there is none.
// Source: unshare(1): a user may have one within a user namespace, root without.
fn way(directory: &Path) -> Result<&'static [&'static str], String> {
    let ways: [&[&str]; 2] = [&["--user", "--map-root-user", "--mount"], &["--mount"]];
    let mut why = String::new();
    for way in ways {
        let mount = mount("tmpfs", "size=4096", directory);
        let tried = Command::new("unshare")
            .args(way)
            .arg(mount.get_program())
            .args(mount.get_args())
            .output();
        match tried {
            Ok(output) if output.status.success() => return Ok(way),
            Ok(output) => {
                let errors = String::from_utf8_lossy(&output.stderr);
                why = errors.lines().next().unwrap_or("no reason").to_owned();
            }
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}
