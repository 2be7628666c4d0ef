//! Which configuration files are read, in which order, and for which phone.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use params::provision::Url;
use params::{Mac, Model, without_login};

use crate::cli::RunArgs;
use crate::out::Failure;

/// The phone that is run where nothing names one.
const MAC_WITHOUT_NAME: Mac = Mac::new([0x00, 0x15, 0x65, 0x00, 0x00, 0x01]);

/// The files of one phone, in order: what comes later wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(crate) mac: Mac,
    pub(crate) files: Vec<SourceFile>,
    /// Where further files are fetched.
    pub(crate) url: Option<String>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) role: Role,
}

/// What a file is in the order of provisioning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// For all phones of a model.
    Common,
    /// For one phone.
    Mac,
}

impl Sources {
    /// Finds the files that `args` names; whether they can be read is seen when they are.
    pub(crate) fn find(args: &RunArgs) -> Result<Self, Failure> {
        if args.sources.is_empty() && args.set.is_empty() {
            return Err(Failure::misused(
                "there is nothing to run: name configuration files, a provisioning folder or a URL, or set \
                 parameters with --set KEY=VALUE (`sureline lab --print-config 1001` prints a file)",
            ));
        }
        let mut mac = args.mac;
        let (mut files, mut url) = (Vec::new(), None);
        for source in &args.sources {
            if let Some(address) = url_of(source)? {
                if url.replace(address).is_some() {
                    return Err(Failure::misused("one URL is enough: it is that of a server"));
                }
            } else if source.is_dir() {
                let found = folder(source, args.model, mac)?;
                mac = mac.or(found.0);
                files.extend(found.1);
            } else {
                files.push(SourceFile { path: source.clone(), role: role_of(source) });
            }
        }
        let named = files.iter().filter_map(|file| mac_of(&file.path)).next_back();
        Ok(Self { mac: mac.or(named).unwrap_or(MAC_WITHOUT_NAME), files, url })
    }
}

/// The address of a provisioning server, if it is one; an error shows no password.
fn url_of(source: &Path) -> Result<Option<String>, Failure> {
    let Some(text) = source.to_str().filter(|text| text.contains("://")) else { return Ok(None) };
    match Url::parse(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(why) => Err(Failure::misused(format!("{}: {why}", without_login(text)))),
    }
}

fn role_of(path: &Path) -> Role {
    if mac_of(path).is_some() { Role::Mac } else { Role::Common }
}

/// The MAC that a file is named after: `001565aa0001.cfg`.
fn mac_of(path: &Path) -> Option<Mac> {
    let stem = path.file_stem()?.to_str()?;
    (stem.len() == 12).then(|| stem.parse().ok())?
}

/// The files of a provisioning folder: the common file of the model, then the phone's own. Names
/// compare without case, as phones write theirs in lower case and people do not.
fn folder(
    dir: &Path,
    model: Model,
    mac: Option<Mac>,
) -> Result<(Option<Mac>, Vec<SourceFile>), Failure> {
    let names = configurations(dir)
        .map_err(|error| Failure::misused(format!("{}: {error}", dir.display())))?;
    let common = format!("y{:012}.cfg", model.code());
    let mac = match mac {
        Some(mac) => Some(mac),
        None => only_mac(dir, &names)?,
    };
    let own = mac.map(|mac| format!("{mac}.cfg"));
    let find = |wanted: &str, role| {
        let name = names.iter().find(|name| name.eq_ignore_ascii_case(wanted))?;
        Some(SourceFile { path: dir.join(name), role })
    };
    let common_file = find(&common, Role::Common);
    let own_file = own.as_ref().and_then(|own| find(own, Role::Mac));
    let files: Vec<_> = common_file.into_iter().chain(own_file).collect();
    if files.is_empty() {
        let own = own.map_or(String::new(), |own| format!(" or {own}"));
        return Err(Failure::misused(format!(
            "{}: neither {common} (for {model}){own} is there",
            dir.display()
        )));
    }
    Ok((mac, files))
}

fn configurations(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        if let Some(name) = name.to_str().filter(|name| name.to_ascii_lowercase().ends_with(".cfg"))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// The phone that a folder is for, where it has the file of one alone.
fn only_mac(dir: &Path, names: &[String]) -> Result<Option<Mac>, Failure> {
    let macs: Vec<Mac> = names.iter().filter_map(|name| mac_of(Path::new(name))).collect();
    match macs.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        [first, ..] => Err(Failure::misused(format!(
            "{}: there are files of {} phones; name one with --mac {first}",
            dir.display(),
            macs.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser as _;

    fn find(args: &[&str]) -> Result<Sources, Failure> {
        let cli = Cli::try_parse_from([&["sureline", "run"], args].concat()).unwrap();
        let Command::Run(args) = cli.command else { panic!("not run") };
        Sources::find(&args)
    }

    fn folder_with(names: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        dir
    }

    fn names(sources: &Sources) -> Vec<&str> {
        sources.files.iter().map(|it| it.path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn a_folder_gives_the_common_file_of_the_model_then_that_of_the_phone() {
        let dir = folder_with(&["Y000000000028.CFG", "y000000000066.cfg", "001565AA0001.cfg", "x"]);
        let sources = find(&[dir.path().to_str().unwrap()]).unwrap();
        assert_eq!(names(&sources), ["Y000000000028.CFG", "001565AA0001.cfg"]);
        assert_eq!(sources.mac.to_string(), "001565aa0001");
    }

    #[test]
    fn a_folder_of_several_phones_needs_to_be_told_which() {
        let dir = folder_with(&["001565aa0001.cfg", "001565aa0002.cfg"]);
        let path = dir.path().to_str().unwrap();
        assert!(matches!(find(&[path]), Err(Failure::Misused(text)) if text.contains("--mac")));
        let sources = find(&[path, "--mac", "00:15:65:AA:00:02"]).unwrap();
        assert_eq!(names(&sources), ["001565aa0002.cfg"]);
    }

    #[test]
    fn a_folder_without_a_file_for_the_phone_is_refused() {
        let dir = folder_with(&["y000000000066.cfg"]);
        let Err(Failure::Misused(text)) = find(&[dir.path().to_str().unwrap()]) else {
            panic!("taken")
        };
        assert!(text.contains("y000000000028.cfg (for SIP-T46G)"), "{text}");
    }

    #[test]
    fn files_keep_their_order_and_name_the_phone() {
        let sources = find(&["common.cfg", "001565aa0001.cfg"]).unwrap();
        assert_eq!(
            sources.files.iter().map(|it| it.role).collect::<Vec<_>>(),
            [Role::Common, Role::Mac]
        );
        assert_eq!(sources.mac.to_string(), "001565aa0001");
        assert_eq!(find(&["a.cfg"]).unwrap().mac, MAC_WITHOUT_NAME);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        assert!(
            matches!(find(&[]), Err(Failure::Misused(text)) if text.contains("nothing to run"))
        );
        let url = find(&["ldap://bob:hush@192.0.2.1/cfg"]);
        assert!(matches!(url, Err(Failure::Misused(text))
            if text.contains("tftp://") && !text.contains("hush")));
        let two = find(&["http://a/", "http://b/"]);
        assert!(matches!(two, Err(Failure::Misused(text)) if text.contains("one URL")));
        let found = find(&["a.cfg", "https://192.0.2.1/cfg"]).unwrap();
        assert_eq!((found.files.len(), found.url.as_deref()), (1, Some("https://192.0.2.1/cfg")));
        assert!(find(&["--set", "account.1.enable=1"]).unwrap().files.is_empty());
    }
}
