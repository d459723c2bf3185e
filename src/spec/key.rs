//! Every key of a spec in one table: what it accepts, where it lives in the [`Spec`], and who uses it. Parsing,
//! flags, sweeps, messages and the resolved spec all come from here, so a new key is one new entry.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use crate::engine::Run;
use crate::net::{Activation, Base, Gain, Loss, Noise, Optimizer, Readout};
use crate::task::{Columns, Dataset, Encoding, Settings, Test};

use super::Value;
use super::error::{nearest, printable, suggestion};

/// The values of one cell, and of what all cells share. The defaults are those of the documentation.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub name: Option<String>,
    pub dataset: Option<Dataset>,
    pub task: Settings,
    pub hidden: Vec<usize>,
    pub activation: Activation,
    /// Of the units: linear under a softmax, whose part is the loss's.
    pub output: Activation,
    pub softmax: bool,
    pub readout: Readout,
    pub bias: bool,
    pub skip: bool,
    pub base: Base,
    pub base_value: f64,
    pub noise: Noise,
    pub gain: Gain,
    pub scale: f64,
    pub scale_hidden: f64,
    pub scale_output: f64,
    pub bias_scale: Option<f64>,
    pub values: Option<Values>,
    /// Entries of `values` that are given on their own.
    pub entries: BTreeMap<usize, f64>,
    pub loss: Loss,
    pub optimizer: Optimizer,
    pub lr: f64,
    pub lr_hidden: f64,
    pub lr_output: f64,
    pub momentum: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub rho: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
    /// `None`: full.
    pub batch: Option<u32>,
    pub steps: u32,
    pub stop_when_solved: bool,
    pub dropout: f64,
    pub gradient_noise: f64,
    pub input_noise: f64,
    pub mask: f64,
    pub solved_tolerance: f64,
    pub solved_loss: Option<f64>,
    pub symmetry_tolerance: f64,
    pub seeds: u64,
    pub seed: u64,
}

impl Default for Spec {
    fn default() -> Spec {
        Spec {
            name: None,
            dataset: None,
            task: Settings::default(),
            hidden: vec![2],
            activation: Activation::Logistic,
            output: Activation::Logistic,
            softmax: false,
            readout: Readout::Trained,
            bias: true,
            skip: false,
            base: Base::Zero,
            base_value: 0.5,
            noise: Noise::Uniform,
            gain: Gain::None,
            scale: 1.0,
            scale_hidden: 1.0,
            scale_output: 1.0,
            bias_scale: None,
            values: None,
            entries: BTreeMap::new(),
            loss: Loss::Mse,
            optimizer: Optimizer::Sgd,
            lr: 0.5,
            lr_hidden: 1.0,
            lr_output: 1.0,
            momentum: 0.9,
            beta1: 0.9,
            beta2: 0.999,
            rho: 0.9,
            epsilon: 1e-8,
            weight_decay: 0.0,
            batch: None,
            steps: 10_000,
            stop_when_solved: false,
            dropout: 0.0,
            gradient_noise: 0.0,
            input_noise: 0.0,
            mask: 0.0,
            solved_tolerance: 0.4,
            solved_loss: None,
            symmetry_tolerance: 0.1,
            seeds: 1000,
            seed: 0,
        }
    }
}

/// `init.values`: where the base point comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    /// One number a parameter, in layout order.
    Numbers(Vec<f64>),
    /// An npy file of one point, or of one a seed.
    File(String),
}

impl Spec {
    /// `init.bias_scale`, or its default: under a gain biases start at the base point, as is usual.
    pub fn resolved_bias_scale(&self) -> f64 {
        let default = if self.gain == Gain::None { self.scale } else { 0.0 };
        self.bias_scale.unwrap_or(default)
    }

    /// The settings of runs; what tells one run of a cell from another is 0.
    pub fn settings(&self) -> Run {
        Run {
            master: self.seed,
            seed: 0,
            point: 0,
            base_value: self.base_value,
            scale: self.scale,
            scale_hidden: self.scale_hidden,
            scale_output: self.scale_output,
            bias_scale: self.resolved_bias_scale(),
            lr: self.lr,
            lr_hidden: self.lr_hidden,
            lr_output: self.lr_output,
            momentum: self.momentum,
            beta1: self.beta1,
            beta2: self.beta2,
            rho: self.rho,
            epsilon: self.epsilon,
            weight_decay: self.weight_decay,
            dropout: self.dropout,
            gradient_noise: self.gradient_noise,
            input_noise: self.input_noise,
            mask: self.mask,
            solved_limit: self.solved_loss.unwrap_or(self.solved_tolerance),
            symmetry_tolerance: self.symmetry_tolerance,
            traced: false,
        }
    }
}

/// A value as it was written, before its key has judged it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// An item of a range or the value of a flag: the key decides what kind of value it is.
    Bare(String),
    Text(String),
    Integer(i128),
    Number(f64),
    Flag(bool),
    List(Vec<Raw>),
    /// A TOML value that no key takes: a table, a date.
    Other(&'static str),
}

impl Raw {
    /// How a message shows it.
    pub fn found(&self) -> String {
        match self {
            Raw::Bare(text) | Raw::Text(text) => format!("\"{}\"", printable(text)),
            Raw::Integer(n) => n.to_string(),
            Raw::Number(x) => format!("{x:?}"),
            Raw::Flag(flag) => flag.to_string(),
            Raw::List(items) => {
                let shown: Vec<String> = items.iter().take(4).map(Raw::found).collect();
                printable(&format!("[{}{}]", shown.join(", "), if items.len() > 4 { ", …" } else { "" }))
            }
            Raw::Other(kind) => (*kind).to_string(),
        }
    }
}

