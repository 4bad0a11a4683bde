import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('lets the service enter the namespaces that it ends frozen processes and tests rules in', async () => {
  const unit = await readFile(new URL('../../../deploy/systemd/coi.service', import.meta.url), 'utf8');
  const allowed = /^RestrictNamespaces=(.*)$/m.exec(unit)?.[1]?.split(' ');
  expect(allowed?.toSorted()).toEqual(['mnt', 'net', 'pid']);
});
