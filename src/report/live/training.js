// Networks on a WebGPU device: their buffers, the dispatches that train them and what comes back. The kernels and all
// sizes and contents come from the program; its own host is src/engine/gpu/train.rs.

const NONE = 0xffffffff;
// What buffers of results hold before anything is written: no valid step count.
const POISON = 0xa5a5a5a5;
// Workgroups in one dimension of a dispatch.
const MOST_WORKGROUPS = 65535;
// Bytes that every device binds as one buffer.
const MOST_BYTES = 128 * 1024 * 1024;

/** The pipelines of one activation's kernels. */
async function compile(device, kernels) {
  const pipeline = async (stage) => {
    const storage = stage.bindings.map(({ written }) => (written ? 'storage' : 'read-only-storage'));
    const layout = device.createBindGroupLayout({
      entries: ['uniform', ...storage].map((type, binding) => ({
        binding,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      })),
    });
    const compiled = await device.createComputePipelineAsync({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: stage.shader }), entryPoint: 'main' },
    });
    return { compiled, layout, bindings: stage.bindings, perWorkgroup: stage.per_workgroup };
  };
  const [init, train, measure] = await Promise.all([kernels.init, kernels.train, kernels.measure].map(pipeline));
  return { init, train, measure };
}

/** The most seeds per cell whose buffers every device can bind. */
function mostSeeds(kernels) {
  const largest = Math.max(...kernels.buffers.map((buffer) => buffer.per_network));
  return Math.floor(MOST_BYTES / largest / kernels.runs.length);
}

/** All runs of all cells of one activation, cell by cell. */
class Training {
  /**
   * `rates`: learning rates of parameters that feed hidden units and of those that feed outputs.
   */
  constructor(device, layouts, kernels, pipelines, { seeds, rates }) {
    Object.assign(this, { device, layouts, kernels, pipelines, seeds });
    this.networks = seeds * kernels.runs.length;
    this.at = 0;
    this.buffers = { draws: this.#buffer(4 * kernels.draws.length, GPUBufferUsage.STORAGE) };
    for (const { name, fixed, per_network } of kernels.buffers) {
      this.buffers[name] = this.#buffer(fixed + per_network * this.networks, GPUBufferUsage.STORAGE);
    }
    this.uniform = this.#buffer(256, GPUBufferUsage.UNIFORM);
    this.groups = Object.fromEntries(
      Object.entries(pipelines).map(([name, { layout, bindings }]) => {
        const buffers = [this.uniform, ...bindings.map(({ buffer }) => this.buffers[buffer])];
        const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
        return [name, device.createBindGroup({ layout, entries })];
      }),
    );
    this.#write('draws', new Uint32Array(kernels.draws));
    this.#write('data', new Uint32Array(kernels.data));
    this.#write('schedule', new Uint32Array(kernels.schedule));
    this.#write('runs', this.#settings(rates));
    this.#write('states', new Uint32Array((layouts.State.size / 4) * this.networks).fill(POISON));
    this.#draw();
    this.#measure(0);
  }

  #buffer(size, usage) {
    // Never empty: a binding needs some bytes.
    return this.device.createBuffer({
      size: Math.max(size, 64),
      usage: usage | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC,
    });
  }

