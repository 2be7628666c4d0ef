//! The parts of a form that sends a file (RFC 7578).

/// How many parts a form has at most.
const PARTS_MAX: usize = 16;

/// Name and content of each part; none where the body is no such form.
pub(super) fn parts<'a>(content_type: &str, body: &'a [u8]) -> Option<Vec<(String, &'a [u8])>> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameters.split(';').find_map(|it| it.trim().strip_prefix("boundary="))?;
    let boundary = format!("\r\n--{}", boundary.trim_matches('"'));
    // RFC 2046 §5.1.1: the line end before a delimiter belongs to it; the first one may lack it.
    let mut rest = body.strip_prefix(boundary.get(2..)?.as_bytes())?;
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        if parts.len() == PARTS_MAX {
            return None;
        }
        let (head, content) = split(rest.strip_prefix(b"\r\n")?, b"\r\n\r\n")?;
        let (content, after) = split(content, boundary.as_bytes())?;
        parts.push((name(head)?, content));
        rest = after;
    }
    Some(parts)
}

/// What stands before and after the first `mark`.
fn split<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes.windows(mark.len()).position(|window| window == mark)?;
    Some((bytes.get(..at)?, bytes.get(at + mark.len()..)?))
}

fn name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let named = |line: &str| {
        let (field, value) = line.split_once(':')?;
        let is_it = field.trim().eq_ignore_ascii_case("content-disposition");
        let mut parameters = value.split(';').filter(|_| is_it);
        let name = parameters.find_map(|it| it.trim().strip_prefix("name="))?;
        Some(name.trim_matches('"').to_owned())
    };
    head.split("\r\n").find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x1";
    const BODY: &[u8] = b"------x1\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n\
        ------x1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a;b.cfg\"\r\n\
        Content-Type: application/octet-stream\r\n\r\na = 1\r\n\xfc\r\n\r\n\r\n------x1--\r\n";

    #[test]
    fn each_part_comes_with_its_bytes() {
        let parts = parts(KIND, BODY).unwrap();
        let expected: [(String, &[u8]); 2] =
            [("csrf".into(), b"abc"), ("file".into(), b"a = 1\r\n\xfc\r\n\r\n")];
        assert_eq!(parts, expected);
    }

    #[test]
    fn what_is_cut_off_or_no_such_form_is_none() {
        for end in 0..BODY.len() - 4 {
            assert_eq!(parts(KIND, &BODY[..end]), None, "{end}");
        }
        assert_eq!(parts("application/x-www-form-urlencoded", BODY), None);
        assert_eq!(parts("multipart/form-data", BODY), None);
        let many = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n".repeat(100);
        assert_eq!(parts("multipart/form-data; boundary=x", &many), None);
    }
}
