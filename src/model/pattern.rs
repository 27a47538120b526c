//! Patterns in which `*` stands for any text.

/// Whether `pattern` is one of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    (0..=name.len()).any(|end| name.is_char_boundary(end) && matches(rest, &name[end..]))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("pull_*", "pull_quotas", true),
            ("pull_*", "pull", false),
            ("pull", "pull_quotas", false),
            ("*_quotas", "set_quotas", true),
            ("p*l*s", "pull_quotas", true),
            ("p*x*s", "pull_quotas", false),
            ("é*", "éa", true),
            ("", "pull", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
