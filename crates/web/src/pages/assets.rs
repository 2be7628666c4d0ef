//! Style sheet, scripts and picture, embedded; their address has a digest, so that browsers keep
//! them for good and a new version is another address.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::chance::digest;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 5] = [
    Asset {
        name: "style.css",
        kind: "text/css; charset=utf-8",
        content: include_str!("../../assets/style.css"),
    },
    Asset {
        name: "page.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/page.js"),
    },
    Asset {
        name: "htmx.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/htmx.min.js"),
    },
    Asset {
        name: "hx-sse.js",
        kind: "text/javascript; charset=utf-8",
        content: include_str!("../../assets/hx-sse.min.js"),
    },
    Asset {
        name: "icon.svg",
        kind: "image/svg+xml",
        content: include_str!("../../assets/icon.svg"),
    },
];

static DIGESTS: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    let of = |asset: &Asset| {
        (asset.name, digest("asset", asset.content).chars().take(12).collect::<String>())
    };
    ASSETS.iter().map(of).collect()
});

/// Where a file is found.
pub(super) fn address(name: &str) -> String {
    let digest = DIGESTS.iter().find(|(known, _)| *known == name);
    format!("/assets/{}/{name}", digest.map_or("0", |(_, digest)| digest.as_str()))
}

pub(super) async fn serve(Path((shown, name)): Path<(String, String)>) -> Response {
    let known = DIGESTS.iter().any(|(known, digest)| *known == name && *digest == shown);
    let Some(asset) = ASSETS.iter().find(|asset| known && asset.name == name) else {
        return super::refusal(StatusCode::NOT_FOUND, "There is nothing here.");
    };
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_bring_nothing_from_elsewhere() {
        for asset in &ASSETS {
            let foreign = ["@import", "url(http", "src=\"http"];
            assert!(foreign.iter().all(|part| !asset.content.contains(part)), "{}", asset.name);
            assert!(address(asset.name).ends_with(asset.name));
        }
    }
}
