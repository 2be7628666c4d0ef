//! Phone files that fit the servers of the lab.

use net::Transport;

use super::CA_FILE;
use super::servers::Servers;
use crate::state::StateDir;

/// A ready file for one user.
pub(crate) fn phone_file(
    servers: &Servers,
    state: &StateDir,
    (user, password): (&str, &str),
) -> String {
    let domain = &servers.domain;
    let mut text = format!(
        "account.1.enable = 1\n\
         account.1.label = {user}\n\
         account.1.display_name = {user}\n\
         account.1.user_name = {user}\n\
         account.1.auth_name = {user}\n\
         account.1.password = {password}\n\
         account.1.sip_server.1.address = {domain}\n\
         account.1.sip_server.1.port = 0\n\
         account.1.sip_server.1.transport_type = 3\n\
         account.1.sip_server.1.expires = 60\n\
         account.1.sip_server.1.retry_counts = 3\n"
    );
    if let Some(fallback) = servers.addr("fallback", Transport::Udp) {
        text += &format!(
            "# The fallback server; remove the signs to use it.\n\
             #account.1.sip_server.2.address = {}\n\
             #account.1.sip_server.2.port = {}\n\
             #account.1.sip_server.2.expires = 60\n\
             #account.1.fallback.redundancy_type = 1\n",
            fallback.ip(),
            fallback.port()
        );
    }
    if servers.authority.is_some() {
        text += &format!(
            "# For TLS: account.1.sip_server.1.transport_type = 2\n\
             static.security.ca_cert = 2\n\
             static.trusted_certificates.url = {}\n",
            state.file(CA_FILE).display()
        );
    }
    text
}

/// The command that runs a phone with this file.
pub(crate) fn run_command(servers: &Servers, state: &StateDir, user: &str) -> String {
    let dns = servers.dns_addr().map_or(String::new(), |addr| format!(" --dns {addr}"));
    let file = state.file(&format!("{user}.cfg"));
    format!("sureline run {} --sip 127.0.0.1:0{dns}", file.display())
}
