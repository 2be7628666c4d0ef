//! The guide's scenarios as ladders to be read: `tests/guide/*.sip`. `UPDATE=1` writes them anew.

use std::path::PathBuf;
use std::time::Duration;

use super::guide::{FAILOVER, FALLBACK_LINES};
use super::scene::*;

fn compare(name: &str, title: &str, scene: &Scene) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/guide").join(name);
    let text = format!("{title}\n\n{}", scene.world.ladder(net::Instant::ZERO));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == text, "{} differs (UPDATE=1 writes it):\n{text}", path.display());
}

#[test]
fn register_failover() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    scene.fault(PRIMARY, "mute");
    scene.until_registered(0, &[SECONDARY], 90);
    scene.heal();
    scene.until_registered(0, &[PRIMARY], 60);
    let title = "REGISTER Failover: the primary goes silent, the secondary takes over, and the next \
                 REGISTER\nreturns to the primary, which has recovered.";
    compare("register-failover.sip", title, &scene);
}

#[test]
fn register_fallback() {
    let mut scene = Scene::new(FALLBACK_LINES);
    scene.run_to(5.0);
    scene.fault(PRIMARY, "mute");
    scene.until_registered(0, &[FALLBACK], 120);
    scene.world.run_for(Duration::from_secs(40));
    scene.heal();
    scene.until_registered(0, &[PRIMARY], 31);
    scene.world.run_for(Duration::from_secs(5));
    let title = "REGISTER Fallback: the working server goes silent, the fallback server takes over at \
                 the end of\nthe lease, and a probe finds the working server again.";
    compare("register-fallback.sip", title, &scene);
}
