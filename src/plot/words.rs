//! What keys and columns mean: the one table of words that axes and legends are labelled with.

use super::axis::number;

/// Keys of the spec, as people would call them.
const KEYS: &[(&str, &str)] = &[
    ("task.dataset", "task"),
    ("task.bits", "bits"),
    ("task.samples", "training samples"),
    ("task.features", "inputs"),
    ("task.outputs", "outputs"),
    ("task.seed", "seed of the task"),
    ("task.noise", "noise of the data"),
    ("task.teacher", "hidden widths of the teacher"),
    ("task.teacher_activation", "activation of the teacher"),
    ("task.target_columns", "target columns"),
    ("task.classes", "how classes are read"),
    ("task.inputs", "input encoding"),
    ("task.targets", "target encoding"),
    ("task.standardize", "standardized inputs"),
    ("task.test", "share of samples held out"),
    ("net.hidden", "hidden units"),
    ("net.activation", "activation"),
    ("net.output", "output activation"),
    ("net.readout", "readout"),
    ("net.bias", "biases"),
    ("net.skip", "skip connections"),
    ("init.base", "base point"),
    ("init.base_value", "value of the base point"),
    ("init.noise", "kind of perturbation"),
    ("init.gain", "gain of the perturbation"),
    ("init.scale", "perturbation scale"),
    ("init.scale_hidden", "perturbation scale of hidden weights"),
    ("init.scale_output", "perturbation scale of output weights"),
    ("init.bias_scale", "perturbation scale of biases"),
    ("train.loss", "loss"),
    ("train.optimizer", "optimizer"),
    ("train.lr", "learning rate"),
    ("train.lr_hidden", "learning rate of hidden layers"),
    ("train.lr_output", "learning rate of the output"),
    ("train.momentum", "momentum"),
    ("train.beta1", "β₁ of Adam"),
    ("train.beta2", "β₂ of Adam"),
    ("train.rho", "ρ of RMSProp"),
    ("train.epsilon", "ε of the optimizer"),
    ("train.weight_decay", "weight decay"),
    ("train.batch", "batch size"),
    ("train.steps", "training steps"),
    ("train.stop", "when runs stop"),
    ("noise.dropout", "dropout"),
    ("noise.gradient", "gradient noise"),
    ("noise.input", "input noise"),
    ("noise.mask", "share of connections missing"),
    ("criteria.solved_tolerance", "tolerance of solved"),
    ("criteria.solved_loss", "loss under which a run is solved"),
    ("criteria.symmetry_tolerance", "distance up to which units count as copies"),
];

/// Columns of result files.
const COLUMNS: &[(&str, &str)] = &[
    ("runs", "runs"),
    ("solved", "runs that solve the task"),
    ("stuck", "runs that end unsolved"),
    ("diverged", "runs that diverge"),
    ("broken", "runs that end with all units distinct"),
    ("partial", "runs that end with some units alike"),
    ("symmetric", "runs that end with all units of a layer alike"),
    ("started_symmetric", "runs that start with all units of a layer alike"),
    ("escaped", "runs that leave the symmetric state"),
    ("fraction_solved", "share that solves the task"),
    ("fraction_broken", "share that breaks symmetry"),
    ("fraction_asymmetric", "share that does not end symmetric"),
    ("fraction_escaped", "share that leaves the symmetric state"),
    ("solve_step_median", "median step at which solved runs are solved"),
    ("solve_step_mean", "mean step at which solved runs are solved"),
    ("break_step_median", "median step at which symmetry breaks, where it does"),
    ("loss_final_median", "median final loss"),
    ("distinct_units_mean", "mean number of distinct units"),
    ("stuck_copies", "unsolved runs with identical units"),
    ("stuck_plateau", "unsolved runs on a symmetric plateau"),
    ("stuck_moving", "unsolved runs that still move"),
    ("loss_test_median", "median loss on test samples"),
    ("accuracy_mean", "mean accuracy on training samples"),
    ("accuracy_test_mean", "mean accuracy on test samples"),
    ("solve_step", "step at which it is solved"),
    ("loss", "loss"),
    ("spread", "spread: largest distance of two units"),
    ("gap", "gap: smallest distance of two units"),
    ("distinct_units", "distinct units"),
    ("gradient_norm", "gradient norm"),
];

