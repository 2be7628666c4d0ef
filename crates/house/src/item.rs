//! The items of a file: where each function, type and constant begins and ends.

use crate::token::{Kind, Token};

/// An item with its attributes and the comments directly above it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) sort: Sort,
    /// `Type::function` inside an implementation or a trait.
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
    /// `#[test]` or another attribute of that name.
    pub(crate) is_test: bool,
    /// `#[cfg(test)]`.
    pub(crate) only_in_tests: bool,
    /// A module in a file of its own.
    pub(crate) is_elsewhere: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sort {
    Function,
    Type,
    Constant,
    Implementation,
    Module,
}

impl Item {
    pub(crate) fn contains(&self, line: usize) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

/// All items, those inside others included.
pub(crate) fn items(tokens: &[Token]) -> Vec<Item> {
    let code: Vec<&Token> =
        tokens.iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
    let mut items: Vec<Item> = (0..code.len()).filter_map(|at| item(&code, at)).collect();
    for item in &mut items {
        item.first = first_comment_above(tokens, item.first);
    }
    qualify(&mut items);
    items
}

/// The item whose keyword stands at `at`.
fn item(code: &[&Token], at: usize) -> Option<Item> {
    let sort = sort(code, at)?;
    let name = match sort {
        Sort::Implementation => implementing_type(code, at)?,
        Sort::Function | Sort::Type | Sort::Constant | Sort::Module => {
            let skip = if code.get(at + 1)?.is_word("mut") { 2 } else { 1 };
            code.get(at + skip)?.word()?.to_owned()
        }
    };
    let (begin, attributes) = attributes(code, at);
    let end = end(code, at, sort);
    let is_test = attributes.iter().any(|words| is_test(words));
    let only_in_tests = attributes.iter().any(|words| is_cfg_test(words));
    let is_elsewhere = sort == Sort::Module && code.get(end)?.is_mark(';');
    let (first, last) = (code.get(begin)?.line, code.get(end)?.line);
    Some(Item { sort, name, first, last, is_test, only_in_tests, is_elsewhere })
}

fn sort(code: &[&Token], at: usize) -> Option<Sort> {
    let sort = match code.get(at)?.word()? {
        "fn" => Sort::Function,
        "struct" | "enum" | "trait" | "type" | "union" => Sort::Type,
        "const" | "static" => Sort::Constant,
        "impl" => Sort::Implementation,
        "mod" => Sort::Module,
        _ => return None,
    };
    let next = code.get(at + 1)?;
    let begins = match at.checked_sub(1).and_then(|before| code.get(before)) {
        None => true,
        Some(before) => match &before.kind {
            Kind::Mark(mark) => matches!(mark, '{' | '}' | ';' | ']' | ')'),
            Kind::Word(word) => MODIFIERS.contains(&word.as_str()),
            Kind::Text(_) => true, // extern "C" fn
            Kind::Other | Kind::Comment(_) => false,
        },
    };
    let is_item = match sort {
        Sort::Implementation => begins,
        Sort::Constant => begins && next.word().is_some_and(|word| !ITEM_WORDS.contains(&word)),
        Sort::Function | Sort::Type | Sort::Module => begins && next.word().is_some(),
    };
    is_item.then_some(sort)
}

/// The place where the item begins, and the words of each of its attributes.
fn attributes<'a>(code: &[&'a Token], at: usize) -> (usize, Vec<Vec<&'a str>>) {
    let mut begin = at;
    while begin > 0 {
        let before = code[begin - 1];
        let is_modifier = before.word().is_some_and(|word| MODIFIERS.contains(&word));
        if is_modifier || matches!(before.kind, Kind::Text(_)) {
            begin -= 1;
        } else if before.is_mark(')') {
            // pub(crate), unless the bracket ends something else.
            let Some(open) = opening(code, begin - 1, '(', ')') else { break };
            if open == 0 || !code[open - 1].is_word("pub") {
                break;
            }
            begin = open - 1;
        } else {
            break;
        }
    }
    let mut attributes = Vec::new();
    while begin > 1 && code[begin - 1].is_mark(']') {
        let Some(open) = opening(code, begin - 1, '[', ']') else { break };
        if open == 0 || !code[open - 1].is_mark('#') {
            break;
        }
        attributes.push(code[open..begin].iter().filter_map(|token| token.word()).collect());
        begin = open - 1;
    }
    (begin, attributes)
}

/// The place of the bracket that the one at `close` closes.
fn opening(code: &[&Token], close: usize, left: char, right: char) -> Option<usize> {
    let mut depth = 0;
    for at in (0..=close).rev() {
        depth += usize::from(code[at].is_mark(right));
        depth -= usize::from(code[at].is_mark(left));
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The place of the token that ends the item.
fn end(code: &[&Token], at: usize, sort: Sort) -> usize {
    let mut depth = 0_usize;
    for (place, token) in code.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(mark @ (')' | ']' | '}')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && mark == '}' && sort != Sort::Constant {
                    return place;
                }
            }
            Kind::Mark(';') if depth == 0 => return place,
            Kind::Mark(_) | Kind::Word(_) | Kind::Text(_) | Kind::Other | Kind::Comment(_) => {}
        }
    }
    code.len() - 1
}

