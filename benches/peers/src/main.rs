//! seawall beside other logs and the raw floor: one command, one table.
//!
//! The parent goes through rounds; in each it measures every peer in every workload, one behind the
//! other, in an order that turns with the rounds, each in a child process of its own. What counts are
//! the ratios of two peers in the same round, and their median over the rounds: machines drift.

mod cache;
mod campaign;
mod child;
mod durability;
mod job;
mod payload;
mod peer;
mod peers;
mod queue;
mod table;
mod threads;
mod workload;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::campaign::{Campaign, Place};
use crate::peer::Peer;
use crate::workload::Workload;

/// Measures seawall side by side with other logs and with the raw floor.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Shorter and smaller: to see that it works, not to quote.
    #[arg(long)]
    quick: bool,
    /// Only these rows, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "PEER")]
    only: Vec<String>,
    /// Only these workloads, separated by commas; `--list` shows them.
    #[arg(long, value_delimiter = ',', value_name = "WORKLOAD")]
    workload: Vec<String>,
    /// A directory on the disk to measure on.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/target/data"))]
    dir: PathBuf,
    /// A directory in memory, for the workloads that measure the processor.
    #[arg(long, default_value = "/dev/shm/seawall-peers")]
    tmpfs: PathBuf,
    /// The row that all others are divided into.
    #[arg(long, default_value = "seawall")]
    base: String,
    /// Don't count the syncs first.
    #[arg(long)]
    unchecked: bool,
    /// All outcomes, also into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Lists peers with their settings, and workloads.
    #[arg(long)]
    list: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Does one job, given as JSON: how the parent starts its children.
    #[command(hide = true)]
    Child { job: String },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Child { job }) = &cli.command {
        let job: job::Job = serde_json::from_str(job)?;
        let outcome = child::work(peer_named(&job.peer)?, &job)?;
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(());
    }
    if cli.list {
        list();
        return Ok(());
    }
    let peers = match cli.only.is_empty() {
        true => peers::ALL.to_vec(),
        false => cli
            .only
            .iter()
            .map(|name| peer_named(name))
            .collect::<Result<_>>()?,
    };
    let workloads: Vec<&Workload> = match cli.workload.is_empty() {
        true => workload::ALL.iter().collect(),
        false => cli
            .workload
            .iter()
            .map(|name| workload_named(name))
            .collect::<Result<_>>()?,
    };
    peer_named(&cli.base)?;
    ensure!(cli.rounds > 0, "no rounds, no medians");
    let place = Place::new(&cli.dir, &cli.tmpfs)?;
    if !cli.unchecked {
        println!("{}", durability::check(&place, &peers)?);
    }
    let campaign = Campaign {
        place: &place,
        peers,
        workloads,
        rounds: cli.rounds,
        is_quick: cli.quick,
    };
    let rows = campaign.run()?;
    println!("{}", table::table(&rows, &cli.base));
    if let Some(path) = &cli.json {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)
            .with_context(|| format!("{}", path.display()))?;
    }
    Ok(())
}

fn list() {
    for peer in peers::ALL {
        println!("{:16} {}", peer.name(), peer.setting());
    }
    println!();
    for workload in workload::ALL {
        println!("{}", workload.name);
    }
}

fn peer_named(name: &str) -> Result<&'static dyn Peer> {
    let found = peers::ALL.iter().find(|peer| peer.name() == name);
    found
        .copied()
        .with_context(|| format!("no peer {name}: see --list"))
}

fn workload_named(name: &str) -> Result<&'static Workload> {
    let found = workload::ALL.iter().find(|one| one.name == name);
    found.with_context(|| format!("no workload {name}: see --list"))
}