/// `perturbation scale`
pub fn meaning(name: &str) -> Option<String> {
    if let Some(entry) = name.strip_prefix("init.value.") {
        return Some(format!("initial parameter {entry}"));
    }
    KEYS.iter().chain(COLUMNS).find(|(known, _)| *known == name).map(|(_, words)| words.to_string())
}

/// `perturbation scale (init.scale)`; the name alone where nobody said what it means.
pub fn label(name: &str) -> String {
    match meaning(name) {
        Some(words) if words == name => words,
        Some(words) => format!("{words} ({name})"),
        None => name.to_string(),
    }
}

/// With a capital at its start.
pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `12,345`
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3 runs`, `1 run`
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(n), if n == 1 { "" } else { "s" })
}

/// `43.2 %`; only what is exactly so is `0 %` or `100 %`. Its space does not break.
pub fn percent(share: f64) -> String {
    let p = 100.0 * share;
    let text = match p {
        _ if p.is_nan() => return "no share".into(),
        0.0 => "0".into(),
        100.0 => "100".into(),
        _ if p < 0.001 => "0.001".into(),
        _ if p > 99.999 => "99.999".into(),
        _ if !(0.01..=99.99).contains(&p) => format!("{p:.3}"),
        _ if !(0.1..=99.9).contains(&p) => format!("{p:.2}"),
        _ => format!("{p:.1}"),
    };
    format!("{text}\u{a0}%")
}

/// `95 %`, which does not break.
pub const SURE: &str = "95\u{a0}%";

/// A percentage without its sign.
pub fn bare_percent(share: f64) -> String {
    percent(share).trim_end_matches("\u{a0}%").to_string()
}

/// `(95 %: 10.4 to 14.5 %)` of the ends of an interval, which are shares
pub fn surely(low: f64, high: f64) -> String {
    format!("({SURE}: {} to {})", bare_percent(low), percent(high))
}

/// Whether a column's values are shares.
pub fn is_share(column: &str) -> bool {
    column.starts_with("fraction_") || column.starts_with("accuracy_")
}

/// `43.2 %` of a share, else the number; `none` of what is not one
pub fn value_of(column: &str, value: f64) -> String {
    match value {
        missing if !missing.is_finite() => "none".into(),
        share if is_share(column) => percent(share),
        other => number(other),
    }
}

/// `share that solves the task: 43.2 % (95 %: 40.2 to 46.3 %)` of a column of shares, its value and the ends of its interval
pub fn reading(column: &str, value: f64, interval: Option<(f64, f64)>) -> String {
    let name = meaning(column).unwrap_or_else(|| column.to_string());
    let between = match interval {
        Some((low, high)) if is_share(column) => format!(" {}", surely(low, high)),
        _ => String::new(),
    };
    format!("{name}: {}{between}", value_of(column, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_can_be_swept_has_a_meaning() {
        for key in crate::spec::sweepable_keys() {
            assert!(meaning(key).is_some(), "{key}");
        }
        assert_eq!(label("init.scale"), "perturbation scale (init.scale)");
        assert_eq!(label("init.value.3"), "initial parameter 3 (init.value.3)");
        assert_eq!(label("runs"), "runs");
        assert_eq!(label("mine"), "mine");
    }

    #[test]
    fn counts_are_for_people() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!((counted(1, "run"), counted(2000, "run")), ("1 run".into(), "2,000 runs".into()));
        assert_eq!(capitalized("élan"), "Élan");
    }

    #[test]
    fn only_what_is_certain_is_0_or_100_percent() {
        let shares = [0.0, 1e-9, 5e-5, 0.004, 0.123_45, 0.999, 0.999_95, 1.0 - 1e-9, 1.0, f64::NAN];
        let texts = shares.map(|share| percent(share).replace('\u{a0}', " "));
        assert_eq!(
            texts,
            [
                "0 %", "0.001 %", "0.005 %", "0.4 %", "12.3 %", "99.9 %", "99.995 %", "99.999 %", "100 %",
                "no share"
            ]
        );
    }

    #[test]
    fn columns_are_read_out() {
        let said = |column, value, interval| reading(column, value, interval).replace('\u{a0}', " ");
        assert_eq!(
            said("fraction_solved", 0.0, Some((0.0, 0.138))),
            "share that solves the task: 0 % (95 %: 0 to 13.8 %)"
        );
        assert_eq!(said("loss_final_median", 0.25, None), "median final loss: 0.25");
        assert_eq!(said("loss_final_median", f64::NAN, None), "median final loss: none");
        assert_eq!(said("mine", 3.0, None), "mine: 3");
    }
}
