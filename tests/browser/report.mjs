// The page on a sweep in Chromium: its pictures answer pointer and keyboard, its table sorts and shows runs, and it is fit to
// be used by everybody. Takes one argument, a JSON object; prints one, on which tests/browser/report.rs has its say.
//
// executable: of the browser · page: file of the page · hostile: of one whose names are markup · directory: for pictures

import path from 'node:path';
import { WIDTHS, launch, open, overflows, violations } from './browser.mjs';

const { executable, page: file, hostile, directory } = JSON.parse(process.argv[2]);
const result = { complaints: [], looks: [] };

const marks = (page) => page.evaluate(() => JSON.parse(document.getElementById('data').textContent).marks);
const tip = (page) => page.evaluate(() => {
  const box = document.getElementById('tip');
  return box.hidden ? null : box.textContent;
});
/** Head and order of the table: what is said of the sorting, and the cells from top to bottom. */
const order = (page) => page.evaluate(() => ({
  sorts: [...document.querySelectorAll('#table > thead th')].map((head) => head.getAttribute('aria-sort')),
  cells: [...document.querySelectorAll('#table > tbody > tr[data-cell]')].map((row) => Number(row.dataset.cell)),
}));
/** What is shown of runs. */
const runs = (page) => page.evaluate(() => [...document.querySelectorAll('tr.runs')].map((row) => ({
  after: Number(row.previousElementSibling.dataset.cell),
  expanded: row.previousElementSibling.querySelector('button').getAttribute('aria-expanded'),
  rows: [...row.querySelector('table').tBodies[0].rows].map((line) => [...line.cells].map((field) => field.textContent)),
})));

async function look(page, name) {
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme });
      const picture = path.join(directory, `${name}-${width}-${colorScheme}.png`);
      await page.screenshot({ path: picture, fullPage: true });
      result.looks.push({ picture, violations: await violations(page), overflows: await overflows(page) });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

const browser = await launch(executable);
{
  const { page, complaints } = await open(browser, file, { reducedMotion: 'reduce' });
  result.heads = await page.locator('#table > thead th').allTextContents();

  // The pointer on a mark shows what it stands for, and next to none shows nothing.
  const first = (await marks(page))[0];
  const mark = first[Math.floor(first.length / 2)];
  const picture = page.locator('.plot svg').first();
  await picture.scrollIntoViewIfNeeded();
  const box = await picture.boundingBox();
  const scale = box.width / (await picture.evaluate((svg) => svg.viewBox.baseVal.width));
  const at = [box.x + mark[0] * scale, box.y + mark[1] * scale];
  await page.mouse.move(...at);
  const same = first.filter(([x, y]) => Math.hypot(x - mark[0], y - mark[1]) < 1);
  result.hover = { expected: same.map((each) => each[4]), shown: await tip(page) };
  await page.screenshot({ path: path.join(directory, 'hover.png') });
  await page.mouse.move(box.x + 2, box.y + 2);
  result.away = await tip(page);
  await page.mouse.move(...at);
  await page.mouse.click(...at);
  result.led = { cells: same.map((each) => each[2]), runs: await runs(page) };

  // By keyboard from mark to mark, and from there to the runs.
  await page.locator('.plot').first().focus();
  await page.keyboard.press('ArrowRight');
  const one = await tip(page);
  await page.keyboard.press('ArrowRight');
  const two = await tip(page);
  await page.keyboard.press('Home');
  const home = await tip(page);
  await page.keyboard.press('End');
  const end = await tip(page);
  await page.keyboard.press('Escape');
  const gone = await tip(page);
  await page.keyboard.press('ArrowRight');
  const text = await tip(page);
  await page.keyboard.press('Enter');
  const focused = await page.evaluate(() => Number(document.activeElement.closest('tr')?.dataset.cell));
  result.keys = { texts: first.map((each) => each[4]), one, two, home, end, gone, focused, cells: first.filter((each) => each[4] === text).map((each) => each[2]), runs: await runs(page) };

  // Sorting, by click and by keyboard, closes what was open.
  const head = (name) => page.locator('#table > thead button', { hasText: name });
  result.order = { before: await order(page) };
  await head('solve the task').click();
  result.order.up = await order(page);
  result.order.open = await runs(page);
  await head('solve the task').focus();
  await page.keyboard.press('Enter');
  result.order.down = await order(page);
  await head('activation').focus();
  await page.keyboard.press('Space');
  result.order.word = await order(page);

  // A click on a row shows its runs, a second one hides them; so does the button in it by keyboard.
  const row = page.locator('#table > tbody > tr[data-cell="3"]');
  await row.locator('td').nth(2).click();
  result.clicked = await runs(page);
  await look(page, 'report');
  await row.locator('td').nth(2).click();
  result.closed = await runs(page);
  await row.locator('button').focus();
  await page.keyboard.press('Enter');
  result.pressed = await runs(page);
  result.complaints.push(...complaints);
}
{
  const { page, complaints } = await open(browser, hostile);
  await page.locator('#table > tbody > tr[data-cell]').first().click();
  result.hostile = { struck: await page.evaluate(() => globalThis.struck ?? null), title: await page.textContent('h1'), runs: (await runs(page)).length };
  await look(page, 'hostile');
  result.complaints.push(...complaints);
}
await browser.close();
console.log(JSON.stringify(result));
