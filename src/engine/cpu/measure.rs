//! How alike the hidden units of a vector of networks are. Mirrors `shaders/measure_register.wgsl.jinja`: same measures.

#![allow(
    clippy::needless_range_loop,
    reason = "loops of fixed length over several arrays at once, to be unrolled"
)]

use std::sync::atomic::{AtomicBool, Ordering};

use super::lanes::{Lanes, MAX_LANES};
use super::pass::{Row, TILE};
use super::train::numbers;
use crate::engine::{EngineError, Measured};
use crate::measure::Symmetry;
use crate::measure::symmetry::{LayerSpread, classify};

/// The activations of all hidden layers of two or more units, over the whole task.
pub struct Activations<V> {
    layers: Vec<Layer<V>>,
}

/// Those of one layer.
struct Layer<V> {
    units: usize,
    /// Its first row among those of all layers.
    first: usize,
    /// `[tile][unit]`
    rows: Vec<Row<V>>,
}

/// Spread, gap and the number of distinct units of a layer, lane by lane.
type Spreads = ([f32; MAX_LANES], [f32; MAX_LANES], [u32; MAX_LANES]);

/// An error once the user has had enough. Asked between tiles and rows of pairs, too: a step of a large network takes long, and
/// pairs of a wide layer are many.
#[inline(always)]
pub fn go_on(interrupted: &AtomicBool) -> Result<(), EngineError> {
    if interrupted.load(Ordering::Relaxed) { Err(EngineError::Interrupted) } else { Ok(()) }
}

/// The symmetry of each lane: whether some layer is symmetric, whether some layer has two units that are alike, and
/// whether there is a layer at all.
#[derive(Clone, Copy, Debug)]
pub struct Classes {
    symmetric: u64,
    alike: u64,
    none: bool,
}

impl Classes {
    /// Of one lane.
    pub fn lane(self, lane: usize) -> Symmetry {
        if self.none {
            Symmetry::None
        } else if self.symmetric >> lane & 1 == 1 {
            Symmetry::Symmetric
        } else if self.alike >> lane & 1 == 1 {
            Symmetry::Partial
        } else {
            Symmetry::Broken
        }
    }
}

impl<V: Lanes> Activations<V> {
    /// Room for the layers of widths `hidden`.
    pub fn new(hidden: &[usize], tiles: usize) -> Self {
        let mut first = 0;
        let layers = hidden.iter().filter_map(|&units| {
            let here = first;
            first += units;
            let rows = vec![[V::splat(0.0); TILE]; units * tiles];
            (units >= 2).then_some(Layer { units, first: here, rows })
        });
        Activations { layers: layers.collect() }
    }

    /// Takes the activations of a tile from the rows of all layers.
    #[inline(always)]
    pub fn keep(&mut self, tile: usize, rows: &[Row<V>]) {
        for layer in &mut self.layers {
            let units = layer.units;
            let kept = layer.rows[tile * units..][..units].iter_mut();
            for (kept, row) in kept.zip(&rows[layer.first..][..units]) {
                for s in 0..TILE {
                    // Infinities become the largest number: equal ones are no distance apart.
                    kept[s] = row[s].at_least(V::splat(f32::MIN)).at_most(V::splat(f32::MAX));
                }
            }
        }
    }

    /// The symmetry of each lane.
    #[inline(always)]
    pub fn classes(&self, tolerance: V, interrupted: &AtomicBool) -> Result<Classes, EngineError> {
        let mut classes = Classes { symmetric: 0, alike: 0, none: self.layers.is_empty() };
        for layer in &self.layers {
            let scale = layer.largest();
            let symmetric = V::bits((layer.range() / scale).less_equal(tolerance));
            classes.symmetric |= symmetric;
            if layer.units == 2 {
                // One pair: as far apart at most as at least.
                classes.alike |= symmetric;
            } else if classes.symmetric != V::ALL {
                let known = classes.symmetric | classes.alike;
                classes.alike |= layer.alike(scale, tolerance, known, interrupted)?;
            }
        }
        Ok(classes)
    }

