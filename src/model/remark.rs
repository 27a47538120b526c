//! What somebody says of a finding, for whoever looks at it next: why it may stay as it is, or what was found out.

use std::fmt;
use std::str::FromStr;

/// Letters at most.
const MOST: usize = 2000;

/// Some words, kept as they were said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark(String);

impl Remark {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Remark {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words = text.trim();
        if words.is_empty() {
            return Err("This field may not be blank.".to_owned());
        }
        if words.chars().count() > MOST {
            return Err(format!("Ensure this field has no more than {MOST} characters."));
        }
        if words.contains('\0') {
            return Err("Null characters are not allowed.".to_owned());
        }
        Ok(Self(words.to_owned()))
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_says_something() {
        assert_eq!("  ticket 7\n".parse::<Remark>().unwrap().as_str(), "ticket 7");
        assert!(" \n".parse::<Remark>().unwrap_err().contains("blank"));
        assert!("ä".repeat(MOST).parse::<Remark>().is_ok());
        assert!("ä".repeat(MOST + 1).parse::<Remark>().unwrap_err().contains("2000"));
        assert!("a\0b".parse::<Remark>().is_err());
    }
}