/// What a key accepts.
pub(super) enum Kind {
    Number {
        low: f64,
        high: f64,
        /// Whether `high` itself is one of them.
        closed: bool,
        expected: &'static str,
    },
    Integer {
        low: u64,
        high: u64,
    },
    Flag,
    /// One of these.
    Word {
        words: &'static [&'static str],
    },
    /// Widths of the hidden layers.
    Widths,
    /// `"full"` or a number of samples.
    Batch,
    /// A list of numbers, or the path of a file.
    Values,
    /// A list of numbers that are not negative.
    Amounts,
    /// A number of columns, or their names.
    Columns,
    /// A share, or the path of a file.
    Test,
    /// Any text.
    Text,
    /// A text that names a folder.
    Name,
}

/// Under this, per-run settings stay finite when engines round them to f32.
pub(super) const LARGEST: f64 = f32::MAX as f64;

const AMOUNT: Kind =
    Kind::Number { low: 0.0, high: LARGEST, closed: true, expected: "a number from 0 to 3.4e38" };
pub(super) const SIGNED: Kind =
    Kind::Number { low: -LARGEST, high: LARGEST, closed: true, expected: "a number from -3.4e38 to 3.4e38" };
pub(super) const FRACTION: Kind =
    Kind::Number { low: 0.0, high: 1.0, closed: false, expected: "a number from 0 to under 1" };

/// Widest and deepest nets that a spec may ask for; the parameter limit of the plan is tighter.
pub(super) const MAX_WIDTH: u64 = 1_000_000;
pub(super) const MAX_LAYERS: usize = 1000;

impl Kind {
    /// What is expected, in words.
    pub fn expected(&self) -> String {
        match self {
            Kind::Number { expected, .. } => (*expected).to_string(),
            Kind::Integer { low, high: u64::MAX } => format!("a whole number from {low} up"),
            Kind::Integer { low, high } => format!("a whole number from {low} to {high}"),
            Kind::Flag => "true or false".to_string(),
            Kind::Word { words } => one_of(words),
            Kind::Widths => {
                "up to 1000 widths from 1 to 1000000: [8, 8] or \"8x8\", [] or \"none\" for no hidden layer"
                    .to_string()
            }
            Kind::Batch => format!("\"full\" or a whole number from 1 to {}", u32::MAX),
            Kind::Values => "a list of numbers, or the path of an npy file".to_string(),
            Kind::Amounts => "a list of numbers from 0 to 3.4e38".to_string(),
            Kind::Columns => "a whole number from 1 to 1000000, or a list of column names".to_string(),
            Kind::Test => "a number from 0 to under 1, or the path of a file".to_string(),
            Kind::Text => "a text".to_string(),
            Kind::Name => "a plain folder name".to_string(),
        }
    }

    /// Judges a value as it was written; the message says what is wrong with it.
    pub fn read(&self, raw: &Raw) -> Result<Value, String> {
        if let Raw::Bare(text) = raw {
            return self.read(&self.interpret(text));
        }
        let wrong = || format!("expected {}, found {}", self.expected(), raw.found());
        match (self, raw) {
            (Kind::Number { low, high, closed, .. }, Raw::Number(_) | Raw::Integer(_)) => {
                let x = match raw {
                    Raw::Integer(n) => *n as f64,
                    Raw::Number(x) => *x,
                    _ => return Err(wrong()),
                };
                // Adding 0 turns -0 into 0, which is the same point of a sweep.
                if x >= *low && (x < *high || *closed && x == *high) {
                    Ok(Value::Number(x + 0.0))
                } else {
                    Err(wrong())
                }
            }
            (Kind::Integer { low, high }, Raw::Integer(n)) => u64::try_from(*n)
                .ok()
                .filter(|n| (low..=high).contains(&n))
                .map(Value::Integer)
                .ok_or_else(wrong),
            (Kind::Flag, Raw::Flag(flag)) => Ok(Value::Flag(*flag)),
            (Kind::Word { words }, Raw::Text(word)) => {
                if words.contains(&word.as_str()) {
                    return Ok(Value::Word(word.clone()));
                }
                Err(wrong() + &suggestion(nearest(word, words.iter().copied())))
            }
            (Kind::Widths, _) => read_widths(raw).ok_or_else(wrong),
            (Kind::Batch, Raw::Text(word)) if word == "full" => Ok(Value::Word(word.clone())),
            (Kind::Batch, Raw::Integer(n @ 1..)) => {
                u32::try_from(*n).map(|n| Value::Integer(n.into())).map_err(|_| wrong())
            }
            (Kind::Values | Kind::Amounts, Raw::List(items)) if !items.is_empty() => {
                let number = |item: &Raw| match item {
                    Raw::Integer(n) => Some(*n as f64),
                    Raw::Number(x) => Some(*x),
                    _ => None,
                };
                let numbers: Option<Vec<f64>> = items.iter().map(number).collect();
                let least = if matches!(self, Kind::Amounts) { 0.0 } else { -LARGEST };
                let numbers = numbers.filter(|all| all.iter().all(|x| (least..=LARGEST).contains(x)));
                numbers.map(Value::Numbers).ok_or_else(wrong)
            }
            (Kind::Values, Raw::Text(path)) => Ok(Value::Word(path.clone())),
            (Kind::Columns, Raw::Integer(n)) => u64::try_from(*n)
                .ok()
                .filter(|n| (1..=1_000_000).contains(n))
                .map(Value::Integer)
                .ok_or_else(wrong),
            (Kind::Columns, Raw::Text(name)) => Ok(Value::Words(vec![name.clone()])),
            (Kind::Columns, Raw::List(items)) if !items.is_empty() => {
                let name = |item: &Raw| match item {
                    Raw::Text(name) => Some(name.clone()),
                    _ => None,
                };
                items.iter().map(name).collect::<Option<_>>().map(Value::Words).ok_or_else(wrong)
            }
            (Kind::Test, Raw::Text(path)) if !path.is_empty() => Ok(Value::Word(path.clone())),
            (Kind::Test, Raw::Number(_) | Raw::Integer(_)) => FRACTION.read(raw).map_err(|_| wrong()),
            (Kind::Text, Raw::Text(text)) => Ok(Value::Word(text.clone())),
            (Kind::Name, Raw::Text(name)) => match check_name(name) {
                Ok(()) => Ok(Value::Word(name.clone())),
                Err(why) => {
                    Err(format!("expected {}, found \"{}\": {why}", self.expected(), printable(name)))
                }
            },
            _ => Err(wrong()),
        }
    }

