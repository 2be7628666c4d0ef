//! `STATE/control.json`: where a running phone is found.

use serde::{Deserialize, Serialize};

/// What `run` leaves in its state folder while it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlFile {
    /// The process.
    pub pid: u32,
    /// Base of the control API: `http://127.0.0.1:40001`.
    pub api: String,
    /// Where SIP is taken: `udp/127.0.0.1:40002`.
    pub sip: Vec<String>,
    /// What the API wants to see: `Authorization: Bearer TOKEN`.
    pub token: String,
}

impl ControlFile {
    /// Its name in the state folder.
    pub const NAME: &'static str = "control.json";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_is_read_and_written_back() {
        let example =
            r#"{"pid":1,"api":"http://127.0.0.1:40001","sip":["udp/127.0.0.1:40002"],"token":"…"}"#;
        let control: ControlFile = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::to_string(&control).unwrap(), example);
    }
}
