//! One Rust file: its tokens, its items, and which of it is test code.

use std::fs;
use std::path::Path;

use crate::item::{Item, Sort, is_cfg_test, items};
use crate::token::{Token, tokens};

#[derive(Debug)]
pub(crate) struct Source {
    /// From the root of the workspace, as in `crates/net/src/lib.rs`.
    pub(crate) path: String,
    /// The folder below `crates`.
    pub(crate) owner: String,
    /// The file is compiled for tests only.
    pub(crate) is_test: bool,
    pub(crate) tokens: Vec<Token>,
    items: Vec<Item>,
}

impl Source {
    pub(crate) fn read(file: &Path, path: &str) -> Self {
        Self::of(path, &fs::read_to_string(file).unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    pub(crate) fn of(path: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let items = items(&tokens);
        let owner = path.split('/').nth(1).unwrap_or_default().to_owned();
        let in_tests = path.split('/').nth(2) == Some("tests");
        let is_test = in_tests || is_cfg_test(&inner_attribute(&tokens));
        Self { path: path.to_owned(), owner, is_test, tokens, items }
    }

    /// Where the modules lie that only tests compile, as paths without `.rs`.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let mut folder = self.path.trim_end_matches(".rs");
        for root in ["/lib", "/main", "/mod"] {
            folder = folder.strip_suffix(root).unwrap_or(folder);
        }
        let modules = self.items.iter().filter(|item| item.only_in_tests && item.is_elsewhere);
        modules.map(|module| format!("{folder}/{}", module.name)).collect()
    }

    /// Whether the line is compiled for tests only.
    pub(crate) fn is_test_at(&self, line: usize) -> bool {
        let is_test = |item: &&Item| item.is_test || item.only_in_tests;
        self.is_test || self.items.iter().filter(is_test).any(|item| item.contains(line))
    }

    /// Tokens that are part of the product.
    pub(crate) fn product_tokens(&self) -> Vec<&Token> {
        self.tokens.iter().filter(|token| !self.is_test_at(token.line)).collect()
    }

    /// The name of the smallest item round a line, modules aside.
    pub(crate) fn item_at(&self, line: usize) -> Option<&str> {
        self.around(line, |item| item.sort != Sort::Module).map(|item| item.name.as_str())
    }

    /// The name of the test round a line.
    pub(crate) fn test_at(&self, line: usize) -> Option<&str> {
        self.around(line, |item| item.is_test).map(|item| item.name.as_str())
    }

    fn around(&self, line: usize, fits: impl Fn(&Item) -> bool) -> Option<&Item> {
        let around = self.items.iter().filter(|item| item.contains(line) && fits(item));
        around.min_by_key(|item| item.last - item.first)
    }
}

/// The words of the file's first `#![…]`.
fn inner_attribute(tokens: &[Token]) -> Vec<&str> {
    let code: Vec<&Token> = tokens
        .iter()
        .skip_while(|token| !token.is_mark('#'))
        .take_while(|token| !token.is_mark(']'))
        .collect();
    match code.as_slice() {
        [_, bang, ..] if bang.is_mark('!') => {
            code.iter().filter_map(|token| token.word()).collect()
        }
        _ => Vec::new(),
    }
}

mod tests {
    use super::*;

    #[test]
    fn a_line_knows_its_item_and_its_test() {
        let text = "//! Head.\nstruct A;\nimpl A {\n    fn b() {\n        c();\n    }\n}\n\
            #[cfg(test)]\nmod tests {\n    // Why.\n    #[test]\n    fn d() {}\n    fn e() {}\n}\n";
        let source = Source::of("crates/x/src/y.rs", text);
        assert_eq!(source.item_at(5), Some("A::b"));
        assert_eq!(source.item_at(7), Some("A"));
        assert_eq!(source.test_at(10), Some("d"));
        assert_eq!(source.test_at(13), None);
        assert!(source.is_test_at(13) && !source.is_test_at(5));
        assert_eq!(Source::of("crates/x/tests/y.rs", "fn f() {}").item_at(1), Some("f"));
    }

    #[test]
    fn modules_for_tests_are_found_in_their_files() {
        let text = "#[cfg(test)]\nmod tests;\nmod other;\n";
        let modules = |path| Source::of(path, text).test_modules();
        assert_eq!(modules("crates/x/src/lib.rs"), ["crates/x/src/tests"]);
        assert_eq!(modules("crates/x/src/y/mod.rs"), ["crates/x/src/y/tests"]);
        assert_eq!(modules("crates/x/src/y.rs"), ["crates/x/src/y/tests"]);
    }
}