    /// What kind of value this key takes a bare text for.
    fn interpret(&self, text: &str) -> Raw {
        let text = text.trim();
        let word = Raw::Text(text.to_string());
        match self {
            Kind::Number { .. } | Kind::Widths | Kind::Batch | Kind::Columns | Kind::Test
                if text.parse::<i64>().is_ok() =>
            {
                text.parse().map_or(word, Raw::Integer)
            }
            Kind::Number { .. } | Kind::Test => text.parse().map_or(word, Raw::Number),
            Kind::Integer { .. } => match (text.parse::<i128>(), text.parse::<f64>()) {
                (Ok(n), _) => Raw::Integer(n),
                // 1e4 is a whole number, too; under 2^53 its f64 is exact.
                (_, Ok(x)) if x.fract() == 0.0 && x.abs() < 9e15 => Raw::Integer(x as i128),
                (_, Ok(x)) => Raw::Number(x),
                _ => word,
            },
            Kind::Flag => text.parse().map_or(word, Raw::Flag),
            Kind::Values | Kind::Amounts => {
                let list = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                let numbers = list.map(|list| list.split(',').map(|x| x.trim().parse()).collect());
                match numbers {
                    Some(Ok::<Vec<f64>, _>(numbers)) => {
                        Raw::List(numbers.into_iter().map(Raw::Number).collect())
                    }
                    _ => word,
                }
            }
            _ => word,
        }
    }

    /// Whether values lie on a line, so that `lin:` and `log:` make sense.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Kind::Number { .. } | Kind::Integer { .. })
    }
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        [one, other] => format!("{one} or {other}"),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

/// Widths as a word: `2`, `8x8`, `none`.
fn read_widths(raw: &Raw) -> Option<Value> {
    let widths: Vec<u64> = match raw {
        Raw::Integer(n) => vec![u64::try_from(*n).ok()?],
        Raw::Text(text) => widths(text)?.into_iter().map(|width| width as u64).collect(),
        Raw::List(items) => items
            .iter()
            .map(|item| match item {
                Raw::Integer(n) => u64::try_from(*n).ok(),
                _ => None,
            })
            .collect::<Option<_>>()?,
        _ => return None,
    };
    if widths.len() > MAX_LAYERS || !widths.iter().all(|width| (1..=MAX_WIDTH).contains(width)) {
        return None;
    }
    Some(Value::Word(widths_word(&widths)))
}

/// The word that names widths.
fn widths_word<W: ToString>(widths: &[W]) -> String {
    let word = widths.iter().map(W::to_string).collect::<Vec<_>>().join("x");
    if widths.is_empty() { "none".to_string() } else { word }
}

/// The widths that a word names.
pub(super) fn widths(word: &str) -> Option<Vec<usize>> {
    if word == "none" {
        return Some(Vec::new());
    }
    word.split('x').map(|width| width.trim().parse().ok()).collect()
}

/// Whether results can lie in a folder of this name, on any system.
pub(super) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("it is empty")
    } else if name.len() > 100 {
        Err("it is longer than 100 bytes")
    } else if name == "." || name == ".." {
        Err("it is a folder that is there already")
    } else if name.starts_with('-') {
        Err("it would be taken for a flag")
    } else if name.contains(['/', '\\']) || cfg!(windows) && name.contains(':') {
        Err("it is a path")
    } else if name.chars().any(char::is_control) {
        Err("it has a control character")
    } else {
        Ok(())
    }
}

