//! tftpd-hpa as provisioning server.

use std::fs;
use std::process::Command;

use crate::phone::Phone;
use crate::servers::{Program, free_udp_port, has};

const MAC: &str = "001565000001";

#[test]
fn large_files_come_over_tftp_and_missing_ones_are_missing() {
    if !has(&["in.tftpd"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    // The server gives what everybody may read.
    let open = |path: &std::path::Path| {
        assert!(Command::new("chmod").arg("a+rX").arg(path).status().unwrap().success());
    };
    open(dir.path());
    let large = format!("{}account.1.label = far\n", "# a line of comment\n".repeat(10_000));
    let own = root.join(format!("{MAC}.cfg"));
    fs::write(&own, &large).unwrap();
    open(&root);
    open(&own);
    let port = free_udp_port();
    let mut command = Command::new("in.tftpd");
    command.args(["-L", "-a", &format!("127.0.0.1:{port}"), "-s"]).arg(&root);
    let _server = Program::start(&mut command);

    let url = format!("tftp://127.0.0.1:{port}");
    let phone = Phone::start(&url, dir.path(), &[]);
    let said = phone.provision().unwrap();
    assert!(
        said.contains(&format!("/{MAC}.cfg: unchanged (MAC file, {} bytes", large.len())),
        "{said}"
    );
    assert_eq!(phone.label(1), "far");
    fs::remove_file(&own).unwrap();
    let said = phone.provision().unwrap_err();
    assert!(said.contains("it was there before and is not there any more"), "{said}");
    assert_eq!(phone.label(1), "far");
}
