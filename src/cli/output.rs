//! The one place that prints results: tables for people, JSON and CSV for programs.
//!
//! Results go to stdout and everything else to stderr, so that a pipe carries nothing but results. A reader that
//! went away ends the command quietly (see [`super::is_broken_pipe`]).

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use chrono::{DateTime, Utc};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

pub use crate::drift::values::stamp;

/// How results are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: aligned, times as ages.
    #[default]
    Table,
    /// An array of objects, times in RFC 3339.
    Json,
    /// The same with a header line.
    Csv,
}

/// The columns of a listing.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// The keys of JSON and CSV, in order.
    pub keys: &'static [&'static str],
    /// The headings of the table.
    pub headings: &'static [&'static str],
    /// What to say when there is nothing to list.
    pub none: &'static str,
}

/// One line of a listing in both forms.
#[derive(Debug, Clone)]
pub struct Row {
    /// For programs: an object with the keys of the columns.
    pub json: Value,
    /// For people: one text for each heading.
    pub cells: Vec<String>,
}

/// Prints a listing.
///
/// # Errors
/// When stdout cannot be written.
pub fn list(format: Format, columns: Columns, rows: &[Row]) -> io::Result<()> {
    match format {
        Format::Json => json(&rows.iter().map(|row| Ordered(columns.keys, &row.json)).collect::<Vec<_>>()),
        Format::Csv => csv(columns.keys, rows),
        Format::Table if rows.is_empty() => {
            note(columns.none);
            Ok(())
        }
        Format::Table => line(&table(columns.headings, rows.iter().map(|row| row.cells.as_slice()), width())),
    }
}

/// Prints one thing: a line for each of its fields, or the listing with it alone.
///
/// # Errors
/// When stdout cannot be written.
pub fn show(format: Format, columns: Columns, row: &Row, fields: &[(&str, String)]) -> io::Result<()> {
    if format != Format::Table {
        return list(format, columns, std::slice::from_ref(row));
    }
    let longest = fields.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let shown = fields.iter().filter(|(_, value)| !value.is_empty());
    let text = shown.fold(String::new(), |text, (name, value)| {
        let indented = value.replace('\n', &format!("\n{:longest$}  ", ""));
        format!("{text}{name:longest$}  {indented}\n")
    });
    line(text.trim_end())
}

/// How a command is called again with the same configuration: `tenantd --config FILE`.
pub fn tenantd(config: &Path) -> String {
    if config == Path::new("/etc/tenantd/tenantd.toml") {
        return "tenantd".to_owned();
    }
    format!("tenantd --config {}", config.display())
}

/// Prints one line (or several) of results.
///
/// # Errors
/// When stdout cannot be written.
pub fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// Prints a value as JSON.
///
/// # Errors
/// When stdout cannot be written.
pub fn json<T: Serialize>(value: &T) -> io::Result<()> {
    line(&serde_json::to_string_pretty(value)?)
}

/// Says something that is no result.
pub fn note(text: &str) {
    // Nobody is left to be told that stderr is closed.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether stderr may be coloured.
pub fn colour_on_stderr() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The width to keep to; a file or a pipe has none.
fn width() -> Option<u16> {
    io::stdout().is_terminal().then(terminal_size::terminal_size).flatten().map(|(width, _)| width.0)
}

/// Wider columns than this are broken into lines when a table does not fit.
const SHORT: usize = 16;

/// Columns side by side without lines around them. Where the terminal is too narrow, ids show their last group only
/// (arguments take it too), and long texts are broken into lines.
fn table<'a>(headings: &[&str], rows: impl Iterator<Item = &'a [String]>, width: Option<u16>) -> String {
    let mut rows: Vec<Vec<String>> = rows.map(<[String]>::to_vec).collect();
    let whole = rendered(headings, &rows, None);
    let Some(width) = width else { return whole };
    let fits = |text: &str| text.lines().all(|line| line.chars().count() <= width.into());
    if fits(&whole) {
        return whole;
    }
    for (cell, _) in rows.iter_mut().flat_map(|row| row.iter_mut().zip(headings)).filter(|(_, it)| it.ends_with("ID")) {
        if let Some((_, last)) = cell.rsplit_once('-') {
            *cell = last.to_owned();
        }
    }
    let shorter = rendered(headings, &rows, None);
    if fits(&shorter) { shorter } else { rendered(headings, &rows, Some(width)) }
}

fn rendered(headings: &[&str], rows: &[Vec<String>], width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(headings.iter().copied()).add_rows(rows);
    table.set_content_arrangement(ContentArrangement::Disabled);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        let widest = rows.iter().filter_map(|row| Some(row.get(index)?.chars().count())).max().unwrap_or_default();
        if widest <= SHORT {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn csv(keys: &[&str], rows: &[Row]) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    writer.write_record(keys)?;
    for row in rows {
        writer.write_record(keys.iter().map(|key| plain(row.json.get(key).unwrap_or(&Value::Null))))?;
    }
    writer.flush()
}

/// A value as a field of CSV or a cell: text as it is, nothing as nothing, the rest as JSON.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// An object whose keys come in the order of the contract.
struct Ordered<'a>(&'a [&'a str], &'a Value);

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for key in self.0 {
            map.serialize_entry(key, self.1.get(key).unwrap_or(&Value::Null))?;
        }
        map.end()
    }
}

/// `3m`, `2h`, `5d`: how long ago, in one unit.
pub fn age(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    span((now - then).num_seconds().max(0))
}

/// How long until then, to the nearest of one unit: seven days are not six a second later.
pub fn left(now: DateTime<Utc>, until: DateTime<Utc>) -> String {
    let seconds = (until - now).num_seconds().max(0);
    let half = match seconds {
        ..120 => 0,
        120..7_200 => 30,
        7_200..172_800 => 1_800,
        _ => 43_200,
    };
    span(seconds + half)
}

/// So many seconds in one unit.
pub fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `3m ago`, or `in 3m`, or a dash.
pub fn when(moment: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    match moment {
        None => "-".to_owned(),
        Some(moment) if moment > now => format!("in {}", age(now, moment)),
        Some(moment) => format!("{} ago", age(moment, now)),
    }
}

/// Both forms of a moment, where there is room: `2026-01-01T00:00:00Z (3m ago)`.
pub fn moment(moment: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let Some(at) = moment else { return String::new() };
    format!("{} ({})", stamp(at), when(moment, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_does_not_fit_has_short_ids_and_broken_texts() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057".to_owned();
        let row = ["a group with rather a long name that has to be broken".to_owned(), id.clone()];
        let at = |width| table(&["OBJECT", "ID"], std::iter::once(row.as_slice()), width);
        assert!(at(None).contains(&id) && at(Some(120)).contains(&id));
        let narrow = at(Some(40));
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
        assert!(narrow.contains("  b302099a8057") && narrow.lines().count() > 2, "{narrow}");
    }

    #[test]
    fn ages_have_one_unit() {
        assert_eq!([span(5), span(119), span(180), span(7_300), span(180_000)], ["5s", "119s", "3m", "2h", "2d"]);
    }
}
