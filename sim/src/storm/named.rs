//! Storms with names: what a program of several has to offer, and how a failure of one is kept.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Sky, Storm, Trial, Verdict};
use crate::case::Case;
use crate::choice::Tape;
use crate::disk::{Knobs, Profile};
use crate::report::failure::FAILURES_DIR;
use crate::seed::Seed;

/// A storm's body, whatever it is.
pub type Body = Box<dyn Fn(&Sky) -> Verdict>;

/// Makes a storm for the worker of this number.
type Make = Box<dyn Fn(usize) -> Storm<Body> + Sync>;

/// A storm that has a name.
pub struct Named {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    pub(super) about: Vec<String>,
    make: Make,
}

impl Named {
    /// A name, the version of the code under test, and what makes the storm. It is made anew for each
    /// thread that runs it, which tells its number, from 0 on.
    pub fn new<B>(
        name: &'static str,
        version: &'static str,
        make: impl Fn(usize) -> Storm<B> + Sync + 'static,
    ) -> Named
    where
        B: Fn(&Sky) -> Verdict + 'static,
    {
        Named {
            name,
            version,
            about: Vec::new(),
            make: Box::new(move |worker| make(worker).boxed()),
        }
    }

    /// The same, with lines that the list has of it: what it promises, for one.
    #[must_use]
    pub fn about(self, about: Vec<String>) -> Named {
        Named { about, ..self }
    }

    /// The storm on a file system, in a worker.
    pub(super) fn storm(&self, profile: Profile, worker: usize) -> Storm<Body> {
        let storm = (self.make)(worker);
        let knobs = Knobs {
            profile,
            ..storm.knobs.clone()
        };
        storm.on(knobs)
    }
}

/// A program of storms; see [`Storms::main`].
pub struct Storms<'a> {
    pub(super) named: Vec<Named>,
    pub(super) command: String,
    pub(super) prepare: &'a dyn Fn(usize),
}

impl<'a> Storms<'a> {
    /// These.
    pub fn new(named: impl IntoIterator<Item = Named>) -> Storms<'a> {
        Storms {
            named: named.into_iter().collect(),
            command: std::env::args().next().unwrap_or_default(),
            prepare: &|_| (),
        }
    }

    /// How the program is called on a command line, where that is not its path.
    #[must_use]
    pub fn called(self, command: &str) -> Storms<'a> {
        Storms {
            command: command.into(),
            ..self
        }
    }

    /// What is to be done once before any storm is made and any thread begins. It hears how many
    /// workers there will be.
    #[must_use]
    pub fn prepared_by(self, prepare: &'a dyn Fn(usize)) -> Storms<'a> {
        Storms { prepare, ..self }
    }

    /// The one of a name, or the only one.
    pub(super) fn find(&self, name: Option<&str>) -> Result<&Named, String> {
        let names = || {
            let names: Vec<&str> = self.named.iter().map(|named| named.name).collect();
            names.join(", ")
        };
        match (name, &self.named[..]) {
            (None, [only]) => Ok(only),
            (None, _) => Err(format!("say which with --subject: {}", names())),
            (Some(name), all) => {
                let found = all.iter().find(|named| named.name == name);
                found.ok_or_else(|| format!("there is no subject `{name}`, but: {}", names()))
            }
        }
    }
}

/// A failure as a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    pub(super) subject: String,
    pub(super) version: String,
    pub(super) profile: Profile,
    pub(super) seed: Seed,
    /// What is not left to the seed.
    #[serde(default)]
    pub(super) tape: Tape,
}

impl Kept {
    pub(super) fn of(named: &Named, trial: &Trial<'_, Body>) -> Kept {
        Kept {
            subject: named.name.into(),
            version: named.version.into(),
            profile: trial.profile(),
            seed: trial.seed(),
            tape: trial.tape().clone(),
        }
    }

    /// Says in one line what is wrong with a text that is none.
    pub(super) fn parse(text: &str) -> Result<Kept, String> {
        let first_line = |error: toml::de::Error| error.message().lines().collect::<String>();
        toml::from_str(text).map_err(first_line)
    }

    pub(super) fn print(&self) -> String {
        toml::to_string(self).expect("a tape is plain data")
    }

    /// Where it goes, if nobody says otherwise.
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        let (subject, profile, seed) = (&self.subject, self.profile, self.seed);
        Path::new(FAILURES_DIR).join(format!("{subject}-{profile}-{seed}{ending}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_whole_and_shown_step_by_step() {
        let named = Named::new("alarm", "2", |_| {
            Storm::new(file!(), |sky: &Sky| {
                sky.lives(2, |life| match life.is_last() {
                    true => Err(format!("there were {} lives", life.number()).into()),
                    false => Ok(()),
                })
            })
        });
        let storm = named.storm(Profile::Xfs, 0);
        let trial = storm.trial(Seed(7)).shrunk(100).expect("it fails");
        let kept = Kept::of(&named, &trial);
        let again = Kept::parse(&kept.print()).expect("its own text");
        assert_eq!((again.seed, &again.tape), (trial.seed(), trial.tape()));
        assert_eq!((&*again.subject, &*again.version), ("alarm", "2"));
        assert_eq!(again.profile, Profile::Xfs);
        let path = format!("sim-failures/alarm-xfs-{}.toml", trial.seed());
        assert_eq!(kept.path(".toml"), Path::new(&path));
        let page = super::super::film::page_of(&kept, &trial, "alarm replay x".into());
        let page = page.expect("it fails");
        for part in ["there were 3 lives", "alarm replay x", "\"failing\":{"] {
            assert!(page.contains(part), "{part}");
        }
        let wrong = Kept::parse("subject = 1").err().expect("it is no text");
        assert!(!wrong.contains('\n'), "{wrong}");
    }
}
