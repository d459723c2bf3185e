//! Symmetry of hidden units, from the distances of their activations.

use crate::engine::Units;
use crate::net::words;

words! {
    /// How alike the hidden units of a network are.
    Symmetry {
        /// Some hidden layer of two or more units has spread ≤ tolerance.
        Symmetric = "symmetric",
        /// None has, but some has gap ≤ tolerance.
        Partial = "partial",
        /// Every hidden layer of two or more units has gap > tolerance.
        Broken = "broken",
        /// There is no hidden layer of two or more units.
        None = "none",
    }
}

/// Distances within one hidden layer: distance(i, j) = max over samples of |h_i − h_j|, over max(1, max |h|).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LayerSpread {
    /// Largest distance of any pair.
    pub spread: f64,
    /// Smallest distance of any pair.
    pub gap: f64,
    /// Groups of units linked by distances at or under the tolerance.
    pub distinct: u32,
}

impl LayerSpread {
    /// Of activations of shape `[units][samples]`, two units or more.
    pub fn of(activations: &[f64], units: usize, tolerance: f64) -> LayerSpread {
        // Only a no of `go_on` ends it early.
        LayerSpread::of_while(activations, units, tolerance, || true).expect("all pairs")
    }

    /// The same, or `None` as soon as `go_on` says no: pairs of a wide layer are many.
    pub fn of_while(
        activations: &[f64],
        units: usize,
        tolerance: f64,
        go_on: impl Fn() -> bool,
    ) -> Option<LayerSpread> {
        let samples = activations.len() / units;
        let unit = |i: usize| &activations[i * samples..(i + 1) * samples];
        let largest = activations.iter().fold(1.0, |m: f64, h| m.max(h.abs()));
        let (mut spread, mut gap) = (0.0f64, f64::INFINITY);
        let mut group: Vec<usize> = (0..units).collect();
        for i in 0..units {
            if !go_on() {
                return None;
            }
            for j in 0..i {
                let far = unit(i).iter().zip(unit(j)).fold(0.0f64, |d, (a, b)| d.max((a - b).abs()));
                let distance = far / largest;
                spread = spread.max(distance);
                gap = gap.min(distance);
                if distance <= tolerance && group[i] != group[j] {
                    let (from, to) = (group[i], group[j]);
                    group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
                }
            }
        }
        group.sort_unstable();
        group.dedup();
        Some(LayerSpread { spread, gap, distinct: group.len() as u32 })
    }
}

/// The symmetry of a network and the measures of the layer with the smallest spread (the first of equals),
/// from the layers of two or more units.
pub fn classify(layers: &[LayerSpread], tolerance: f64) -> (Symmetry, Option<Units>) {
    let symmetry = if layers.is_empty() {
        Symmetry::None
    } else if layers.iter().any(|layer| layer.spread <= tolerance) {
        Symmetry::Symmetric
    } else if layers.iter().any(|layer| layer.gap <= tolerance) {
        Symmetry::Partial
    } else {
        Symmetry::Broken
    };
    let mut tightest: Option<&LayerSpread> = None;
    for layer in layers {
        if tightest.is_none_or(|t| layer.spread < t.spread) {
            tightest = Some(layer);
        }
    }
    let units = tightest.map(|l| Units { spread: l.spread, gap: l.gap, distinct: l.distinct });
    (symmetry, units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_copies_are_one_unit() {
        let layer = LayerSpread::of(&[0.3, 0.4, 0.3, 0.4, 0.3, 0.4], 3, 0.1);
        assert_eq!(layer, LayerSpread { spread: 0.0, gap: 0.0, distinct: 1 });
        assert_eq!(classify(&[layer], 0.1).0, Symmetry::Symmetric);
    }

    #[test]
    fn mirrored_units_are_not_copies() {
        let layer = LayerSpread::of(&[0.3, -0.4, -0.3, 0.4], 2, 0.1);
        assert!((layer.spread - 0.8).abs() < 1e-15);
        assert_eq!(classify(&[layer], 0.1).0, Symmetry::Broken);
    }

    #[test]
    fn units_link_through_a_third() {
        // 0.00, 0.08 and 0.16: neighbours are copies, the ends are not.
        let layer = LayerSpread::of(&[0.0, 0.16, 0.08], 3, 0.1);
        assert_eq!((layer.spread, layer.gap, layer.distinct), (0.16, 0.08, 1));
        assert_eq!(classify(&[layer], 0.1).0, Symmetry::Partial);
    }

    #[test]
    fn distances_are_relative_to_large_activations() {
        let layer = LayerSpread::of(&[10.0, 10.5], 2, 0.1);
        assert!((layer.spread - 0.5 / 10.5).abs() < 1e-15);
    }

    #[test]
    fn the_limit_itself_counts_as_copies_and_the_tightest_layer_is_reported() {
        let wide = LayerSpread { spread: 0.9, gap: 0.05, distinct: 3 };
        let tight = LayerSpread { spread: 0.1, gap: 0.1, distinct: 1 };
        assert_eq!(classify(&[wide, tight], 0.1).0, Symmetry::Symmetric);
        assert_eq!(classify(&[wide, tight], 0.1).1.unwrap().spread, 0.1);
        let equal = LayerSpread { gap: 0.03, ..tight };
        assert_eq!(classify(&[tight, equal], 0.1).1.unwrap().gap, 0.1, "the first of equals");
        let apart = LayerSpread { spread: 0.2, gap: 0.2, distinct: 2 };
        assert_eq!(classify(&[wide, apart], 0.1).0, Symmetry::Partial);
        assert_eq!(classify(&[apart], 0.1).0, Symmetry::Broken);
        assert_eq!(classify(&[], 0.1), (Symmetry::None, None));
    }
}
