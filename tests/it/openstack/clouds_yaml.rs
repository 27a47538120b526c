//! `clouds.yaml` as operators have it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tenantd::openstack::Profile;
use tenantd::openstack::clouds_yaml::{ProfileError, Sources, entries, load};
use tenantd::openstack::profile::{ApplicationCredential, Auth, Domain, Interface, Named, Scope};

fn sources(folder: &Path) -> Sources {
    Sources { files: vec![folder.join("absent.yaml"), folder.join("clouds.yaml")], env: BTreeMap::new() }
}

fn read(clouds: &str, secure: Option<&str>, entry: &str, region: Option<&str>) -> Result<Profile, ProfileError> {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("clouds.yaml"), clouds).unwrap();
    if let Some(secure) = secure {
        fs::write(folder.path().join("secure.yaml"), secure).unwrap();
    }
    load(entry, region, &sources(folder.path()))
}

fn secret(profile: &Profile) -> String {
    use secrecy::ExposeSecret;
    match &profile.auth {
        Auth::Password { password: secret, .. }
        | Auth::ApplicationCredential { secret, .. }
        | Auth::Token { token: secret } => secret.expose_secret().to_owned(),
    }
}

#[test]
fn secure_yaml_is_laid_over_the_entry() {
    let clouds = "
clouds:
  lab:
    auth: {auth_url: https://k.example:5000/v3/, username: ann, project_name: p, user_domain_name: Users, project_domain_id: d1}
    region_name: R1
    interface: internalURL
    verify: false
    volumev3_endpoint_override: https://cinder.example/v3
";
    let secure = "clouds: {lab: {auth: {password: 0123}}, other: {auth: {password: x}}}";
    let profile = read(clouds, Some(secure), "lab", None).unwrap();
    assert_eq!(profile.auth_url, "https://k.example:5000/v3");
    assert_eq!(secret(&profile), "0123");
    let Auth::Password { user, .. } = &profile.auth else { panic!() };
    assert_eq!(*user, Named::Name { name: "ann".into(), domain: Domain::Name("Users".into()) });
    assert_eq!(profile.scope, Scope::Project(Named::Name { name: "p".into(), domain: Domain::Id("d1".into()) }));
    assert_eq!((profile.interface, profile.verify), (Interface::Internal, false));
    assert_eq!(profile.endpoint_overrides["volumev3"], "https://cinder.example/v3");
    assert_eq!(profile.source_files.len(), 2);
}

#[test]
fn ids_stay_what_was_written() {
    for id in ["12345678901234567890123456789012", "1e5", "0x10", "007", "1_000", "yes"] {
        let clouds = format!(
            "clouds: {{lab: {{auth: {{auth_url: 'http://k', user_id: {id}, password: {id}, project_id: {id}}}}}}}"
        );
        let profile = read(&clouds, None, "lab", None).unwrap();
        assert_eq!(secret(&profile), id);
        assert_eq!(profile.scope, Scope::Project(Named::Id(id.to_owned())));
    }
}

#[test]
fn every_kind_of_login_and_scope_is_understood() {
    let entry =
        |auth: &str| read(&format!("clouds: {{lab: {{auth: {{auth_url: 'http://k', {auth}}}}}}}"), None, "lab", None);
    let profile =
        entry("application_credential_id: c1, application_credential_secret: s, project_name: ignored").unwrap();
    let Auth::ApplicationCredential { credential, .. } = &profile.auth else { panic!() };
    assert_eq!((credential, &profile.scope), (&ApplicationCredential::Id("c1".into()), &Scope::Unscoped));
    assert_eq!(secret(&entry("token: t").unwrap()), "t");
    assert_eq!(entry("username: a, password: b, system_scope: all").unwrap().scope, Scope::System);
    let domain = Domain::Name("d".into());
    assert_eq!(entry("username: a, password: b, domain_name: d").unwrap().scope, Scope::Domain(domain.clone()));
    // One domain for both, as other clients have it.
    let profile = entry("username: a, password: b, domain_name: d, project_name: p").unwrap();
    assert_eq!(profile.scope, Scope::Project(Named::Name { name: "p".into(), domain }));
}

#[test]
fn regions_have_their_own_values() {
    let clouds = "
clouds:
  lab:
    auth: &auth {auth_url: http://k, username: ann, password: b}
    regions: [R1, {name: R2, values: {auth: {auth_url: http://k2}}}]
  copy:
    auth:
      <<: *auth
      username: bob
";
    assert_eq!(read(clouds, None, "lab", None).unwrap().region.as_deref(), Some("R1"));
    assert_eq!(read(clouds, None, "lab", Some("R2")).unwrap().auth_url, "http://k2");
    assert!(read(clouds, None, "lab", Some("R3")).unwrap_err().to_string().contains("R1, R2"));
    assert_eq!(read(clouds, None, "copy", None).unwrap().auth.who(), "user bob");
}

#[test]
fn errors_say_where_they_looked_and_never_what_stood_there() {
    let clouds = "clouds: {lab: {auth: {auth_url: 'http://k', password: hunter2}}, dev: {}}";
    let text = |error: ProfileError| format!("{error} {error:?}");
    let error = text(read(clouds, None, "prod", None).unwrap_err());
    assert!(error.contains("clouds.yaml has no entry `prod`; it has: dev, lab"), "{error}");
    let error = text(read(clouds, None, "lab", None).unwrap_err());
    assert!(error.contains("username") && !error.contains("hunter2"), "{error}");
    for broken in
        ["clouds: {lab: {auth: {password: hunter2}", "clouds:\n  lab: hunter2\n bad: [", "hunter2", "- hunter2"]
    {
        let error = text(read(broken, None, "lab", None).unwrap_err());
        assert!(!error.contains("hunter2"), "{error}");
    }
    let error = text(load("lab", None, &sources(Path::new("/nonexistent"))).unwrap_err());
    assert!(error.contains("/nonexistent/absent.yaml, /nonexistent/clouds.yaml"), "{error}");
}

#[test]
fn variables_make_an_entry() {
    let env =
        [("OS_AUTH_URL", "http://k"), ("OS_USERNAME", "ann"), ("OS_PASSWORD", "hunter2"), ("OS_PROJECT_ID", "p1")];
    let env: BTreeMap<_, _> = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { files: Vec::new(), env };
    assert_eq!(entries(&sources).unwrap(), ["envvars"]);
    let profile = load("envvars", None, &sources).unwrap();
    assert_eq!((profile.scope.clone(), secret(&profile).as_str()), (Scope::Project(Named::Id("p1".into())), "hunter2"));
    assert!(!format!("{sources:?} {profile:?}").contains("hunter2"));
}
