//! Rust text as tokens, as far as the tests of this crate need it.

/// A token and the line that it begins in, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// An identifier or a keyword.
    Word(String),
    /// One character of punctuation.
    Mark(char),
    /// A string literal, without quotes, escapes as written.
    Text(String),
    /// A number, character or lifetime.
    Other,
    /// A comment without its slashes.
    Comment(String),
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            Kind::Mark(_) | Kind::Text(_) | Kind::Other | Kind::Comment(_) => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// The tokens of a file; text that is no Rust gives tokens all the same.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut cursor = Cursor { chars: text.chars().collect(), at: 0, line: 1 };
    let mut tokens = Vec::new();
    while let Some(first) = cursor.peek(0) {
        let line = cursor.line;
        if let Some(kind) = cursor.token(first) {
            tokens.push(Token { line, kind });
        }
    }
    tokens
}

struct Cursor {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Cursor {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn token(&mut self, first: char) -> Option<Kind> {
        if first.is_whitespace() {
            self.next();
            return None;
        }
        if first == '/' && self.peek(1) == Some('/') {
            return Some(self.line_comment());
        }
        if first == '/' && self.peek(1) == Some('*') {
            return Some(self.block_comment());
        }
        if let Some(hashes) = self.raw_string() {
            return Some(self.raw_text(hashes));
        }
        if first == '"' {
            return Some(self.text());
        }
        if first == '\'' {
            return Some(self.quote());
        }
        if first.is_alphabetic() || first == '_' {
            return Some(Kind::Word(self.run()));
        }
        if first.is_ascii_digit() {
            self.run();
            return Some(Kind::Other);
        }
        self.next();
        Some(Kind::Mark(first))
    }

    fn run(&mut self) -> String {
        let mut run = String::new();
        while let Some(next) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            run.push(next);
            self.next();
        }
        run
    }

    fn line_comment(&mut self) -> Kind {
        let mut text = String::new();
        while let Some(next) = self.peek(0).filter(|c| *c != '\n') {
            text.push(next);
            self.next();
        }
        let text = text.trim_start_matches('/');
        Kind::Comment(text.strip_prefix('!').unwrap_or(text).trim().to_owned())
    }

    fn block_comment(&mut self) -> Kind {
        let mut text = String::new();
        let mut depth = 0;
        while let Some(next) = self.peek(0) {
            match (next, self.peek(1)) {
                ('/', Some('*')) => depth += 1,
                ('*', Some('/')) => depth -= 1,
                _ => {
                    text.push(next);
                    self.next();
                    continue;
                }
            }
            self.next();
            self.next();
            if depth == 0 {
                break;
            }
        }
        Kind::Comment(text)
    }

    /// The number of hashes, where a raw string begins: `r"`, `r#"`, `br#"`.
    fn raw_string(&self) -> Option<usize> {
        let r = if self.peek(0) == Some('b') { 1 } else { 0 };
        if self.peek(r) != Some('r') {
            return None;
        }
        let hashes = (0..).take_while(|i| self.peek(r + 1 + i) == Some('#')).count();
        (self.peek(r + 1 + hashes) == Some('"')).then_some(hashes)
    }

    fn raw_text(&mut self, hashes: usize) -> Kind {
        while self.next() != Some('"') {}
        let mut text = String::new();
        while let Some(next) = self.next() {
            if next == '"' && (0..hashes).all(|i| self.peek(i) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(next);
        }
        Kind::Text(text)
    }

    fn text(&mut self) -> Kind {
        self.next();
        let mut text = String::new();
        while let Some(next) = self.next().filter(|c| *c != '"') {
            text.push(next);
            if next == '\\' {
                text.extend(self.next());
            }
        }
        Kind::Text(text)
    }

    /// A character literal or a lifetime.
    fn quote(&mut self) -> Kind {
        self.next();
        let escaped = self.peek(0) == Some('\\');
        if escaped || self.peek(1) == Some('\'') {
            if escaped {
                self.next();
            }
            self.next();
            while self.next().is_some_and(|c| c != '\'') {}
        } else {
            self.run();
        }
        Kind::Other
    }
}

mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text).iter().filter_map(|token| token.word().map(str::to_owned)).collect()
    }

    #[test]
    fn what_stands_in_literals_and_comments_is_no_word() {
        let text = r##"let a = "b \" c"; let d = r#"e " f"#; // g
            /* h /* i */ j */ let k = 'l'; let m: &'static n = '\''; let o = '\u{1F600}'; p"##;
        let expected = ["let", "a", "let", "d", "let", "k", "let", "m", "n", "let", "o", "p"];
        assert_eq!(words(text), expected);
    }

    #[test]
    fn tokens_know_their_lines() {
        let tokens = tokens("/* one\ntwo */ a\n\"three\nfour\" b // c\n");
        let lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 4]);
        assert_eq!(tokens[2].kind, Kind::Text("three\nfour".to_owned()));
        assert_eq!(tokens[4].kind, Kind::Comment("c".to_owned()));
    }
}
