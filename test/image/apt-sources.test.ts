import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';

const library = join(import.meta.dirname, '../../deploy/lib/apt-sources');

it('apt sources that stay in an image hold no names and passwords', async () => {
  const sources = [
    'deb [signed-by=/k.gpg] https://user:to%2fken@packages.invalid:8443/debian stable main',
    'deb http://user@packages.invalid/debian stable main',
    'deb http://packages.invalid/a@b stable main',
  ];
  const { stdout } = await execa('sh', ['-c', '. "$1" && apt_without_secrets', 'sh', library], {
    input: `${sources.join('\n')}\n`,
  });
  expect(stdout.split('\n')).toEqual([
    'deb [signed-by=/k.gpg] https://packages.invalid:8443/debian stable main',
    'deb http://packages.invalid/debian stable main',
    'deb http://packages.invalid/a@b stable main',
  ]);
});