/// One key of the spec.
pub(super) struct Key {
    /// Dotted name.
    pub name: &'static str,
    /// What it means, for whoever writes a spec.
    pub about: &'static str,
    /// What it accepts.
    pub kind: Kind,
    /// Stores a value that `kind` accepted; `None` if it is of another kind.
    set: fn(&mut Spec, &Value) -> Option<()>,
    /// Reads it back; `None` where it has no value.
    get: fn(&Spec) -> Option<Value>,
    /// Of `init.value.N`, N.
    entry: Option<usize>,
    /// Whether a cell makes use of it.
    pub used: fn(&Spec) -> bool,
    /// What would use it, or what decides instead.
    pub unused_because: &'static str,
    /// Whether cells may differ in it.
    pub sweepable: bool,
    /// Whether it decides nothing but settings of runs, so that cells which differ in no other key have their program and
    /// base points in common.
    pub only_runs: bool,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Key {
    const fn new(
        name: &'static str,
        about: &'static str,
        kind: Kind,
        set: fn(&mut Spec, &Value) -> Option<()>,
        get: fn(&Spec) -> Option<Value>,
    ) -> Key {
        Key {
            name,
            about,
            kind,
            set,
            get,
            entry: None,
            used: |_| true,
            unused_because: "",
            sweepable: true,
            only_runs: false,
        }
    }

    const fn used_if(self, used: fn(&Spec) -> bool, otherwise: &'static str) -> Key {
        Key { used, unused_because: otherwise, ..self }
    }

    const fn not_sweepable(self) -> Key {
        Key { sweepable: false, ..self }
    }

    const fn only_runs(self) -> Key {
        Key { only_runs: true, ..self }
    }

    /// Stores a value that [`Kind::read`] of this key has returned.
    pub fn set(&self, spec: &mut Spec, value: &Value) {
        if let (Some(entry), Some(x)) = (self.entry, value.as_number()) {
            spec.entries.insert(entry, x);
            return;
        }
        // Proof: values come from `kind.read` only, and a test sets every kind of value of every key.
        (self.set)(spec, value).unwrap_or_else(|| panic!("{} was read as {value:?}", self.name));
    }

    /// Reads it back; `None` where it has no value.
    pub fn get(&self, spec: &Spec) -> Option<Value> {
        match self.entry {
            Some(entry) => spec.entries.get(&entry).copied().and_then(number),
            None => (self.get)(spec),
        }
    }

    /// The part of the name before the dot; empty for `name`.
    pub fn table(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(table, _)| table)
    }

    /// The part of the name after the dot.
    pub fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, leaf)| leaf)
    }
}

const fn words(words: &'static [&'static str]) -> Kind {
    Kind::Word { words }
}

fn number(x: f64) -> Option<Value> {
    Some(Value::Number(x))
}

fn integer(n: u64) -> Option<Value> {
    Some(Value::Integer(n))
}

fn word(word: &str) -> Option<Value> {
    Some(Value::Word(word.to_string()))
}

/// Whether the data set is one of those that `which` tells.
fn is(spec: &Spec, which: fn(Dataset) -> bool) -> bool {
    spec.dataset.is_some_and(which)
}

/// Whether anything that feeds the output is trained.
fn has_output_weights(spec: &Spec) -> bool {
    spec.readout == Readout::Trained || spec.skip
}

const NO_OUTPUT_WEIGHTS: &str = "only net.readout = \"trained\" and net.skip = true do";

/// Whether a boolean function or one-hot patterns are learnt.
fn is_boolean(dataset: Dataset) -> bool {
    matches!(dataset, Dataset::Boolean(_) | Dataset::Encoder)
}

/// Whether random numbers make the task or split it.
fn is_seeded(spec: &Spec) -> bool {
    let split = matches!(spec.task.test, Test::Fraction(fraction) if fraction > 0.0);
    split
        || match spec.dataset {
            Some(Dataset::Spirals) => spec.task.noise > 0.0,
            Some(dataset) => dataset.is_plane() || dataset.is_gaussian(),
            None => false,
        }
}

