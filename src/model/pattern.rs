//! Patterns in which `*` stands for any text.

/// Whether `pattern` is one of `name`.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut left) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return left.is_empty() };
    // Of each part in between the first place is as good as any other.
    for part in parts {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(last)
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
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("*ab*ab", "xab", false),
            ("", "pull", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
