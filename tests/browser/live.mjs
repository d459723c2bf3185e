// The live page in Chromium: trains, saves what it trained, answers its controls, and is fit to be used by everybody, with
// WebGPU and without. Takes one argument, a JSON object; prints one, on which tests/browser/live.rs has its say.
//
// executable: of the browser · page, twin: files of the page, and of one with another master seed · trainings: what is
// trained, a name, an activation and a place of the slider for the learning rate each · seeds: the power of two of networks
// per scale · directory: for what it saves

import path from 'node:path';
import { WIDTHS, launch, open, overflows, violations } from './browser.mjs';

const { executable, page: file, twin, trainings, seeds, directory } = JSON.parse(process.argv[2]);
const result = { complaints: [], looks: [], runs: {}, tables: {} };

async function ready(page) {
  // How long training takes is the machine's affair.
  page.setDefaultTimeout(0);
  await page.waitForSelector('body[data-ready]');
}

/** Sets a slider or menu as a user does. */
async function set(page, id, value) {
  const control = page.locator(`#${id}`);
  if (id === 'activation') await control.selectOption(value);
  else {
    await control.fill(String(value));
    await control.dispatchEvent('change');
  }
}

/** Trains with what is set to the end, and saves the runs. */
async function train(page, name) {
  await page.click('#start');
  await page.waitForSelector('#save:enabled');
  const [download] = await Promise.all([page.waitForEvent('download'), page.click('#save')]);
  const saved = path.join(directory, `${name}.csv`);
  await download.saveAs(saved);
  return saved;
}

/** The rows of the table under the charts. */
async function table(page) {
  if (!(await page.evaluate(() => document.getElementById('table').open))) await page.click('#table summary');
  // A table that was just opened is filled a moment later.
  await page.waitForSelector('#rows tr');
  return page.locator('#rows tr').evaluateAll((rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
}

const text = (page, id) => page.textContent(`#${id}`);
const step = async (page) => Number((await text(page, 'step')).match(/step ([\d,]+)/)[1].replaceAll(',', ''));

/** Pictures of both widths in light and dark, and what is wrong with them. */
async function look(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const picture = path.join(directory, `${name}-${width}-${colorScheme}.png`);
      // Charts take their new width with the next frames.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.screenshot({ path: picture, fullPage: true });
      result.looks.push({ picture, violations: await violations(page), overflows: await overflows(page) });
    }
  }
}

const browser = await launch(executable, { webgpu: true });
{
  const { page, complaints } = await open(browser, file);
  await ready(page);
  result.ready = { as: await page.evaluate(() => document.body.dataset.ready), status: await text(page, 'status') };
  result.notice = await page.isVisible('#notice');
  await set(page, 'seeds', seeds);
  for (const { name, activation, lr } of trainings) {
    await set(page, 'lr', lr);
    await set(page, 'activation', activation);
    result.runs[name] = await train(page, name);
    result.tables[name] = await table(page);
  }
  await look(page, 'trained');

  // Sliders by keyboard: the scale shows another one of what is trained; another learning rate is another training.
  const before = await text(page, 'readout');
  await page.focus('#scale');
  await page.keyboard.press('ArrowRight');
  const after = await text(page, 'readout');
  await page.locator('#by-scale').click({ position: { x: 60, y: 100 } });
  result.scale = { before, after, clicked: await text(page, 'readout'), step: await step(page) };
  const rate = await text(page, 'lr-value');
  await page.focus('#lr');
  await page.keyboard.press('ArrowLeft');
  result.lr = { before: rate, after: await text(page, 'lr-value'), step: await step(page), source: await text(page, 'source') };

  // A training that is paused stands still, goes on where it was, and is given up by a reset.
  await set(page, 'seeds', 12);
  const running = () => page.waitForFunction(() => /step [1-9]/.test(document.getElementById('step').textContent));
  await page.click('#start');
  await running();
  // Another choice in the midst of it begins anew, another one before that has begun too.
  await set(page, 'activation', 'tanh');
  await set(page, 'activation', 'logistic');
  await running();
  result.restarted = await text(page, 'source');
  result.drawn = await page.locator('#by-scale circle').count();
  await page.click('#start');
  await page.waitForFunction(() => document.getElementById('status').textContent === 'Paused.');
  const paused = [await step(page), await page.evaluate(() => new Promise((done) => setTimeout(done, 300))), await step(page)];
  await page.click('#start');
  await page.waitForFunction((was) => !document.getElementById('step').textContent.startsWith(was), await text(page, 'step'));
  result.pause = { at: paused[0], still: paused[2], on: await step(page) };
  await page.click('#reset');
  result.reset = { step: await step(page), save: await page.isEnabled('#save') };
  result.complaints.push(...complaints);
}
{
  const { page, complaints } = await open(browser, twin, { reducedMotion: 'reduce' });
  await ready(page);
  await set(page, 'seeds', seeds);
  result.twin = await train(page, 'twin');
  result.complaints.push(...complaints);
}
await browser.close();

const without = await launch(executable);
{
  const { page, complaints } = await open(without, file, { webgpu: false });
  await ready(page);
  result.without = {
    as: await page.evaluate(() => document.body.dataset.ready),
    notice: (await page.isVisible('#notice')) && (await text(page, 'notice')),
    source: await text(page, 'source'),
    start: await page.isEnabled('#start'),
    tables: {},
  };
  for (const { name, activation } of trainings) {
    await set(page, 'activation', activation);
    result.without.tables[name] = await table(page);
  }
  await look(page, 'recorded');
  result.complaints.push(...complaints);
}
{
  // WebGPU, but nothing that it could run on. Of that the browser itself warns.
  const { page, complaints } = await open(without, file);
  await ready(page);
  result.unadapted = await text(page, 'notice');
  result.complaints.push(...complaints.filter((complaint) => complaint !== 'warning: No available adapters.'));
}
{
  // A page that is not fit for everybody, complains and asks the network is told from this one.
  const { page, complaints } = await open(without, file, { webgpu: false });
  await ready(page);
  await page.evaluate(async () => {
    document.querySelector('label[for=scale]').remove();
    document.querySelector('main').style.minWidth = '3000px';
    console.error('a complaint');
    await fetch('http://127.0.0.1:9/').catch(() => {});
  });
  result.unfit = { violations: await violations(page), overflows: await overflows(page), complaints };
}
await without.close();
console.log(JSON.stringify(result));
