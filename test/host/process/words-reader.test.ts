import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { processAt } from '../../../src/host/process/container-process.ts';
import { splitWords } from '../../../src/host/process/split-words.ts';
import { WordsReader } from '../../../src/host/process/words-reader.ts';

/** The processes that read for this one. */
async function readers(): Promise<number[]> {
  const children = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  const pids = children.split(' ').filter(Boolean).map(Number);
  const words = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => words[index]!.includes('words-process'));
}

test('A process is told with its executable and all of its words', async () => {
  using reader = new WordsReader(systemClock);
  const child = spawn('/bin/sh', ['-c', 'read x', '', 'ü\n', '']);
  onTestFinished(() => void child.kill());
  const reading = await reader.read(processAt(child.pid!)!, 'mine');
  expect(splitWords(reading!.words)).toEqual(['/bin/sh', '-c', 'read x', '', 'ü\n', '']);
  expect(reading!.executable).toMatch(/^\/.*sh$/);
});

test('One that has ended is not taken for another', async () => {
  using reader = new WordsReader(systemClock);
  expect(await reader.read({ pid: process.pid, startedAt: '1' }, 'mine')).toBeUndefined();
});

test('A start that was cut to 32 bits is still that of the process', async () => {
  using reader = new WordsReader(systemClock);
  const { pid, startedAt } = processAt(process.pid)!;
  const reading = await reader.read({ pid, startedAt: String(Number(startedAt) + 2 ** 32) }, 'mine');
  expect(reading?.executable).toBe(process.execPath);
});

test('A reader that does not come back is given up, its cause left alone, and others are answered', async () => {
  using reader = new WordsReader(systemClock);
  const self = processAt(process.pid)!;
  expect((await reader.read(self, 'good'))?.executable).toBe(process.execPath);
  const [held] = await readers();
  process.kill(held!, 'SIGSTOP');
  const answers = await Promise.all([reader.read(self, 'bad'), reader.read(self, 'good'), reader.read(self, 'bad')]);
  expect(answers.map((answer) => answer?.executable)).toEqual([undefined, process.execPath, undefined]);
  expect(await reader.read(self, 'bad')).toBeUndefined();
  expect(await readers()).not.toContain(held);
});

test('Nothing is left of it', async () => {
  const reader = new WordsReader(systemClock);
  await reader.read(processAt(process.pid)!, 'mine');
  const [pid] = await readers();
  reader[Symbol.dispose]();
  await expect.poll(() => processAt(pid!)).toBeUndefined();
  expect(await reader.read(processAt(process.pid)!, 'mine')).toBeUndefined();
});
