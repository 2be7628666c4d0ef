//! What a machine needs for these tests.

use std::process::Command;
use std::sync::OnceLock;

use crate::kamailio;
use crate::network;

/// Whether everything is there. Where something is missing the tests are skipped, said once with
/// its name; in CI it is a failure.
pub(crate) fn are_met() -> bool {
    static MISSING: OnceLock<Option<String>> = OnceLock::new();
    let missing = MISSING.get_or_init(|| check().err());
    let Some(missing) = missing else { return true };
    let is_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(!is_ci, "in CI nothing may be missing: {missing}");
    static SAID: OnceLock<()> = OnceLock::new();
    SAID.get_or_init(|| crate::say(&format!("skipped: {missing} (see interop-packages.txt)")));
    false
}

fn check() -> Result<(), String> {
    for program in ["ip", "setpriv", "unshare", "tcpdump", "knotd", "kamailio"] {
        let found = Command::new(program).arg("--version").output();
        found.map_err(|error| format!("the program {program}: {error}"))?;
    }
    // Another thread, because it stays in another network.
    let permitted = std::thread::spawn(network::is_permitted).join();
    permitted.expect("it returns an error")?;
    modules()
}

/// Whether Kamailio has the modules that the configuration loads.
fn modules() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    let config = folder.path().join("kamailio.cfg");
    std::fs::write(&config, kamailio::CONFIG).map_err(|error| error.to_string())?;
    let checked = Command::new("kamailio")
        .args(["-c", "-E", "-l", "udp:127.0.0.1:5099"])
        .args(["-A", "WITH_DIGEST", "-A", "WITH_TLS"])
        .args(["-A", "CERTIFICATE=\"none\"", "-A", "KEY=\"none\"", "-f"])
        .arg(&config)
        .output()
        .map_err(|error| format!("the program kamailio: {error}"))?;
    if checked.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&checked.stderr);
    let error = said.lines().find(|line| line.contains("ERROR")).unwrap_or(&said);
    Err(format!("a module of Kamailio: {error}"))
}
