//! Holds the documents to the command line: every `tenantd …` that a page tells somebody to type can be typed.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::Cli;

/// What a page writes where a person puts a value, and a value that fits.
const STAND_INS: [(&str, &str); 11] = [
    ("ID", "0190a5d0-ac96-774b-bcce-b302099a8057"),
    ("TENANT", "lab/web"),
    ("T", "lab/web"),
    ("CLOUD", "lab"),
    ("TYPE", "quotas"),
    ("KIND", "pull"),
    ("FIELD", "limit"),
    ("NAME", "quotas"),
    ("REASON", "unreadable"),
    ("TIME", "2026-11-21T18:00:00Z"),
    ("FILE", "file"),
];

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut folders, mut pages) = (vec![root.join("deploy"), root.join("docs")], vec![root.join("README.md")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// The commands of a page: in backticks, or a line of an indented block.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2).filter(|part| part.starts_with("tenantd ")).map(str::to_owned);
    let lines = text.lines().filter(|line| line.starts_with("    ")).map(|line| {
        let line = line.trim().trim_start_matches("sudo ");
        line.split('#').next().unwrap_or_default().trim().to_owned()
    });
    quoted.chain(lines.filter(|line| line.starts_with("tenantd "))).collect()
}

#[test]
fn every_command_of_the_documents_can_be_typed() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        for command in commands(&std::fs::read_to_string(&page).unwrap()) {
            count += 1;
            let value = |word: &str| {
                let stand_in = STAND_INS.iter().find(|(written, _)| *written == word);
                stand_in.map_or_else(|| word.trim_matches('\'').to_owned(), |(_, value)| (*value).to_owned())
            };
            // A quoted JSON value holds a space; it stands alone at the end.
            let (plain, json) =
                command.split_once(" '").map_or((command.as_str(), None), |(plain, json)| (plain, Some(json)));
            let words = plain.split_whitespace().map(value).filter(|word| !word.is_empty());
            let words: Vec<String> = words.chain(json.map(|json| json.trim_end_matches('\'').to_owned())).collect();
            if let Err(error) = Cli::try_parse_from(&words)
                && !matches!(error.kind(), clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion)
            {
                wrong.push(format!("{}: {command}: {error}", page.display()));
            }
        }
    }
    assert!(count > 30, "the commands were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
