//! The data sets: samples, their inputs and targets.
//!
//! | module | what it is |
//! | --- | --- |
//! | `boolean` | truth tables |
//! | `encoder` | one-hot patterns that reproduce themselves |
//! | `plane` | spirals, circles, moons |
//! | `iris` | Fisher's iris |
//! | `teacher` | targets from a random network |
//! | `linear` | targets from a linear map of white inputs |
//! | `random` | Gaussian inputs and targets |
//! | `csv`, `npy` | samples from a file |
//! | `input` | how much of a file is read |
//! | `table` | which columns of a file are targets, and which targets are classes |
//! | `split` | held-out samples, standardized inputs |

use std::collections::BTreeMap;

use crate::net::Activation;

mod boolean;
mod csv;
mod encoder;
pub(crate) mod input;
mod iris;
mod linear;
pub(crate) mod npy;
mod plane;
mod random;
mod split;
mod table;
mod teacher;

pub use boolean::{Boolean, Encoding};
pub use plane::Scatter;

use table::{Problem, Table};

/// What a task is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dataset {
    /// The truth table of a boolean function.
    Boolean(Boolean),
    /// One-hot patterns as inputs and as targets.
    Encoder,
    /// Two spirals in the plane.
    Spirals,
    /// A circle within another.
    Circles,
    /// Two half circles that reach into each other.
    Moons,
    /// Fisher's iris.
    Iris,
    /// Targets from a random network.
    Teacher,
    /// Targets from a linear map of white inputs.
    Linear,
    /// Gaussian inputs and targets: nothing to be learnt but the samples themselves.
    Random,
    /// A CSV file.
    Csv,
    /// A file with an array of NumPy's.
    Npy,
}

impl Dataset {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Dataset] = &[
        Dataset::Boolean(Boolean::And),
        Dataset::Boolean(Boolean::Or),
        Dataset::Boolean(Boolean::Nand),
        Dataset::Boolean(Boolean::Xor),
        Dataset::Boolean(Boolean::Xnor),
        Dataset::Boolean(Boolean::X1AndNotX2),
        Dataset::Boolean(Boolean::Parity),
        Dataset::Boolean(Boolean::Multiplexer),
        Dataset::Encoder,
        Dataset::Spirals,
        Dataset::Circles,
        Dataset::Moons,
        Dataset::Iris,
        Dataset::Teacher,
        Dataset::Linear,
        Dataset::Random,
        Dataset::Csv,
        Dataset::Npy,
    ];

    /// What a spec may say, in the same order.
    pub const WORDS: &'static [&'static str] = &{
        let mut words = [""; Dataset::ALL.len()];
        let mut i = 0;
        while i < words.len() {
            words[i] = Dataset::ALL[i].word();
            i += 1;
        }
        words
    };

    /// The word that names it.
    pub const fn word(self) -> &'static str {
        match self {
            Dataset::Boolean(function) => function.word(),
            Dataset::Encoder => "encoder",
            Dataset::Spirals => "spirals",
            Dataset::Circles => "circles",
            Dataset::Moons => "moons",
            Dataset::Iris => "iris",
            Dataset::Teacher => "teacher",
            Dataset::Linear => "linear",
            Dataset::Random => "random",
            Dataset::Csv => "csv",
            Dataset::Npy => "npy",
        }
    }

    /// The one that `word` names, if any.
    pub fn from_word(word: &str) -> Option<Dataset> {
        Dataset::ALL.iter().copied().find(|dataset| dataset.word() == word)
    }

    /// Whether its samples come from a file.
    pub const fn is_file(self) -> bool {
        matches!(self, Dataset::Csv | Dataset::Npy)
    }

    /// Whether its samples are points of the plane on curves.
    pub const fn is_plane(self) -> bool {
        matches!(self, Dataset::Spirals | Dataset::Circles | Dataset::Moons)
    }

    /// Whether its inputs are numbers from a normal distribution.
    pub const fn is_gaussian(self) -> bool {
        matches!(self, Dataset::Teacher | Dataset::Linear | Dataset::Random)
    }
}

/// Which columns of a file are targets.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// So many, the last ones.
    Last(usize),
    /// Those of these names.
    Named(Vec<String>),
}

