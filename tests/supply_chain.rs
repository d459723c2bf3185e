//! What the program is made of: licences, where crates come from, and where code is unsafe. It is always asked, of what is
//! built here; scripts/check-supply-chain asks cargo-deny of all platforms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn strings(list: &Json) -> BTreeSet<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_string()).collect()
}

/// What deny.toml allows.
struct Allowed {
    everywhere: BTreeSet<String>,
    /// By the name of the crate.
    exceptions: BTreeMap<String, BTreeSet<String>>,
}

impl Allowed {
    fn read() -> Allowed {
        let rules: Json = toml::from_str(&read("deny.toml")).unwrap();
        let exceptions = rules["licenses"]["exceptions"].as_array().unwrap();
        let exception = |one: &Json| (one["crate"].as_str().unwrap().to_string(), strings(&one["allow"]));
        Allowed {
            everywhere: strings(&rules["licenses"]["allow"]),
            exceptions: exceptions.iter().map(exception).collect(),
        }
    }

    /// Whether a crate may be used under an expression of SPDX, or under the older `A/B`.
    fn allows(&self, name: &str, expression: &str) -> bool {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
        let allowed = self.any_of(name, &mut words);
        assert!(words.is_empty(), "{name}: {expression} does not end where it should");
        allowed
    }

    /// OR binds less than AND. `words` are those to come, the next one last.
    fn any_of(&self, name: &str, words: &mut Vec<&str>) -> bool {
        let mut allowed = self.all_of(name, words);
        while words.pop_if(|word| *word == "OR").is_some() {
            allowed |= self.all_of(name, words);
        }
        allowed
    }

    fn all_of(&self, name: &str, words: &mut Vec<&str>) -> bool {
        let mut allowed = self.one(name, words);
        while words.pop_if(|word| *word == "AND").is_some() {
            allowed &= self.one(name, words);
        }
        allowed
    }

    fn one(&self, name: &str, words: &mut Vec<&str>) -> bool {
        let word = words.pop().unwrap_or_else(|| panic!("{name}: the expression of its licence breaks off"));
        if word == "(" {
            let allowed = self.any_of(name, words);
            assert_eq!(words.pop(), Some(")"), "{name}");
            return allowed;
        }
        let mut licence = word.to_string();
        if words.pop_if(|word| *word == "WITH").is_some() {
            licence += &format!(" WITH {}", words.pop().unwrap());
        }
        self.everywhere.contains(&licence)
            || self.exceptions.get(name).is_some_and(|allowed| allowed.contains(&licence))
    }
}

#[test]
fn expressions_of_licences_are_read_as_spdx_says() {
    let of = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
    let allowed = Allowed {
        everywhere: of(&["MIT", "Zlib"]),
        exceptions: [("odd".to_string(), of(&["GPL-2.0", "Apache-2.0 WITH LLVM-exception"]))].into(),
    };
    for expression in [
        "MIT",
        "GPL-3.0 OR MIT",
        "GPL-3.0/MIT",
        "MIT AND Zlib",
        "(GPL-3.0 OR MIT) AND Zlib",
        "GPL-3.0 AND GPL-2.0 OR MIT",
        "MIT OR GPL-2.0 AND GPL-3.0",
    ] {
        assert!(allowed.allows("plain", expression), "{expression}");
    }
    for expression in ["GPL-2.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-3.0", "MIT WITH odd-exception"] {
        assert!(!allowed.allows("plain", expression), "{expression}");
    }
    assert!(allowed.allows("odd", "GPL-2.0") && allowed.allows("odd", "Apache-2.0 WITH LLVM-exception"));
    assert!(!allowed.allows("odd", "Apache-2.0"));
}

/// The crates of this build and of its tests.
fn packages() -> Vec<Json> {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut asked = Command::new(env!("CARGO"));
    asked.args(["metadata", "--offline", "--locked", "--format-version=1", "--filter-platform", host]);
    if cfg!(not(feature = "gpu")) {
        asked.arg("--no-default-features");
    }
    let answer = asked.current_dir(root()).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let answer: Json = serde_json::from_slice(&answer.stdout).unwrap();
    // `packages` are those of the lock file; what is built is in the graph.
    let used = answer["resolve"]["nodes"].as_array().unwrap();
    let used: BTreeSet<&str> = used.iter().map(|node| node["id"].as_str().unwrap()).collect();
    let all = answer["packages"].as_array().unwrap().iter();
    all.filter(|package| used.contains(package["id"].as_str().unwrap())).cloned().collect()
}

