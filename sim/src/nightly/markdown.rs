//! A night for people: what is wrong first, then what was done.

use std::fmt::Write;

use super::summary::Summary;

impl Summary {
    /// The text of a `summary.md`.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        self.write(&mut text).expect("writing to a string");
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let (night, verdict) = (self.night, self.verdict.to_uppercase());
        writeln!(to, "# Night {night}: {verdict}\n")?;
        let shard = match self.shard.as_str() {
            "1/1" => String::new(),
            shard => format!(", shard {shard}"),
        };
        writeln!(
            to,
            "Commit `{}`, {} to {}, {} of {} in {} sittings{shard}, exit code {}.\n",
            self.commit,
            self.begun,
            self.ended,
            time(self.wall_seconds),
            time(self.asked_seconds),
            self.sittings,
            self.exit_code
        )?;
        self.write_failures(to)?;
        self.write_canaries(to)?;
        self.write_work(to)?;
        let never = self
            .total
            .as_ref()
            .and_then(|total| total["never_happened"].as_array());
        let never = never.into_iter().flatten().filter_map(|one| one.as_str());
        let never: Vec<&str> = never.collect();
        if !never.is_empty() {
            writeln!(to, "\nNever happened: {}.", never.join(", "))?;
        }
        for line in &self.skipped {
            writeln!(to, "\nNot done: {line}.")?;
        }
        Ok(())
    }

    fn write_failures(&self, to: &mut String) -> std::fmt::Result {
        if self.failures.is_empty() {
            return writeln!(to, "No failure is known.\n");
        }
        writeln!(to, "| failure | status | seeds | what is wrong | again |")?;
        writeln!(to, "| --- | --- | --- | --- | --- |")?;
        for met in &self.failures {
            let since = match met.status.as_str() {
                "fixed since" => format!(" {}", met.since),
                _ => String::new(),
            };
            writeln!(
                to,
                "| `{}` {} | {}{since} | {} | {} | `{}` |",
                met.id,
                met.property,
                met.status,
                met.count,
                cell(&met.story),
                cell(&met.command)
            )?;
        }
        writeln!(to)
    }

    fn write_canaries(&self, to: &mut String) -> std::fmt::Result {
        writeln!(to, "| canary | noticed | reported |\n| --- | --- | --- |")?;
        for canary in &self.canaries {
            let noticed = match canary.noticed {
                true => "yes",
                false => "**no: the night is void**",
            };
            writeln!(
                to,
                "| {} | {noticed} | {} |",
                canary.name,
                cell(&canary.reported)
            )?;
        }
        writeln!(to)
    }

    fn write_work(&self, to: &mut String) -> std::fmt::Result {
        if let Some(total) = &self.total {
            writeln!(
                to,
                "{} seeds, {} recoveries judged, {} a CPU-second; {} features of runs are known.\n",
                total["seeds"],
                total["recoveries"],
                total["recoveries_per_cpu_second"],
                self.states_known
            )?;
        }
        writeln!(
            to,
            "| work | slices | time | share | seeds | new |\n| --- | --- | --- | --- | --- | --- |"
        )?;
        for arm in &self.arms {
            writeln!(
                to,
                "| {} | {} | {} | {:.1} % | {} | {} |",
                arm.name,
                arm.slices,
                time(arm.wall_seconds),
                100.0 * arm.share,
                arm.seeds,
                arm.new
            )?;
        }
        for one in &self.explored {
            writeln!(
                to,
                "\nExplored {}: {} done, {} states judged.",
                one.name, one.done, one.judged
            )?;
        }
        for one in &self.fuzz {
            let (target, runs, new) = (&one.target, one.runs, one.new);
            writeln!(
                to,
                "\nFuzz target `{target}`: {runs} inputs, {new} of them new, {} failed.",
                one.crashes
            )?;
        }
        if !self.mutants.is_empty() {
            let told = self
                .mutants
                .iter()
                .map(|mutant| format!("{} {}", mutant.name, mutant.state));
            writeln!(to, "\nMutants: {}.", told.collect::<Vec<_>>().join(", "))?;
        }
        Ok(())
    }
}

/// A text within a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Seconds, as people say them.
fn time(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0..=119 => format!("{seconds:.0} s"),
        120..=7199 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}