/// Which samples are held out.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// So large a share of the task; 0: none.
    Fraction(f64),
    /// Those of a file of the same kind.
    File(String),
}

/// What a data set is made with. Which settings count is up to the data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Inputs of boolean functions that [have bits](Boolean::has_bits).
    pub bits: usize,
    /// Number of samples, held-out ones among them; `None`: 194 of spirals, 272 of others.
    pub samples: Option<usize>,
    /// Inputs, of the encoder targets, too.
    pub features: usize,
    /// Targets.
    pub outputs: usize,
    /// Of all random numbers of the task.
    pub seed: u64,
    /// Standard deviation of what is added to the coordinates of points of the plane.
    pub noise: f64,
    /// Hidden widths of the teacher.
    pub teacher: Vec<usize>,
    /// φ of its hidden units.
    pub teacher_activation: Activation,
    /// Of the linear map; further ones are 0.
    pub singular_values: Vec<f64>,
    /// Of a file, relative to the working directory.
    pub path: Option<String>,
    /// Which of its columns are targets.
    pub target_columns: Columns,
    /// Whether numbers in those are classes, as names are, and not values.
    pub one_hot: bool,
    /// What stands for true and false in the inputs of boolean tasks.
    pub inputs: Encoding,
    /// The same of targets of boolean tasks and of classes.
    pub targets: Encoding,
    /// Whether inputs are shifted and scaled to mean 0 and variance 1 over the training samples.
    pub standardize: bool,
    /// Which samples are held out.
    pub test: Test,
}

/// The documented defaults.
impl Default for Settings {
    fn default() -> Settings {
        Settings {
            bits: 3,
            samples: None,
            features: 16,
            outputs: 1,
            seed: 0,
            noise: 0.0,
            teacher: vec![2],
            teacher_activation: Activation::Erf,
            singular_values: vec![1.0],
            path: None,
            target_columns: Columns::Last(1),
            one_hot: false,
            inputs: Encoding::ZeroOne,
            targets: Encoding::ZeroOne,
            standardize: false,
            test: Test::Fraction(0.0),
        }
    }
}

/// The key of the spec at fault, and what is wrong.
pub type Fault = (&'static str, String);

/// A task ready for training.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// The samples that are trained on.
    pub data: Data,
    /// Those held out, if any are.
    pub test: Option<Data>,
    /// The files that they come from: path and BLAKE3 of the content, in hex.
    pub files: BTreeMap<String, String>,
}

impl Dataset {
    /// Makes the task. Reads files if it is one of them.
    ///
    /// # Errors
    /// With the key at fault and what is wrong; in files by line and column.
    pub fn task(self, settings: &Settings) -> Result<Task, Fault> {
        let mut files = BTreeMap::new();
        let (mut data, mut test) = if self.is_file() {
            self.read(settings, &mut files)?
        } else {
            if let Test::File(path) = &settings.test {
                let message = format!(
                    "expected a fraction, found {}; only task.dataset = \"csv\" and \"npy\" can hold out a file",
                    table::quoted(path)
                );
                return Err(("task.test", message));
            }
            (self.generate(settings)?, None)
        };
        if let Test::Fraction(fraction) = settings.test
            && fraction > 0.0
        {
            let Some((stays, held_out)) = data.split(fraction, settings.seed) else {
                return Err(("task.test", "the task has one sample, which cannot be split".to_string()));
            };
            data = stays;
            test = Some(held_out);
        }
        if settings.standardize {
            data.standardize(test.as_mut());
        }
        Ok(Task { data, test, files })
    }

    /// The samples of a data set that is not a file.
    fn generate(self, settings: &Settings) -> Result<Data, Fault> {
        let Settings { bits, features, outputs, seed, noise, inputs, targets, .. } = *settings;
        let default = if self == Dataset::Spirals { 194 } else { 272 };
        let samples = settings.samples.unwrap_or(default);
        let scatter = Scatter { samples, noise, seed, targets };
        Ok(match self {
            Dataset::Boolean(function) => {
                let address = boolean::address_bits(bits);
                if function == Boolean::Multiplexer && (address == 0 || address + (1 << address) != bits) {
                    let message = format!(
                        "a multiplexer has 3, 6 or 11 bits (k address bits and 2^k data bits), found {bits}"
                    );
                    return Err(("task.bits", message));
                }
                Data::boolean(function, bits, inputs, targets)
            }
            Dataset::Encoder => Data::encoder(features, inputs, targets),
            Dataset::Spirals => Data::spirals(scatter),
            Dataset::Circles => Data::circles(scatter),
            Dataset::Moons => Data::moons(scatter),
            Dataset::Iris => Data::iris(targets),
            Dataset::Teacher => {
                let (widths, activation) = (&settings.teacher, settings.teacher_activation);
                Data::teacher(samples, features, outputs, widths, activation, seed)?
            }
            Dataset::Linear => Data::linear(samples, features, outputs, &settings.singular_values, seed)?,
            // Files are read elsewhere.
            Dataset::Random | Dataset::Csv | Dataset::Npy => Data::random(samples, features, outputs, seed),
        })
    }

