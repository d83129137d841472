//! Patches, and the copy of the sources that they are applied to.
//!
//! There is one copy as the sources were when the suite began, and one for each worker, which is
//! patched. Only files that differ are written again, so that a build finds as much as possible
//! unchanged.

#![allow(clippy::disallowed_methods)] // Sources are on the real file system.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a build of the simulator, or of a test, needs of a workspace.
const SOURCES: [&str; 7] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "src",
    "sim",
    "tests",
    "benches",
];
/// What begins the line of a patch's header that names a test.
const CAUGHT_BY: &str = "# caught by: ";

/// A patch file.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The mutant's name: the file's, without its ending.
    pub name: String,
    /// Where the file is.
    pub path: PathBuf,
    /// The test that has to notice it, where no campaign can.
    pub test: Option<Test>,
}

/// A file of tests: `cargo test -p PACKAGE --test NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    /// The package that it is of.
    pub package: String,
    /// The file's name, without its ending.
    pub name: String,
}

impl Test {
    /// The test that a patch names in its header; `Err` has a line that names none.
    fn of(patch: &str) -> Result<Option<Test>, String> {
        let header = patch.lines().take_while(|line| line.starts_with('#'));
        let mut commands = header.filter_map(|line| line.strip_prefix(CAUGHT_BY));
        let Some(command) = commands.next() else {
            return Ok(None);
        };
        match command.split_whitespace().collect::<Vec<_>>()[..] {
            ["cargo", "test", "-p", package, "--test", name] if commands.next().is_none() => {
                Ok(Some(Test {
                    package: package.to_owned(),
                    name: name.to_owned(),
                }))
            }
            _ => Err(command.to_owned()),
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cargo test -p {} --test {}", self.package, self.name)
    }
}

impl Patch {
    /// All patches in a directory, in the order of their names.
    ///
    /// # Errors
    /// When the directory, or a patch, can't be read, or names something that is no test.
    pub fn all(dir: &Path) -> io::Result<Vec<Patch>> {
        let mut patches = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension() != Some(OsStr::new("patch")) {
                continue;
            }
            if let Some(name) = path.file_stem().and_then(OsStr::to_str) {
                // A patch may have bytes of files that are not UTF-8; its header has none.
                let text = fs::read(&path)?;
                let test = Test::of(&String::from_utf8_lossy(&text)).map_err(|command| {
                    io::Error::other(format!("{name}: `{command}` is not the only test"))
                })?;
                patches.push(Patch {
                    name: name.to_owned(),
                    path,
                    test,
                });
            }
        }
        patches.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(patches)
    }
}

/// Copies the sources of the workspace at `root`, so that nobody's edits change them half-way.
///
/// # Errors
/// When a file can't be read or written.
pub fn copy_sources(root: &Path, original: &Path) -> io::Result<()> {
    make_same(root, original)
}

/// A copy that is patched, and the one that it is restored from.
#[derive(Debug)]
pub struct Tree {
    original: PathBuf,
    patched: PathBuf,
}

impl Tree {
    /// A copy of `original` at `patched`.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn copy(original: &Path, patched: &Path) -> io::Result<Tree> {
        let tree = Tree {
            original: original.to_owned(),
            patched: patched.to_owned(),
        };
        tree.restore()?;
        Ok(tree)
    }

    /// The copy that is patched.
    pub fn path(&self) -> &Path {
        &self.patched
    }

    /// Takes back every change to the patched copy.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn restore(&self) -> io::Result<()> {
        make_same(&self.original, &self.patched)
    }

    /// The files in which the two copies differ.
    ///
    /// # Errors
    /// When a file can't be read.
    pub fn differences(&self) -> io::Result<Vec<PathBuf>> {
        let differences = differences(&self.original, &self.patched)?;
        Ok(differences.into_keys().collect())
    }
}

/// Files by their path below a directory that differ, with what they should be: the bytes, or
/// nothing where there should be no file.
fn differences(from: &Path, to: &Path) -> io::Result<BTreeMap<PathBuf, Option<Vec<u8>>>> {
    let (wanted, there) = (read_sources(from)?, read_sources(to)?);
    let mut differences: BTreeMap<PathBuf, Option<Vec<u8>>> = there
        .keys()
        .filter(|path| !wanted.contains_key(*path))
        .map(|path| (path.clone(), None))
        .collect();
    for (path, bytes) in wanted {
        if there.get(&path) != Some(&bytes) {
            differences.insert(path, Some(bytes));
        }
    }
    Ok(differences)
}

fn make_same(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (path, bytes) in differences(from, to)? {
        let path = to.join(path);
        match bytes {
            None => fs::remove_file(path)?,
            Some(bytes) => {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(path, bytes)?;
            }
        }
    }
    Ok(())
}

pub(super) fn read_sources(root: &Path) -> io::Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for name in SOURCES {
        read_below(root, Path::new(name), &mut files)?;
    }
    Ok(files)
}

fn read_below(root: &Path, below: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    let path = root.join(below);
    if path.is_dir() {
        for entry in fs::read_dir(&path)? {
            read_below(root, &below.join(entry?.file_name()), files)?;
        }
    } else if path.is_file() {
        files.insert(below.to_owned(), fs::read(&path)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_at_most_one_test() {
        let check = |text: &str, expect: Result<Option<&str>, ()>| {
            let found = Test::of(text).map(|test| test.map(|test| test.to_string()));
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(drop), expect);
        };
        let command = "cargo test -p seawall --test follow";
        check(
            &format!("# b\n# caught by: {command}\n\n"),
            Ok(Some(command)),
        );
        check("# b\n\n# caught by: nobody\n", Ok(None));
        check("# caught by: true\n", Err(()));
        check(
            &format!("# caught by: {command}\n# caught by: {command}"),
            Err(()),
        );
    }

    #[test]
    fn a_patched_tree_is_restored() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("src/deep")).unwrap();
        fs::write(root.join("src/lib.rs"), "one").unwrap();
        fs::write(root.join("src/deep/mod.rs"), "two").unwrap();
        fs::write(root.join("notes"), "not a source").unwrap();
        let original = dir.path().join("original");
        copy_sources(&root, &original).unwrap();
        let tree = Tree::copy(&original, &dir.path().join("tree")).unwrap();
        assert!(tree.differences().unwrap().is_empty());
        assert!(!tree.path().join("notes").exists());
        fs::write(tree.path().join("src/lib.rs"), "mutated").unwrap();
        fs::write(tree.path().join("src/new.rs"), "new").unwrap();
        fs::remove_file(tree.path().join("src/deep/mod.rs")).unwrap();
        assert_eq!(tree.differences().unwrap().len(), 3);
        tree.restore().unwrap();
        assert!(tree.differences().unwrap().is_empty());
    }
}
