//! "Did you mean": the known key that an unknown one was most likely meant to be.

use crate::table::{place, row_at, shape, shapes, stands_for_number};

/// The known key that is nearest to `unknown`, with its numbers; `None` where none is near.
#[must_use]
pub fn suggestion(unknown: &str) -> Option<String> {
    if unknown.len() > KEY_BYTES_MAX {
        return None;
    }
    let unknown = unknown.to_ascii_lowercase();
    let shape = shape(&unknown);
    let pattern = known_mistake(&shape).or_else(|| nearest(&shape))?;
    Some(with_numbers_of(&unknown, pattern))
}

/// Mistakes that edit distance does not find, as they were seen in files.
fn known_mistake(shape: &str) -> Option<&'static str> {
    let mended = MISTAKES.iter().fold(shape.to_owned(), |shape, (wrong, right)| {
        let segments =
            shape.split('.').map(|segment| if segment == *wrong { *right } else { segment });
        segments.collect::<Vec<_>>().join(".")
    });
    let mended = mended.replace(".sip_server.#.transport", ".sip_server.#.transport_type");
    let mended = mended.replace(".transport_type_type", ".transport_type");
    let forms = [
        mended.clone(),
        format!("static.{mended}"),
        format!("account.#.{mended}"),
        format!("static.auto_provision.{mended}"),
    ];
    let known = forms.iter().filter(|form| form.as_str() != shape).find_map(|form| place(form))?;
    Some(row_at(known).pattern)
}

fn nearest(shape: &str) -> Option<&'static str> {
    let limit = (shape.len() / 5).clamp(1, DISTANCE_MAX);
    let near = |(pattern, place)| distance(shape, pattern, limit).map(|steps| (steps, place));
    let (_, place) = shapes().filter_map(near).min()?;
    Some(row_at(place).pattern)
}

/// Fills the numbers of `text` into `pattern`, in order; a placeholder without one stays.
fn with_numbers_of(text: &str, pattern: &str) -> String {
    let mut numbers = text.split('.').filter(|segment| stands_for_number(segment));
    let fill = |segment| {
        if stands_for_number(segment) { numbers.next().unwrap_or(segment) } else { segment }
    };
    pattern.split('.').map(fill).collect::<Vec<_>>().join(".")
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`, if at most
/// `limit`.
fn distance(a: &str, b: &str, limit: usize) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let at =
                |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, j) + usize::from(from != to);
            let mut best = replaced.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(to) && b.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        if row.iter().min().is_some_and(|least| *least > limit) {
            return None;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|distance| *distance <= limit)
}

/// Segments that are often written for another one.
const MISTAKES: [(&str, &str); 17] = [
    ("retry_counter", "retry_counts"),
    ("retry_count", "retry_counts"),
    ("invite_retry_count", "invite_retry_counts"),
    ("host", "address"),
    ("server_host", "address"),
    ("ip_address", "address"),
    ("register_expires", "expires"),
    ("expire", "expires"),
    ("username", "user_name"),
    ("register_name", "auth_name"),
    ("auth_user", "auth_name"),
    ("displayname", "display_name"),
    ("secret", "password"),
    ("enalbe", "enable"),
    ("enabled", "enable"),
    ("outbound_proxy_enabled", "outbound_proxy_enable"),
    ("failback_subscribe_enable", "failback_subscribe"),
];

const DISTANCE_MAX: usize = 4;

/// A longer text is no mistyped key.
const KEY_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_mistakes_and_near_keys_are_found_with_their_numbers() {
        for (wrong, right) in [
            ("account.2.sip_server.1.retry_counter", "account.2.sip_server.1.retry_counts"),
            ("account.1.sip_server.1.transport", "account.1.sip_server.1.transport_type"),
            ("static.auto_provision.weekly.enalbe", "static.auto_provision.weekly.enable"),
            ("weekly.enalbe", "static.auto_provision.weekly.enable"),
            ("auto_provision.server.url", "static.auto_provision.server.url"),
            ("network.primary_dns", "static.network.primary_dns"),
            ("account.3.sip_server.2.host", "account.3.sip_server.2.address"),
            ("account.1.enabel", "account.1.enable"),
            ("account.1.passwrod", "account.1.password"),
            ("Account.1.Enable", "account.1.enable"),
            ("acount.16.fallback.timout", "account.16.fallback.timeout"),
            ("dns_cache_srv.4.wieght", "dns_cache_srv.4.weight"),
            ("sureline.profil", "sureline.profile"),
        ] {
            assert_eq!(suggestion(wrong).as_deref(), Some(right), "{wrong}");
        }
    }

    #[test]
    fn what_is_near_nothing_gets_no_suggestion() {
        for text in ["", "x", "wallpaper.upload.url", "=", &"a".repeat(10_000)] {
            assert_eq!(suggestion(text), None, "{text}");
        }
    }

    #[test]
    fn distance_counts_swaps_as_one() {
        assert_eq!(distance("enalbe", "enable", 4), Some(1));
        assert_eq!(distance("abc", "abc", 0), Some(0));
        assert_eq!(distance("abc", "xyz", 2), None);
        assert_eq!(distance("", "ab", 4), Some(2));
    }
}