    /// The samples of a file, and those of the file that is held out.
    fn read(
        self,
        settings: &Settings,
        files: &mut BTreeMap<String, String>,
    ) -> Result<(Data, Option<Data>), Fault> {
        let mut table = |key: &'static str, path: &str| -> Result<Table, Fault> {
            let file = table::on_one_line(path);
            let bytes = input::read(path.as_ref(), input::MOST_BYTES)
                .map_err(|error| (key, format!("cannot read {file}: {error}")))?;
            files.insert(path.to_string(), blake3::hash(&bytes).to_hex().to_string());
            let read = if self == Dataset::Csv { csv::read } else { npy::read };
            read(&file, &bytes, settings).map_err(|problem| match problem {
                Problem::Columns(message) => ("task.target_columns", message),
                Problem::Content(message) => (key, message),
            })
        };
        let Some(path) = &settings.path else {
            return Err(("task.path", format!("missing; task.dataset = \"{}\" reads a file", self.word())));
        };
        let trained = table("task.path", path)?;
        let classes = trained.classes(settings).map_err(|why| ("task.path", why))?;
        let data =
            trained.data(&classes, settings.targets, &trained.file).map_err(|why| ("task.path", why))?;
        let Test::File(path) = &settings.test else { return Ok((data, None)) };
        let held_out = table("task.test", path)?;
        let wrong = |why| ("task.test", why);
        csv::check_header(&held_out, &trained).map_err(wrong)?;
        if held_out.inputs != trained.inputs {
            let message = format!(
                "{}: expected {} columns as in {}, found {}",
                held_out.file,
                trained.inputs + trained.targets.len(),
                trained.file,
                held_out.inputs + held_out.targets.len()
            );
            return Err(wrong(message));
        }
        let test = held_out.data(&classes, settings.targets, &trained.file).map_err(wrong)?;
        Ok((data, Some(test)))
    }
}

/// Samples with their targets.
#[derive(Clone, Debug, PartialEq)]
pub struct Data {
    /// Numbers per input.
    pub inputs: usize,
    /// Numbers per target.
    pub outputs: usize,
    /// Shape `[samples][inputs]`.
    pub x: Vec<f32>,
    /// Shape `[samples][outputs]`.
    pub y: Vec<f32>,
}

impl Data {
    /// Number of samples.
    pub fn samples(&self) -> usize {
        self.y.len() / self.outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_one_dataset() {
        for (&word, &dataset) in Dataset::WORDS.iter().zip(Dataset::ALL) {
            assert_eq!(Dataset::from_word(word), Some(dataset));
        }
        for &function in Boolean::ALL {
            assert!(Dataset::ALL.contains(&Dataset::Boolean(function)));
        }
        let distinct: std::collections::HashSet<_> = Dataset::WORDS.iter().collect();
        assert_eq!(distinct.len(), Boolean::ALL.len() + 10);
        assert_eq!(Dataset::from_word("nothing"), None);
    }

    /// A directory with a file to train on and one to be held out.
    fn files(train: &str, test: &str) -> (tempfile::TempDir, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_string()
        };
        let (path, test) = (Some(write("train.csv", train)), Test::File(write("test.csv", test)));
        (folder, Settings { path, test, ..Settings::default() })
    }

