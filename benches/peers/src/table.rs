//! The table: a line for each measure and peer, medians over the rounds, ratios within rounds.

use std::fmt::Write;

use crate::campaign::Row;
use crate::job::Outcome;

const FLOORS: [&str; 2] = ["raw-buf", "raw-dsync"];

/// All rows as a table in Markdown, and what they say of seawall.
pub fn table(rows: &[Row], base: &str) -> String {
    let mut text = String::new();
    let mut line = |cells: &[String]| writeln!(text, "| {} |", cells.join(" | "));
    let head = [
        "measure",
        "peer",
        "median",
        "least",
        "most",
        "of raw-buf",
        "of raw-dsync",
        base,
        "p50 us",
        "p99 us",
        "p99/p50",
        "CPU us/rec",
        "RSS MiB",
        "read MiB",
    ];
    let mut head: Vec<String> = head.map(str::to_owned).to_vec();
    head[7] = format!("{base} is x");
    line(&head).expect("text has room");
    let rule = ["---", "---"].iter().chain([&"---:"; 12]);
    line(&rule.map(|cell| (*cell).to_owned()).collect::<Vec<_>>()).expect("text has room");
    for row in rows {
        line(&cells(row, rows, base)).expect("text has room");
    }
    text.push('\n');
    text.push_str(&standing(rows));
    text
}

fn cells(row: &Row, rows: &[Row], base: &str) -> Vec<String> {
    let rates = values(row, |one| Some(one.rate));
    let of = |name: &str| ratio(row, beside(rows, row, name)?);
    let base_is = beside(rows, row, base).and_then(|base| ratio(base, row));
    let p50 = median(values(row, |one| one.p50_us));
    let p99 = median(values(row, |one| one.p99_us));
    let spread = p99.zip(p50).map(|(p99, p50)| p99 / p50);
    vec![
        row.measure.clone(),
        row.peer.clone(),
        format!("{} {}", number(median(rates.clone())), row.unit),
        number(rates.iter().copied().reduce(f64::min)),
        number(rates.iter().copied().reduce(f64::max)),
        number(of(FLOORS[0])),
        number(of(FLOORS[1])),
        number(base_is),
        number(p50),
        number(p99),
        number(spread),
        number(median(values(row, |one| Some(one.cpu_us)))),
        number(median(values(row, |one| Some(one.rss_mib)))),
        number(median(values(row, |one| Some(one.read_mib)))),
    ]
}

/// For each measure, seawall against the floors and against the best of the others.
fn standing(rows: &[Row]) -> String {
    let mut text = String::from(
        "| measure | seawall | of raw-buf | of raw-dsync | best peer | of best peer | its p99 of that |\n\
         |---|---|---:|---:|---|---:|---:|\n",
    );
    for row in rows.iter().filter(|row| is_seawall(row)) {
        let is_other = |other: &&Row| {
            other.measure == row.measure && !is_seawall(other) && !other.peer.starts_with("raw-")
        };
        let rate = |row: &Row| median(values(row, |one| Some(one.rate))).unwrap_or(0.0);
        let best = rows.iter().filter(is_other);
        let best = best.max_by(|a, b| rate(a).total_cmp(&rate(b)));
        let of = |name: &str| ratio(row, beside(rows, row, name)?);
        let (buffered, direct) = (number(of(FLOORS[0])), number(of(FLOORS[1])));
        let name = best.map_or("", |best| best.peer.as_str());
        let of_best = number(best.and_then(|best| ratio(row, best)));
        let p99 = |row: &Row| median(values(row, |one| one.p99_us));
        let p99 = number(best.and_then(|best| Some(p99(row)? / p99(best)?)));
        let line = format!(
            "| {} | {} | {buffered} | {direct} | {name} | {of_best} | {p99} |\n",
            row.measure, row.peer
        );
        text.push_str(&line);
    }
    text
}

fn is_seawall(row: &Row) -> bool {
    row.peer.starts_with("seawall")
}

/// The row of another peer in the same measure.
fn beside<'r>(rows: &'r [Row], row: &Row, peer: &str) -> Option<&'r Row> {
    let is_it =
        |other: &&Row| other.measure == row.measure && other.peer.trim_end_matches("+q") == peer;
    rows.iter().find(is_it)
}

/// The median of the ratios of two rows, each within a round.
fn ratio(row: &Row, to: &Row) -> Option<f64> {
    let pairs = row.outcomes.iter().zip(&to.outcomes);
    let ratio = |(one, other): (&Option<Outcome>, &Option<Outcome>)| {
        let ratio = one.as_ref()?.rate / other.as_ref()?.rate;
        ratio.is_finite().then_some(ratio)
    };
    median(pairs.filter_map(ratio).collect())
}

fn values(row: &Row, of: impl Fn(&Outcome) -> Option<f64>) -> Vec<f64> {
    row.outcomes.iter().flatten().filter_map(of).collect()
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        length if length % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// Three digits or more, thousands apart; nothing where there is none.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else {
        return String::new();
    };
    if value < 100.0 {
        let digits = if value < 10.0 { 2 } else { 1 };
        return format!("{value:.digits$}");
    }
    let whole = (value.round() as u64).to_string();
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{median, number};

    #[test]
    fn a_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(None), "");
        assert_eq!(number(Some(0.984)), "0.98");
        assert_eq!(number(Some(54.06)), "54.1");
        assert_eq!(number(Some(1_234_567.0)), "1,234,567");
    }
}
