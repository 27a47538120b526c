//! Writes families of stored state in Prometheus' text format.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::metrics::catalogue::CATALOGUE;

/// Series by family, to be written in the catalogue's order.
#[derive(Debug, Default)]
pub struct Exposition {
    families: BTreeMap<&'static str, Vec<(String, f64)>>,
}

impl Exposition {
    /// Adds a series.
    pub fn add(&mut self, family: &'static str, labels: &[(&str, &str)], value: f64) {
        let mut text = String::new();
        for label in labels {
            push_label(&mut text, *label);
        }
        self.families.entry(family).or_default().push((text, value));
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.families.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.families.is_empty()
    }

    /// The text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for family in CATALOGUE.iter().filter(|family| family.stored) {
            let Some(series) = self.families.get(family.name) else { continue };
            head(&mut text, family.name);
            for (labels, value) in series {
                let _ = match labels.as_str() {
                    "" => writeln!(text, "{} {value}", family.name),
                    labels => writeln!(text, "{}{{{labels}}} {value}", family.name),
                };
            }
        }
        text
    }
}

/// What stands before the series of a family of stored state.
pub fn head(text: &mut String, name: &str) {
    let help = CATALOGUE.iter().find(|family| family.name == name).map_or("", |family| family.help);
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
}

/// Writes a label behind those that are there.
pub fn push_label(text: &mut String, (name, value): (&str, &str)) {
    text.push_str(if text.is_empty() { "" } else { "," });
    text.push_str(name);
    text.push_str("=\"");
    escape(text, value);
    text.push('"');
}

/// Writes a label's value.
pub fn escape(text: &mut String, value: &str) {
    if !value.contains(['\\', '"', '\n']) {
        return text.push_str(value);
    }
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
    fn odd_names_cannot_break_the_text() {
        let mut exposition = Exposition::default();
        exposition.add("tenantd_cloud_tenants", &[("cloud", "a\"b\\c\nd")], 1.0);
        exposition.add("tenantd_dead_letters", &[], 2.0);
        let text = exposition.render();
        assert!(text.contains(r#"tenantd_cloud_tenants{cloud="a\"b\\c\nd"} 1"#), "{text}");
        assert!(text.ends_with("\n# TYPE tenantd_dead_letters gauge\ntenantd_dead_letters 2\n"), "{text}");
    }
}
