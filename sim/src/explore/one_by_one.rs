//! The search against a plain one that lists every image, recovers each, and shares nothing but the
//! lists of choices: no groups, nothing left open, nothing remembered.
//!
//! *Verified:* both count as many images, by depth, and see the same outcomes. *Not verified:* that the
//! lists are complete; `tests/disk_brute_force.rs` does that.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::knobs;
use super::life::{Known, record};
use super::outcomes::Outcomes;
use super::recovery::{How, run};
use super::search::{Search, Space, judge, stages};
use super::workload::Workload;
use crate::disk::{Disk, Knobs};
use crate::model::AppendId;
use crate::run::config_of;

/// Every image that a power cut may leave, each once for each set of names.
fn images(disk: &Disk) -> Vec<Disk> {
    let mut all = Vec::new();
    for names in disk.names_after_cut() {
        let mut images = vec![disk.cut_to(&names)];
        for named in names.entries.iter().filter(|named| !named.is_dir) {
            let choices = disk.choices_after_cut(named.ino);
            let mut contents: BTreeSet<(u64, Vec<u8>)> = BTreeSet::new();
            for &len in &choices.lens {
                let mut bytes = disk.seen(named.ino).0.to_vec();
                bytes.resize(len as usize, 0);
                let mut versions = BTreeSet::from([bytes]);
                for unit in &choices.units {
                    let start = ((unit.unit * disk.unit_bytes()) as usize).min(len as usize);
                    let end = (start + disk.unit_bytes() as usize).min(len as usize);
                    let with = |bytes: &Vec<u8>, version: &[u8]| {
                        let mut bytes = bytes.clone();
                        bytes[start..end].copy_from_slice(&version[..end - start]);
                        bytes
                    };
                    let each = |bytes| {
                        unit.versions
                            .iter()
                            .map(move |version| with(bytes, version))
                    };
                    versions = versions.iter().flat_map(each).collect();
                }
                contents.extend(versions.into_iter().map(|bytes| (len, bytes)));
            }
            let with = |image: &Disk, (len, bytes): &(u64, Vec<u8>)| {
                let mut image = image.clone();
                image.left_instead(named.ino, bytes, *len);
                image
            };
            let each = |image| contents.iter().map(move |content| with(image, content));
            images = images.iter().flat_map(each).collect();
        }
        all.extend(images);
    }
    all
}

#[derive(Default)]
struct Plain {
    judged: [u128; 2],
    outcomes: Outcomes,
}

impl Plain {
    fn explore(&mut self, workload: &Workload, disk: &Disk, known: &Rc<Known>, level: usize) {
        for image in images(disk) {
            assert!(disk.contains(&image.image()), "an image that is not legal");
            self.judged[level] += 1;
            let is_last = level + 1 == self.judged.len();
            let id = AppendId(known.model.appends() as u32);
            let how = How {
                config: config_of(workload.shape),
                keys: known.keys.clone(),
                level,
                goes_on: (!is_last).then_some(id),
            };
            let ran = run(image, &how);
            self.outcomes.number(&ran.shown);
            let settled = judge(&ran.shown, known, &mut Default::default());
            let settled = settled.expect("the log is right");
            let stages = stages(known, settled, &ran).expect("the log is right");
            for (stage, disk) in &ran.moments[..ran.moments.len() * usize::from(!is_last)] {
                self.explore(workload, disk, &stages[*stage as usize], level + 1);
            }
        }
    }
}

fn hold_against_each_other(workload: &str, knobs: &Knobs) {
    let workload: Workload = workload.parse().expect("a workload");
    let moments = record(&workload, knobs).expect("nothing is wrong without a crash");
    let mut plain = Plain::default();
    let never = || false;
    let mut search = Search::new(2, u64::MAX, &never);
    search.open_as(workload.shape);
    let mut judged = [0; 2];
    for (number, moment) in moments.iter().enumerate() {
        let space = Space {
            disk: &moment.disk,
            open: &[],
            known: &moment.known,
            moment: number,
        };
        plain.explore(&workload, &moment.disk, &moment.known, 0);
        let counts = search.explore(&space, &[]).expect("the log is right");
        for (judged, level) in judged.iter_mut().zip(&counts.levels) {
            assert_eq!(level.judged, level.distinct);
            *judged += level.judged;
        }
        assert_eq!(judged, plain.judged, "after moment {number} of {workload}");
    }
    assert_eq!(search.outcomes.digests(), plain.outcomes.digests());
    println!("{workload}: {judged:?} images");
}

#[test]
fn a_search_does_what_one_by_one_does() {
    hold_against_each_other("durable 700, append 40, sync", &knobs());
    hold_against_each_other("append 700, append 40", &knobs());
}

#[test]
fn a_search_in_large_units_does_what_one_by_one_does() {
    let knobs = Knobs {
        atomic_unit: 4096,
        ..knobs()
    };
    hold_against_each_other("durable 40, reopen", &knobs);
}
