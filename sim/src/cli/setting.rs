//! What is not left to the seed: the same options for a campaign and for the replay of one of its seeds.

use clap::Args;

use seawall_sim::checker::Property;
use seawall_sim::checker::unchecked::Unchecked;
use seawall_sim::disk::Profile;
use seawall_sim::scenario::generate::{Setting, Shape};
use seawall_sim::scenario::keys::Encryption;
use seawall_sim::sched::policy::PolicyKind;

/// What is not left to the seed.
#[derive(Args)]
pub(super) struct SettingArgs {
    /// The same workload in each life, for measurements: clients x appends, such as 4x20, in 8 lives;
    /// or in as many as a third number says, such as 4x20x16.
    #[arg(long)]
    shape: Option<Shape>,
    /// Which logs are encrypted: drawn (half of the seeds'), never, always.
    #[arg(long, default_value = "drawn")]
    encryption: Encryption,
    /// The file system that the disk behaves like: strict, ideal-keep, ideal-lose, ext4-ordered,
    /// ext4-journal, xfs, btrfs, f2fs-posix. Default: strict for 70 % of the seeds. Or what other
    /// harnesses take for a disk: loses-unsynced, keeps-a-prefix, damages-a-sector, loses-nothing,
    /// page-cache-survives.
    #[arg(long)]
    profile: Option<Profile>,
    /// Who chooses the next task in all lives: walk, random, sticky:16, pct:3 or pos. Default: drawn.
    #[arg(long)]
    policy: Option<PolicyKind>,
    /// A check that is not made, for measurements: covered-names or covered-data. Can be repeated.
    #[arg(long, value_name = "PROPERTY", value_parser = parse_lint)]
    unchecked: Vec<Property>,
}

impl SettingArgs {
    pub(super) fn setting(&self) -> Setting {
        Setting {
            shape: self.shape.unwrap_or(Shape::Swarm),
            encryption: self.encryption,
            profile: self.profile,
            policy: self.policy,
            unchecked: Unchecked::all(&self.unchecked).expect("the parser has refused others"),
        }
    }

    /// The options that say the same, each after a space.
    pub(super) fn options(&self) -> String {
        let mut options = String::new();
        if let Some(shape @ Shape::Fixed { .. }) = self.shape {
            options += &format!(" --shape {shape}");
        }
        if self.encryption != Encryption::Drawn {
            options += &format!(" --encryption {}", self.encryption);
        }
        if let Some(profile) = self.profile {
            options += &format!(" --profile {profile}");
        }
        if let Some(policy) = self.policy {
            options += &format!(" --policy {policy}");
        }
        for property in &self.unchecked {
            options += &format!(" --unchecked {property}");
        }
        options
    }
}

fn parse_lint(text: &str) -> Result<Property, String> {
    let property = text.parse()?;
    Unchecked::all(&[property]).map(|_| property)
}
