//! Numbers from npy files, the format of NumPy's arrays; samples from one of two dimensions, a row a sample.

use npyz::NpyFile;

use super::Settings;
use super::table::{Fields, Problem, Table};

/// The shape and the numbers, in C order, of an npy file of f32 or f64. The message says what is wrong with it.
pub(crate) fn numbers(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), String> {
    let file = NpyFile::new(bytes).map_err(|error| {
        // The parser's own drawing of the header has many lines.
        format!("not an npy file: {}", error.to_string().lines().next().unwrap_or_default())
    })?;
    let shape: Vec<usize> = file.shape().iter().map(|&n| n as usize).collect();
    // Before anything is made that is as large as the header says.
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    if count.is_none_or(|count| count > bytes.len() / size_of::<f32>()) {
        return Err(format!("the file is shorter than its shape {shape:?} says"));
    }
    if file.order() != npyz::Order::C {
        return Err("the array is in Fortran order; numpy.ascontiguousarray changes that".to_string());
    }
    let bad = |error: std::io::Error| error.to_string();
    let numbers: Vec<f32> = match file.try_data::<f32>() {
        Ok(data) => data.collect::<Result<_, _>>().map_err(bad)?,
        Err(file) => match file.try_data::<f64>() {
            Ok(data) => data.map(|x| x.map(|x| x as f32)).collect::<Result<_, _>>().map_err(bad)?,
            Err(file) => {
                return Err(format!(
                    "expected numbers in float32 or float64, found {}",
                    file.dtype().descr()
                ));
            }
        },
    };
    match numbers.iter().position(|x| !x.is_finite()) {
        Some(at) => Err(format!("number {at} is {} in f32", numbers[at])),
        None => Ok((shape, numbers)),
    }
}

/// Reads the array of a file; `file` is what messages call it.
pub(super) fn read(file: &str, bytes: &[u8], settings: &Settings) -> Result<Table, Problem> {
    let wrong = |why: String| Problem::Content(format!("{file}: {why}"));
    let (shape, numbers) = numbers(bytes).map_err(wrong)?;
    let width = match shape.as_slice() {
        &[samples, width] if samples > 0 && width > 0 => width,
        _ => return Err(wrong(format!("expected an array (samples, columns), found the shape {shape:?}"))),
    };
    let columns = settings.target_columns.of(file, &[], width)?;
    let mut is_input = vec![true; width];
    columns.iter().for_each(|&column| is_input[column] = false);
    let inputs = (0..width).filter(|&column| is_input[column]).collect::<Vec<_>>();
    let rows = || numbers.chunks(width);
    let x = rows().flat_map(|row| inputs.iter().map(|&column| row[column])).collect();
    let target = |column: usize| Fields::Numbers(rows().map(|row| f64::from(row[column])).collect());
    Ok(Table {
        file: file.to_string(),
        names: Vec::new(),
        lines: Vec::new(),
        inputs: inputs.len(),
        x,
        targets: columns.into_iter().map(|column| (column, target(column))).collect(),
    })
}

#[cfg(test)]
mod tests {
    use npyz::{NpyWriter, WriterBuilder};

    use super::super::{Columns, Data};
    use super::*;

    fn array(shape: &[u64], values: &[f32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let options = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut writer: NpyWriter<f32, _> = options.writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn data(bytes: &[u8], settings: &Settings) -> Result<Data, String> {
        let table = read("a.npy", bytes, settings).map_err(|problem| format!("{problem:?}"))?;
        table.data(&table.classes(settings)?, settings.targets, "a.npy")
    }

    #[test]
    fn the_last_columns_are_targets() {
        let bytes = array(&[2, 3], &[1.0, 2.0, 7.0, 4.0, 5.0, 8.0]);
        let found = data(&bytes, &Settings::default()).unwrap();
        assert_eq!(found, Data { inputs: 2, outputs: 1, x: vec![1.0, 2.0, 4.0, 5.0], y: vec![7.0, 8.0] });
        let one_hot = Settings { one_hot: true, ..Settings::default() };
        assert_eq!(data(&bytes, &one_hot).unwrap().y, [1.0, 0.0, 0.0, 1.0]);
        let two = Settings { target_columns: Columns::Last(2), ..Settings::default() };
        assert_eq!(data(&bytes, &two).unwrap().outputs, 2);
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |bytes: &[u8]| data(bytes, &Settings::default()).unwrap_err();
        assert!(error(b"a,b\n").contains("a.npy: not an npy file: "));
        assert!(
            error(&array(&[2], &[1.0, 2.0]))
                .contains("a.npy: expected an array (samples, columns), found the shape [2]")
        );
        assert!(error(&array(&[0, 2], &[])).contains("found the shape [0, 2]"));
        assert!(error(&array(&[1, 2], &[1.0, f32::NAN])).contains("a.npy: number 1 is NaN in f32"));
        assert!(error(&array(&[2, 1], &[1.0, 2.0])).contains("which leaves no input"));
        let named = Settings { target_columns: Columns::Named(vec!["y".into()]), ..Settings::default() };
        let message = data(&array(&[1, 2], &[1.0, 2.0]), &named).unwrap_err();
        assert!(
            message.contains("the columns of a.npy have no names; give the number of target columns"),
            "{message}"
        );
        let one_hot = Settings { one_hot: true, ..Settings::default() };
        let message = data(&array(&[2, 2], &[1.0, 2.0, 3.0, 2.0]), &one_hot).unwrap_err();
        assert_eq!(message, "a.npy, column 1: expected two classes or more, found only 2.0");
    }
}
