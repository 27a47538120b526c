//! `tenantd simulate`: only the simulated cloud, for any OpenStack client or tenantd's own `run`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use crate::lifecycle::{Signals, Wake};
use crate::simulator::{Bound, Options, Simulator};

/// How the simulated cloud is to be.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How many tenants it has.
    pub tenants: usize,
    /// What makes two runs alike.
    pub seed: u64,
    /// How long each answer takes.
    pub latency: Duration,
    /// How many requests each service works on at once; any number without.
    pub workers: Option<usize>,
    /// How many rules each of a tenant's security groups has, besides the two of every group.
    pub rules: usize,
    /// Where to write clouds.yaml; else it is printed.
    pub clouds_yaml: Option<PathBuf>,
}

/// Runs the simulated cloud until it is told to stop; the text for standard output is given to `print`.
///
/// # Errors
/// When the address is taken or clouds.yaml cannot be written.
pub async fn simulate(options: SimulateOptions, print: impl Fn(&str)) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let bound = bind(&options).await?;
    // Whoever gets an answer finds the file, and whoever finds the file is answered.
    if let Some(path) = &options.clouds_yaml {
        write_file(path, &bound.clouds_yaml())?;
    }
    let simulator = bound.serve();
    match &options.clouds_yaml {
        Some(path) => {
            print(&format!(
                "a simulated cloud with {} tenants answers at {}\n\n  export OS_CLIENT_CONFIG_FILE={}\n  openstack --os-cloud sim project list\n",
                options.tenants,
                simulator.auth_url(),
                path.display()
            ));
        }
        None => print(&simulator.clouds_yaml()),
    }
    while signals.next().await == Wake::Reload {}
    simulator.stop().await;
    Ok(())
}

/// Makes the simulated cloud, which does not answer yet.
pub(super) async fn bind(options: &SimulateOptions) -> anyhow::Result<Bound> {
    let settings = Options {
        listen: options.listen,
        tenants: options.tenants,
        seed: options.seed,
        latency: options.latency,
        workers: options.workers,
        rules_per_group: options.rules,
        ..Options::default()
    };
    Simulator::bind(settings).await.with_context(|| format!("the simulated cloud cannot listen on {}", options.listen))
}

/// Writes a file, naming it when that fails. Whoever reads meanwhile finds all of the text or what was there before; what
/// is no file, such as a pipe, is written as it is, and so is a file beside which none can be made.
pub(super) fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    let written = match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => std::fs::write(path, text),
        _ => replace(path, text).or_else(|_| std::fs::write(path, text)),
    };
    written.with_context(|| format!("{} cannot be written", path.display()))
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut unfinished = path.clone().into_os_string();
    unfinished.push(".unfinished");
    std::fs::write(&unfinished, text)?;
    if let Ok(there) = std::fs::metadata(&path) {
        std::fs::set_permissions(&unfinished, there.permissions())?;
    }
    std::fs::rename(&unfinished, &path)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("clouds.yaml"), folder.path().join("link.yaml"));
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_file(&file, "first").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let mut reader = std::fs::File::open(&file).unwrap();
        write_file(&link, "second").unwrap();
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!((seen.as_str(), std::fs::read_to_string(&file).unwrap().as_str()), ("first", "second"));
        assert!(link.is_symlink());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing unfinished is left");
    }

    #[test]
    fn a_pipe_is_written_as_it_is() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        write_file(Path::new(&format!("/proc/self/fd/{}", writer.as_raw_fd())), "text").unwrap();
        drop(writer);
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "text");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("none").join("clouds.yaml");
        let said = format!("{:#}", write_file(&file, "text").unwrap_err());
        assert!(said.starts_with(&format!("{} cannot be written: ", file.display())), "{said}");
    }
}
