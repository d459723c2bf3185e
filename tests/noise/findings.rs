//! What statistics found, and when that is too unlikely.

/// Below this a p-value is no chance: good numbers fail any of up to [`MOST`] statistics once in a million times. The
/// numbers are always the same, so that a test which passes once passes always.
const CHANCE: f64 = 1e-6 / MOST as f64;

/// Statistics of one engine at most, all of its tests together; engines draw the same numbers.
const MOST: usize = 1000;

/// Statistics by name, with their p-values.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<(String, f64)>);

impl Findings {
    pub fn add(&mut self, name: String, p: f64) {
        self.0.push((name, p));
    }

    pub fn all(&self) -> &[(String, f64)] {
        &self.0
    }

    /// Names of the statistics that no chance explains, or that are no number.
    pub fn unlikely(&self) -> Vec<&str> {
        let chance = |p: f64| p >= CHANCE;
        self.0.iter().filter(|(_, p)| !chance(*p)).map(|(name, _)| name.as_str()).collect()
    }
}

/// Nothing is unlikely about numbers; of spoilt ones the statistics that are named are, and every statistic is named by one.
pub fn judge(what: &str, found: &Findings, spoilt: &[(Findings, Vec<String>)]) {
    let least = found.all().iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("statistics");
    println!("{what}: {} statistics, the least likely {least:?}", found.all().len());
    assert_eq!(found.unlikely(), [""; 0], "{what}: {found:?}");
    // No engine is judged more than twenty times.
    assert!(20 * found.all().len() <= MOST, "{what}: {} statistics", found.all().len());
    let mut caught = Vec::new();
    for (findings, names) in spoilt {
        let unlikely = findings.unlikely();
        for name in names {
            assert!(unlikely.contains(&name.as_str()), "{what}: spoilt, {name} passes: {findings:?}");
            caught.push(name.as_str());
        }
    }
    for (name, _) in found.all() {
        assert!(caught.contains(&name.as_str()), "{what}: nothing shows that {name} can fail");
    }
}
