//! What was built: the commit of the sources around the current directory.

#![allow(clippy::disallowed_methods)] // `git` is asked about the real file system.

use std::fmt;
use std::process::Command;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A commit's hash, with `-dirty-` and a hash of what has changed since behind it, where something has; or
/// `unknown`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Commit(pub String);

impl Commit {
    /// The commit of the sources here, as `git` tells it.
    pub fn here() -> Commit {
        let Some(hash) = git(&["rev-parse", "HEAD"]) else {
            return Commit("unknown".into());
        };
        // What is not known to git is no source of what was built: results, for one.
        let changes = git(&["diff", "HEAD"]).unwrap_or_default();
        match changes.is_empty() {
            true => Commit(hash),
            false => Commit(format!(
                "{hash}-dirty-{:08x}",
                xxh3_64(changes.as_bytes()) as u32
            )),
        }
    }
}

impl fmt::Display for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
