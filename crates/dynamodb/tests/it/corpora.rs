//! What the fuzzer has found stays a test: every input of every corpus, one after the other.

use std::path::Path;

use crate::targets::TARGETS;

#[test]
fn every_input_that_the_fuzzer_has_kept_passes() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in TARGETS {
        let inputs: Vec<_> = std::fs::read_dir(corpora.join(name)).unwrap().collect();
        assert!(!inputs.is_empty(), "the corpus {name} is empty");
        for input in inputs {
            let path = input.unwrap().path();
            println!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
        }
    }
}