#[test]
fn every_licence_is_allowed_and_every_exception_is_named_for_a_crate_in_the_lock_file() {
    let allowed = Allowed::read();
    let packages = packages();
    assert!(packages.len() > 100, "{}", packages.len());
    for package in &packages {
        let name = package["name"].as_str().unwrap();
        let licence = package["license"].as_str().unwrap_or_else(|| panic!("{name} has no licence"));
        assert!(allowed.allows(name, licence), "{name}: {licence} is not allowed by deny.toml");
    }
    let locked = locked();
    for name in allowed.exceptions.keys() {
        assert!(locked.iter().any(|package| package["name"] == **name), "no {name}: its exception can go");
    }
    // The twin: without what it allows, deny.toml would be seen to lack it.
    for licence in &allowed.everywhere {
        let mut fewer = Allowed::read();
        fewer.everywhere.remove(licence);
        let refused = packages.iter().any(|package| {
            !fewer.allows(package["name"].as_str().unwrap(), package["license"].as_str().unwrap())
        });
        assert!(refused, "{licence} is allowed and no crate needs it");
    }
}

/// Every crate of the lock file, those of other platforms included.
fn locked() -> Vec<Json> {
    let lock: Json = toml::from_str(&read("Cargo.lock")).unwrap();
    lock["package"].as_array().unwrap().clone()
}

/// Why a crate of the lock file may not be used.
fn objection(package: &Json) -> Option<String> {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let name = &package["name"];
    match package["source"].as_str() {
        None if name == "symbreak" => None,
        None => Some(format!("{name} has no source")),
        Some(REGISTRY) if package["checksum"].is_string() => None,
        Some(REGISTRY) => Some(format!("{name} has no checksum")),
        Some(other) => Some(format!("{name} is from {other}")),
    }
}

#[test]
fn all_crates_are_from_the_registry_with_a_checksum() {
    let locked = locked();
    assert_eq!(locked.iter().filter_map(objection).collect::<Vec<_>>(), Vec::<String>::new());
    for (key, value) in [("source", "git+https://example.org/a"), ("source", "registry+https://example.org")]
    {
        let mut package = locked[0].clone();
        package[key] = value.into();
        assert!(objection(&package).is_some(), "{package}");
    }
    let mut package = locked[0].clone();
    package.as_object_mut().unwrap().remove("checksum");
    assert!(objection(&package).is_some(), "{package}");
}

/// The word itself, so that this file has it nowhere.
const WORD: &str = concat!("un", "safe");

/// The code of a line, without what is said beside it.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap()
}

/// How often the word stands in the code of a line.
fn count(line: &str) -> usize {
    let whole = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let code = code(line);
    code.match_indices(WORD)
        .filter(|(at, _)| {
            whole(code[..*at].chars().next_back()) && whole(code[at + WORD.len()..].chars().next())
        })
        .count()
}

/// Lines, from 1, of blocks that no comment above their statement justifies.
fn unjustified(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let block = format!("{WORD} {{");
    let justified = |at: usize| {
        for line in lines[..at].iter().rev() {
            if line.starts_with("// SAFETY: ") {
                return true;
            }
            // Still the comment, or the statement that the block is in.
            if !line.starts_with("//") && line.ends_with([';', '{', '}']) {
                return false;
            }
        }
        false
    };
    (0..lines.len())
        .filter(|&at| code(lines[at]).contains(&block) && !justified(at))
        .map(|at| at + 1)
        .collect()
}

#[test]
fn the_search_finds_what_is_to_be_found() {
    let [block, function] = ["{ f() }", "fn f() {}"].map(|rest| format!("{WORD} {rest}"));
    assert_eq!((count(&block), count(&function), count(&format!("a; {block}; {block}"))), (1, 1, 2));
    for line in
        [format!("#[forbid({WORD}_code)]"), format!("// {block}"), format!("/// {function}"), "f()".into()]
    {
        assert_eq!(count(&line), 0, "{line}");
    }
    for good in ["// SAFETY: it holds.\n", "// SAFETY: it\n// holds.\nlet a =\n"] {
        assert_eq!(unjustified(&format!("{good}{block}")), Vec::<usize>::new(), "{good}");
    }
    for bad in ["", "// It holds.\n", "// SAFETY: that one.\nf();\n", "// SAFETY: that one.\nif a {\n"] {
        assert_eq!(unjustified(&format!("{bad}{block}")).len(), 1, "{bad}");
    }
}

/// Files of Rust under a folder, and below.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("node_modules") && !path.ends_with("target") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The table of docs/safety.md: how often the word stands in the code of each file.
fn documented() -> BTreeMap<String, usize> {
    let document = read("docs/safety.md");
    let row = |line: &str| {
        let (file, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        Some((file.to_string(), rest.split(' ').next()?.parse().ok()?))
    };
    document.lines().filter_map(row).collect()
}

#[test]
fn code_is_as_safe_as_its_document_says_and_all_else_is_justified() {
    let mut files = vec![root().join("build.rs")];
    for folder in ["src", "tests", "benches", "examples", "fuzz"] {
        sources(&root().join(folder), &mut files);
    }
    assert!(files.len() > 150, "{}", files.len());
    let mut found = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        assert_eq!(unjustified(&text), Vec::<usize>::new(), "{name}: lines with no `// SAFETY: `");
        let words: usize = text.lines().map(count).sum();
        if words > 0 {
            found.insert(name, words);
        }
    }
    assert_eq!(found, documented(), "left: the code, right: docs/safety.md");
}
