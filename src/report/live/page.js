// The page: controls, the loop that trains in step with the display, and what is shown of it.

const plan = JSON.parse(document.getElementById('plan').textContent);
const byId = (id) => document.getElementById(id);
const still = matchMedia('(prefers-reduced-motion: reduce)');
const whole = new Intl.NumberFormat('en');
const percent = (fraction) => `${(100 * fraction).toFixed(1)}%`;

// Seconds that the device should work between two looks.
const DISPATCH_SECONDS = 0.04;
// Milliseconds between two pictures of a training.
const PICTURE = 40;
const STILL_PICTURE = 1000;

const measured = plan.activations[0].kernels.measured;
/** What trains. `device` is null where the browser has no WebGPU. */
const engine = { device: null, pipelines: new Map(), words: '' };
/**
 * What is trained and what is shown: `shown` is a tally, or what was recorded. A reset begins another `turn`; whoever waited for
 * the device meanwhile belongs to an earlier one and has nothing to say any more.
 */
const state = { turn: 0, run: null, running: false, shown: null, table: 0 };
const chosen = {
  get entry() {
    return plan.activations[byId('activation').selectedIndex];
  },
  get lr() {
    return plan.lr * 10 ** (byId('lr').valueAsNumber / 4);
  },
  get seeds() {
    return 2 ** byId('seeds').valueAsNumber;
  },
  get scale() {
    return byId('scale').valueAsNumber;
  },
};

const scaleChart = new Chart(byId('by-scale'), {
  values: plan.scales,
  label: 'initial scale of the noise',
  markers: true,
  choose: (place) => {
    byId('scale').value = place;
    showSettings();
    show();
  },
});
const stepChart = new Chart(byId('by-step'), { values: measured, label: 'training step', markers: false });

/** What was recorded of the chosen activation. */
function recorded() {
  return {
    words: `recorded: ${whole.format(plan.recorded.seeds)} networks per scale, trained when this page was made by the ` +
      `program's ${plan.recorded.backend} engine (${plan.recorded.adapter})`,
    seeds: plan.recorded.seeds,
    cells: chosen.entry.recorded,
    reached: measured.length,
  };
}

function series(counts, seeds) {
  return ['broken', 'solved'].map((name, i) => ({
    name,
    fractions: counts[i].map((count) => count / seeds),
    intervals: counts[i].map((count) => wilson(count, seeds)),
  }));
}

/** Draws both charts and says in words what they show at the chosen scale. */
function show() {
  const { seeds, cells, reached, words } = state.shown ?? { reached: 0, words: 'nothing has been trained yet' };
  byId('source').textContent = `Shown is what was ${words.replace(/^nothing/, 'not trained: nothing')}.`;
  const m = reached - 1;
  if (m < 0) {
    scaleChart.show([], chosen.scale);
    stepChart.show([]);
    byId('readout').textContent = '';
    return;
  }
  const at = (key) => cells.map((counts) => counts[key][m]);
  scaleChart.show(series([at('asymmetric'), at('solved')], seeds), chosen.scale);
  const one = cells[chosen.scale];
  const over = (key) => one[key].slice(0, reached);
  stepChart.show(series([over('asymmetric'), over('solved')], seeds));
  const fraction = (key) => {
    const [low, high] = wilson(one[key][m], seeds);
    return `${percent(one[key][m] / seeds)} (95% interval ${percent(low)} to ${percent(high)})`;
  };
  const diverged = one.diverged[m] > 0 ? `; ${percent(one.diverged[m] / seeds)} diverged` : '';
  byId('readout').textContent =
    `At scale ${plain(plan.scales[chosen.scale])}, after ${whole.format(measured[m])} steps, ${fraction('asymmetric')} ` +
    `of ${whole.format(seeds)} networks have broken the symmetry and ${fraction('solved')} have solved the task${diverged}.`;
  showTable();
}

/** The table under the charts, where it is open. */
function showTable() {
  if (!byId('table').open || (state.running && performance.now() - state.table < STILL_PICTURE)) return;
  state.table = performance.now();
  const { seeds, cells, reached } = state.shown ?? { reached: 0, cells: [] };
  byId('rows').replaceChildren(
    ...(reached === 0 ? [] : cells).map((counts, cell) => {
      const row = document.createElement('tr');
      const of = (key) => percent(counts[key][reached - 1] / seeds);
      [plain(plan.scales[cell]), of('asymmetric'), of('solved'), of('diverged')].forEach((text, i) => {
        const field = document.createElement(i === 0 ? 'th' : 'td');
        if (i === 0) field.scope = 'row';
        field.textContent = text;
        row.append(field);
      });
      return row;
    }),
  );
}

/** The values beside the sliders. */
function showSettings() {
  const texts = {
    lr: plain(chosen.lr),
    seeds: `${whole.format(chosen.seeds)} × ${plan.scales.length} scales`,
    scale: plain(plan.scales[chosen.scale]),
  };
  for (const [id, text] of Object.entries(texts)) {
    byId(`${id}-value`).textContent = text;
    byId(id).setAttribute('aria-valuetext', text);
  }
}

function showProgress(rate) {
  const at = state.run?.training.at ?? 0;
  // As on the axis, on which the first steps are as long as the many last ones.
  byId('progress').value = Math.log1p(at) / Math.log1p(plan.steps);
  const speed = rate ? ` · ${rate.toExponential(1)} updates a second` : '';
  byId('step').textContent = `step ${whole.format(at)} of ${whole.format(plan.steps)}${speed}`;
}

function say(text) {
  byId('status').textContent = text;
}

function showButtons() {
  byId('start').textContent = state.running ? 'Pause' : state.run && !state.run.finished ? 'Go on' : 'Start';
  byId('reset').disabled = !state.run;
  byId('save').disabled = !state.run?.finished;
}

