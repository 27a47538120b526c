//! Tokens of the API, as they are made and taken back.

use super::Place;

#[tokio::test]
async fn a_token_is_printed_once_alone_and_can_be_taken_back() {
    let place = Place::new("").await;
    let none = place.run(&["tokens", "list"]);
    assert!(none.err.contains("the API is off"), "{none:?}");
    let made = place.run(&["tokens", "create", "--role", "operator", "--lifetime", "30d", "portal"]);
    let token = made.out.trim_end();
    assert_eq!((made.code, made.out.lines().count()), (0, 1), "{made:?}");
    assert!(token.starts_with("tnt_") && !token.contains(' ') && !made.err.contains(token), "{made:?}");
    let listed = place.run(&["tokens", "list", "-o", "json"]);
    let secret = token.rsplit('_').next().unwrap();
    assert!(!listed.out.contains(secret), "{listed:?}");
    let row = &listed.json()[0];
    let shown = ["name", "role", "state", "author"].map(|key| row[key].as_str().unwrap().to_owned());
    assert_eq!(shown, ["portal", "operator", "usable", "olga"]);
    assert_eq!(row["lifetime"], 30 * 24 * 60 * 60);
    let twice = place.run(&["tokens", "create", "--role", "viewer", "portal"]);
    assert!(twice.code == 1 && twice.out.is_empty() && twice.err.contains("already"), "{twice:?}");
    assert_eq!(place.run(&["tokens", "revoke", "portal"]).code, 0);
    assert_eq!(place.run(&["tokens", "revoke", "portal"]).code, 1);
    assert_eq!(place.run(&["tokens", "list", "-o", "json"]).json()[0]["state"], "revoked");
    assert_eq!(place.run(&["tokens", "create", "--role", "viewer", "portal"]).code, 0, "the name is free again");
}

#[tokio::test]
async fn what_makes_no_token_is_wrong_usage() {
    let place = Place::new("").await;
    for words in [
        vec!["tokens", "create", "portal"],
        vec!["tokens", "create", "--role", "king", "portal"],
        vec!["tokens", "create", "--role", "staff", "--lifetime", "0s", "portal"],
        vec!["tokens", "create", "--role", "staff", " portal"],
        vec!["tokens", "create", "--role", "staff", ""],
    ] {
        let said = place.run(&words);
        assert!(said.code == 64 && said.out.is_empty(), "{words:?}: {said:?}");
    }
}
