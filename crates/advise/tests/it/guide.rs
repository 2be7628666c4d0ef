use advise::check::{Colour, Options, check};
use params::{Device, Layer, Source};

#[test]
fn print() {
    for name in ["failover", "static_cache_1", "static_cache_2", "static_cache_3"] {
        let path = format!("{}/../params/tests/guide/{name}.cfg", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(path).unwrap();
        let source = Source { name: &format!("{name}.cfg"), layer: Layer::Mac, bytes: &bytes };
        let report = check(&[source], &Device::default(), &Options::default());
        println!("{}", report.render(Colour::Never, 100));
    }
}