/// Every key, in the order of the documentation.
pub(super) static KEYS: &[Key] = &[
    Key::new(
        "name",
        "Names the sweep: results go to results/<name>. By default the name of the file.",
        Kind::Name,
        |s, v| v.as_word().map(|w| s.name = Some(w.to_string())),
        |s| s.name.as_deref().and_then(word),
    )
    .not_sweepable(),
    Key::new(
        "task.dataset",
        "What is learnt: a boolean function, points in the plane, a linear map, a table of one's own. The only key without a default.",
        words(Dataset::WORDS),
        |s, v| v.as_word().and_then(Dataset::from_word).map(|w| s.dataset = Some(w)),
        |s| s.dataset.and_then(|d| word(d.word())),
    ),
    Key::new(
        "task.bits",
        "Inputs of the boolean function; of the multiplexer those of address and data together.",
        Kind::Integer { low: 1, high: 16 },
        |s, v| v.as_integer().map(|n| s.task.bits = n as usize),
        |s| integer(s.task.bits as u64),
    )
    .used_if(
        |s| is(s, |d| matches!(d, Dataset::Boolean(function) if function.has_bits())),
        "only task.dataset = \"parity\" and \"multiplexer\" do",
    ),
    Key::new(
        "task.samples",
        "Training samples that are drawn.",
        Kind::Integer { low: 1, high: 65_536 },
        |s, v| v.as_integer().map(|n| s.task.samples = Some(n as usize)),
        |s| s.task.samples.and_then(|n| integer(n as u64)),
    )
    .used_if(
        |s| is(s, |d| d.is_plane() || d.is_gaussian()),
        "only task.dataset = \"spirals\", \"circles\", \"moons\", \"teacher\", \"linear\" and \"random\" do",
    ),
    Key::new(
        "task.features",
        "Inputs of a random task; patterns of the encoder.",
        Kind::Integer { low: 1, high: 1000 },
        |s, v| v.as_integer().map(|n| s.task.features = n as usize),
        |s| integer(s.task.features as u64),
    )
    .used_if(
        |s| is(s, |d| d.is_gaussian() || d == Dataset::Encoder),
        "only task.dataset = \"encoder\", \"teacher\", \"linear\" and \"random\" do",
    ),
    Key::new(
        "task.outputs",
        "Outputs of a random task.",
        Kind::Integer { low: 1, high: 1000 },
        |s, v| v.as_integer().map(|n| s.task.outputs = n as usize),
        |s| integer(s.task.outputs as u64),
    )
    .used_if(|s| is(s, Dataset::is_gaussian), "only task.dataset = \"teacher\", \"linear\" and \"random\" do"),
    Key::new(
        "task.seed",
        "Seed of what is random in the task, such as points and splits; the same for all runs.",
        Kind::Integer { low: 0, high: u64::MAX },
        |s, v| v.as_integer().map(|n| s.task.seed = n),
        |s| integer(s.task.seed),
    )
    .used_if(is_seeded, "only random tasks and a fraction in task.test do"),
    Key::new(
        "task.noise",
        "Standard deviation of the noise added to points in the plane.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.task.noise = x),
        |s| number(s.task.noise),
    )
    .used_if(|s| is(s, Dataset::is_plane), "only task.dataset = \"spirals\", \"circles\" and \"moons\" do"),
    Key::new(
        "task.teacher",
        "Widths of the hidden layers of the net whose outputs are learnt.",
        Kind::Widths,
        |s, v| v.as_word().and_then(widths).map(|w| s.task.teacher = w),
        |s| word(&widths_word(&s.task.teacher)),
    )
    .used_if(|s| is(s, |d| d == Dataset::Teacher), "only task.dataset = \"teacher\" does"),
    Key::new(
        "task.teacher_activation",
        "Activation of the teacher's hidden units.",
        words(Activation::WORDS),
        |s, v| v.as_word().and_then(Activation::from_word).map(|w| s.task.teacher_activation = w),
        |s| word(s.task.teacher_activation.word()),
    )
    .used_if(
        |s| is(s, |d| d == Dataset::Teacher) && !s.task.teacher.is_empty(),
        "only hidden layers of task.dataset = \"teacher\" do",
    ),
    Key::new(
        "task.singular_values",
        "Singular values of the linear map that is learnt.",
        Kind::Amounts,
        |s, v| v.as_numbers().map(|x| s.task.singular_values = x.to_vec()),
        |s| Some(Value::Numbers(s.task.singular_values.clone())),
    )
    .used_if(|s| is(s, |d| d == Dataset::Linear), "only task.dataset = \"linear\" does")
    .not_sweepable(),
    Key::new(
        "task.path",
        "The csv or npy file that holds the samples.",
        Kind::Text,
        |s, v| v.as_word().map(|w| s.task.path = Some(w.to_string())),
        |s| s.task.path.as_deref().and_then(word),
    )
    .used_if(|s| is(s, Dataset::is_file), ONLY_FILES)
    .not_sweepable(),
    Key::new(
        "task.target_columns",
        "Which columns are targets: how many of the last ones, or their names.",
        Kind::Columns,
        |s, v| {
            s.task.target_columns = match v {
                Value::Words(names) => Columns::Named(names.clone()),
                _ => Columns::Last(v.as_integer()? as usize),
            };
            Some(())
        },
        |s| match &s.task.target_columns {
            Columns::Last(count) => integer(*count as u64),
            Columns::Named(names) => Some(Value::Words(names.clone())),
        },
    )
    .used_if(|s| is(s, Dataset::is_file), ONLY_FILES),
    Key::new(
        "task.classes",
        "How a target column of classes is read: one-hot always, or, with auto, only where it holds no numbers.",
        words(&["auto", "one-hot"]),
        |s, v| v.as_word().map(|w| s.task.one_hot = w == "one-hot"),
        |s| word(if s.task.one_hot { "one-hot" } else { "auto" }),
    )
    .used_if(|s| is(s, Dataset::is_file), ONLY_FILES),
    Key::new(
        "task.inputs",
        "Inputs of boolean functions as 0 and 1 or as -1 and +1.",
        words(Encoding::WORDS),
        |s, v| v.as_word().and_then(Encoding::from_word).map(|w| s.task.inputs = w),
        |s| word(s.task.inputs.word()),
    )
    .used_if(
        |s| is(s, is_boolean),
        "only boolean functions and task.dataset = \"encoder\" do, others have numbers",
    ),
    Key::new(
        "task.targets",
        "Targets as 0 and 1 or as -1 and +1.",
        words(Encoding::WORDS),
        |s, v| v.as_word().and_then(Encoding::from_word).map(|w| s.task.targets = w),
        |s| word(s.task.targets.word()),
    )
    .used_if(
        |s| is(s, |d| !d.is_gaussian()),
        "only boolean functions and classes do, task.dataset = \"teacher\", \"linear\" and \"random\" have numbers",
    ),
    Key::new(
        "task.standardize",
        "Shifts and scales every input to mean 0 and variance 1 over the training samples.",
        Kind::Flag,
        |s, v| v.as_flag().map(|flag| s.task.standardize = flag),
        |s| Some(Value::Flag(s.task.standardize)),
    ),
    Key::new(
        "task.test",
        "Held-out samples: a share of them, or a file that holds them.",
        Kind::Test,
        |s, v| {
            s.task.test = match v.as_word() {
                Some(path) => Test::File(path.to_string()),
                None => Test::Fraction(v.as_number()?),
            };
            Some(())
        },
        |s| match &s.task.test {
            Test::Fraction(fraction) => number(*fraction),
            Test::File(path) => word(path),
        },
    ),
    Key::new(
        "net.hidden",
        "Widths of the hidden layers, first to last; none for no hidden layer.",
        Kind::Widths,
        |s, v| v.as_word().and_then(widths).map(|w| s.hidden = w),
        |s| word(&widths_word(&s.hidden)),
    ),
    Key::new(
        "net.activation",
        "Activation of the hidden units.",
        words(Activation::WORDS),
        |s, v| v.as_word().and_then(Activation::from_word).map(|w| s.activation = w),
        |s| word(s.activation.word()),
    )
    .used_if(|s| !s.hidden.is_empty(), "only hidden layers do"),
    Key::new(
        "net.output",
        "Activation of the output units.",
        words(OUTPUTS),
        |s, v| {
            let word = v.as_word()?;
            s.softmax = word == SOFTMAX;
            s.output = if s.softmax { Activation::Linear } else { Activation::from_word(word)? };
            Some(())
        },
        |s| word(if s.softmax { SOFTMAX } else { s.output.word() }),
    ),
    Key::new(
        "net.readout",
        "Output weights: trained, or sum: fixed at 1 without an output bias (a committee machine).",
        words(Readout::WORDS),
        |s, v| v.as_word().and_then(Readout::from_word).map(|w| s.readout = w),
        |s| word(s.readout.word()),
    ),
    Key::new(
        "net.bias",
        "Whether units have biases.",
        Kind::Flag,
        |s, v| v.as_flag().map(|flag| s.bias = flag),
        |s| Some(Value::Flag(s.bias)),
    ),
    Key::new(
        "net.skip",
        "Whether inputs are connected to the outputs as well.",
        Kind::Flag,
        |s, v| v.as_flag().map(|flag| s.skip = flag),
        |s| Some(Value::Flag(s.skip)),
    ),
    Key::new(
        "init.base",
        "The symmetric point that noise is added to: all parameters 0, all weights constant, or units drawn at random that are copies of each other.",
        words(Base::WORDS),
        |s, v| v.as_word().and_then(Base::from_word).map(|w| s.base = w),
        |s| word(s.base.word()),
    )
    .used_if(|s| s.values.is_none(), "init.values is the base point instead"),
    Key::new(
        "init.base_value",
        "The constant of base constant, or the range from -value to value of base copies.",
        SIGNED,
        |s, v| v.as_number().map(|x| s.base_value = x),
        |s| number(s.base_value),
    )
    .used_if(
        |s| s.base != Base::Zero && s.values.is_none(),
        "only init.base = \"constant\" and \"copies\" without init.values do",
    )
    .only_runs(),
    Key::new(
        "init.noise",
        "Distribution of the noise: uniform on (-1, 1), or standard normal.",
        words(Noise::WORDS),
        |s, v| v.as_word().and_then(Noise::from_word).map(|w| s.noise = w),
        |s| word(s.noise.word()),
    )
    .used_if(
        |s| s.gain != Gain::Orthogonal || (s.bias && s.resolved_bias_scale() > 0.0),
        "orthogonal matrices are made of normal numbers",
    ),
    Key::new(
        "init.gain",
        "Factor of the noise of the weights by fan-in and fan-out.",
        words(Gain::WORDS),
        |s, v| v.as_word().and_then(Gain::from_word).map(|w| s.gain = w),
        |s| word(s.gain.word()),
    ),
    Key::new("init.scale",
        "Size of the noise: initial parameter = base point + scale * noise. 0 is the symmetric point itself.", AMOUNT, |s, v| v.as_number().map(|x| s.scale = x), |s| number(s.scale))
    .only_runs(),
    Key::new(
        "init.scale_hidden",
        "Factor of the scale for the weights of hidden layers.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.scale_hidden = x),
        |s| number(s.scale_hidden),
    )
    .used_if(|s| !s.hidden.is_empty(), "only hidden layers do")
    .only_runs(),
    Key::new(
        "init.scale_output",
        "Factor of the scale for the weights of the output layer.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.scale_output = x),
        |s| number(s.scale_output),
    )
    .used_if(has_output_weights, NO_OUTPUT_WEIGHTS)
    .only_runs(),
    Key::new(
        "init.bias_scale",
        "Size of the noise of the biases. By default that of the weights without a gain, 0 with one.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.bias_scale = Some(x)),
        |s| s.bias_scale.and_then(number),
    )
    .used_if(|s| s.bias, "only net.bias = true does")
    .only_runs(),
    Key::new(
        "init.values",
        "A base point of one's own: every parameter in the order of the layout, or an npy file of one point or one a seed.",
        Kind::Values,
        |s, v| {
            s.values = Some(match v {
                Value::Numbers(numbers) => Values::Numbers(numbers.clone()),
                _ => Values::File(v.as_word()?.to_string()),
            });
            Some(())
        },
        |s| match s.values.as_ref()? {
            Values::Numbers(numbers) => Some(Value::Numbers(numbers.clone())),
            Values::File(path) => word(path),
        },
    )
    .not_sweepable(),
    Key::new(
        "train.loss",
        "What is minimized: the mean squared error, half its sum, or the (binary) cross-entropy.",
        words(Loss::WORDS),
        |s, v| v.as_word().and_then(Loss::from_word).map(|w| s.loss = w),
        |s| word(s.loss.word()),
    ),
    Key::new(
        "train.optimizer",
        "How parameters follow the gradient.",
        words(Optimizer::WORDS),
        |s, v| v.as_word().and_then(Optimizer::from_word).map(|w| s.optimizer = w),
        |s| word(s.optimizer.word()),
    ),
    Key::new("train.lr",
        "Learning rate.", AMOUNT, |s, v| v.as_number().map(|x| s.lr = x), |s| number(s.lr))
    .only_runs(),
    Key::new(
        "train.lr_hidden",
        "Factor of the learning rate for hidden layers.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.lr_hidden = x),
        |s| number(s.lr_hidden),
    )
    .used_if(|s| !s.hidden.is_empty(), "only hidden layers do")
    .only_runs(),
    Key::new(
        "train.lr_output",
        "Factor of the learning rate for the output layer.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.lr_output = x),
        |s| number(s.lr_output),
    )
    .used_if(has_output_weights, NO_OUTPUT_WEIGHTS)
    .only_runs(),
    Key::new(
        "train.momentum",
        "Share of the last update that is kept.",
        FRACTION,
        |s, v| v.as_number().map(|x| s.momentum = x),
        |s| number(s.momentum),
    )
    .used_if(
        |s| matches!(s.optimizer, Optimizer::Momentum | Optimizer::Nesterov),
        "only train.optimizer = \"momentum\" and \"nesterov\" do",
    )
    .only_runs(),
    Key::new("train.beta1",
        "Decay of Adam's mean of gradients.", FRACTION, |s, v| v.as_number().map(|x| s.beta1 = x), |s| number(s.beta1))
        .used_if(|s| s.optimizer == Optimizer::Adam, "only train.optimizer = \"adam\" does")
    .only_runs(),
    Key::new("train.beta2",
        "Decay of Adam's mean of squared gradients.", FRACTION, |s, v| v.as_number().map(|x| s.beta2 = x), |s| number(s.beta2))
        .used_if(|s| s.optimizer == Optimizer::Adam, "only train.optimizer = \"adam\" does")
    .only_runs(),
    Key::new("train.rho",
        "Decay of RMSProp's mean of squared gradients.", FRACTION, |s, v| v.as_number().map(|x| s.rho = x), |s| number(s.rho))
        .used_if(|s| s.optimizer == Optimizer::Rmsprop, "only train.optimizer = \"rmsprop\" does")
    .only_runs(),
    Key::new("train.epsilon",
        "Added to the root of the mean of squared gradients.", AMOUNT, |s, v| v.as_number().map(|x| s.epsilon = x), |s| number(s.epsilon))
        .used_if(
            |s| matches!(s.optimizer, Optimizer::Adam | Optimizer::Rmsprop),
            "only train.optimizer = \"adam\" and \"rmsprop\" do",
        )
    .only_runs(),
    Key::new(
        "train.weight_decay",
        "Added to the gradient: this times the weights, not the biases.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.weight_decay = x),
        |s| number(s.weight_decay),
    )
    .only_runs(),
    Key::new(
        "train.batch",
        "Samples of an update: all of them, or so many (1 is online).",
        Kind::Batch,
        |s, v| {
            s.batch = if v.as_word().is_some() { None } else { Some(v.as_integer()? as u32) };
            Some(())
        },
        |s| s.batch.map_or_else(|| word("full"), |n| integer(n.into())),
    ),
    Key::new(
        "train.steps",
        "Updates of a run.",
        // Engines count steps in u32 and need one number more for "never".
        Kind::Integer { low: 1, high: u32::MAX as u64 - 1 },
        |s, v| v.as_integer().map(|n| s.steps = n as u32),
        |s| integer(s.steps.into()),
    ),
    Key::new(
        "train.stop",
        "Whether a run rests once it has solved its task.",
        words(&["never", "solved"]),
        |s, v| v.as_word().map(|w| s.stop_when_solved = w == "solved"),
        |s| word(if s.stop_when_solved { "solved" } else { "never" }),
    ),
    Key::new("noise.dropout",
        "Share of hidden units that are off in an update.", FRACTION, |s, v| v.as_number().map(|x| s.dropout = x), |s| number(s.dropout))
        .used_if(|s| !s.hidden.is_empty(), "only hidden units drop out"),
    Key::new(
        "noise.gradient",
        "Standard deviation of the noise added to gradients.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.gradient_noise = x),
        |s| number(s.gradient_noise),
    ),
    Key::new(
        "noise.input",
        "Standard deviation of the noise added to inputs.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.input_noise = x),
        |s| number(s.input_noise),
    ),
    Key::new("noise.mask",
        "Share of connections that are missing throughout a run.", FRACTION, |s, v| v.as_number().map(|x| s.mask = x), |s| number(s.mask)),
    Key::new(
        "criteria.solved_tolerance",
        "Solved: every output of every sample is strictly nearer than this to its target.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.solved_tolerance = x),
        |s| number(s.solved_tolerance),
    )
    .used_if(|s| s.solved_loss.is_none(), "criteria.solved_loss decides instead")
    .only_runs(),
    Key::new(
        "criteria.solved_loss",
        "If given, a run is solved when its loss is under this instead.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.solved_loss = Some(x)),
        |s| s.solved_loss.and_then(number),
    ),
    Key::new(
        "criteria.symmetry_tolerance",
        "Units whose activations are this near, or nearer, count as copies.",
        AMOUNT,
        |s, v| v.as_number().map(|x| s.symmetry_tolerance = x),
        |s| number(s.symmetry_tolerance),
    )
    .used_if(|s| s.hidden.iter().any(|&width| width > 1), "only hidden layers of two or more units do")
    .only_runs(),
    Key::new(
        "runs.seeds",
        "Runs per cell.",
        Kind::Integer { low: 1, high: u64::MAX },
        |s, v| v.as_integer().map(|n| s.seeds = n),
        |s| integer(s.seeds),
    )
    .not_sweepable(),
    Key::new(
        "runs.seed",
        "Master seed, from which all random numbers are drawn.",
        Kind::Integer { low: 0, high: u64::MAX },
        |s, v| v.as_integer().map(|n| s.seed = n),
        |s| integer(s.seed),
    )
    .not_sweepable(),
];

