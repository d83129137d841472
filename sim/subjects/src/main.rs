//! The command: subjects under the storm.

use std::collections::BTreeMap;

use seawall_sim::disk::{Knobs, Profile};
use seawall_sim::seed::Seed;
use seawall_subjects::kernel::Machine;
use seawall_subjects::storm::storm;
use seawall_subjects::{subjects, zygote};

fn main() {
    zygote::without_randomized_addresses();
    let machine: &'static Machine = Box::leak(Box::new(Machine::several(1, subjects::ALL).remove(0)));
    let args: Vec<String> = std::env::args().collect();
    let number = subjects::ALL.iter().position(|subject| subject.name == args[1]).expect("a name");
    let seeds: u64 = args[2].parse().expect("seeds");
    let from: u64 = args.get(3).map_or(1, |text| text.parse().expect("a seed"));
    let profile = match args.get(4).map(String::as_str) { Some("ext4") => Profile::Ext4Ordered, _ => Profile::Strict };
    let storm = storm(machine, number, Knobs { profile, ..Knobs::default() });
    let mut kinds: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    let begun = std::time::Instant::now();
    let (mut lives, mut hash) = (0, 0u64);
    for seed in from..from + seeds {
        let trial = storm.trial(Seed(seed));
        let report = trial.run(seeds == 1);
        lives += report.figures.lives;
        hash = hash.rotate_left(5) ^ report.trace.hash;
        if seeds == 1 { report.trace.lines.iter().for_each(|line| println!("{line}")); }
        if let Some(violation) = report.violation {
            let kind: String = violation.story.chars().filter(|c| !c.is_ascii_digit()).take(70).collect();
            let kind = format!("{} {kind}", violation.property.name());
            kinds.entry(kind).or_insert((0, seed, violation.story)).0 += 1;
        }
    }
    println!("{} {lives} lives in {:?}, {:016x}", args[1], begun.elapsed(), hash);
    for (count, seed, story) in kinds.values() { println!("  {count} times, seed {seed}: {story}"); }
    if let Some(what) = args.get(5) {
        let _ = what;
        for (_, seed, _) in kinds.values() {
            let small = storm.trial(Seed(*seed)).shrunk(3000).expect("fails");
            small.run(true).trace.lines.iter().filter(|l| !l.starts_with("->")).for_each(|line| println!("{line}"));
            let explained = small.explain().expect("fails");
            println!("{}", small.run(false).violation.expect("fails"));
            explained.sentences.iter().for_each(|line| println!("  - {line}"));
        }
    }
}
