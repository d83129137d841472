//! What the mutator makes of scenarios.
//!
//! *Verified:* any chain of mutations gives scenarios that can be printed, parsed and run, and that
//! the log passes, as it passes those of the swarm; mutants differ, and the same choices make the
//! same ones; a guided campaign on one thread is the same each time. *Not verified:* that it finds more bugs: that is measured, see `finding.md`.

use seawall_sim::campaign::{Campaign, Summary};
use seawall_sim::choice::{Choices, Purpose};
use seawall_sim::mutate::mutate;
use seawall_sim::run::run;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::{Setting, generate};
use seawall_sim::seed::Seed;

const CHAINS: u64 = 150;
const LINKS: u64 = 12;

#[test]
fn any_chain_of_mutations_gives_scenarios_that_can_be_printed_parsed_and_run() {
    let mut stream = Choices::new(1).stream(Purpose::Mutation, 0);
    for seed in 0..CHAINS {
        let mut scenario = generate(Seed(seed), Setting::default());
        let other = generate(Seed(seed + CHAINS), Setting::default());
        for link in 0..LINKS {
            mutate(&mut scenario, Some(&other), &mut stream);
            let text = scenario.print();
            assert_eq!(Scenario::parse(&text).as_ref(), Ok(&scenario), "{text}");
            let violation = run(&scenario, false).violation;
            assert_eq!(violation, None, "seed {seed}, link {link}: {text}");
        }
    }
}

#[test]
fn a_mutant_differs_and_the_same_choices_make_the_same_one() {
    let scenario = generate(Seed(5), Setting::default());
    let mut differ = 0;
    for number in 0..50 {
        let [one, other] = [(); 2].map(|()| {
            let mut stream = Choices::new(number).stream(Purpose::Mutation, 0);
            let mut mutant = scenario.clone();
            mutate(&mut mutant, None, &mut stream);
            mutant
        });
        assert_eq!(one, other);
        differ += usize::from(one != scenario);
    }
    assert!(differ > 48, "only {differ} of 50 mutants differ");
}

fn campaign(guided: bool) -> Summary {
    let campaign = Campaign {
        seeds: Some(600),
        guided,
        ..Campaign::of(Seed(1))
    };
    campaign.run(|_| ())
}

#[test]
fn a_guided_campaign_can_be_repeated_and_keeps_what_was_new() {
    let [one, other] = [(); 2].map(|()| campaign(true));
    assert_eq!(one.failure().map(|failure| &failure.violation), None);
    assert_eq!(one.search, other.search);
    assert_eq!(one.figures.steps, other.figures.steps);
    assert_eq!(one.figures.disk, other.figures.disk);
    let (features, kept) = one.search;
    assert!(features > 1000, "{features} features");
    assert!((100..600).contains(&kept), "{kept} scenarios are kept");
    assert_eq!(campaign(false).search, (0, 0));
}
