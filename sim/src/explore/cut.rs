//! A power cut with its names chosen: all that it may leave of the files' lengths and units, and how
//! much of that somebody has looked at.
//!
//! Every choice is left open until somebody looks. A look at an open choice makes it, the newest
//! first; the choices made stand in a list, in the order of the looks, which is gone through like
//! the digits of a number. What nobody has looked at when a recovery ends stands for all that it may
//! be: these images the recovery cannot tell apart.

use std::hash::Hasher;

use super::digest::Digest;
use super::files::{Choice, FileView, Sized, content, merge, sized, states_of};
use super::recovery::Look;
use crate::disk::{Disk, FileChoices, Ino, Names, UnitChoices};

/// A question that a recovery asks of what is there, by a file's number in the order of paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// What is its length?
    Len { file: u32 },
    /// What is in these units, up to its end?
    Units { file: u32, first: u32, end: u32 },
}

/// What a power cut may leave, its names chosen.
pub(super) struct Cut<'a> {
    base: &'a Disk,
    names: &'a Names,
    /// Digest of the names.
    pub(super) names_digest: u64,
    files: Vec<FileView>,
    /// In how many states the files may have been that are gone, and that nobody has looked at.
    gone: u128,
    made: Vec<Choice>,
    /// How many of them were met since the last [`Cut::begin`].
    met: usize,
    at_rest: Option<Disk>,
}