/// The name of the type that is implemented: `Trait for module::Type<T>` gives `Type`.
fn implementing_type(code: &[&Token], at: usize) -> Option<String> {
    let mut depth = 0_i32;
    let mut name = None;
    for (place, token) in code.iter().enumerate().skip(at + 1) {
        match &token.kind {
            Kind::Mark('<') => depth += 1,
            Kind::Mark('>') if !code[place - 1].is_mark('-') => depth -= 1,
            Kind::Mark('{' | ';') => break,
            Kind::Word(word) if depth == 0 => match word.as_str() {
                "where" => break,
                "for" | "dyn" | "mut" => {}
                _ => name = Some(word.clone()),
            },
            Kind::Mark(_) | Kind::Word(_) | Kind::Text(_) | Kind::Other | Kind::Comment(_) => {}
        }
    }
    name
}

fn is_test(words: &[&str]) -> bool {
    !words.contains(&"cfg") && (words.contains(&"test") || words.first() == Some(&"rstest"))
}

pub(crate) fn is_cfg_test(words: &[&str]) -> bool {
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// The first line of the comments that end in the line above `line`, else `line`.
fn first_comment_above(tokens: &[Token], line: usize) -> usize {
    let mut first = line;
    for token in tokens.iter().rev().skip_while(|token| token.line >= line) {
        let Kind::Comment(text) = &token.kind else { break };
        if token.line + text.matches('\n').count() + 1 != first {
            break;
        }
        first = token.line;
    }
    // The last comment may stand behind code: then it belongs to that.
    let trails = |token: &Token| token.line == first && !matches!(token.kind, Kind::Comment(_));
    if first < line && tokens.iter().any(trails) { first + 1 } else { first }
}

/// Puts the type before the names of its functions.
fn qualify(items: &mut [Item]) {
    let owners: Vec<Item> = items
        .iter()
        .filter(|item| matches!(item.sort, Sort::Implementation | Sort::Type))
        .cloned()
        .collect();
    for item in items.iter_mut() {
        if matches!(item.sort, Sort::Implementation | Sort::Type | Sort::Module) {
            continue;
        }
        let owner = owners
            .iter()
            .filter(|owner| owner.first <= item.first && item.last <= owner.last)
            .min_by_key(|owner| owner.last - owner.first);
        if let Some(owner) = owner {
            item.name = format!("{}::{}", owner.name, item.name);
        }
    }
}

const MODIFIERS: [&str; 6] = ["pub", "async", "const", "unsafe", "extern", "default"];
const ITEM_WORDS: [&str; 5] = ["fn", "unsafe", "extern", "async", "impl"];

mod tests {
    use super::*;
    use crate::token::tokens;

    fn found(text: &str) -> Vec<(String, usize, usize)> {
        let items = items(&tokens(text));
        items.into_iter().map(|item| (item.name, item.first, item.last)).collect()
    }

    #[test]
    fn items_begin_with_their_comments_and_end_with_their_brackets() {
        let text = "const A: [u8; 2] = [1, 2]; // trails\n\
            /// About.\n#[derive(Debug)]\npub(crate) struct B<T> {\n    c: fn(u8) -> T,\n}\n\
            impl<T: Into<u8>> From<T> for a::B<T> {\n    // Why.\n    const fn d() -> impl Sized {\n\
            if true {}\n    }\n}\n";
        let expected = [("A", 1, 1), ("B", 2, 6), ("B", 7, 12), ("B::d", 8, 11)];
        let expected = expected.map(|(name, first, last)| (name.to_owned(), first, last));
        assert_eq!(found(text), expected);
    }

    #[test]
    fn tests_are_told_from_code() {
        let text = "#[cfg(test)]\nmod tests {\n#[test] // A1\nfn a() {}\n#[tokio::test(start)]\n\
            async fn b() {}\nfn c() {}\n}\n#[cfg(not(test))]\nfn d() {}\n#[cfg(test)]\nmod e;\n";
        let items = items(&tokens(text));
        let tests: Vec<&str> =
            items.iter().filter(|item| item.is_test).map(|item| item.name.as_str()).collect();
        assert_eq!(tests, ["a", "b"]);
        let only: Vec<(&str, bool)> = items
            .iter()
            .filter(|item| item.only_in_tests)
            .map(|item| (item.name.as_str(), item.is_elsewhere))
            .collect();
        assert_eq!(only, [("tests", false), ("e", true)]);
    }
}
