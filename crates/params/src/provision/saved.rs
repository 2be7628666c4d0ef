//! What provisioning has given a phone, as it is kept between starts.

use std::str;

use sha2::{Digest as _, Sha256};

use crate::file::FILE_BYTES_MAX;
use crate::key::Key;
use crate::layers::{Blank, Layers, Source};
use crate::origin::Layer;

/// The files that a phone has taken, whole, with what it keeps of earlier ones.
///
/// [`Saved::sources`] lays them one over the other; the local file and the command line come on top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The files in order: what comes later wins.
    pub files: Vec<SavedFile>,
    /// `overwrite_mode` of the boot file.
    pub blank: Blank,
    /// What earlier files said and these do not take back, as a file.
    pub kept: Vec<u8>,
}

/// One file that a phone has taken.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// Its address, without any password.
    pub name: Box<str>,
    /// [`Layer::Common`] or [`Layer::Mac`].
    pub layer: Layer,
    /// Its plain text.
    pub content: Vec<u8>,
}

impl std::fmt::Debug for SavedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes, {})", self.name, self.content.len(), digest(&self.content))
    }
}

/// The SHA-256 of a file; shown by its first eight figures.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// The digest of `bytes`.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(Sha256::digest(bytes).into())
}

impl Digest {
    fn hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What was kept cannot be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what provisioning had kept is damaged, and is left out until files are fetched again")]
pub struct Damaged;

impl Saved {
    /// Kept bytes larger than this are damaged.
    pub const BYTES_MAX: usize = BYTES_MAX;

    /// The files for [`Layers::load_with`], the lowest first, with [`Saved::blank`].
    pub fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        let kept = Source { name: KEPT, layer: Layer::Common, bytes: &self.kept };
        let kept = (!self.kept.is_empty()).then_some(kept);
        let files = self.files.iter();
        kept.into_iter().chain(files.map(|file| Source {
            name: &file.name,
            layer: file.layer,
            bytes: &file.content,
        }))
    }

    /// Whether other files are the same as these, so that they need not be taken again.
    #[must_use]
    pub fn has_same_files(&self, files: &[SavedFile], blank: Blank) -> bool {
        self.blank == blank && self.files == files
    }

    /// What a phone that has taken these keeps of them when it takes others: with `overwrite_mode`
    /// 0 everything, else the `static.` keys alone.
    #[must_use]
    pub fn kept_beside(&self, blank: Blank) -> Vec<u8> {
        let sources: Vec<_> = self.sources().collect();
        let (layers, _) = Layers::load_with(&sources, self.blank);
        let stays = |key: &Key| blank == Blank::Keeps || key.row().pattern.starts_with("static.");
        let mut text = String::new();
        for key in layers.keys().filter(stays) {
            if key.row().repeated {
                for line in layers.assignments_of(key) {
                    text.push_str(&format!("{key} = {}\n", line.value));
                }
            } else if let Some(effective) = layers.effective(key) {
                text.push_str(&format!("{key} = {}\n", effective.value));
            }
        }
        text.into_bytes()
    }

    /// The bytes to write; [`Saved::parse`] reads them.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{HEAD}\n").into_bytes();
        let mode = match self.blank {
            Blank::Resets => "1",
            Blank::Keeps => "0",
        };
        bytes.extend(format!("overwrite_mode {mode}\n").bytes());
        let mut add = |kind: &str, name: &str, content: &[u8]| {
            bytes.extend(format!("{kind} {} {name}\n", content.len()).bytes());
            bytes.extend_from_slice(content);
            bytes.push(b'\n');
        };
        add("kept", KEPT, &self.kept);
        for file in &self.files {
            add(kind_of(file.layer), &file.name, &file.content);
        }
        let end = digest(&bytes).hex();
        bytes.extend(format!("end {end}\n").bytes());
        bytes
    }

    /// Reads what [`Saved::to_bytes`] wrote.
    ///
    /// # Errors
    /// Where a single bit of it differs.
    pub fn parse(bytes: &[u8]) -> Result<Self, Damaged> {
        let mut reading = Reading { all: bytes, at: 0 };
        if bytes.len() > BYTES_MAX || reading.line()? != HEAD {
            return Err(Damaged);
        }
        let mut saved = Self::default();
        loop {
            let begin = reading.at;
            let line = reading.line()?;
            let (kind, rest) = line.split_once(' ').ok_or(Damaged)?;
            match kind {
                "overwrite_mode" if rest == "1" => saved.blank = Blank::Resets,
                "overwrite_mode" if rest == "0" => saved.blank = Blank::Keeps,
                "kept" => saved.kept = reading.content(rest)?.1.to_vec(),
                "common" | "mac" => {
                    let (name, content) = reading.content(rest)?;
                    let layer = if kind == "mac" { Layer::Mac } else { Layer::Common };
                    let content = content.to_vec();
                    saved.files.push(SavedFile { name: name.into(), layer, content });
                }
                "end" => {
                    let before = bytes.get(..begin).unwrap_or_default();
                    let is_whole = digest(before).hex() == rest && reading.at == bytes.len();
                    return if is_whole { Ok(saved) } else { Err(Damaged) };
                }
                _ => return Err(Damaged),
            }
        }
    }
}

