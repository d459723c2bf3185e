//! Back-propagation against central differences of the loss.

use symbreak::engine::reference::gradient;
use symbreak::verify::compare::Comparison;
use symbreak::verify::nets;

/// Every activation × output × loss × structure, every parameter. Bound: 1e-7 × (1 + loss); with h = 1e-6 the loss's own
/// rounding leaves 1e-10 × loss. The twin's gradients are 1e-4 too large.
pub fn central_differences(perturbed: bool) -> Comparison {
    let mut comparison = Comparison::default();
    let h = 1e-6;
    let factor = if perturbed { 1.0001 } else { 1.0 };
    for program in nets::programs(nets::Coverage::All) {
        let at: Vec<f64> = nets::parameters(&program.shape, 1.0, 2).iter().map(|&p| p.into()).collect();
        let loss = |at: &[f64]| gradient(&program.shape, &program.data, program.loss, at).0;
        let (here, want) = gradient(&program.shape, &program.data, program.loss, &at);
        // The wide nets have hundreds of parameters of the same kinds: every seventh of them will do.
        let stride = if at.len() > 100 { 7 } else { 1 };
        for p in (0..at.len()).step_by(stride) {
            let mut moved = at.clone();
            moved[p] = at[p] + h;
            let above = loss(&moved);
            moved[p] = at[p] - h;
            let difference = (above - loss(&moved)) / (2.0 * h);
            comparison.number(want[p] * factor, difference, 1e-7 * (1.0 + here), || {
                let shape = &program.shape;
                format!("{}, {shape:?} {}", shape.parameter_names()[p], program.loss)
            });
        }
    }
    comparison
}