    /// All measures, with a loss, an error and a gradient norm found elsewhere; one entry a run.
    #[inline(always)]
    pub fn measure(
        &self,
        tolerance: V,
        loss: V,
        error: V,
        gradient_norm: V,
        runs: usize,
        interrupted: &AtomicBool,
    ) -> Result<Vec<Measured>, EngineError> {
        let (loss, error, gradient_norm) = (numbers(loss), numbers(error), numbers(gradient_norm));
        let mut layers = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            layers.push(layer.measure(tolerance, interrupted)?);
        }
        let tolerance = numbers(tolerance);
        let mut measured = Vec::with_capacity(runs);
        let mut spreads = Vec::with_capacity(layers.len());
        for lane in 0..runs {
            spreads.clear();
            for (spread, gap, distinct) in &layers {
                spreads.push(LayerSpread {
                    spread: f64::from(spread[lane]),
                    gap: f64::from(gap[lane]),
                    distinct: distinct[lane],
                });
            }
            let (symmetry, units) = classify(&spreads, f64::from(tolerance[lane]));
            measured.push(Measured {
                loss: f64::from(loss[lane]),
                error: f64::from(error[lane]),
                gradient_norm: f64::from(gradient_norm[lane]),
                units,
                symmetry,
            });
        }
        Ok(measured)
    }
}

impl<V: Lanes> Layer<V> {
    /// max(1, max |h|)
    #[inline(always)]
    fn largest(&self) -> V {
        let mut largest = V::splat(1.0);
        for row in &self.rows {
            for h in row {
                largest = h.magnitude(largest);
            }
        }
        largest
    }

    /// The largest |h_i − h_j| of any pair on any sample: the range of the units, sample by sample. Rounding is monotone,
    /// so this is that of the pairs to the bit.
    #[inline(always)]
    fn range(&self) -> V {
        let mut range = V::splat(0.0);
        for tile in self.rows.chunks_exact(self.units) {
            for s in 0..TILE {
                let (mut low, mut high) = (tile[0][s], tile[0][s]);
                for row in &tile[1..] {
                    (low, high) = (low.at_most(row[s]), high.at_least(row[s]));
                }
                range = (high - low).magnitude(range);
            }
        }
        range
    }

    /// The largest |h_i − h_j| on any sample.
    #[inline(always)]
    fn apart(&self, i: usize, j: usize) -> V {
        let mut far = V::splat(0.0);
        for tile in self.rows.chunks_exact(self.units) {
            for s in 0..TILE {
                far = (tile[i][s] - tile[j][s]).magnitude(far);
            }
        }
        far
    }

    /// Spread, gap and the number of distinct units, lane by lane.
    #[inline(always)]
    fn measure(&self, tolerance: V, interrupted: &AtomicBool) -> Result<Spreads, EngineError> {
        let (scale, mut closest) = (self.largest(), V::splat(f32::INFINITY));
        let spread = self.range() / scale;
        let mut distinct = [self.units as u32; MAX_LANES];
        // The group of each unit, lane by lane; those of a symmetric lane are one without being looked at.
        let mut groups: Vec<[usize; MAX_LANES]> = (0..self.units).map(|u| [u; MAX_LANES]).collect();
        let symmetric = V::bits(spread.less_equal(tolerance));
        // Groups among the units up to i, lane by lane.
        let mut so_far = [0; MAX_LANES];
        for i in 0..self.units {
            go_on(interrupted)?;
            so_far.iter_mut().for_each(|groups| *groups += 1);
            // Lanes in which these are one group: links to further units change nothing.
            let mut settled = symmetric;
            for j in 0..i {
                let apart = self.apart(i, j);
                closest = closest.at_most(apart);
                let mut linked = V::bits((apart / scale).less_equal(tolerance)) & !settled;
                while linked != 0 {
                    let lane = linked.trailing_zeros() as usize;
                    linked &= linked - 1;
                    let (from, to) = (groups[i][lane], groups[j][lane]);
                    if from != to {
                        distinct[lane] -= 1;
                        so_far[lane] -= 1;
                        settled |= u64::from(so_far[lane] == 1) << lane;
                        for group in &mut groups[..=i] {
                            if group[lane] == from {
                                group[lane] = to;
                            }
                        }
                    }
                }
            }
        }
        for (lane, distinct) in distinct.iter_mut().enumerate() {
            if symmetric >> lane & 1 == 1 {
                *distinct = 1;
            }
        }
        Ok((numbers(spread), numbers(closest / scale), distinct))
    }