/** Gives up what was trained. */
function reset() {
  state.turn++;
  state.running = false;
  state.run?.training.destroy();
  state.run = null;
  state.shown = chosen.lr === plan.lr || !engine.device ? recorded() : null;
  if (engine.device) say(`Ready: ${engine.words}.`);
  showProgress();
  showButtons();
  show();
}

async function begin() {
  const { entry, lr, seeds } = chosen;
  const { kernels, activation } = entry;
  say(`Compiling the shaders of ${activation} …`);
  if (!engine.pipelines.has(activation)) {
    engine.pipelines.set(activation, compile(engine.device, kernels));
  }
  const pipelines = await engine.pipelines.get(activation);
  const rates = [lr * plan.lr_hidden, lr * plan.lr_output];
  const training = new Training(engine.device, plan.layouts, kernels, pipelines, { seeds, rates });
  const tally = new Tally(kernels, seeds);
  tally.words = `trained here: ${whole.format(seeds)} networks per scale, ${activation}, learning rate ${plain(lr)}`;
  tally.add(0, await training.read());
  return { training, tally, kernels, activation, seeds, rate: 0, finished: null };
}

/** Trains until it is done, paused or given up. */
async function train() {
  if (!state.run || state.run.finished) reset();
  const { turn } = state;
  const over = () => state.turn !== turn;
  state.running = true;
  showButtons();
  try {
    if (!state.run) {
      const run = await begin();
      if (over()) {
        run.training.destroy();
        return;
      }
      state.run = run;
      state.shown = run.tally;
    }
    const { run } = state;
    const { training, tally } = run;
    say(`Training ${whole.format(training.networks)} networks on ${engine.words} …`);
    let shown = 0;
    while (state.running && !training.done) {
      const since = performance.now();
      const steps = Math.max(1, Math.floor((DISPATCH_SECONDS * run.rate) / training.networks) || 8);
      const taken = await training.advance(steps);
      if (over()) return;
      run.rate = (training.networks * taken) / ((performance.now() - since) / 1000);
      if (performance.now() - shown > (still.matches ? STILL_PICTURE : PICTURE)) {
        shown = performance.now();
        const read = await training.read();
        if (over()) return;
        tally.add(training.at, read);
        show();
        showProgress(run.rate);
      }
      await new Promise(requestAnimationFrame);
      if (over()) return;
    }
    if (training.done) {
      const finished = await training.finish();
      if (over()) return;
      tally.add(training.at, finished);
      run.finished = finished;
      state.running = false;
      say(`Done: ${whole.format(training.networks)} networks trained on ${engine.words}.`);
    } else {
      say('Paused.');
    }
    show();
    showProgress();
    showButtons();
  } catch (error) {
    if (!over()) fail(error.message);
  }
}

/** Something went wrong on the device: recorded results are what is left. */
function fail(message) {
  reset();
  say(`The device failed: ${message}`);
}

/** A file of every run that has finished, in the columns of the program's runs.csv. */
function save() {
  const { activation, kernels, seeds, finished } = state.run;
  const text = runsCsv(activation, plan.scales, kernels, seeds, finished);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  link.download = 'runs.csv';
  link.click();
  URL.revokeObjectURL(link.href);
}

/** The browser's device, or why there is none. */
async function open() {
  if (!navigator.gpu) {
    throw new Error(
      isSecureContext
        ? 'This browser has no WebGPU'
        : 'Browsers offer WebGPU only to pages from a file, from this machine or over https',
    );
  }
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('This browser has WebGPU, but found no adapter for it');
  const { info } = adapter;
  const name = info.description || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'an unnamed adapter';
  const software = info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|warp|basic render/i.test(
    `${info.vendor} ${info.architecture} ${info.device} ${info.description}`,
  );
  engine.words = software ? `the processor, which poses as a graphics card (${name}) and is slow` : `the GPU (${name})`;
  engine.device = await adapter.requestDevice();
  engine.device.lost.then(({ reason, message }) => {
    engine.device = null;
    engine.pipelines.clear();
    byId('start').disabled = true;
    fail(message || `it was lost (${reason}); load the page again`);
  });
  engine.device.addEventListener('uncapturederror', ({ error }) => fail(error.message));
}

byId('activation').append(...plan.activations.map(({ activation }) => new Option(activation)));
byId('scale').max = plan.scales.length - 1;
byId('scale').value = Math.floor(plan.scales.length / 2);
byId('seeds').max = Math.min(12, Math.floor(Math.log2(mostSeeds(plan.activations[0].kernels))));
for (const id of ['lr', 'seeds', 'scale']) byId(id).addEventListener('input', showSettings);
byId('scale').addEventListener('input', show);
for (const id of ['activation', 'lr', 'seeds']) {
  byId(id).addEventListener('change', () => {
    const again = state.running;
    reset();
    if (again) train();
  });
}
byId('start').addEventListener('click', () => {
  if (state.running) state.running = false;
  else train();
});
byId('reset').addEventListener('click', reset);
byId('save').addEventListener('click', save);
byId('table').addEventListener('toggle', showTable);
showSettings();
try {
  await open();
  byId('start').disabled = false;
} catch (error) {
  byId('notice').hidden = false;
  byId('notice').textContent =
    `${error.message}, so no network can be trained here. What you see was recorded when this page was made; choose an ` +
    'activation and a scale to look at it.';
  for (const id of ['lr', 'seeds', 'start']) byId(id).parentElement.hidden = true;
  for (const id of ['progress', 'step']) byId(id).hidden = true;
  say('Nothing can be trained in this browser.');
}
reset();
document.body.dataset.ready = engine.device ? 'webgpu' : 'recorded';
