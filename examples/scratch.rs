#[tokio::main]
async fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let arg: Vec<String> = std::env::args().collect();
    if arg[1] == "demo" {
        tenantd::app::demo(
            tenantd::app::DemoOptions {
                tenants: 12,
                listen: "127.0.0.1:9464".parse().unwrap(),
                state_dir: Some("/tmp/demo".into()),
                duration: Some(std::time::Duration::from_secs(arg[2].parse().unwrap())),
            },
            |line| println!("{line}"),
        )
        .await
        .unwrap();
    } else if arg[1] == "check" {
        let c = tenantd::app::build::load_config(std::path::Path::new(&arg[2])).unwrap();
        for f in tenantd::app::check::check(&c).await {
            println!("{} {} {} {}", f.subject, f.check, f.verdict, f.detail);
        }
    } else {
        tenantd::app::run(arg[2].clone().into()).await.unwrap();
    }
}