    /// Lanes in which two units are alike. May leave out lanes of `known`.
    #[inline(always)]
    fn alike(
        &self,
        scale: V,
        tolerance: V,
        known: u64,
        interrupted: &AtomicBool,
    ) -> Result<u64, EngineError> {
        let (mut closest, mut alike) = (V::splat(f32::INFINITY), 0);
        for i in 0..self.units {
            go_on(interrupted)?;
            for j in 0..i {
                closest = closest.at_most(self.apart(i, j));
            }
            alike = V::bits((closest / scale).less_equal(tolerance));
            if alike | known == V::ALL {
                break;
            }
        }
        Ok(alike)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lanes::Portable;
    use super::*;

    /// Of as many units as are looked at pair by pair, in few groups and in many: what the plain code finds. Activations are
    /// multiples of 1/64, so that no distance is rounded.
    #[test]
    fn wide_layers_are_measured_as_by_the_plain_code() {
        const UNITS: usize = 60;
        let mut word = 1u32;
        let mut next = |below: u32| {
            word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (word >> 16) % below
        };
        let mut several = 0;
        for range in [2, 8, 16, 32, 64] {
            let mut numbers = vec![[[0.0f32; TILE]; Portable::LANES]; UNITS];
            numbers.iter_mut().flatten().flatten().for_each(|h| *h = next(range) as f32 / 64.0);
            let row = |unit: usize| -> Row<Portable> {
                std::array::from_fn(|s| {
                    let lanes: [f32; Portable::LANES] = std::array::from_fn(|lane| numbers[unit][lane][s]);
                    Portable::load(&lanes)
                })
            };
            let rows: Vec<Row<Portable>> = (0..UNITS).map(row).collect();
            let mut kept = Activations::<Portable>::new(&[UNITS], 1);
            kept.keep(0, &rows);
            let (tolerance, never) = (5.0 / 64.0, AtomicBool::new(false));
            let (spread, gap, distinct) = kept.layers[0].measure(Portable::splat(tolerance), &never).unwrap();
            for lane in 0..Portable::LANES {
                let activations: Vec<f64> =
                    numbers.iter().flat_map(|unit| unit[lane].map(f64::from)).collect();
                let plain = crate::measure::LayerSpread::of(&activations, UNITS, f64::from(tolerance));
                let found = LayerSpread {
                    spread: f64::from(spread[lane]),
                    gap: f64::from(gap[lane]),
                    distinct: distinct[lane],
                };
                assert_eq!(found, plain, "range {range}, lane {lane}");
                several += u32::from(plain.distinct > 1 && plain.distinct < UNITS as u32);
            }
        }
        assert!(several > 4, "{several} layers of some groups");
        let stopped = kept_by(&AtomicBool::new(true));
        assert!(matches!(stopped, Err(EngineError::Interrupted)));
        assert!(kept_by(&AtomicBool::new(false)).is_ok());
    }

    fn kept_by(interrupted: &AtomicBool) -> Result<Classes, EngineError> {
        let mut kept = Activations::<Portable>::new(&[3], 1);
        let row = |h: f32| [Portable::splat(h); TILE];
        kept.keep(0, &[row(0.0), row(0.5), row(1.0)]);
        kept.classes(Portable::splat(0.1), interrupted)
    }
}
