// What every test of a page in a real browser does: start Chromium, open a page, listen for what it complains about, and
// ask axe-core whether everybody can use it.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

/** Widths that pages are looked at: a phone and a desk. */
export const WIDTHS = [390, 1280];

// WebGPU on the processor, by Chromium's own SwiftShader: no graphics card is needed, and none is asked.
const WEBGPU = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader', '--enable-features=Vulkan'];

/** A headless Chromium: `executable`, with an adapter for WebGPU or without. */
export function launch(executable, { webgpu = false } = {}) {
  return chromium.launch({
    executablePath: executable,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...(webgpu ? WEBGPU : [])],
  });
}

/**
 * The page in a file, as a user opens it (with `webgpu: false` in a browser that has never heard of that), and `complaints`: everything that it writes to the console as an error or a warning,
 * throws, or asks the network for.
 */
export async function open(browser, file, { width = 1280, height = 900, webgpu = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, acceptDownloads: true, ...options });
  const page = await context.newPage();
  if (!webgpu) await page.addInitScript(() => delete Navigator.prototype.gpu);
  const complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => complaints.push(`thrown: ${error.stack ?? error}`));
  page.on('request', (request) => {
    if (!/^(file|data|blob):/.test(request.url())) complaints.push(`asked the network for ${request.url()}`);
  });
  await page.goto(pathToFileURL(path.resolve(file)).href);
  return { page, complaints };
}

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What axe-core finds wrong with a page as it is, a line each. */
export async function violations(page) {
  // Not as a script element, which a page's own policy may forbid.
  await page.evaluate(`${fs.readFileSync(AXE, 'utf8')};0`);
  const { violations: found, passes } = await page.evaluate(() => globalThis.axe.run());
  if (passes.length === 0) throw new Error('axe-core checked nothing');
  return found.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target} ${node.failureSummary}`));
}

/** Whether a page is wider than its window, so that it must be scrolled sideways. */
export function overflows(page) {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
}