  #write(name, words) {
    this.device.queue.writeBuffer(this.buffers[name], 0, words);
  }

  /** The settings of every run: those of its cell, with its own seed and these rates, each rounded once. */
  #settings([hidden, output]) {
    const { Run } = this.layouts;
    const size = Run.size / 4;
    const words = new Uint32Array(size * this.networks);
    const floats = new Float32Array(words.buffer);
    this.kernels.runs.forEach((settings, cell) => {
      for (let seed = 0; seed < this.seeds; seed++) {
        const at = (cell * this.seeds + seed) * size;
        words.set(settings, at);
        words[at + Run.seed / 4] = seed;
        words[at + Run.seed / 4 + 1] = 0;
        floats[at + Run.rate_hidden / 4] = hidden;
        floats[at + Run.rate_output / 4] = output;
      }
    });
    return words;
  }

  #draw() {
    const { Init } = this.layouts;
    const words = new Uint32Array(this.kernels.init_settings);
    words[Init.networks / 4] = this.networks;
    words[Init.parameter_stride / 4] = this.networks;
    this.#dispatch('init', words, this.networks * this.kernels.parameters);
  }

  /** A dispatch of a kernel that trains or measures. */
  #go(name, fields) {
    const { Dispatch } = this.layouts;
    const words = new Uint32Array(Dispatch.size / 4);
    words.set(this.kernels.init_settings.slice(0, 2), Dispatch.key / 4);
    const all = { networks: this.networks, steps: this.kernels.steps, ...fields };
    for (const [field, value] of Object.entries(all)) words[Dispatch[field] / 4] = value;
    this.#dispatch(name, words, this.networks);
  }

  #dispatch(name, words, items) {
    const { compiled, perWorkgroup } = this.pipelines[name];
    const workgroups = Math.ceil(items / perWorkgroup);
    const rows = Math.ceil(workgroups / MOST_WORKGROUPS);
    this.device.queue.writeBuffer(this.uniform, 0, words);
    const encoder = this.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(compiled);
    pass.setBindGroup(0, this.groups[name]);
    pass.dispatchWorkgroups(Math.ceil(workgroups / rows), rows);
    pass.end();
    this.device.queue.submit([encoder.finish()]);
  }

  #measure(m) {
    const { measured } = this.kernels;
    const ends = m === 0 || m === measured.length - 1;
    this.#go('measure', { target_step: measured[m], measurement: m, traced_only: ends ? 0 : 1 });
  }

  /** Takes all networks as many steps further, and no further than the next measured step. */
  async advance(steps) {
    const { measured, steps_per_dispatch } = this.kernels;
    const next = measured.find((step) => step > this.at) ?? this.at;
    const taken = Math.min(steps, steps_per_dispatch, next - this.at);
    this.at += taken;
    this.#go('train', { target_step: this.at });
    await this.device.queue.onSubmittedWorkDone();
    return taken;
  }

  /** Whether every network has done all its steps. */
  get done() {
    return this.at === this.kernels.steps;
  }

  /** How far each run has come, and its symmetry at each measured step so far. */
  async read() {
    return this.#found(await this.#download('states', 'symmetry'));
  }

  #found([states, symmetry]) {
    return { states: words(states, this.layouts.State), symmetry: new Uint32Array(symmetry) };
  }

  /** That at the end, and the first and last measurements. Throws where a driver has not done what it was asked for. */
  async finish() {
    const { kernels, layouts, networks } = this;
    const last = kernels.measured.length - 1;
    this.#measure(last);
    const [bytes, ...others] = await this.#download('measured', 'states', 'symmetry');
    const { states, symmetry } = this.#found(others);
    const measured = { ...words(bytes, layouts.Measured), ...floats(bytes, layouts.Measured) };
    for (let n = 0; n < networks; n++) {
      const diverged = states.diverge_step(n) !== NONE;
      const rests = diverged || (kernels.stop_when_solved && states.solve_step(n) !== NONE);
      const steps = diverged ? states.diverge_step(n) : rests ? states.solve_step(n) : kernels.steps;
      const count = kernels.measured.filter((step) => step <= steps).length;
      const marked = measured.mark(n) === 1 && measured.mark(networks + n) === last + 1;
      if (states.steps(n) !== steps || states.measured(n) !== count || !marked) {
        throw new Error(
          `run ${n} did ${states.steps(n)} of ${steps} steps and ${states.measured(n)} of ${count} measurements: ` +
            'this driver ends long loops early, and these results are not kept',
        );
      }
    }
    return { states, symmetry, measured };
  }

  async #download(...names) {
    const encoder = this.device.createCommandEncoder();
    const staged = names.map((name) => {
      const { size } = this.buffers[name];
      const buffer = this.device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
      encoder.copyBufferToBuffer(this.buffers[name], 0, buffer, 0, size);
      return buffer;
    });
    this.device.queue.submit([encoder.finish()]);
    return Promise.all(
      staged.map(async (buffer) => {
        await buffer.mapAsync(GPUMapMode.READ);
        const bytes = buffer.getMappedRange().slice(0);
        buffer.destroy();
        return bytes;
      }),
    );
  }

  /** Gives all memory back. */
  destroy() {
    for (const buffer of [this.uniform, ...Object.values(this.buffers)]) buffer.destroy();
  }
}

/** Readers of the fields of an array of structs, by name, as whole numbers. */
function words(bytes, layout) {
  return readers(new Uint32Array(bytes), layout, (name) => name);
}

/** And as floats, under names that begin with `f32_`. */
function floats(bytes, layout) {
  return readers(new Float32Array(bytes), layout, (name) => `f32_${name}`);
}

function readers(array, { size, ...offsets }, named) {
  const reader = ([name, offset]) => [named(name), (n) => array[(n * size + offset) / 4]];
  return Object.fromEntries(Object.entries(offsets).map(reader));
}
