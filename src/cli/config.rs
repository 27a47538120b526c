//! `config`: a file to start from, and what the present one means.

use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;

use super::arguments::count;
use super::output::{self, Format};
use super::{DONE, FAILED};
use crate::app::build;
use crate::config::Config;
use crate::openstack::clouds_yaml::{self, Sources};

/// The configuration.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a minimal file to start from, unless there is one
    Init {
        /// The cloud's name, as clouds.yaml has it; default: the only one there.
        #[arg(long, value_name = "NAME")]
        cloud: Option<String>,
        /// Print it, write nothing (so does `--config -`).
        #[arg(long)]
        print: bool,
    },
    /// Say everything that is wrong, with its path
    Check,
    /// Print the configuration in effect, without secrets
    Show,
    /// Print its JSON schema
    Schema,
}

impl Command {
    pub(super) fn run(self, path: &Path, format: Format) -> anyhow::Result<u8> {
        match self {
            Self::Init { cloud, print } => init(path, cloud.as_deref(), print || path == Path::new("-")),
            Self::Check => check(path),
            Self::Show => show(path, format),
            Self::Schema => {
                output::json(&schemars::schema_for!(Config))?;
                Ok(DONE)
            }
        }
    }
}

fn init(path: &Path, cloud: Option<&str>, print: bool) -> anyhow::Result<u8> {
    let mut sources = Sources::from_process();
    sources.files.extend(path.parent().map(|folder| folder.join("clouds.yaml")));
    let cloud = cloud.map_or_else(|| guess(&sources), str::to_owned);
    let text = template(&cloud);
    if print {
        output::line(text.trim_end())?;
        return Ok(DONE);
    }
    match write_new(path, &text) {
        Ok(()) => {
            output::line(&format!("wrote {}", path.display()))?;
            next_steps(path, &cloud, &sources);
            Ok(DONE)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => exists(path, &cloud, &sources),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            output::line(text.trim_end())?;
            output::note(&format!("{}: {error}; printed instead: put it there as root", path.display()));
            Ok(FAILED)
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

/// The only entry of clouds.yaml, else a name to be replaced.
fn guess(sources: &Sources) -> String {
    match clouds_yaml::entries(sources).unwrap_or_default().as_slice() {
        [only] => only.clone(),
        [] => "lab".to_owned(),
        several => {
            output::note(&format!("clouds.yaml has {}; choose with --cloud NAME", several.join(", ")));
            several[0].clone()
        }
    }
}

/// Readable for the service's group, as its folder is, and for nobody else: a URL may hold a password.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(path)?;
    file.write_all(text.as_bytes())?;
    let (owner, mine) = (std::fs::metadata(folder)?, file.metadata()?);
    if owner.gid() != mine.gid() {
        match chown(path, None, Some(owner.gid())) {
            // Somebody's own file, in a folder of others: it stays theirs.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            done => done?,
        }
    }
    Ok(())
}

/// A cloud that the file does not have is added at its end; nothing else in it is touched.
fn exists(path: &Path, cloud: &str, sources: &Sources) -> anyhow::Result<u8> {
    let config = build::load_config(path)?;
    if config.clouds.iter().any(|it| it.name == cloud) {
        output::note(&format!("{} is there and has cloud `{cloud}`; nothing was written", path.display()));
        output::note(&format!("next: {} check", output::tenantd(path)));
        return Ok(DONE);
    }
    let mut text = format!("\n{}", cloud_section(cloud));
    if config.schedules.is_empty() {
        text.push('\n');
        text.push_str(SCHEDULES);
    }
    match append(path, &text) {
        Ok(()) => {
            output::line(&format!("added cloud `{cloud}` to {}", path.display()))?;
            next_steps(path, cloud, sources);
            Ok(DONE)
        }
        Err(error) => {
            output::line(text.trim())?;
            output::note(&format!("{}: {error}; add these lines to it", path.display()));
            Ok(FAILED)
        }
    }
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path)?.write_all(text.as_bytes())
}

fn next_steps(path: &Path, cloud: &str, sources: &Sources) {
    let found = clouds_yaml::entries(sources).is_ok_and(|entries| entries.iter().any(|entry| entry == cloud));
    let tenantd = output::tenantd(path);
    if !found {
        let places = sources.files.iter().filter(|it| it.extension().is_some_and(|extension| extension == "yaml"));
        let places: Vec<String> = places.map(|it| it.display().to_string()).collect();
        output::note(&format!("next: describe `{cloud}` in clouds.yaml; looked for in {}", places.join(", ")));
        output::note("      (for the service: beside tenantd.toml, readable by its group)");
    }
    output::note(&format!("next: {tenantd} config check"));
    output::note(&format!("      {tenantd} check"));
}

fn cloud_section(cloud: &str) -> String {
    format!(
        "# The name in jobs, metrics and commands; in clouds.yaml too, unless `entry` says another.\n\
         [[clouds]]\nname = \"{cloud}\"\n"
    )
}

const SCHEDULES: &str = r#"# What to do when: second, minute, hour, day of month, month, day of week.
[[schedules]]
name = "tenants"
cron = "0 */5 * * * *"
job = "pull_tenants"

[[schedules]]
name = "quotas"
cron = "0 */10 * * * *"
job = "pull_quotas"
jitter = "30s"

[[schedules]]
name = "security_groups"
cron = "0 3/15 * * * *"
job = "pull_security_groups"
jitter = "30s"

[[schedules]]
name = "floating_ips"
cron = "0 6/15 * * * *"
job = "pull_floating_ips"
jitter = "30s"

[[schedules]]
name = "server_groups"
cron = "0 9/15 * * * *"
job = "pull_server_groups"
jitter = "30s"
"#;

fn template(cloud: &str) -> String {
    format!(
        r#"# tenantd. Every option: `tenantd config schema`; what is in effect: `tenantd config show`.

[database]
url = "sqlite:///var/lib/tenantd/tenantd.db"  # or postgres://user@host/tenantd
# url_file = "/run/credentials/tenantd.service/database-url"

# Jobs from producers and events for them; without it, schedules and commands work all the same.
# [broker]
# url_file = "/run/credentials/tenantd.service/broker-url"  # amqp://user:password@host:5672/%2f

{}
{SCHEDULES}"#,
        cloud_section(cloud)
    )
}

fn check(path: &Path) -> anyhow::Result<u8> {
    let config = build::load_config(path)?;
    let broker = if config.broker.is_some() { "with a broker" } else { "without a broker" };
    output::line(&format!(
        "{} is fine: {}, {}, {broker}",
        path.display(),
        count(config.clouds.len(), "cloud"),
        count(config.schedules.len(), "schedule")
    ))?;
    let tenantd = output::tenantd(path);
    let next = if config.clouds.is_empty() { "add a [[clouds]] section: " } else { "" };
    let command = if config.clouds.is_empty() { "config init" } else { "check" };
    output::note(&format!("next: {next}{tenantd} {command}"));
    Ok(DONE)
}

fn show(path: &Path, format: Format) -> anyhow::Result<u8> {
    let config = build::load_config(path)?;
    if format == Format::Json {
        output::json(&config)?;
    } else {
        output::line(toml::to_string(&config)?.trim_end())?;
    }
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_start_from_is_a_configuration() {
        let text = template("lab");
        let config = crate::config::load::read(Path::new("t.toml"), &text, &crate::jobs::kind_names()).unwrap();
        assert_eq!(config.clouds[0].name, "lab");
        assert_eq!(config.schedules.len(), 5);
    }
}
