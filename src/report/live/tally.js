// What became of runs: counts over time and the rows of runs.csv. Twins in the program: src/measure/outcome.rs,
// src/measure/statistics.rs, src/output/curves.rs and src/output/runs.rs.

const SYMMETRIES = ['symmetric', 'partial', 'broken', 'none'];
// The 97.5 % point of the normal distribution.
const Z95 = 1.959964;

/** Wilson's 95 % interval for `successes` of `trials`. */
function wilson(successes, trials) {
  const [p, z2] = [successes / trials, Z95 * Z95];
  const centre = (p + z2 / (2 * trials)) / (1 + z2 / trials);
  const half = (Z95 / (1 + z2 / trials)) * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials));
  return [
    successes === 0 ? 0 : Math.max(centre - half, 0),
    successes === trials ? 1 : Math.min(centre + half, 1),
  ];
}

/** Code of a run's symmetry at each measured step. A run that rests stays what it is. */
function symmetryAt(kernels, networks, { states, symmetry, measured }) {
  const last = kernels.measured.length - 1;
  return (n, m) => {
    // The first and the last are those of the measurements, once there are any.
    if (measured && (m === 0 || m >= states.measured(n) || m === last)) {
      return measured.symmetry(m === 0 ? n : networks + n);
    }
    const seen = Math.min(m, states.measured(n) - 1);
    return (symmetry[Math.floor(seen / 16) * networks + n] >>> (2 * (seen % 16))) & 3;
  };
}

/** Counts of each cell's runs at every measured step that all of them have reached. */
class Tally {
  constructor(kernels, seeds) {
    Object.assign(this, { kernels, seeds, reached: 0 });
    const zeros = () => kernels.measured.map(() => 0);
    this.cells = kernels.runs.map(() => ({ asymmetric: zeros(), solved: zeros(), diverged: zeros() }));
  }

  /** Counts at the measured steps up to step `at` that are not counted yet; with measurements all of them again. */
  add(at, read) {
    const { kernels, seeds, cells } = this;
    const code = symmetryAt(kernels, seeds * cells.length, read);
    const { diverge_step, solve_step } = read.states;
    const from = read.measured ? 0 : this.reached;
    const to = kernels.measured.filter((step) => step <= at).length;
    cells.forEach((counts, cell) => {
      for (let m = from; m < to; m++) {
        const step = kernels.measured[m];
        let [asymmetric, solved, diverged] = [0, 0, 0];
        for (let n = cell * seeds; n < (cell + 1) * seeds; n++) {
          if (diverge_step(n) <= step) {
            diverged++;
          } else {
            const symmetry = code(n, m);
            if (symmetry === 1 || symmetry === 2) asymmetric++;
            if (solve_step(n) <= step) solved++;
          }
        }
        counts.asymmetric[m] = asymmetric;
        counts.solved[m] = solved;
        counts.diverged[m] = diverged;
      }
    });
    this.reached = to;
  }
}

/** The rows of runs.csv, without what is swept elsewhere, of a training that has finished. */
function runsCsv(activation, scales, kernels, seeds, finished) {
  const { states, measured } = finished;
  const networks = seeds * scales.length;
  const code = symmetryAt(kernels, networks, finished);
  const head =
    'run,cell,seed,net.activation,init.scale,outcome,symmetry_initial,symmetry,solve_step,break_step,diverge_step,' +
    'loss_initial,loss_final,error_final,gradient_norm_final,spread_initial,spread_final,gap_final,distinct_units,steps';
  const step = (value) => (value === NONE ? '' : value);
  const rows = Array.from({ length: networks }, (_, n) => {
    const [first, last] = [n, networks + n];
    const [solve, diverge] = [states.solve_step(n), states.diverge_step(n)];
    const diverged = diverge !== NONE;
    const left = kernels.measured.findIndex((_, m) => code(n, m) !== 0);
    const breaks = code(n, 0) === 0 && left >= 0 && kernels.measured[left] < diverge;
    const final = (value) => (diverged ? '' : value);
    const units = (at, value) => (measured.distinct(at) === 0 ? '' : value);
    return [
      n,
      Math.floor(n / seeds),
      n % seeds,
      activation,
      scales[Math.floor(n / seeds)],
      diverged ? 'diverged' : solve === NONE ? 'stuck' : 'solved',
      SYMMETRIES[code(n, 0)],
      final(SYMMETRIES[measured.symmetry(last)]),
      step(solve),
      breaks ? kernels.measured[left] : '',
      step(diverge),
      measured.f32_loss(first),
      final(measured.f32_loss(last)),
      final(measured.f32_error(last)),
      final(measured.f32_gradient_norm(last)),
      units(first, measured.f32_spread(first)),
      final(units(last, measured.f32_spread(last))),
      final(units(last, measured.f32_gap(last))),
      final(units(last, measured.distinct(last))),
      states.steps(n),
    ].join(',');
  });
  return [head, ...rows, ''].join('\n');
}
