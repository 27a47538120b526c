//! Listings a page at a time: a bare array, with the length of the whole and the other pages in headers.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::IntoParams;

use super::links::Links;
use super::query::Query;
use super::refusal::Refusal;
use crate::store::directory::Window;

const COUNT: HeaderName = HeaderName::from_static("x-result-count");
const DEFAULT: i64 = 10;
const MOST: i64 = 300;
/// Nothing is so long that this is not beyond its end.
const LAST: i64 = i64::MAX / 2;

/// Which page, and how long.
#[expect(dead_code, reason = "the document is made from it; the query is read by `Page::of`")]
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The page, counted from 1.
    #[param(minimum = 1)]
    page: Option<i64>,
    /// How many there are on a page: 10, or up to 300.
    #[param(minimum = 1, maximum = 300)]
    page_size: Option<i64>,
}

/// A page that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    number: i64,
    size: i64,
}

impl Page {
    /// The page that a query names. A size that makes no sense is the usual one; a number that makes none is no page.
    pub fn of(query: &Query) -> Result<Self, Refusal> {
        let size = query.last("page_size").and_then(|text| text.parse().ok()).filter(|size| *size > 0);
        let number = match query.last("page") {
            None => 1,
            Some(text) => text.parse().ok().filter(|number| *number > 0).ok_or_else(invalid)?,
        };
        Ok(Self { number, size: size.unwrap_or(DEFAULT).min(MOST) })
    }

    /// What it shows of the whole.
    pub const fn window(self) -> Window {
        let before = (self.number - 1).saturating_mul(self.size);
        // The end of the window must be a number that databases know.
        Window { limit: self.size, offset: if before > LAST { LAST } else { before } }
    }

    /// Its part of a list that is at hand.
    pub fn cut<T>(self, all: Vec<T>) -> Vec<T> {
        let skipped = usize::try_from(self.window().offset).unwrap_or(usize::MAX);
        all.into_iter().skip(skipped).take(usize::try_from(self.size).unwrap_or_default()).collect()
    }

    /// The answer that shows `items` of `total`.
    pub fn show<T: Serialize>(self, items: &[T], total: i64, links: &Links) -> Result<Response, Refusal> {
        if items.is_empty() && self.number > 1 {
            return Err(invalid());
        }
        let headers = [(COUNT, total.to_string()), (header::LINK, self.link(total, links))];
        Ok((headers, Json(items)).into_response())
    }

    fn link(self, total: i64, links: &Links) -> String {
        let last = (total + self.size - 1) / self.size;
        let at = |number: i64| links.page((number > 1).then_some(number));
        let mut parts = vec![format!("<{}>; rel=\"first\"", links.page(None))];
        if self.number > 1 {
            parts.push(format!("<{}>; rel=\"prev\"", at(self.number - 1)));
        }
        if self.number < last {
            parts.push(format!("<{}>; rel=\"next\"", at(self.number + 1)));
        }
        parts.push(format!("<{}>; rel=\"last\"", at(last)));
        parts.join(", ")
    }
}

fn invalid() -> Refusal {
    Refusal::Because(StatusCode::NOT_FOUND, "Invalid page.".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Option<(i64, i64)> {
        let window = Page::of(&Query::parse(query).unwrap()).ok()?.window();
        Some((window.limit, window.offset))
    }

    #[test]
    fn sizes_are_bounded_and_numbers_must_be_some() {
        assert_eq!(page(""), Some((10, 0)));
        assert_eq!(page("page=3&page_size=100"), Some((100, 200)));
        assert_eq!(page("page_size=100000"), Some((300, 0)));
        assert_eq!((page("page_size=0"), page("page_size=many")), (Some((10, 0)), Some((10, 0))));
        assert_eq!((page("page=0"), page("page=-1"), page("page=last")), (None, None, None));
        assert_eq!(page(&format!("page={}&page_size=300", i64::MAX)), Some((300, LAST)));
    }

    #[test]
    fn a_page_is_cut_from_a_list() {
        let cut = |query: &str| Page::of(&Query::parse(query).unwrap()).ok().unwrap().cut((0..25).collect());
        assert_eq!((cut("page=3"), cut("page=4")), ((20..25).collect::<Vec<_>>(), vec![]));
    }
}