    /// What is wrong, without the directory.
    fn fault(folder: &tempfile::TempDir, settings: &Settings) -> (&'static str, String) {
        let (key, message) = Dataset::Csv.task(settings).unwrap_err();
        (key, message.replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_held_out_file_has_the_columns_and_classes_of_the_other() {
        let train = "a,b,y\n0,1,u\n4,3,v\n2,2,w\n";
        let (_folder, settings) = files(train, "a,b,y\n2,5,v\n");
        let task = Dataset::Csv.task(&Settings { standardize: true, ..settings.clone() }).unwrap();
        let test = task.test.unwrap();
        assert_eq!((task.data.samples(), test.samples(), test.outputs), (3, 1, 3));
        assert_eq!(test.y, [0.0, 1.0, 0.0]);
        assert!(test.x[0] == 0.0 && (f64::from(test.x[1]) - 3.0 / (2f64 / 3.0).sqrt()).abs() < 1e-6);
        assert_eq!(task.files.len(), 2);
        assert_eq!(
            task.files[settings.path.as_ref().unwrap()],
            blake3::hash(train.as_bytes()).to_hex().as_str()
        );

        let (folder, settings) = files(train, "a,b,y\n2,5,v\n2,5,x\n");
        let expected = "test.csv, line 3, column 3 (\"y\"): expected one of the classes \"u\", \"v\", \"w\" of train.csv, found \"x\"";
        assert_eq!(fault(&folder, &settings), ("task.test", expected.to_string()));
        let (folder, settings) = files(train, "b,a,y\n2,5,v\n");
        let expected = "test.csv, line 1: expected the columns of train.csv, a,b,y; found b,a,y";
        assert_eq!(fault(&folder, &settings), ("task.test", expected.to_string()));
        let (folder, settings) = files("a,y\n1,2\n2,3\n", "a,y\n1,x\n");
        let expected = "test.csv, line 2, column 2 (\"y\"): expected a number as in the column of train.csv, found \"x\"";
        assert_eq!(fault(&folder, &settings), ("task.test", expected.to_string()));
        let (folder, settings) = files(train, "");
        assert_eq!(fault(&folder, &settings).0, "task.test");
        let missing = Settings { path: Some("nowhere.csv".into()), ..settings };
        let (key, message) = fault(&folder, &missing);
        assert_eq!(key, "task.path");
        assert!(message.starts_with("cannot read nowhere.csv: "), "{message}");
        let (key, message) = Dataset::Npy.task(&Settings::default()).unwrap_err();
        assert_eq!((key, message.as_str()), ("task.path", "missing; task.dataset = \"npy\" reads a file"));
    }

    #[test]
    fn settings_that_no_data_set_can_have_are_refused() {
        let fault = |dataset: Dataset, settings: Settings| dataset.task(&settings).unwrap_err();
        let multiplexer = Dataset::Boolean(Boolean::Multiplexer);
        for bits in [1, 2, 4, 5, 7, 16] {
            let (key, message) = fault(multiplexer, Settings { bits, ..Settings::default() });
            assert_eq!(key, "task.bits");
            assert!(message.ends_with(&format!("found {bits}")), "{message}");
        }
        let test = Test::File("a.csv".into());
        let (key, message) = fault(Dataset::Iris, Settings { test, ..Settings::default() });
        assert_eq!(key, "task.test");
        assert!(message.starts_with("expected a fraction, found \"a.csv\""), "{message}");
        let one = Settings { samples: Some(1), test: Test::Fraction(0.5), ..Settings::default() };
        assert_eq!(fault(Dataset::Random, one).0, "task.test");
    }

    #[test]
    fn a_fraction_is_held_out_and_the_rest_standardized() {
        let settings = Settings { test: Test::Fraction(0.2), standardize: true, ..Settings::default() };
        let task = Dataset::Iris.task(&settings).unwrap();
        let test = task.test.unwrap();
        assert_eq!((task.data.samples(), test.samples()), (120, 30));
        let mean = |data: &Data| {
            data.x.iter().step_by(4).map(|&x| f64::from(x)).sum::<f64>() / data.samples() as f64
        };
        assert!(mean(&task.data).abs() < 1e-6 && mean(&test).abs() > 1e-3);
        assert_ne!(Dataset::Iris.task(&Settings { seed: 1, ..settings }).unwrap().test.unwrap(), test);
        let spirals = Dataset::Spirals.task(&Settings::default()).unwrap();
        assert_eq!((spirals.data.samples(), spirals.test), (194, None));
    }
}
