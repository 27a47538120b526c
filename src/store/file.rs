//! The files of an SQLite database: to whom they belong, a copy of it, and the lock that only one daemon holds.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::{Pools, Store, StoreError};

/// How long a change of the schema is waited for; records of years are copied within it.
const LONGEST_TURN: Duration = Duration::from_mins(15);
/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(50);

/// The path with something behind its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// Makes an empty file that only its owner reads. It belongs to whom its folder belongs: what an administrator's
/// command makes, the service must be able to write.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    give_to_owner_of_folder(&file, path)
}

fn give_to_owner_of_folder(file: &File, path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (owner, mine) = (std::fs::metadata(folder)?, file.metadata()?);
    if (mine.uid(), mine.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        // Only root may give files away; another user keeps what they made.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// The right to change the schema of an SQLite database, until it is dropped: of commands and daemons that begin at once,
/// one does it and the others find it done. It is a lock on the folder, so that no file is left behind. There is none where
/// the filesystem has no locks, or after [`LONGEST_TURN`]: then two at once are told of what the other did.
pub(super) async fn turn(database: &Path) -> Option<File> {
    let database = database.canonicalize().ok()?;
    let folder = File::open(database.parent()?).ok()?;
    let (mut waited, mut told) = (Duration::ZERO, false);
    while waited < LONGEST_TURN {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => {
                tracing::debug!(%error, "nobody is kept from changing the schema at the same time");
                return None;
            }
        }
        if !told && waited >= LOOK * 20 {
            tracing::info!(database = %database.display(), "another process changes the schema; waiting for it");
            told = true;
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
    tracing::warn!(database = %database.display(), "another process has changed the schema for long; going on without it");
    None
}

/// The lock that one daemon holds on its SQLite file for as long as it lives, however it ends.
#[derive(Debug)]
pub struct Alone {
    /// The system lets go of the lock when the file is closed, also when the process is killed.
    _file: File,
}

impl Alone {
    /// Takes the lock of the database of `url`; databases that several daemons may share have none.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another daemon holds it.
    pub fn take(url: &str) -> Result<Option<Self>, StoreError> {
        let Some(database) = super::open::sqlite_file(url)? else { return Ok(None) };
        // By whatever name the file goes, there is one lock.
        let database = database.canonicalize().unwrap_or(database);
        let path = beside(&database, ".lock");
        let failed = |source| StoreError::File { path: path.display().to_string(), source };
        match create(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => {}
        }
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The number is only a help.
                let _ = file.read_to_string(&mut holder);
                let holder = holder.trim().parse().ok();
                return Err(StoreError::InUse { path: database.display().to_string(), holder: Holder(holder) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let written =
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "the lock is held, but cannot say by whom");
        }
        Ok(Some(Self { _file: file }))
    }
}

/// The process that holds a lock, when it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(process) => write!(formatter, "another `tenantd run`, process {process}"),
            None => formatter.write_str("another `tenantd run`"),
        }
    }
}

impl Store {
    /// Writes a consistent copy of an SQLite database to a file that does not exist, while others go on writing, and
    /// checks it; how many bytes it has.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the copy is not sound.
    pub async fn backup(&self, to: &Path) -> Result<u64, StoreError> {
        let Pools::Sqlite { read, .. } = &self.pools else { return Err(StoreError::NoFile) };
        let failed = |source| StoreError::File { path: to.display().to_string(), source };
        create(to).map_err(failed)?;
        let copied = async {
            // SQLite takes an existing file when it is empty, and so the mode and owner that it has.
            let statement = sqlx::query("VACUUM INTO $1").bind(to.to_string_lossy().into_owned());
            statement.execute(read).await.map_err(|error| StoreError::at(error, &to.display().to_string()))?;
            let file = File::open(to).map_err(failed)?;
            file.sync_all().map_err(failed)?;
            check(to).await?;
            Ok(file.metadata().map_err(failed)?.len())
        };
        let copied = copied.await;
        if copied.is_err() {
            // What is left of a copy that failed is of no use; the error that it failed with is.
            let _ = std::fs::remove_file(to);
        }
        copied
    }
}

/// Reads a copy as a whole.
async fn check(copy: &Path) -> Result<(), StoreError> {
    let place = copy.display().to_string();
    let options = SqliteConnectOptions::from_str("sqlite:")?.filename(copy).read_only(true).immutable(true);
    let at = |error| StoreError::at(error, &place);
    let mut connection = SqliteConnection::connect_with(&options).await.map_err(at)?;
    let said: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut connection).await.map_err(at)?;
    connection.close().await.map_err(at)?;
    if said == "ok" { Ok(()) } else { Err(StoreError::Unsound { path: place, said }) }
}
