//! What can go wrong with the database, by what the caller can do about it.

use crate::retry::Retryable;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or cannot work now; trying again may help.
    #[error("the database cannot be used now: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// There is no room to write; trying again helps once there is.
    #[error("the disk or quota that holds {place} is full: make room, tenantd goes on by itself ({source})")]
    Full {
        /// The file, or the server's database.
        place: String,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The database answered that the statement cannot be done.
    #[error("the database refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
    /// A stored value has no meaning for this version.
    #[error("{table}.{column} holds `{value}`, which this version does not understand: {why}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// Why it has no meaning.
        why: String,
    },
    /// The URL names no database that tenantd knows.
    #[error("`{0}` is no database URL: use sqlite:///path/to/file or postgres://user@host/name")]
    Url(String),
    /// The schema was made by a newer version.
    #[error(
        "the database has schema version {found}, this version of tenantd knows up to {known}: install the newer tenantd again"
    )]
    Newer {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration known here.
        known: i64,
    },
    /// The schema is older than needed and migrating is switched off.
    #[error("the database has schema version {found}, this version of tenantd needs {known}: run `tenantd migrate`")]
    Older {
        /// The newest migration that was applied.
        found: i64,
        /// The newest migration known here.
        known: i64,
    },
    /// The tenant is not recorded any more.
    #[error("tenant {0} is not recorded any more")]
    Gone(uuid::Uuid),
    /// A migration failed.
    #[error("the database could not be brought to this version: {0}")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A result could not be written down before its time was over.
    #[error("it could not be recorded: {0}")]
    NotRecorded(String),
    /// Another daemon works on the same file.
    #[error(
        "{path} is in use by {holder}: stop that one, or give this one a database of its own; several daemons that share their records need PostgreSQL"
    )]
    InUse {
        /// The database.
        path: String,
        /// Who.
        holder: super::file::Holder,
    },
    /// A copy cannot be read back.
    #[error("{path} is not sound: {said}")]
    Unsound {
        /// The copy.
        path: String,
        /// What SQLite said.
        said: String,
    },
    /// The records are not in a file.
    #[error("these records are not in a file that could be copied")]
    NoFile,
    /// A file of the database could not be prepared.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// What an error of the database at `place` means.
    pub(super) fn at(error: sqlx::Error, place: &str) -> Self {
        if is_full(&error) {
            return Self::Full { place: place.to_owned(), source: error };
        }
        error.into()
    }
}

/// SQLite: full. PostgreSQL: the disk is full.
fn is_full(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(database) = error else { return false };
    let code = database.code().unwrap_or_default().into_owned();
    code == "53100" || (code.len() < 5 && code.parse::<u32>().is_ok_and(|code| code & 0xff == 13))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // A connection that breaks while it is being made is told as a breach of protocol.
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default().into_owned();
                // PostgreSQL: connection, resources, shutdown, serialisation, system, a standby that only reads.
                let classes = ["08", "53", "57", "40", "58", "25006"];
                // SQLite, whose extended codes keep the primary one in the low byte: busy, locked, I/O, full.
                let passing = if code.len() == 5 && database.kind() != sqlx::error::ErrorKind::UniqueViolation {
                    classes.iter().any(|class| code.starts_with(class))
                } else {
                    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
                };
                if passing { Self::Unavailable(error) } else { Self::Refused(error) }
            }
            _ => Self::Refused(error),
        }
    }
}

impl Retryable for StoreError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full { .. } | Self::NotRecorded(_))
    }
}
