//! The gradient of every parameter, by name.

use crate::engine::reference::gradient;
use crate::engine::{EngineError, Program, Run, Start};
use crate::verify::compare::Comparison;
use crate::verify::rounding::{Bounds, F32, bounds};
use crate::verify::{Pair, nets};

/// One step of this size moves a parameter by so much that g = (w₀ − w₁) / lr keeps f32's precision.
const LR: f64 = (1 << 20) as f64;

/// Magnitudes of the parameters.
const MAGNITUDES: [f32; 3] = [1e-2, 1.0, 4.0];

/// Relative perturbation of the one gradient that the control changes.
const PERTURBATION: f64 = 1e-3;

/// Bound: the running error analysis of [`bounds`] in the engine's arithmetic, plus the f32 rounding of w₁ and
/// its update; `gradient_norm` by the same, in norm. For the reference itself also: central differences of its loss.
/// Control: in each net the gradient that stands out most from its bound is 1e-3 too large.
pub fn check(pair: &mut Pair<'_>, perturbed: bool) -> Result<Comparison, EngineError> {
    let mut comparison = Comparison::default();
    let u = pair.roundoff();
    for program in nets::programs(pair.coverage(perturbed)) {
        let program = Program { steps: 1, ..program };
        let given: Vec<Vec<f32>> =
            MAGNITUDES.iter().map(|&m| nets::parameters(&program.shape, m, 3)).collect();
        let runs = nets::seeds(given.len() as u64, Run { lr: LR, ..nets::run(0) });
        let got = pair.engine(&program, &runs, Start::Given(&given.concat()))?;
        let count = program.shape.parameters();
        let names = program.shape.parameter_names();
        for (r, parameters) in given.iter().enumerate() {
            let start: Vec<f64> = parameters.iter().map(|&p| p.into()).collect();
            let (_, mut want) = gradient(&program.shape, &program.data, program.loss, &start);
            let Bounds { gradient: bounds, .. } =
                bounds(&program.shape, &program.data, program.loss, &start, u);
            if pair.is_reference() && MAGNITUDES[r] == 1.0 {
                central_differences(&mut comparison, &program, &start, &want);
            }
            let norm_place = || format!("gradient norm, magnitude {}, {}", MAGNITUDES[r], describe(&program));
            let norm = norm(&want);
            comparison.number(
                got.runs[r].initial.gradient_norm,
                norm,
                self::norm(&bounds) + (count as f64 + 3.0) * u * norm + f64::from(f32::MIN_POSITIVE).sqrt(),
                norm_place,
            );
            let last = &got.parameters.last[r * count..(r + 1) * count];
            let bound = |p: usize| bounds[p] + 3.0 * F32 * (start[p].abs() + f64::from(last[p]).abs()) / LR;
            if perturbed {
                let clearest = (0..count)
                    .max_by(|&a, &b| (want[a].abs() / bound(a)).total_cmp(&(want[b].abs() / bound(b))));
                clearest.into_iter().for_each(|p| want[p] *= 1.0 + PERTURBATION);
            }
            let found: Vec<f64> = start.iter().zip(last).map(|(w0, &w1)| (w0 - f64::from(w1)) / LR).collect();
            let place =
                |p: usize| format!("{}, magnitude {}, {}", names[p], MAGNITUDES[r], describe(&program));
            comparison.numbers(&found, &want, bound, place);
        }
    }
    Ok(comparison)
}

fn describe(program: &Program) -> String {
    let shape = &program.shape;
    format!(
        "{shape} {} {} {}, readout {}, bias {}, skip {}",
        shape.activation, shape.output, program.loss, shape.readout, shape.bias, shape.skip
    )
}

fn norm(numbers: &[f64]) -> f64 {
    numbers.iter().map(|n| n * n).sum::<f64>().sqrt()
}

/// Bound: 1e-7 × (1 + loss). With h = 1e-6 the loss's own rounding leaves 1e-10 × loss, the third derivative 1e-12.
fn central_differences(comparison: &mut Comparison, program: &Program, at: &[f64], want: &[f64]) {
    let h = 1e-6;
    let loss = |p: usize, d: f64| {
        let mut moved = at.to_vec();
        moved[p] += d;
        gradient(&program.shape, &program.data, program.loss, &moved).0
    };
    let found: Vec<f64> = (0..at.len()).map(|p| (loss(p, h) - loss(p, -h)) / (2.0 * h)).collect();
    let names = program.shape.parameter_names();
    let bound = 1e-7 * (1.0 + loss(0, 0.0));
    comparison.numbers(
        &found,
        want,
        |_| bound,
        |p| format!("central difference of {}, {}", names[p], describe(program)),
    );
}
