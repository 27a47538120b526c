//! Tokens of the API.

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::{Store, StoreError, Tx, read, sql, word, write};
use crate::model::token::Grant;

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    name: String,
    role: String,
    verifier: String,
    lifetime: Option<i64>,
    expires_at: Option<DateTime<Utc>>,
    author: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for Grant {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            role: word!("tokens", "role", row.role)?,
            id: row.id,
            name: row.name,
            verifier: row.verifier,
            lifetime: row.lifetime.and_then(Duration::try_seconds),
            expires_at: row.expires_at,
            author: row.author,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

impl Store {
    /// The token `id`, also one that ended.
    pub async fn token(&self, id: Uuid) -> Result<Option<Grant>, StoreError> {
        let row: Option<Row> = read!(self, pool => sqlx::query_as(sql::TOKEN_GET).bind(id).fetch_optional(pool).await)?;
        row.map(TryInto::try_into).transpose()
    }

    /// All tokens, the oldest first, also those that ended.
    pub async fn tokens(&self) -> Result<Vec<Grant>, StoreError> {
        let rows: Vec<Row> = read!(self, pool => sqlx::query_as(sql::TOKEN_LIST).fetch_all(pool).await)?;
        rows.into_iter().map(TryInto::try_into).collect()
    }

    /// How many tokens are good for something.
    pub async fn usable_tokens(&self, now: DateTime<Utc>) -> Result<i64, StoreError> {
        Ok(read!(self, pool => sqlx::query_scalar(sql::TOKEN_USABLE).bind(now).fetch_one(pool).await)?)
    }
}

impl Tx {
    /// Records a token; false when one of that name can be used already.
    pub async fn add_token(&mut self, grant: &Grant) -> Result<bool, StoreError> {
        let added = write!(self, connection => sqlx::query(sql::TOKEN_ADD)
            .bind(grant.id).bind(&grant.name).bind(grant.role.as_str()).bind(&grant.verifier)
            .bind(grant.lifetime.map(|it| it.num_seconds())).bind(grant.expires_at).bind(&grant.author)
            .bind(grant.created_at).execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(added > 0)
    }

    /// Takes the token of that name back; whether there was one.
    pub async fn revoke_token(&mut self, name: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let revoked = write!(self, connection => sqlx::query(sql::TOKEN_REVOKE).bind(name).bind(now)
            .execute(connection).await.map(|done| done.rows_affected()))?;
        Ok(revoked > 0)
    }

    /// Notes a use, which moves the token's end.
    pub async fn token_used(&mut self, grant: &Grant, now: DateTime<Utc>) -> Result<(), StoreError> {
        write!(self, connection => sqlx::query(sql::TOKEN_USED).bind(grant.id).bind(now).bind(grant.end_after(now))
            .execute(connection).await.map(drop))?;
        Ok(())
    }
}
