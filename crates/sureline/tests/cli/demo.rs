//! The demo, at four times the speed.

use crate::bench::{sureline, text};

#[test]
fn the_demo_comes_true() {
    let output = sureline(&["demo", "--fast", "--json"]);
    let story = text(&output.stderr);
    assert!(output.status.success(), "{story}");
    let outcome: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["ok"], true);
    let scenes = outcome["scenes"].as_array().unwrap();
    let names: Vec<_> = scenes.iter().map(|scene| scene["scene"].as_str().unwrap()).collect();
    let all = ["register-failover", "register-fallback", "invite-failover", "invite-fallback"];
    assert_eq!(names, all);
    for scene in scenes {
        let claims = scene["claims"].as_array().unwrap();
        assert!(claims.len() >= 9 && claims.iter().all(|claim| claim["ok"] == true), "{story}");
    }
    assert!(story.contains("claims came true: the four scenes"), "{story}");
}
