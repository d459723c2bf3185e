//! Fisher's iris: the measurements of 150 plants of three species. Source and licence are in `data/README.md`.

use super::{Columns, Data, Encoding, Settings, csv};

/// The file as it comes with the program.
const TEXT: &str = include_str!("data/iris.csv");

impl Data {
    /// 150 samples of four lengths in cm (sepal length and width, petal length and width), in the order of the paper, with
    /// the species as one-hot targets: setosa, versicolor, virginica.
    pub fn iris(targets: Encoding) -> Data {
        let settings = Settings { target_columns: Columns::Last(1), one_hot: false, ..Settings::default() };
        let table = csv::read("iris.csv", TEXT.as_bytes(), &settings);
        let data = table.map(|table| {
            let classes = table.classes(&settings)?;
            table.data(&classes, targets, "iris.csv")
        });
        match data {
            Ok(Ok(data)) => data,
            // Proof: the text is a constant, and a test reads it.
            other => unreachable!("iris.csv is well formed: {other:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_paper() {
        let data = Data::iris(Encoding::ZeroOne);
        assert_eq!((data.samples(), data.inputs, data.outputs), (150, 4, 3));
        for (sample, y) in data.y.chunks(3).enumerate() {
            let expected = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]][sample / 50];
            assert_eq!(y, expected);
        }
        // The two rows that the repository's file has wrong, as it says itself.
        assert_eq!(data.x[34 * 4..35 * 4], [4.9, 3.1, 1.5, 0.2]);
        assert_eq!(data.x[37 * 4..38 * 4], [4.9, 3.6, 1.4, 0.1]);
        // Means per species in Fisher's table II.
        let means =
            [[5.006, 3.428, 1.462, 0.246], [5.936, 2.770, 4.260, 1.326], [6.588, 2.974, 5.552, 2.026]];
        for (species, means) in data.x.chunks(200).zip(means) {
            for (column, mean) in means.into_iter().enumerate() {
                let sum: f64 = species.iter().skip(column).step_by(4).map(|&x| f64::from(x)).sum();
                assert!((sum / 50.0 - mean).abs() < 1e-6, "{column}: {} {mean}", sum / 50.0);
            }
        }
        assert_eq!(Data::iris(Encoding::PlusMinus).y[..3], [1.0, -1.0, -1.0]);
    }
}