struct Reading<'a> {
    all: &'a [u8],
    at: usize,
}

impl<'a> Reading<'a> {
    fn line(&mut self) -> Result<&'a str, Damaged> {
        let rest = self.all.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(Damaged)?;
        self.at += end + 1;
        rest.get(..end).and_then(|line| str::from_utf8(line).ok()).ok_or(Damaged)
    }

    /// The bytes whose length `rest` begins with, and the name behind it.
    fn content(&mut self, rest: &'a str) -> Result<(&'a str, &'a [u8]), Damaged> {
        let (length, name) = rest.split_once(' ').ok_or(Damaged)?;
        let length: usize = length.parse().map_err(|_| Damaged)?;
        let end = self.at.checked_add(length).ok_or(Damaged)?;
        let content = self.all.get(self.at..end).ok_or(Damaged)?;
        let ends_well = self.all.get(end) == Some(&b'\n');
        self.at = end + 1;
        if ends_well { Ok((name, content)) } else { Err(Damaged) }
    }
}

const fn kind_of(layer: Layer) -> &'static str {
    match layer {
        Layer::Common => "common",
        Layer::Mac | Layer::Local | Layer::Set => "mac",
    }
}

const HEAD: &str = "sureline-provisioned 1";
/// How messages name what was kept of earlier files.
const KEPT: &str = "kept from earlier files";
/// All files of one provisioning together, and what they leave behind.
const BYTES_MAX: usize = 8 * FILE_BYTES_MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, layer: Layer, content: &str) -> SavedFile {
        SavedFile { name: name.into(), layer, content: content.as_bytes().to_vec() }
    }

    fn saved() -> Saved {
        Saved {
            files: vec![
                file("http://a/y000000000028.cfg", Layer::Common, "account.1.enable = 1\n"),
                file("http://a/b c.cfg", Layer::Mac, "account.1.label = end 12\nstatic.x"),
            ],
            blank: Blank::Keeps,
            kept: b"account.2.enable = 1\n".to_vec(),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for saved in [saved(), Saved::default()] {
            assert_eq!(Saved::parse(&saved.to_bytes()), Ok(saved));
        }
    }

    #[test]
    fn every_damage_is_seen() {
        let bytes = saved().to_bytes();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(Saved::parse(&other), Err(Damaged), "byte {at}");
            assert_eq!(Saved::parse(&bytes[..at]), Err(Damaged), "cut at {at}");
        }
        assert_eq!(Saved::parse(&[&bytes[..], b"\n"].concat()), Err(Damaged));
    }

    #[test]
    fn with_overwrite_mode_0_all_earlier_values_stay_else_the_static_ones() {
        let saved = Saved {
            files: vec![file(
                "a",
                Layer::Common,
                "account.1.label = a\naccount.1.label = b\nstatic.network.ip_address_mode = 2\n\
                 static.security.user_password = admin:x\nstatic.security.user_password = user:y\n",
            )],
            ..Saved::default()
        };
        let text = |blank| String::from_utf8(saved.kept_beside(blank)).unwrap();
        let fixed = "static.network.ip_address_mode = 2\n\
             static.security.user_password = admin:x\nstatic.security.user_password = user:y\n";
        assert_eq!(text(Blank::Resets), fixed);
        assert!(text(Blank::Keeps).starts_with("account.1.label = b\n"), "{}", text(Blank::Keeps));
    }

    #[test]
    fn earlier_values_lie_below_the_files() {
        let saved = saved();
        let names: Vec<_> = saved.sources().map(|source| source.name).collect();
        assert_eq!(names, [KEPT, "http://a/y000000000028.cfg", "http://a/b c.cfg"]);
    }
}
