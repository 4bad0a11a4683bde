// Waits until a URL answers with success: await-ready.mjs URL SECONDS. Exit code 1 when the time is up.
// Runs on the Node that the machine had before coi came, 20 or newer.
import { setTimeout as delay } from 'node:timers/promises';

const [, , url, seconds] = process.argv;
const deadline = Date.now() + Number(seconds) * 1000;
let last = 'no answer';

while (Date.now() < deadline) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    if (response.ok) process.exit(0);
    last = `${response.status} ${(await response.text()).trim()}`;
  } catch (error) {
    last = error.cause?.code ?? error.name;
  }
  await delay(100);
}
console.error(`${url}: ${last}`);
process.exit(1);