const ONLY_FILES: &str = "only task.dataset = \"csv\" and \"npy\" do";

/// The tables of a spec that hold keys, in the order of the documentation.
pub(super) const TABLES: &[&str] = &["task", "net", "init", "train", "noise", "criteria", "runs"];

/// The word for outputs that are e to the logits over their sum.
const SOFTMAX: &str = "softmax";

/// What `net.output` takes.
const OUTPUTS: &[&str] = &[
    "logistic",
    "tanh",
    "relu",
    "leaky-relu",
    "elu",
    "softplus",
    "gelu",
    "silu",
    "erf",
    "sin",
    "abs",
    "linear",
    SOFTMAX,
];

/// What an entry of `init.values` means.
pub(super) const ABOUT_ENTRIES: &str = "One parameter of init.values, by its number from 0.";

/// The key of one entry of `init.values`.
pub(super) fn entry(n: usize) -> &'static Key {
    // A spec names a few of them, and each is made once.
    static MADE: Mutex<BTreeMap<usize, &'static Key>> = Mutex::new(BTreeMap::new());
    // A map is whole whenever its lock is free, whatever became of who held it.
    let mut made = MADE.lock().unwrap_or_else(|broken| broken.into_inner());
    made.entry(n).or_insert_with(|| {
        let name = Box::leak(format!("init.value.{n}").into_boxed_str());
        let key = Key::new(name, ABOUT_ENTRIES, SIGNED, |_, _| None, |_| None);
        let key = key.used_if(|s| s.values.is_some(), "only init.values has entries");
        Box::leak(Box::new(Key { entry: Some(n), ..key }))
    })
}