impl<'a> Cut<'a> {
    /// A power cut on `base` that leaves these names. Of some files more is open than what is pending
    /// there: what an earlier cut has left, and nobody has looked at since.
    pub(super) fn new(base: &'a Disk, names: &'a Names, open: &[(Ino, FileChoices)]) -> Cut<'a> {
        let mut digest = Digest::new();
        let mut files = Vec::new();
        for named in &names.entries {
            digest.word(Digest::of_bytes(named.path.as_bytes()));
            digest.word(u64::from(named.is_dir));
            if named.is_dir {
                continue;
            }
            let mut choices = base.choices_after_cut(named.ino);
            let earlier = open.iter().find(|(ino, _)| *ino == named.ino);
            if let Some((_, earlier)) = earlier {
                choices = merge(choices, earlier);
            }
            files.push(FileView {
                ino: named.ino,
                sized: vec![None; choices.lens.len()],
                choices,
                len: None,
                units: Vec::new(),
            });
        }
        let is_gone = |ino: &Ino| !names.entries.iter().any(|named| named.ino == *ino);
        let gone = open.iter().filter(|(ino, _)| is_gone(ino));
        let states = gone.map(|(_, choices)| states_of(choices, base.unit_bytes()));
        Cut {
            base,
            names,
            gone: states.fold(1, u128::saturating_mul),
            names_digest: digest.finish(),
            files,
            made: Vec::new(),
            met: 0,
            at_rest: None,
        }
    }

    /// How many images there are: as choices, and those that differ.
    pub(super) fn sizes(&self) -> (u128, u128) {
        let (mut all, mut distinct) = (self.gone, self.gone);
        for file in 0..self.files.len() {
            let view = &self.files[file];
            let versions = view.choices.units.iter();
            let versions = versions.map(|unit| unit.versions.len() as u128);
            let lens = view.choices.lens.len() as u128;
            all = all.saturating_mul(versions.fold(lens, u128::saturating_mul));
            let states = states_of(&view.choices, self.base.unit_bytes());
            distinct = distinct.saturating_mul(states);
        }
        (all, distinct)
    }

    /// Somebody begins to look, from the start.
    pub(super) fn begin(&mut self) {
        self.met = 0;
        for file in &mut self.files {
            file.len = None;
            file.units.clear();
        }
    }

    /// Goes on to the next combination of choices; false when there is none.
    pub(super) fn advance(&mut self) -> bool {
        while let Some(last) = self.made.last_mut() {
            if last.made + 1 < last.of {
                last.made += 1;
                return true;
            }
            self.made.pop();
        }
        false
    }

    /// The choices that were made, in the order of the looks.
    pub(super) fn made(&self) -> impl Iterator<Item = u32> {
        self.made.iter().map(|choice| choice.made)
    }

    /// Makes one choice, by its place in the order of the looks, differently; those after it are to
    /// be made again. False where there is no such choice.
    pub(super) fn change(&mut self, place: usize, made: u32) -> bool {
        match self.made.get_mut(place).filter(|choice| made < choice.of) {
            None => false,
            Some(choice) => {
                choice.made = made;
                self.made.truncate(place + 1);
                true
            }
        }
    }

    /// Looks: makes the choice if it is open and still to be made. Returns a digest of what is seen.
    pub(super) fn answer(&mut self, question: Question) -> u64 {
        match question {
            Question::Len { file } => {
                let at = file as usize;
                let of = self.files[at].choices.lens.len() as u32;
                let made = self.choose(file, None, of);
                self.files[at].len = Some(made);
                let units = self.sized(at, made as usize).units.len();
                let view = &mut self.files[at];
                view.units.resize(units, None);
                view.choices.lens[made as usize]
            }
            Question::Units { file, first, end } => {
                let mut digest = Digest::new();
                for unit in first..end {
                    digest.word(self.look_at_unit(file, unit));
                }
                digest.finish()
            }
        }
    }

    fn look_at_unit(&mut self, file: u32, unit: u32) -> u64 {
        let view = &self.files[file as usize];
        let len = view.len.expect("the length was looked at before");
        let sized = view.sized[len as usize].as_ref().expect("and worked out");
        let of = sized.units[unit as usize].options.len() as u32;
        let made = match view.units[unit as usize] {
            Some(made) => made,
            None => {
                let made = self.choose(file, Some(unit), of);
                self.files[file as usize].units[unit as usize] = Some(made);
                made
            }
        };
        let view = &self.files[file as usize];
        let sized = view.sized[len as usize].as_ref().expect("as above");
        sized.units[unit as usize].options[made as usize].0
    }

    fn choose(&mut self, file: u32, unit: Option<u32>, of: u32) -> u32 {
        if of == 1 {
            return 0;
        }
        self.met += 1;
        match self.made.get(self.met - 1) {
            Some(choice) => {
                assert_eq!((choice.file, choice.unit, choice.of), (file, unit, of));
                choice.made
            }
            None => {
                self.made.push(Choice {
                    file,
                    unit,
                    made: 0,
                    of,
                });
                0
            }
        }
    }

    /// The question behind a look, unless it is about something that the recovery has made itself, or
    /// that it knows already. A look at bytes may bring two: the first is about the length.
    pub(super) fn questions(&mut self, look: Look, mut ask: impl FnMut(Question, u64)) {
        let (ino, range) = match look {
            Look::Len(ino) => (ino, None),
            Look::Bytes(ino, start, end) => (ino, Some((start, end))),
        };
        let Some(at) = self.files.iter().position(|file| file.ino == ino) else {
            return;
        };
        let file = at as u32;
        if self.files[at].len.is_none() {
            let question = Question::Len { file };
            let answer = self.answer(question);
            ask(question, answer);
        }
        let Some((start, end)) = range else {
            return;
        };
        let view = &self.files[at];
        let len = view.choices.lens[view.len.expect("just answered") as usize];
        let unit_bytes = self.base.unit_bytes();
        let first = (start / unit_bytes) as u32;
        let end = end.min(len).div_ceil(unit_bytes) as u32;
        let is_new = |unit: u32| view.units[unit as usize].is_none();
        if start < len && (first..end).any(is_new) {
            let question = Question::Units { file, first, end };
            let answer = self.answer(question);
            ask(question, answer);
        }
    }

    /// How many images agree on all that was looked at.
    pub(super) fn weight(&self) -> u128 {
        (0..self.files.len())
            .map(|file| match self.files[file].len {
                None => states_of(&self.files[file].choices, self.base.unit_bytes()),
                Some(len) => {
                    let view = &self.files[file];
                    let sized = view.sized[len as usize].as_ref().expect("it was looked at");
                    let units = sized.units.iter().zip(&view.units);
                    let unseen = units.filter(|(_, seen)| seen.is_none());
                    let options = unseen.map(|(unit, _)| unit.options.len() as u128);
                    options.fold(1, u128::saturating_mul)
                }
            })
            .fold(self.gone, u128::saturating_mul)
    }

    /// A digest of all that was not looked at, open or not.
    pub(super) fn unseen_digest(&mut self) -> u64 {
        let mut digest = Digest::new();
        for file in 0..self.files.len() {
            let seen = self.files[file].len;
            let lens = match seen {
                Some(len) => len as usize..len as usize + 1,
                None => 0..self.files[file].choices.lens.len(),
            };
            for len in lens {
                self.sized(file, len);
                let view = &self.files[file];
                let sized = view.sized[len].as_ref().expect("just made");
                digest.word(sized.len);
                for (unit, options) in sized.units.iter().enumerate() {
                    if seen.is_some() && view.units[unit].is_some() {
                        continue;
                    }
                    digest.word(unit as u64);
                    options
                        .options
                        .iter()
                        .for_each(|option| digest.word(option.0));
                }
            }
        }
        digest.finish()
    }

    /// What stays open for later: lengths and units with several versions that nobody has looked at.
    pub(super) fn unseen(&self) -> Vec<(Ino, FileChoices)> {
        let unit_bytes = self.base.unit_bytes();
        let open = self.files.iter().filter_map(|view| {
            let Some(len) = view.len else {
                let is_open = view.choices.lens.len() > 1 || !view.choices.units.is_empty();
                return is_open.then(|| (view.ino, view.choices.clone()));
            };
            let sized = view.sized[len as usize].as_ref()?;
            let units = view.choices.units.iter().filter_map(|choices| {
                let options = &sized.units.get(choices.unit as usize)?.options;
                let is_open = options.len() > 1 && view.units[choices.unit as usize].is_none();
                let visible = (sized.len - choices.unit * unit_bytes).min(unit_bytes) as usize;
                let version = |&(_, version): &(u64, u32)| {
                    let mut bytes = choices.versions[version as usize].clone();
                    bytes[visible..].fill(0);
                    bytes
                };
                is_open.then(|| UnitChoices {
                    unit: choices.unit,
                    versions: options.iter().map(version).collect(),
                })
            });
            let units: Vec<UnitChoices> = units.collect();
            let lens = vec![sized.len];
            (!units.is_empty()).then_some((view.ino, FileChoices { lens, units }))
        });
        open.collect()
    }

    /// The disk with the choices that were made, and the newest of everything else.
    pub(super) fn disk(&mut self) -> Disk {
        let base = self.base;
        let at_rest = self.at_rest.get_or_insert_with(|| base.cut_to(self.names));
        let mut disk = at_rest.clone();
        let choices = self.made.iter().filter(|choice| choice.made > 0);
        let mut done: Vec<u32> = Vec::new();
        for choice in choices {
            if done.contains(&choice.file) {
                continue;
            }
            done.push(choice.file);
            let of_file = self.made.iter().filter(|other| other.file == choice.file);
            let view = &self.files[choice.file as usize];
            let (bytes, len) = content(base, view, of_file);
            disk.left_instead(view.ino, &bytes, len);
        }
        disk
    }

    /// In words: what is there, and which version of what is open.
    pub(super) fn tell(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for named in &self.names.entries {
            let view = self.files.iter().find(|view| view.ino == named.ino);
            let Some(view) = view else {
                lines.push(format!("{}/", named.path));
                continue;
            };
            let mut line = named.path.clone();
            match view.len {
                None => line += ", never looked at",
                Some(len) => {
                    let lens = &view.choices.lens;
                    line += &format!(", {} bytes", lens[len as usize]);
                    if lens.len() > 1 {
                        line += &format!(" (of {lens:?}, the newest first)");
                    }
                }
            }
            let chosen = self.made.iter().filter(|choice| {
                choice.unit.is_some()
                    && self
                        .files
                        .get(choice.file as usize)
                        .is_some_and(|of| of.ino == view.ino)
            });
            let units: Vec<String> = chosen
                .map(|choice| {
                    let unit = choice.unit.expect("just filtered");
                    format!("{unit}: {} of {}", choice.made, choice.of - 1)
                })
                .collect();
            if !units.is_empty() {
                line += &format!(
                    "; versions behind the newest, by unit: {}",
                    units.join(", ")
                );
            }
            lines.push(line);
        }
        lines
    }

    fn sized(&mut self, file: usize, len: usize) -> &Sized {
        let base = self.base;
        let view = &mut self.files[file];
        let (ino, choices) = (view.ino, &view.choices);
        view.sized[len].get_or_insert_with(|| sized(base, ino, choices, choices.lens[len]))
    }
}
