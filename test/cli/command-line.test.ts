import { execa } from 'execa';
import { expect, it } from 'vitest';
import { commandLine } from '../../src/cli/command-line.ts';

it('a command is shown so that a shell reads it as it was meant', async () => {
  const words = ['coi', 'build', './My Image', "it's", '~', '$(id)', '', '-n', 'a\nb'];
  const line = commandLine(words);
  expect(line.startsWith("coi build './My Image' 'it'\\''s' '~' ")).toBe(true);
  const { stdout } = await execa('sh', ['-c', `printf '%s\\0' ${line}`]);
  expect(stdout.split('\0')).toEqual([...words, '']);
});