/// The key of that dotted name, or a message that says what it may have been meant to be.
pub(super) fn find(name: &str) -> Result<&'static Key, String> {
    if let Some(key) = KEYS.iter().find(|key| key.name == name) {
        return Ok(key);
    }
    let (table, leaf) = name.rsplit_once('.').unwrap_or(("", name));
    if table == "init.value" {
        let plain = leaf.len() <= 7 && leaf.bytes().all(|byte| byte.is_ascii_digit()) && !leaf.is_empty();
        return match leaf.parse() {
            Ok(n) if plain && leaf == format!("{n}") => Ok(entry(n)),
            _ => Err("expected init.value.N, N the number of a parameter, counted from 0".to_string()),
        };
    }
    let near = nearest(name, KEYS.iter().map(|key| key.name))
        // The right name in the wrong table, or in none.
        // From the back: a `seed` is more likely to be that of the runs than that of the task.
        .or_else(|| KEYS.iter().rev().find(|key| key.leaf() == leaf).map(|key| key.name))
        .or_else(|| {
            let near = nearest(leaf, KEYS.iter().map(Key::leaf))?;
            KEYS.iter().rev().find(|key| key.leaf() == near).map(|key| key.name)
        });
    let siblings: Vec<&str> =
        KEYS.iter().filter(|key| !table.is_empty() && key.table() == table).map(Key::leaf).collect();
    Err(match near {
        None if !siblings.is_empty() => format!("unknown key; [{table}] has {}", siblings.join(", ")),
        None => "unknown key; keys are written TABLE.NAME, such as net.hidden, and symbreak schema lists all"
            .to_string(),
        _ => format!("unknown key{}", suggestion(near)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some values that a key accepts, enough to reach each word.
    fn samples(kind: &Kind) -> Vec<Value> {
        match kind {
            Kind::Number { .. } => [0.0, 0.25, 0.5].map(Value::Number).to_vec(),
            Kind::Integer { low, high } => [*low, *low + 1, *high].map(Value::Integer).to_vec(),
            Kind::Flag => vec![Value::Flag(true), Value::Flag(false)],
            Kind::Word { words } => words.iter().map(|w| Value::Word(w.to_string())).collect(),
            Kind::Widths => ["none", "2", "8x8"].map(|w| Value::Word(w.to_string())).to_vec(),
            Kind::Batch => vec![Value::Integer(3), Value::Word("full".to_string())],
            Kind::Values => vec![Value::Numbers(vec![1.0, -0.5]), Value::Word("a b".to_string())],
            Kind::Amounts => vec![Value::Numbers(vec![1.0, 0.5])],
            Kind::Columns => vec![Value::Integer(2), Value::Words(vec!["a b".to_string()])],
            Kind::Test => vec![Value::Number(0.25), Value::Word("a b".to_string())],
            Kind::Text | Kind::Name => vec![Value::Word("a b".to_string())],
        }
    }

    #[test]
    fn every_key_stores_and_returns_what_it_accepts() {
        for key in KEYS {
            for value in samples(&key.kind) {
                let read = key.kind.read(&Raw::Bare(value.to_string()));
                assert_eq!(read.as_ref(), Ok(&value), "{}", key.name);
                let mut spec = Spec::default();
                key.set(&mut spec, &value);
                assert_eq!(key.get(&spec), Some(value), "{}", key.name);
            }
        }
    }

    #[test]
    fn setting_one_key_leaves_the_others_alone() {
        for key in KEYS {
            let mut spec = Spec::default();
            for value in samples(&key.kind) {
                key.set(&mut spec, &value);
            }
            for other in KEYS.iter().filter(|other| other.name != key.name) {
                assert_eq!(other.get(&spec), other.get(&Spec::default()), "{} {}", key.name, other.name);
            }
        }
    }

    #[test]
    fn names_are_distinct_in_known_tables() {
        let names: std::collections::HashSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
        for key in KEYS {
            assert!(key.table().is_empty() || TABLES.contains(&key.table()), "{}", key.name);
        }
    }

    #[test]
    fn defaults_are_valid() {
        for key in KEYS {
            if let Some(value) = key.get(&Spec::default()) {
                assert_eq!(key.kind.read(&Raw::Bare(value.to_string())), Ok(value), "{}", key.name);
            }
        }
    }

    #[test]
    fn names_that_are_no_folder_are_refused() {
        for bad in ["", ".", "..", "a/b", "a\\b", "-x", "a\nb", &"x".repeat(101)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["xor-scale", "a b", "...", "ünïcode", &"x".repeat(100)] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
    }
}
