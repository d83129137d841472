//! `cargo sim replay`, and what all commands about one scenario share: how it is named.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use seawall_sim::capsule::Capsule;
use seawall_sim::checker::Class;
use seawall_sim::disk::Fault;
use seawall_sim::import::capsule::ImageCapsule;
use seawall_sim::recording::{chrome_trace, record_whole};
use seawall_sim::run::run as run_scenario;
use seawall_sim::scenario::Scenario;
use seawall_sim::scenario::generate::generate;
use seawall_sim::seed::Seed;
use seawall_sim::site::Site;
use seawall_sim::syncs::Log;

use super::{SettingArgs, import};

/// One scenario.
#[derive(Args)]
pub(super) struct WhatArgs {
    /// A seed, or the path of a scenario file or of a capsule.
    what: String,
    /// What the log calls at this site has no effect, as `cargo sim syncs` tells it. Damage to the
    /// medium is left out then, as it is there.
    #[arg(long, value_name = "SITE")]
    without: Option<Site>,
    /// What the seed was run with.
    #[command(flatten)]
    setting: SettingArgs,
}

#[derive(Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Print everything that happened, a line each.
    #[arg(long)]
    trace: bool,
    /// Write everything that happened as Chrome trace events, which Perfetto opens.
    #[arg(long, value_name = "FILE")]
    chrome_trace: Option<PathBuf>,
}

pub(super) fn run(args: &ReplayArgs) -> ExitCode {
    if let Some(image) = args.what.image() {
        return import::replay(Path::new(&args.what.what), &image, args.trace);
    }
    let scenario = match args.what.read() {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    say!("{}", scenario.print());
    if let Some(path) = &args.chrome_trace
        && let Err(error) = write_chrome_trace(path, &scenario)
    {
        eprintln!("error: cannot write {}: {error}", path.display());
        return ExitCode::from(2);
    }
    let report = run_scenario(&scenario, args.trace);
    for line in &report.trace.lines {
        say!("{line}");
    }
    say!(
        "{} lives, {} recoveries checked, {} appends, {} acknowledged",
        report.figures.lives,
        report.figures.recoveries,
        report.figures.appends,
        report.figures.acked
    );
    let lies = report.figures.disk.faults(Fault::LieAtSite);
    if let Some(site) = &scenario.without {
        say!("the disk lied: {lies} calls at `{site}` had no effect");
    }
    say!("trace {:016x}", report.trace.hash);
    let code = match &report.violation {
        None if scenario.without.is_some() && lies == 0 => {
            say!(
                "VACUOUS: nothing was called at that site\nseed {}",
                scenario.seed
            );
            Class::Vacuity as u8
        }
        None => {
            say!("PASSED\nseed {}", scenario.seed);
            0
        }
        Some(violation) => {
            let code = violation.property.class() as u8;
            say!(
                "FAILED, exit code {code}: {}\n  {}\nseed {}\ncargo sim replay {}",
                violation.property,
                violation.story,
                scenario.seed,
                args.what.name()
            );
            code
        }
    };
    ExitCode::from(code)
}

#[allow(clippy::disallowed_methods)] // For a viewer on the real file system.
fn write_chrome_trace(path: &Path, scenario: &Scenario) -> std::io::Result<()> {
    let trace = chrome_trace(&record_whole(scenario, None));
    std::fs::write(path, trace.to_string())
}

impl WhatArgs {
    /// How to name it once more on a command line.
    pub(super) fn name(&self) -> String {
        let without = self.without.as_ref();
        let without = without.map(|site| format!(" --without '{site}'"));
        let (without, options) = (without.unwrap_or_default(), self.setting.options());
        format!("{}{without}{options}", self.what)
    }

    /// The image in a capsule, if it is one of an image.
    #[allow(clippy::disallowed_methods)] // Capsules are on the real file system.
    fn image(&self) -> Option<ImageCapsule> {
        let text = std::fs::read_to_string(&self.what).ok()?;
        ImageCapsule::parse(&text).ok()
    }

    /// The scenario itself, whose seed it says.
    ///
    /// # Errors
    /// How to end, where it has said what is wrong.
    pub(super) fn read(&self) -> Result<Scenario, ExitCode> {
        let scenario = self.scenario().map_err(|error| {
            eprintln!("error: {error}");
            ExitCode::from(2)
        })?;
        say!("seed {}", scenario.seed);
        Ok(scenario)
    }

    /// Says in one line what is wrong, if something is.
    #[allow(clippy::disallowed_methods)] // Scenario files are on the real file system.
    fn scenario(&self) -> Result<Scenario, String> {
        let path: PathBuf = self.what.clone().into();
        if !path.exists() {
            let seed: Seed = self
                .what
                .parse()
                .map_err(|error| format!("{error}; and there is no file of that name"))?;
            let setting = self.setting.setting();
            return Ok(match &self.without {
                None => generate(seed, setting),
                Some(site) => Log { setting }.scenario(seed, Some(site.clone())),
            });
        }
        if self.without.is_some() || !self.setting.options().is_empty() {
            return Err("options are for seeds; a file has all of it in its text".into());
        }
        let text = std::fs::read_to_string(&path);
        let text = text.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        parse(&path, &text)
    }
}

fn parse(path: &Path, text: &str) -> Result<Scenario, String> {
    if text.starts_with('{') {
        return parse(path, &Capsule::load(path)?.scenario);
    }
    // One line tells more than the excerpt with arrows that follows it.
    let first_line = |error: String| error.lines().collect::<Vec<_>>().join(" ");
    Scenario::parse(text).map_err(|error| format!("{}: {}", path.display(), first_line(error)))
}
