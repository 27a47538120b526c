//! Who does what only one may do.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, Tx, sql, write};

impl Store {
    /// Takes or renews the lease `name` until `until`; its token, or none while another holds it.
    pub async fn take_lease(
        &self,
        name: &str,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin().await?;
        let token = write!(tx, connection => sqlx::query_scalar(sql::LEASE_TAKE)
            .bind(name).bind(owner).bind(now).bind(until).fetch_optional(connection).await)?;
        tx.commit().await?;
        Ok(token)
    }

    /// Gives a lease back, so that another need not wait for its end.
    pub async fn give_lease_back(&self, name: &str, owner: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        write!(tx, connection => sqlx::query(sql::LEASE_GIVE_BACK).bind(name).bind(owner).bind(now)
            .execute(connection).await.map(drop))?;
        tx.commit().await?;
        Ok(())
    }
}

impl Tx {
    /// Whether `owner` still holds the lease that it got `token` for; nobody takes it before the transaction has ended.
    pub async fn holds_lease(
        &mut self,
        name: &str,
        owner: &str,
        token: i64,
        now: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let held = write!(self, connection => sqlx::query(sql::LEASE_HELD)
            .bind(name).bind(owner).bind(token).bind(now).execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(held > 0)
    }
}
