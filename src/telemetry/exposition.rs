//! Writes families of stored state in Prometheus' text format, under a cap on series.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::metrics::catalogue::CATALOGUE;

/// Series by family, to be written in the catalogue's order.
#[derive(Debug, Default)]
pub struct Exposition {
    families: BTreeMap<&'static str, Vec<Series>>,
}

#[derive(Debug)]
struct Series {
    labels: String,
    value: f64,
    essential: bool,
}

impl Exposition {
    /// Adds a series; one that no shipped alert could need may be cut when there are too many.
    pub fn add(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64) {
        self.push(family, labels, value, true);
    }

    /// Adds a series that may be cut.
    pub fn add_optional(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64) {
        self.push(family, labels, value, false);
    }

    fn push(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64, essential: bool) {
        let mut text = String::new();
        for (name, value) in labels {
            let separator = if text.is_empty() { "" } else { "," };
            let _ = write!(text, "{separator}{name}=\"");
            escape(&mut text, value);
            text.push('"');
        }
        self.families.entry(family).or_default().push(Series { labels: text, value, essential });
    }

    /// The text, with at most `cap` series unless more are essential, and how many were cut.
    pub fn render(self, cap: usize) -> (String, usize) {
        let essential = self.families.values().flatten().filter(|series| series.essential).count();
        let mut room = cap.saturating_sub(essential);
        let (mut text, mut dropped) = (String::new(), 0);
        for family in CATALOGUE.iter().filter(|family| family.stored) {
            let Some(series) = self.families.get(family.name) else { continue };
            let _ = writeln!(text, "# HELP {} {}\n# TYPE {} gauge", family.name, family.help, family.name);
            for one in series {
                if !one.essential {
                    if room == 0 {
                        dropped += 1;
                        continue;
                    }
                    room -= 1;
                }
                let _ = match one.labels.as_str() {
                    "" => writeln!(text, "{} {}", family.name, one.value),
                    labels => writeln!(text, "{}{{{labels}}} {}", family.name, one.value),
                };
            }
        }
        (text, dropped)
    }
}

fn escape(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_cannot_break_the_text_and_the_cap_spares_what_alerts_need() {
        let mut exposition = Exposition::default();
        exposition.add("tenantd_tenant_info", &[("tenant_name", "a\"b\\c\nd")], 1.0);
        exposition.add_optional("tenantd_resources", &[("cloud", "lab")], 2.0);
        exposition.add_optional("tenantd_resources", &[("cloud", "other")], 3.0);
        let (text, dropped) = exposition.render(2);
        assert!(text.contains(r#"tenantd_tenant_info{tenant_name="a\"b\\c\nd"} 1"#), "{text}");
        assert_eq!((text.matches("tenantd_resources{").count(), dropped), (1, 1));
    }
}
